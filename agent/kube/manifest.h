/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of a manifest file as JSON values: YAML 1.2 core schema (several documents) or JSON (one).
 * Knows no Kubernetes.
 */
#ifndef BH_KUBE_MANIFEST_H
#define BH_KUBE_MANIFEST_H

#include <stddef.h>

#include "util/err.h"
#include "util/vec.h"

struct json_object;

#define MANIFEST_BYTES_MAX    (4u << 20)  /* of one file */
#define MANIFEST_DEPTH_MAX    64	  /* nested objects and lists */
#define MANIFEST_EXPANDED_MAX (16u << 20) /* of a YAML file: text and 16 a value, aliases written out */

/* Values that an alias repeats are shared: read, never change. */
struct document {
	struct json_object *root; /* NULL: null, an empty document */
	unsigned int line;	  /* where it starts, from 1 */
};

struct manifest {
	VEC(struct document) docs;
};

/**
 * manifest_parse() - all documents of one file.
 * @file: its name: ".json" at the end makes it JSON, else it is YAML; begins each message.
 * @ret:  manifest_done().
 * @err:  "pods.yaml:14: what is wrong".
 *
 * YAML: quoted scalars are strings, anchors and aliases work, duplicate keys are refused, and so are
 * merge keys (YAML 1.1) and tags other than !!str, !!seq and !!map. JSON: as strict as json-c is, UTF-8
 * checked; of duplicate keys the last one counts, as for the API server.
 * Return: 0, -EINVAL, -E2BIG over one of the maxima, -ENOMEM.
 */
int manifest_parse(const char *file, const char *text, size_t len, struct manifest *ret, struct bh_err *err);
void manifest_done(struct manifest *m);

/* The YAML half; @ret may hold documents also on failure. */
int manifest_parse_yaml(const char *file, const char *text, size_t len, struct manifest *ret,
			struct bh_err *err);

#endif
