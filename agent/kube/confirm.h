/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is what an ADD needs here? Watches may lag. Before a pod's first process runs its policy must be
 * in force, including every policy that was there before the pod was scheduled; so for each ADD the
 * policies of its namespace and of the cluster are listed once, consistently: without a resourceVersion the
 * server answers with what holds when it is asked, which is after the scheduling. The pod itself, and its
 * namespace, are asked for by name if their watch has not brought them after a short while.
 */
#ifndef BH_KUBE_CONFIRM_H
#define BH_KUBE_CONFIRM_H

#include "kube/decode.h"
#include "kube/http.h"
#include "kube/source.h"

struct json_object;
struct confirms;

/* Into the model, if it is newer than what the watch has brought. Return: 0 or -errno. */
typedef int (*confirm_put_fn)(void *ctx, enum object_kind kind, struct json_object *o, struct bh_err *err);

/* All are borrowed; @node: ours. Return: NULL without memory. */
struct confirms *confirms_new(struct http *http, const struct model *model, const char *node,
			      confirm_put_fn put, void *ctx);
void confirms_free(struct confirms *c);

/* As source_confirm(). */
int confirms_ask(struct confirms *c, const struct hash128 *key, const char *ns, const char *pod,
		 const char *uid, source_confirmed_fn fn, void *ctx, struct bh_err *err);
void confirms_cancel(struct confirms *c, const struct hash128 *key);

int confirms_timeout_ms(const struct confirms *c); /* -1: none */
void confirms_work(struct confirms *c);		   /* asks, and answers; after each turn of the watches */

#endif
