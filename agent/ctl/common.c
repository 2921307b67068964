/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of answers, and small forms of text. */
#include "ctl/ctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/err.h"

/* ---- fields ------------------------------------------------------------------------------- */

struct json_object *ctl_get(struct json_object *o, const char *name)
{
	struct json_object *v = NULL;

	(void)json_object_object_get_ex(o, name, &v);
	return v;
}

const char *ctl_str(struct json_object *o, const char *name)
{
	struct json_object *v = ctl_get(o, name);

	return v && json_object_is_type(v, json_type_string) ? json_object_get_string(v) : "";
}

uint64_t ctl_int(struct json_object *o, const char *name)
{
	return json_object_get_uint64(ctl_get(o, name));
}

bool ctl_bool(struct json_object *o, const char *name)
{
	return json_object_get_boolean(ctl_get(o, name));
}

size_t ctl_length(struct json_object *list)
{
	return json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
}

int ctl_quote(struct buf *b, const char *before, const char *text)
{
	struct json_object *s = json_object_new_string(text ? text : "");
	const int r = s ? buf_fmt(b, "%s%s", before,
				  json_object_to_json_string_ext(s, JSON_C_TO_STRING_NOSLASHESCAPE))
			: -ENOMEM;

	json_object_put(s);
	return r;
}

static void clean_text(struct json_object *o)
{
	char *text = strdup(json_object_get_string(o));

	if (text)
		bh_text_clean(text);
	(void)json_object_set_string(o, text ? text : "");
	free(text);
}

void ctl_clean(struct json_object *o)
{
	size_t i;

	if (json_object_is_type(o, json_type_string))
		clean_text(o);
	for (i = 0; i < ctl_length(o); i++)
		ctl_clean(json_object_array_get_idx(o, i));
	if (!json_object_is_type(o, json_type_object))
		return;
	json_object_object_foreach(o, name, v) {
		(void)name;
		ctl_clean(v);
	}
}

void ctl_strip(struct json_object *line)
{
	json_object_object_del(line, "v");
	json_object_object_del(line, "done");
	json_object_object_del(line, "ok");
}

const char *ctl_join(struct json_object *list, char *ret, size_t size)
{
	const size_t n = ctl_length(list);
	size_t i, used = 0;

	ret[0] = '\0';
	for (i = 0; i < n && used < size; i++) {
		const int len = snprintf(ret + used, size - used, "%s%s", i ? ", " : "",
					 json_object_get_string(json_object_array_get_idx(list, i)));

		used += len < 0 ? 0 : (size_t)len;
	}
	if (used >= size && size > 4)
		memcpy(ret + size - 4, "...", 4);
	return ret;
}

void ctl_print_behind(FILE *out, struct json_object *o)
{
	char behind[2048];

	if (*ctl_join(ctl_get(o, "behind"), behind, sizeof(behind)))
		(void)fprintf(out, ", because of %s behind service '%s'", behind, ctl_str(o, "service"));
}

void ctl_line(const struct ctl *c, const char *name, enum colour colour, const char *text)
{
	(void)printf("%-12s%s%s%s\n", name, colour == PLAIN ? "" : colour_code(c->colours, colour), text,
		     colour == PLAIN ? "" : colour_code(c->colours, PLAIN));
}

const char *ctl_end(const char *addr, uint64_t port, char ret[CTL_END_MAX])
{
	const bool v6 = strchr(addr, ':');

	if (!port)
		(void)snprintf(ret, CTL_END_MAX, "%s", addr);
	else
		(void)snprintf(ret, CTL_END_MAX, v6 ? "[%.60s]:%u" : "%.60s:%u", addr, (unsigned int)port);
	return ret;
}

const char *ctl_duration(uint64_t ms, char ret[24])
{
	static const struct {
		uint64_t from_ms, unit_ms;
		const char *unit;
	} steps[] = {
		{ 2 * 86400000ull, 86400000ull, "d" },
		{ 2 * 3600000ull, 3600000ull, "h" },
		{ 120000, 60000, "min" },
		{ 2000, 1000, "s" },
		{ 0, 1, "ms" },
	};
	size_t i = 0;

	while (ms < steps[i].from_ms)
		i++;
	(void)snprintf(ret, 24, "%llu %s", (unsigned long long)(ms / steps[i].unit_ms), steps[i].unit);
	return ret;
}
