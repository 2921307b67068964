/* SPDX-License-Identifier: Apache-2.0 */
/* Reading JSON values without surprises. */
#include "kube/value.h"

#include <json-c/json.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/err.h"

struct json_object *value_get(struct json_object *o, const char *key)
{
	struct json_object *field = NULL;

	if (json_object_is_type(o, json_type_object))
		(void)json_object_object_get_ex(o, key, &field);
	return field;
}

size_t value_length(struct json_object *list)
{
	return json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
}

struct json_object *value_at(struct json_object *list, size_t i)
{
	return i < value_length(list) ? json_object_array_get_idx(list, i) : NULL;
}

const char *value_text(struct json_object *o)
{
	const char *text;

	if (!json_object_is_type(o, json_type_string))
		return NULL;
	text = json_object_get_string(o);
	return strlen(text) == (size_t)json_object_get_string_len(o) ? text : NULL;
}

bool value_integer(struct json_object *o, int64_t *ret)
{
	if (!json_object_is_type(o, json_type_int))
		return false;
	*ret = json_object_get_int64(o); /* what does not fit becomes the nearest that does */
	return true;
}

bool value_is_true(struct json_object *o)
{
	return json_object_is_type(o, json_type_boolean) && json_object_get_boolean(o);
}

uint8_t value_protocol(struct json_object *o)
{
	const char *text = value_text(o);

	if (!text)
		return 0;
	if (!strcmp(text, "TCP"))
		return IPPROTO_TCP;
	if (!strcmp(text, "UDP"))
		return IPPROTO_UDP;
	return strcmp(text, "SCTP") ? 0 : IPPROTO_SCTP;
}

#define DIGITS "0123456789"

/* "Z", "+01:00": seconds to take off. */
static bool read_zone(const char *text, int64_t *ret)
{
	unsigned long hours, minutes;

	*ret = 0;
	if (!strcmp(text, "Z"))
		return true;
	if ((*text != '+' && *text != '-') || strspn(text + 1, DIGITS) != 2 || text[3] != ':' ||
	    strspn(text + 4, DIGITS) != 2 || text[6])
		return false;
	hours = strtoul(text + 1, NULL, 10);
	minutes = strtoul(text + 4, NULL, 10);
	*ret = (int64_t)(hours * 60 + minutes) * (*text == '-' ? -60 : 60);
	return hours <= 23 && minutes <= 59;
}

bool value_time(struct json_object *o, int64_t *ret)
{
	const char *text = value_text(o), *rest;
	struct tm tm = {}, there;
	int64_t zone;
	time_t t;

	if (!text || strspn(text, DIGITS) != 4)
		return false;
	rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!rest || rest - text != 19)
		return false;
	if (*rest == '.') {
		if (!strspn(rest + 1, DIGITS))
			return false;
		rest += 1 + strspn(rest + 1, DIGITS);
	}
	if (!read_zone(rest, &zone))
		return false;
	there = tm;
	t = timegm(&there); /* which makes the 30th of February one of March */
	if (there.tm_mday != tm.tm_mday || there.tm_sec != tm.tm_sec)
		return false;
	*ret = t - zone;
	return true;
}

const char *value_type(struct json_object *o)
{
	switch (json_object_get_type(o)) {
	case json_type_null:
		return "null";
	case json_type_boolean:
		return "true or false";
	case json_type_double:
	case json_type_int:
		return "a number";
	case json_type_object:
		return "an object";
	case json_type_array:
		return "a list";
	case json_type_string:
		return value_text(o) ? "a text" : "a text with a NUL in it";
	}
	return "unknown";
}

const char *value_clip(const char *text, char ret[VALUE_CLIP])
{
	static const char dots[] = "...";
	size_t n = strnlen(text, VALUE_CLIP);

	if (n == VALUE_CLIP) {
		n -= sizeof(dots);
		while (n && ((unsigned char)text[n] & 0xc0) == 0x80) /* not inside a UTF-8 sequence */
			n--;
		memcpy(ret + n, dots, sizeof(dots));
	} else {
		ret[n] = '\0';
	}
	memcpy(ret, text, n);
	bh_text_clean(ret);
	return ret;
}
