/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/yaml.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#include "util/err.h"
#include "util/scope.h"

static int write_out(void *ctx, unsigned char *text, size_t len)
{
	return fwrite(text, 1, len, ctx) == len;
}

/* What a reader of YAML 1.1 takes for a boolean or for nothing. */
static bool is_word_of_yaml(const char *text)
{
	static const char *const words[] = { "y", "n", "yes", "no", "on", "off", "true", "false", "null" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcasecmp(text, words[i]))
			return true;
	return false;
}

/* What nobody can take for anything but a text: it begins as a name does, and has no sign of YAML's in it. */
static bool is_plain(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	static const char more[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-";

	return *text && strchr(letters, *text) && strspn(text, more) == strlen(text) &&
	       !is_word_of_yaml(text);
}

static bool scalar(yaml_emitter_t *e, const char *text, size_t len, yaml_scalar_style_t style)
{
	yaml_event_t event;

	return yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text, (int)len, 1, 1,
					    style) &&
	       yaml_emitter_emit(e, &event);
}

static bool word(yaml_emitter_t *e, const char *text)
{
	return scalar(e, text, strlen(text), YAML_PLAIN_SCALAR_STYLE);
}

/* Quoted, it survives whatever it holds; but for bytes that are no UTF-8. */
static bool string(yaml_emitter_t *e, const char *text, size_t len)
{
	const bool plain = strlen(text) == len && is_plain(text);
	auto_free char *clean = NULL;

	if (scalar(e, text, len, plain ? YAML_PLAIN_SCALAR_STYLE : YAML_DOUBLE_QUOTED_SCALAR_STYLE))
		return true;
	clean = strndup(text, len);
	if (!clean || e->error)
		return false;
	bh_text_clean(clean);
	return scalar(e, clean, strlen(clean), YAML_DOUBLE_QUOTED_SCALAR_STYLE);
}

static bool real(yaml_emitter_t *e, struct json_object *o)
{
	const double d = json_object_get_double(o);

	if (isnan(d))
		return word(e, ".nan");
	if (isinf(d))
		return word(e, d < 0 ? "-.inf" : ".inf");
	return word(e, json_object_to_json_string(o));
}

static bool value(yaml_emitter_t *e, struct json_object *o);

static bool sequence(yaml_emitter_t *e, struct json_object *list)
{
	const size_t n = json_object_array_length(list);
	yaml_event_t event;
	bool ok = yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE) &&
		  yaml_emitter_emit(e, &event);
	size_t i;

	for (i = 0; i < n && ok; i++)
		ok = value(e, json_object_array_get_idx(list, i));
	return ok && yaml_sequence_end_event_initialize(&event) && yaml_emitter_emit(e, &event);
}

static bool mapping(yaml_emitter_t *e, struct json_object *o)
{
	yaml_event_t event;
	bool ok = yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE) &&
		  yaml_emitter_emit(e, &event);

	json_object_object_foreach(o, name, v) {
		ok = ok && string(e, name, strlen(name)) && value(e, v);
	}
	return ok && yaml_mapping_end_event_initialize(&event) && yaml_emitter_emit(e, &event);
}

static bool value(yaml_emitter_t *e, struct json_object *o)
{
	switch (json_object_get_type(o)) {
	case json_type_object:
		return mapping(e, o);
	case json_type_array:
		return sequence(e, o);
	case json_type_string:
		return string(e, json_object_get_string(o), (size_t)json_object_get_string_len(o));
	case json_type_double:
		return real(e, o);
	default: /* null, boolean, int: as in JSON */
		return word(e, json_object_to_json_string(o));
	}
}

static bool document(yaml_emitter_t *e, struct json_object *o, enum yaml_form form)
{
	struct json_object *list = form == YAML_ITEM ? json_object_new_array() : NULL;
	yaml_event_t event;
	bool ok = yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) &&
		  yaml_emitter_emit(e, &event) &&
		  yaml_document_start_event_initialize(&event, NULL, NULL, NULL, form != YAML_ONE) &&
		  yaml_emitter_emit(e, &event);

	if (list)
		ok = ok && !json_object_array_add(list, json_object_get(o));
	ok = ok && value(e, list ? list : o) && yaml_document_end_event_initialize(&event, 1) &&
	     yaml_emitter_emit(e, &event) && yaml_stream_end_event_initialize(&event) &&
	     yaml_emitter_emit(e, &event);
	json_object_put(list);
	return ok;
}

int yaml_print(FILE *out, struct json_object *o, enum yaml_form form)
{
	yaml_emitter_t e;
	bool ok;

	if (!yaml_emitter_initialize(&e))
		return -ENOMEM;
	yaml_emitter_set_output(&e, write_out, out);
	yaml_emitter_set_unicode(&e, 1);
	yaml_emitter_set_width(&e, -1);
	ok = document(&e, o, form);
	yaml_emitter_delete(&e);
	return ok ? 0 : -EIO;
}
