/* SPDX-License-Identifier: Apache-2.0 */
/* A recursive walk over JSON text that checks it and notes where the outermost members are. */
#include "chain/json.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

struct walk {
	const char *start, *p, *end;
	struct json_parts *ret;
	struct bh_err *err;
};

static int value(struct walk *w, unsigned int depth);

/* Columns are counted in bytes, from 1. */
static int bad(const struct walk *w, const char *at, const char *what)
{
	const char *p, *line = w->start;
	size_t n = 1;

	for (p = w->start; p < at; p++)
		if (*p == '\n') {
			line = p + 1;
			n++;
		}
	return bh_err_set(w->err, -EINVAL, "line %zu, column %zu: %s", n, (size_t)(at - line) + 1, what);
}

/* Something that is not @what. */
static int unlike(const struct walk *w, const char *what)
{
	const bool comment = w->p < w->end && (*w->p == '/' || *w->p == '#');

	return bad(w, w->p, comment ? "a comment; JSON has none" : what);
}

static void space(struct walk *w)
{
	while (w->p < w->end && strchr(" \t\r\n", *w->p) && *w->p)
		w->p++;
}

static bool take(struct walk *w, char c)
{
	if (w->p == w->end || *w->p != c)
		return false;
	w->p++;
	return true;
}

static bool is_digit(const struct walk *w)
{
	return w->p < w->end && *w->p >= '0' && *w->p <= '9';
}

static bool digits(struct walk *w)
{
	const char *from = w->p;

	while (is_digit(w))
		w->p++;
	return w->p > from;
}

static int number(struct walk *w)
{
	const char *from = w->p;
	bool ok;

	(void)take(w, '-');
	ok = take(w, '0') || digits(w);
	if (ok && take(w, '.'))
		ok = digits(w);
	if (ok && (take(w, 'e') || take(w, 'E'))) {
		if (!take(w, '+'))
			(void)take(w, '-');
		ok = digits(w);
	}
	return ok ? 0 : bad(w, from, "this is no number");
}

static int escape(struct walk *w)
{
	size_t i;

	if (!take(w, 'u')) {
		if (w->p == w->end || !*w->p || !strchr("\"\\/bfnrt", *w->p))
			return bad(w, w->p - 1, "an escape that JSON does not have");
		w->p++;
		return 0;
	}
	for (i = 0; i < 4; i++, w->p++)
		if (w->p == w->end || !*w->p || !strchr("0123456789abcdefABCDEF", *w->p))
			return bad(w, w->p, "\\u needs four hex digits");
	return 0;
}

static int string(struct walk *w)
{
	const char *from = w->p;
	int r = 0;

	if (!take(w, '"'))
		return unlike(w, "a key in double quotes must be here");
	while (!r && !take(w, '"')) {
		if (w->p == w->end)
			return bad(w, from, "this string has no end");
		if ((unsigned char)*w->p < ' ')
			return bad(w, w->p, "a control character in a string");
		r = *w->p++ == '\\' ? escape(w) : 0;
	}
	return r;
}

static int literal(struct walk *w)
{
	static const char *const words[] = { "true", "false", "null" };
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(*words); i++) {
		const size_t n = strlen(words[i]);

		if ((size_t)(w->end - w->p) < n || memcmp(w->p, words[i], n))
			continue;
		w->p += n;
		return 0;
	}
	return unlike(w, "a value must be here");
}

static int note(struct walk *w, const char *key, size_t key_len, const char *from)
{
	struct json_part *part = vec_add(&w->ret->parts);

	if (!part)
		return -ENOMEM;
	*part = (struct json_part){ .key = key ? (size_t)(key - w->start) : 0,
				    .key_len = key_len,
				    .at = (size_t)(from - w->start),
				    .len = (size_t)(w->p - from) };
	return 0;
}

static int member(struct walk *w, bool is_object, unsigned int depth)
{
	const char *key = NULL, *from;
	size_t key_len = 0;
	int r;

	space(w);
	if (is_object) {
		key = w->p;
		r = string(w);
		if (r < 0)
			return r;
		key_len = (size_t)(w->p - key);
		space(w);
		if (!take(w, ':'))
			return bad(w, w->p, "':' must follow the key");
		space(w);
	}
	from = w->p;
	r = value(w, depth);
	return r || depth > 1 ? r : note(w, key, key_len, from);
}

static int container(struct walk *w, bool is_object, unsigned int depth)
{
	const char close = is_object ? '}' : ']';
	int r;

	if (depth > JSON_DEPTH_MAX)
		return bad(w, w->p - 1, "nested too deep");
	space(w);
	if (take(w, close))
		return 0;
	do {
		r = member(w, is_object, depth);
		if (r < 0)
			return r;
		space(w);
	} while (take(w, ','));
	if (take(w, close))
		return 0;
	return unlike(w, is_object ? "',' or '}' must be here" : "',' or ']' must be here");
}

static int value(struct walk *w, unsigned int depth)
{
	if (w->p == w->end)
		return bad(w, w->p, "the text ends too early");
	if (*w->p == '"')
		return string(w);
	if (*w->p == '-' || is_digit(w))
		return number(w);
	if (take(w, '{'))
		return container(w, true, depth + 1);
	if (take(w, '['))
		return container(w, false, depth + 1);
	return literal(w);
}

int json_parts(const char *text, size_t len, struct json_parts *ret, struct bh_err *err)
{
	struct json_parts found = { 0 };
	struct walk w = { .start = text, .p = text, .end = text + len, .ret = &found, .err = err };
	int r;

	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		return bad(&w, text, "a byte order mark; JSON has none");
	space(&w);
	found.at = (size_t)(w.p - text);
	found.is_object = w.p < w.end && *w.p == '{';
	r = value(&w, 0);
	found.len = (size_t)(w.p - text) - found.at;
	space(&w);
	if (!r && w.p < w.end)
		r = bad(&w, w.p, "something behind the end");
	if (r < 0) {
		json_parts_done(&found);
		return r == -ENOMEM ? bh_err_set(err, r, "out of memory") : r;
	}
	*ret = found;
	return 0;
}

void json_parts_done(struct json_parts *p)
{
	vec_done(&p->parts);
}

bool json_key_is(const char *text, const struct json_part *p, const char *name)
{
	const char *key = text + p->key;
	struct json_tokener *t;
	struct json_object *o;
	bool same;

	if (!memchr(key, '\\', p->key_len))
		return p->key_len == strlen(name) + 2 && !memcmp(key + 1, name, p->key_len - 2);
	t = json_tokener_new();
	o = t ? json_tokener_parse_ex(t, key, (int)p->key_len) : NULL;
	same = o && !strcmp(json_object_get_string(o), name);
	json_object_put(o);
	json_tokener_free(t);
	return same;
}
