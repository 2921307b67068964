/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which agent of a node works: the one that holds RUN_DIR/agent.lock. The file stays and says who held it
 * last. The locks are the open file's, so they go with the process however it ends.
 */
#ifndef BH_LOCK_H
#define BH_LOCK_H

#include <stdbool.h>

#include "util/err.h"

#define LOCK_FILE     "agent.lock"
#define LOCK_TEXT_MAX 160

struct lock;

/* Makes RUN_DIR if need be. Return: 0 or -errno. */
int lock_new(const char *run_dir, struct lock **ret, struct bh_err *err);
void lock_free(struct lock *l); /* gives it back */

/* Never blocks. Whoever does not get it is noted as one that waits. Return: 1 it is ours, 0 another's, or
 * -errno. */
int lock_try(struct lock *l, struct bh_err *err);

bool lock_is_waited_for(const struct lock *l); /* by another one */

/* Who holds it, for a person: "bulkhead-agent 0.1.0 (pid 7, pod bulkhead-agent-x2x7f)". Returns @ret. */
const char *lock_holder(const struct lock *l, char ret[LOCK_TEXT_MAX]);

#endif
