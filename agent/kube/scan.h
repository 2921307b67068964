/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON as it arrives, cut into single objects that hold only the fields we use. What the API server
 * sends is mostly of no use to us (a Pod has 7 KB, of which we read 300 bytes), and a list of all Pods as one
 * tree would cost a gigabyte. So the text is checked, bounded and narrowed byte by byte, and only what
 * remains of one object at a time is given to json-c.
 */
#ifndef BH_KUBE_SCAN_H
#define BH_KUBE_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "util/err.h"

/*
 * What is beyond is replaced by a text, in the place of the list or object that is too deep or of the
 * object's field that is too large. Where an object or a list must be, a text is nothing that anybody
 * understands: so such an object isolates itself, and no other.
 */
#define SCAN_DEPTH_MAX 64	   /* nested objects and lists; a Pod has about 12 */
#define SCAN_KEEP_MAX  (2u << 20)  /* bytes kept of one object; etcd takes 1.5 MiB */
#define SCAN_BYTES_MAX (32u << 20) /* of one object as it is sent; more is no object but an attack */

/* The fields of an object to keep, ended by a NULL key; lists are looked through. A scalar is kept
 * whatever `below` says. */
struct scan_keep {
	const char *key;
	const struct scan_keep *below; /* NULL: all of it */
};

enum scan_kind {
	SCAN_OBJECT, /* one value of a stream, or one element of the list's items */
	SCAN_END,    /* the list itself, its items left out */
};

/* @json: NUL-terminated, borrowed. Return: 0, or -errno to stop. */
typedef int (*scan_fn)(void *ctx, enum scan_kind kind, const char *json, size_t len, struct bh_err *err);

struct scan;

/**
 * scan_new() - @keep: of each object, static; @is_list: one Kubernetes list instead of a stream of values.
 * Return: NULL without memory.
 */
struct scan *scan_new(const struct scan_keep *keep, bool is_list, scan_fn fn, void *ctx);
void scan_free(struct scan *s);

/**
 * scan_feed() - the next bytes, cut anywhere.
 *
 * Strict (RFC 8259) but for the text of numbers and literals, and UTF-8, which are json-c's to check.
 * Where keys are picked, one that is not plain ASCII is refused: it could be one of ours, in disguise or
 * damaged. Return: 0, -EINVAL not JSON, -E2BIG past SCAN_BYTES_MAX, -ENOMEM, or what @fn said. Nothing may be
 * fed after that.
 */
int scan_feed(struct scan *s, const char *data, size_t len, struct bh_err *err);

/* Whether what was fed ends where a value ends. */
bool scan_is_complete(const struct scan *s);

#endif
