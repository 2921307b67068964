/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds that sources bring, as one table: what is done with an object does not depend on its kind. */
#ifndef BH_KUBE_OBJECT_H
#define BH_KUBE_OBJECT_H

#include "kube/decode.h"
#include "model/model.h"

struct object_name {
	const char *ns, *name; /* ns "": not in a namespace */
};

struct object_ops {
	/* @ret: owned. Return: 0 or -ENOMEM. */
	int (*decode)(struct json_object *o, const struct object_id *id, void **ret);
	void (*free)(void *object);
	/* In the model: borrowed, NULL if not there; the @i-th in its order. */
	void *(*find)(const struct model *m, const char *ns, const char *name);
	void *(*at)(const struct model *m, size_t i);
	size_t (*count)(const struct model *m);
	int (*put)(struct model *m, void *take); /* taken also on failure: -ENOMEM */
	void (*del)(struct model *m, const char *ns, const char *name);
	struct object_name (*name)(const void *object);
	/* Whether replacing one by the other changes anything that we use. */
	bool (*same)(const void *a, const void *b);
	struct source_seen *(*seen)(void *object);
};

/* By enum object_kind; none for OBJECT_OTHER. */
extern const struct object_ops object_ops[OBJECT_OTHER];

#endif
