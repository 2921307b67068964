/* SPDX-License-Identifier: Apache-2.0 */
/* What is the same for all that is said to the API server and by it. */
#ifndef BH_KUBE_WIRE_H
#define BH_KUBE_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

struct buf;
struct json_object;

/* metadata.resourceVersion as a number, for the order of versions of one resource; 0: none, or no number. */
uint64_t kube_version(struct json_object *o);

/* An object's text as JSON, strictly; bytes that are no UTF-8 as U+FFFD. NULL: it is none, or there is no
 * memory. */
struct json_object *kube_parse(const char *text, size_t len, struct bh_err *err);

/* What a Status (meta/v1) says: its message, or "no message". Borrowed from @status, which may be NULL or
 * anything. */
const char *kube_message(struct json_object *status);

/* Whether it is of that kind; elements of lists do not say, and are made to. Return: 0 or -EINVAL. */
int kube_check_kind(struct json_object *o, const char *api_version, const char *kind, struct bh_err *err);

/* Whether what is left of a list, once its elements have been given out, is one of that kind: an answer of
 * another kind is no empty list. Return: 0 or -EINVAL. */
int kube_check_list(struct json_object *list, const char *kind, struct bh_err *err);

/* Appends "&NAME=VALUE", escaped. Return: as buf_add(). */
int kube_query(struct buf *url, const char *name, const char *value);

#endif
