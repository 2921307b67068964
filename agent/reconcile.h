/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the model to the maps: compile, plan, execute step by step. While a plan waits for a grace
 * period the event loop goes on; what changes meanwhile is compiled when the plan is through. A
 * failure leaves in force what is in force.
 */
#ifndef BH_RECONCILE_H
#define BH_RECONCILE_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/dp.h"
#include "inforce.h"
#include "loop.h"
#include "model/model.h"
#include "util/histogram.h"

struct reconcile;

struct reconcile_hooks {
	int (*ready)(void *ctx, struct bh_err *err); /* may the model be believed? 0 or -errno; or NULL */
	void (*enforced)(void *ctx);		     /* reconcile_inforce() now is in the maps */
	void (*failed)(void *ctx, const struct bh_err *why); /* and will be tried again */
	void *ctx;
};

/* All are borrowed for its life, and it is told what changes in the model. Reads what the maps hold. Return:
 * 0 or -errno. */
int reconcile_new(struct loop *loop, struct dp *dp, struct model *model, const struct reconcile_hooks *hooks,
		  struct reconcile **ret, struct bh_err *err);
void reconcile_free(struct reconcile *r);

enum change { CHANGE_POD, CHANGE_SOURCE, CHANGE_NODE }; /* an interface; manifests; the node's addresses */

/* The model has changed: compile at the end of this turn of the loop. @what is for the log. */
void reconcile_changed(struct reconcile *r, enum change kind, const char *what_fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* A change gets the number that reconcile_wanted() has then; it is in force once reconcile_done() is
 * no smaller. */
uint64_t reconcile_wanted(const struct reconcile *r);
uint64_t reconcile_done(const struct reconcile *r);

struct inforce *reconcile_inforce(const struct reconcile *r); /* borrowed; NULL before the first */
struct inforce *reconcile_next(const struct reconcile *r); /* borrowed; what a run is bringing in; or NULL */
const struct actual *reconcile_actual(const struct reconcile *r); /* a mirror of the maps */

struct reconcile_status {
	uint64_t plans, failures;
	double last_ms;	   /* from the change to its enforcement; < 0: none yet */
	char failing[256]; /* why the last attempt failed; "" if it did not */
};
void reconcile_status(const struct reconcile *r, struct reconcile_status *ret);

/* From the first change that was not in force to the moment when it was, failed attempts included: of runs
 * that policies may have caused, and of all others. Borrowed. */
struct reconcile_times {
	struct histogram policy, other;
};
const struct reconcile_times *reconcile_times(const struct reconcile *r);

#endif
