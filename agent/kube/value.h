/* SPDX-License-Identifier: Apache-2.0 */
/* Reading JSON values without surprises: what is absent, null or of another type is "not there". */
#ifndef BH_KUBE_VALUE_H
#define BH_KUBE_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_object;

/* A field of an object; NULL if @o is no object, or the field is absent or null. */
struct json_object *value_get(struct json_object *o, const char *key);

/* Items of a list; 0 and NULL if it is none. */
size_t value_length(struct json_object *list);
struct json_object *value_at(struct json_object *list, size_t i);

/* NULL if it is no text, or one that holds a NUL. */
const char *value_text(struct json_object *o);

bool value_integer(struct json_object *o, int64_t *ret);
bool value_is_true(struct json_object *o); /* the boolean, nothing like it */

/* "TCP", "UDP" or "SCTP" as IPPROTO_*; 0: anything else. */
uint8_t value_protocol(struct json_object *o);

/* A text like "2026-01-31T12:00:00.5+01:00" (RFC 3339 5.6): seconds since the epoch, the fraction dropped. */
bool value_time(struct json_object *o, int64_t *ret);

/* For messages: "an object", "a text", ...; and a text as it may be shown: printable, its beginning
 * alone if it is long. Returns ret. */
const char *value_type(struct json_object *o);
#define VALUE_CLIP 72
const char *value_clip(const char *text, char ret[VALUE_CLIP]);

#endif
