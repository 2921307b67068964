/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's own Pod, for the one thing that is written there for it: the annotation by which an uninstall
 * asks it to leave the node.
 */
#ifndef BH_KUBE_OWN_H
#define BH_KUBE_OWN_H

#include "kube/http.h"
#include "kube/watch.h"

#define OWN_RETIRE "bulkhead.dev/retire" /* any value; another one asks for another answer */

/* How an agent's Event of reason Retired ends, with the mark that it answers to. */
#define OWN_ANSWER   "(" OWN_RETIRE " %s)"
#define OWN_MARK_MAX 128

struct own;

struct own_hooks {
	void (*retire)(void *ctx, const char *mark); /* it is there, or has another value now */
	/* It cannot be watched; once for as long as it stays the same. */
	void (*trouble)(void *ctx, const char *what);
	void *ctx;
};

/* @http is borrowed. Return: NULL without memory. */
struct own *own_new(struct http *http, const char *ns, const char *name, const struct own_hooks *hooks);
void own_free(struct own *o);
struct watch *own_watch(struct own *o); /* to be worked, waited for and hurried as any other */

/* What it says now, waited for. @ret: owned; NULL: it is not there. Return: 0 or -errno. */
int own_ask(struct http *http, const char *ns, const char *name, unsigned int timeout_ms, char **ret,
	    struct bh_err *err);

#endif
