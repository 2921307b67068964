/* SPDX-License-Identifier: Apache-2.0 */
/* Answers for programs: JSON or YAML, whole or item by item. */
#include <json-c/json.h>
#include <stdarg.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/yaml.h"

static void say(const char *before, const char *fmt, va_list ap)
{
	char text[2048];

	(void)vsnprintf(text, sizeof(text), fmt, ap);
	bh_text_clean(text);
	(void)fprintf(stderr, "%s: %s\n", before, text);
}

void ctl_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(ctl_program, fmt, ap);
	va_end(ap);
}

void ctl_hint(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("hint", fmt, ap);
	va_end(ap);
}

void ctl_hint_policies(void)
{
	ctl_hint("'%s policy list' lists those that are known", ctl_program);
}

static const char *line_of(struct json_object *o)
{
	return json_object_to_json_string_ext(o, JSON_C_TO_STRING_NOSLASHESCAPE);
}

/* A terminal that is gone, or a full disk: main() looks when it flushes. */
void ctl_print(const struct ctl *c, struct json_object *o)
{
	if (c->yaml)
		(void)yaml_print(stdout, o, YAML_WHOLE);
	else
		(void)puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_NOSLASHESCAPE |
								     JSON_C_TO_STRING_PRETTY));
}

void ctl_item(struct ctl_items *l, struct json_object *item)
{
	const bool first = !l->n++;

	if (l->c->yaml)
		(void)yaml_print(stdout, item, l->c->follow ? YAML_ONE : YAML_ITEM);
	else if (l->c->follow)
		(void)puts(line_of(item));
	else
		(void)printf("%s%s", first ? "[\n" : ",\n", line_of(item));
}

void ctl_items_end(struct ctl_items *l)
{
	if (l->c->follow || (l->c->yaml && l->n))
		return;
	(void)puts(l->n ? "\n]" : "[]");
}
