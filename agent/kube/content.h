/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one manifest file holds: its objects, each identified and kept as compact JSON of the fields
 * we use, so that it can be decoded whenever it becomes the one in force, and compared at no cost.
 */
#ifndef BH_KUBE_CONTENT_H
#define BH_KUBE_CONTENT_H

#include "kube/decode.h"
#include "util/err.h"
#include "util/hash.h"
#include "util/vec.h"

#define CONTENT_OBJECTS_MAX 65536 /* of one file */
#define CONTENT_IGNORED_MAX 64	  /* kinds named; more are passed over in silence */

struct content_object {
	enum object_kind kind; /* never OBJECT_OTHER */
	char *ns, *name;       /* as in object_id; owned */
	char *text;	       /* JSON; owned */
	struct hash128 hash;   /* of the text */
	unsigned int line;     /* of its document */
};

struct content {
	VEC(struct content_object) objects; /* by content_object_cmp(), no two alike */
	VEC(char *) ignored;		    /* "Service (v1)": kinds of no use to us; sorted, each once */
	size_t bytes;			    /* of all texts */
};

/**
 * content_parse() - the objects of one file; v1 Lists are unpacked.
 * @file: its name; begins each message.
 * @err:  "pods.yaml:14: Pod: metadata.name is missing".
 *
 * Return: 0, -EINVAL (as manifest_parse(), an object that cannot be identified, an object that is
 * there twice), -E2BIG, -ENOMEM.
 */
int content_parse(const char *file, const char *text, size_t len, struct content *ret, struct bh_err *err);
void content_done(struct content *c);

/* By kind, namespace and name. */
int content_object_cmp(const void *a, const void *b);

/* "NetworkPolicy 'shop/db'". Returns ret. */
#define CONTENT_NAME 384
const char *content_name(const struct content_object *o, char ret[CONTENT_NAME]);

#endif
