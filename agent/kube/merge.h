/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The union of many files' objects, brought into the model by its differences: what is the same is
 * not touched. Where files claim the same object, the one of the lowest rank has it.
 */
#ifndef BH_KUBE_MERGE_H
#define BH_KUBE_MERGE_H

#include <stdbool.h>

#include "kube/content.h"
#include "model/model.h"
#include "util/hash.h"
#include "util/vec.h"

struct claim {
	const struct content_object *object;
	unsigned int rank; /* lower wins; no two claims of one object share it */
	void *owner;	   /* the caller's */
};

/* An object as it is in the model. */
struct held {
	enum object_kind kind;
	char *ns, *name;
	struct hash128 hash; /* of its content; zero: must be put again */
};

struct merge {
	VEC(struct held) held; /* by kind, namespace and name */
};

struct merge_hooks {
	/* @loser is not in force, because @winner claims the same object. */
	void (*lost)(void *ctx, const struct claim *loser, const struct claim *winner);
	/* @claim is in force from now on, but something in it was not understood. */
	void (*problem)(void *ctx, const struct claim *claim, const struct problem *problem);
	void *ctx;
};

/**
 * merge_apply() - make @model hold what @claims say, and no other object of these kinds.
 * @claims: sorted by this call.
 * @ret_changed: set to true if the model changed, also on failure; else left as it was.
 *
 * Return: 0, or -ENOMEM: some of it is not in force; call again.
 */
int merge_apply(struct merge *m, struct claim *claims, size_t n, struct model *model,
		const struct merge_hooks *hooks, bool *ret_changed);
void merge_done(struct merge *m);

#endif
