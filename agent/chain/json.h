/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where things stand in a JSON text, so that a file can be changed without writing anew what others wrote:
 * unknown keys, their order, every digit and every space stay as they are.
 */
#ifndef BH_CHAIN_JSON_H
#define BH_CHAIN_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "util/err.h"
#include "util/vec.h"

#define JSON_DEPTH_MAX 64

struct json_part {
	size_t key, key_len; /* with its quotes; of a list's element: 0 */
	size_t at, len;	     /* the value */
};

struct json_parts {
	bool is_object; /* else a list */
	size_t at, len; /* the whole value, without the space around it */
	VEC(struct json_part) parts;
};

/**
 * json_parts() - check a whole text by RFC 8259 and say where the members of its outermost value are.
 * @ret: json_parts_done() it.
 *
 * Stricter than json-c and as strict as Go's encoding/json: no comments, no comma too many, no byte order
 * mark. Return: 0, -EINVAL (err begins with line and column), -ENOMEM.
 */
int json_parts(const char *text, size_t len, struct json_parts *ret, struct bh_err *err);
void json_parts_done(struct json_parts *p);

/* Whether the member's key is @name, also where the text writes it with escapes. */
bool json_key_is(const char *text, const struct json_part *p, const char *name);

#define auto_json_parts __attribute__((cleanup(json_parts_done)))

#endif
