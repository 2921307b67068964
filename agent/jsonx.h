/* SPDX-License-Identifier: Apache-2.0 */
/* Short forms for the JSON that the socket's answers are made of. */
#ifndef BH_JSONX_H
#define BH_JSONX_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/addr.h"

/* An object that was not there (no memory) makes these do nothing: the sender then fails, once. */
void jx_add(struct json_object *o, const char *name, struct json_object *take);
void jx_add_str(struct json_object *o, const char *name, const char *value); /* NULL: null */
void jx_add_int(struct json_object *o, const char *name, uint64_t value);
void jx_add_bool(struct json_object *o, const char *name, bool value);
void jx_add_ms(struct json_object *o, const char *name, double ms); /* three decimals */
void jx_add_addr(struct json_object *o, const char *name, const struct addr *a);

/* {"v":1,"done":true,"ok":true} and {"v":1,"item":...}; NULL: no memory, which api_send() takes. */
struct json_object *jx_done(void);
struct json_object *jx_item(struct json_object *take);

/* NULL: missing, or no string. */
const char *jx_str(struct json_object *o, const char *name);
bool jx_bool(struct json_object *o, const char *name);

#endif
