/* SPDX-License-Identifier: Apache-2.0 */
/* Short forms for json-c. */
#include "jsonx.h"

#include <stdio.h>

#include "api/api.h"

void jx_add(struct json_object *o, const char *name, struct json_object *take)
{
	if (!o || json_object_object_add(o, name, take))
		json_object_put(take);
}

void jx_add_str(struct json_object *o, const char *name, const char *value)
{
	jx_add(o, name, value ? json_object_new_string(value) : NULL);
}

void jx_add_int(struct json_object *o, const char *name, uint64_t value)
{
	jx_add(o, name, json_object_new_uint64(value));
}

void jx_add_bool(struct json_object *o, const char *name, bool value)
{
	jx_add(o, name, json_object_new_boolean(value));
}

void jx_add_ms(struct json_object *o, const char *name, double ms)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%.3f", ms);
	jx_add(o, name, json_object_new_double_s(ms, text));
}

void jx_add_addr(struct json_object *o, const char *name, const struct addr *a)
{
	char text[ADDR_TEXT];

	jx_add_str(o, name, addr_text(a, text));
}

struct json_object *jx_done(void)
{
	struct json_object *o = json_object_new_object();

	jx_add_int(o, "v", API_VERSION);
	jx_add_bool(o, "done", true);
	jx_add_bool(o, "ok", true);
	return o;
}

struct json_object *jx_item(struct json_object *take)
{
	struct json_object *o = json_object_new_object();

	jx_add_int(o, "v", API_VERSION);
	jx_add(o, "item", take);
	return o;
}

const char *jx_str(struct json_object *o, const char *name)
{
	struct json_object *v;

	return json_object_object_get_ex(o, name, &v) && json_object_is_type(v, json_type_string)
		       ? json_object_get_string(v)
		       : NULL;
}

bool jx_bool(struct json_object *o, const char *name)
{
	struct json_object *v;

	return json_object_object_get_ex(o, name, &v) && json_object_get_boolean(v);
}
