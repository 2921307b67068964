/* SPDX-License-Identifier: Apache-2.0 */
/* A pushdown automaton over bytes: what it has passed is copied, or not, as the fields to keep say. */
#include "kube/scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/buf.h"

#define KEY_MAX	  64	      /* of the keys that are picked by name */
#define PIECE_MAX (64u << 10) /* looked at in one go, so that SCAN_BYTES_MAX is noticed in time */

enum state {
	AT_VALUE,      /* a value must come */
	AT_FIRST_ITEM, /* a value or ']' */
	AT_FIRST_KEY,  /* a key or '}' */
	AT_KEY,
	AT_COLON,
	AT_NEXT, /* ',' or the end of the container */
	IN_KEY,
	IN_STRING,
	IN_SCALAR, /* number or literal */
	IN_DEEP,   /* past SCAN_DEPTH_MAX: until what was opened there is closed */
};

struct level {
	const struct scan_keep *keep; /* of its members; NULL: all */
	bool is_list;
	bool has_some; /* kept members: the next one needs a comma */
	bool is_items; /* its elements are given out one by one */
};

struct scan {
	const struct scan_keep *keep;
	bool is_list;
	scan_fn fn;
	void *ctx;

	enum state state;
	bool escaped;		       /* in a string, behind a backslash */
	bool done;		       /* the list has been given out */
	unsigned int depth;	       /* open containers */
	size_t deep;		       /* those past SCAN_DEPTH_MAX */
	bool deep_text;		       /* in a string there */
	size_t field;		       /* where in `out` the value of the object's field begins; 0: none */
	unsigned int skip;	       /* 1 + the depth at which a value that is not kept began; 0: none */
	const struct scan_keep *value; /* of the member whose key has just been read */
	bool value_is_items;
	struct level level[SCAN_DEPTH_MAX + 1]; /* [0]: outside of everything */
	char key[KEY_MAX];
	size_t key_len; /* KEY_MAX: longer */
	size_t raw;	/* bytes of the object at hand, kept or not */
	struct buf item, rest;
	struct buf *out; /* which of the two */
};

struct scan *scan_new(const struct scan_keep *keep, bool is_list, scan_fn fn, void *ctx)
{
	struct scan *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	*s = (struct scan){ .keep = keep, .is_list = is_list, .fn = fn, .ctx = ctx };
	s->item = BUF_INIT(SCAN_KEEP_MAX);
	s->rest = BUF_INIT(SCAN_KEEP_MAX);
	s->out = is_list ? &s->rest : &s->item;
	return s;
}

void scan_free(struct scan *s)
{
	if (!s)
		return;
	buf_done(&s->item);
	buf_done(&s->rest);
	free(s);
}

bool scan_is_complete(const struct scan *s)
{
	return s->state == AT_VALUE && !s->depth && (!s->is_list || s->done);
}

/* ---- copying ------------------------------------------------------------------------------ */

/* Whose members are fields of the object: in a list, or behind an event's "object". */
static unsigned int object_depth(const struct scan *s)
{
	return s->is_list ? 3 : 2;
}

/* The field that is too large becomes a text, and the rest of it is passed over. */
static int cut_field(struct scan *s)
{
	static const char text[] = "\"(too large)\"";

	if (s->depth < object_depth(s) || !s->field)
		return -E2BIG;
	buf_cut(s->out, s->field);
	s->skip = object_depth(s) + 1;
	return buf_add(s->out, text, sizeof(text) - 1);
}

static int copy(struct scan *s, const char *data, size_t len)
{
	const int r = s->skip ? 0 : buf_add(s->out, data, len);

	return r == -E2BIG ? cut_field(s) : r;
}

/* The top of an object: where a list's items are, or the stream is. */
static bool at_top(const struct scan *s)
{
	return !s->depth || s->level[s->depth].is_items;
}

/* A member's key, an element of a list, or the top of an object begins. */
static int begin_member(struct scan *s)
{
	struct level *l = &s->level[s->depth];
	int r = 0;

	if (s->skip)
		return 0;
	if (at_top(s)) {
		s->out = s->depth || !s->is_list ? &s->item : &s->rest;
		s->field = 0;
		buf_clear(s->out);
	} else if (l->has_some) {
		r = copy(s, ",", 1);
	}
	l->has_some = true;
	return r;
}

static int give(struct scan *s, enum scan_kind kind, struct bh_err *err)
{
	const int r = s->fn(s->ctx, kind, s->out->data, s->out->len, err);

	s->raw = 0;
	if (kind == SCAN_OBJECT)
		s->out = s->is_list ? &s->rest : &s->item;
	return r;
}

/* A value has ended, in the container that is at hand now. */
static int end_value(struct scan *s, struct bh_err *err)
{
	s->state = s->depth ? AT_NEXT : AT_VALUE;
	if (s->skip) {
		if (s->skip == s->depth + 1)
			s->skip = 0;
		return 0;
	}
	if (!at_top(s))
		return 0;
	if (!s->depth && s->is_list) {
		s->done = true;
		return give(s, SCAN_END, err);
	}
	return give(s, SCAN_OBJECT, err);
}

/* ---- containers --------------------------------------------------------------------------- */

/* What is kept of the value that comes now. */
static const struct scan_keep *keep_of_value(const struct scan *s)
{
	const struct level *l = &s->level[s->depth];

	if (!s->depth)
		return s->is_list ? NULL : s->keep;
	if (l->is_items)
		return s->keep;
	return l->is_list ? l->keep : s->value;
}

/* In an object the key came first. */
static int begin_element(struct scan *s)
{
	return at_top(s) || s->level[s->depth].is_list ? begin_member(s) : 0;
}

static int open_container(struct scan *s, char c)
{
	static const char text[] = "\"(too deep)\"";
	struct level l = { .keep = keep_of_value(s), .is_list = c == '[' };
	int r;

	if (s->depth == SCAN_DEPTH_MAX) {
		s->deep = 1;
		s->state = IN_DEEP;
		r = begin_element(s);
		return r ? r : copy(s, text, sizeof(text) - 1);
	}
	l.is_items = l.is_list && s->is_list && s->depth == 1 && s->value_is_items && !s->skip;
	r = begin_element(s);
	if (!r)
		r = copy(s, &c, 1);
	s->level[++s->depth] = l;
	s->state = l.is_list ? AT_FIRST_ITEM : AT_FIRST_KEY;
	return r;
}

static int close_container(struct scan *s, char c, struct bh_err *err)
{
	int r;

	if (!s->depth || c != (s->level[s->depth].is_list ? ']' : '}'))
		return bh_err_set(err, -EINVAL, "'%c' closes nothing", c);
	r = copy(s, &c, 1);
	s->depth--;
	return r ? r : end_value(s, err);
}

/* ---- keys --------------------------------------------------------------------------------- */

static bool picks(const struct scan *s)
{
	return s->level[s->depth].keep && !s->skip;
}

static int begin_key(struct scan *s)
{
	int r = 0;

	s->state = IN_KEY;
	s->key_len = 0;
	if (!picks(s)) {
		r = begin_member(s);
		if (!r)
			r = copy(s, "\"", 1);
	}
	return r;
}

static bool key_is(const struct scan *s, const char *key)
{
	return s->key_len < KEY_MAX && strlen(key) == s->key_len && !memcmp(key, s->key, s->key_len);
}

static int pick(struct scan *s)
{
	const struct scan_keep *k;
	int r;

	for (k = s->level[s->depth].keep; k->key; k++)
		if (key_is(s, k->key))
			break;
	if (!k->key) {
		s->skip = s->depth + 1;
		return 0;
	}
	s->value = k->below;
	r = begin_member(s);
	if (!r)
		r = copy(s, "\"", 1);
	if (!r)
		r = copy(s, s->key, s->key_len);
	return r ? r : copy(s, "\"", 1);
}

static int end_key(struct scan *s)
{
	s->state = AT_COLON;
	s->value_is_items = s->is_list && s->depth == 1 && key_is(s, "items");
	if (picks(s))
		return pick(s);
	s->value = NULL;
	return copy(s, "\"", 1);
}

static bool is_plain(const char *key, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (key[i] == '\\' || (unsigned char)key[i] > '~')
			return false;
	return true;
}

/* The key's text is kept aside, so that it can be compared. */
static int take_key(struct scan *s, const char *data, size_t len, struct bh_err *err)
{
	if (!picks(s)) {
		const int r = copy(s, data, len);

		if (r < 0)
			return r;
	} else if (!is_plain(data, len)) {
		return bh_err_set(err, -EINVAL, "a field's name is not plain ASCII");
	}
	if (len >= KEY_MAX - s->key_len) {
		s->key_len = KEY_MAX;
		return 0;
	}
	memcpy(s->key + s->key_len, data, len);
	s->key_len += len;
	return 0;
}

/* ---- strings and scalars ------------------------------------------------------------------ */

/* How much of it is inside the string; what ends it follows. */
static size_t string_length(struct scan *s, const char *data, size_t len)
{
	size_t i;

	for (i = 0; i < len && (unsigned char)data[i] >= ' '; i++) {
		if (s->escaped) {
			s->escaped = false;
		} else if (data[i] == '\\') {
			s->escaped = true;
		} else if (data[i] == '"') {
			break;
		}
	}
	return i;
}

/* Return: how many bytes it took, or -errno. */
static ssize_t take_string(struct scan *s, const char *data, size_t len, struct bh_err *err)
{
	const bool is_key = s->state == IN_KEY;
	const size_t n = string_length(s, data, len);
	int r = is_key ? take_key(s, data, n, err) : copy(s, data, n);

	if (r < 0 || n == len)
		return r < 0 ? r : (ssize_t)n;
	if (data[n] != '"')
		return bh_err_set(err, -EINVAL, "a control character in a text");
	if (is_key)
		r = end_key(s);
	else if (!(r = copy(s, "\"", 1)))
		r = end_value(s, err);
	return r < 0 ? r : (ssize_t)n + 1;
}

static bool is_scalar_byte(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
	       c == '+' || c == '.';
}

static ssize_t take_scalar(struct scan *s, const char *data, size_t len, struct bh_err *err)
{
	size_t n = 0;
	int r;

	while (n < len && is_scalar_byte(data[n]))
		n++;
	r = copy(s, data, n);
	if (!r && n < len)
		r = end_value(s, err);
	return r < 0 ? r : (ssize_t)n;
}

/* ---- structure ---------------------------------------------------------------------------- */

static int begin_value(struct scan *s, char c, struct bh_err *err)
{
	int r;

	if (s->is_list && s->done)
		return bh_err_set(err, -EINVAL, "something follows the list");
	if (c == '{' || c == '[')
		return open_container(s, c);
	if (at_top(s))
		return bh_err_set(err, -EINVAL, "not an object, but something that begins with '%c'", c);
	if (c != '"' && !is_scalar_byte(c))
		return bh_err_set(err, -EINVAL, "'%c' begins no value", c);
	r = begin_element(s);
	s->state = c == '"' ? IN_STRING : IN_SCALAR;
	return r ? r : copy(s, &c, 1);
}

static int end_colon(struct scan *s)
{
	int r;

	s->state = AT_VALUE;
	r = copy(s, ":", 1);
	if (s->depth == object_depth(s) && !s->skip)
		s->field = s->out->len;
	return r;
}

static int take_byte(struct scan *s, char c, struct bh_err *err)
{
	switch (s->state) {
	case AT_FIRST_ITEM:
		if (c == ']')
			return close_container(s, c, err);
		return begin_value(s, c, err);
	case AT_VALUE:
		return begin_value(s, c, err);
	case AT_FIRST_KEY:
		if (c == '}')
			return close_container(s, c, err);
		/* fall through */
	case AT_KEY:
		return c == '"' ? begin_key(s) : bh_err_set(err, -EINVAL, "'%c' where a key must be", c);
	case AT_COLON:
		if (c != ':')
			return bh_err_set(err, -EINVAL, "'%c' where ':' must be", c);
		return end_colon(s);
	case AT_NEXT:
		if (c != ',')
			return close_container(s, c, err);
		s->state = s->level[s->depth].is_list ? AT_VALUE : AT_KEY;
		return 0;
	default:
		return -EINVAL; /* strings and scalars do not come here */
	}
}

/* Brackets are counted, not matched: whatever it is, it is not kept. */
static ssize_t take_deep(struct scan *s, const char *data, size_t len, struct bh_err *err)
{
	size_t i;
	int r;

	for (i = 0; i < len && s->deep; i++) {
		if (s->escaped)
			s->escaped = false;
		else if (s->deep_text && data[i] == '\\')
			s->escaped = true;
		else if (data[i] == '"')
			s->deep_text = !s->deep_text;
		else if (!s->deep_text && (data[i] == '{' || data[i] == '['))
			s->deep++;
		else if (!s->deep_text && (data[i] == '}' || data[i] == ']'))
			s->deep--;
	}
	r = s->deep ? 0 : end_value(s, err);
	return r < 0 ? r : (ssize_t)i;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static ssize_t take(struct scan *s, const char *data, size_t len, struct bh_err *err)
{
	int r;

	if (s->state == IN_STRING || s->state == IN_KEY)
		return take_string(s, data, len, err);
	if (s->state == IN_SCALAR)
		return take_scalar(s, data, len, err);
	if (s->state == IN_DEEP)
		return take_deep(s, data, len, err);
	r = is_space(*data) ? 0 : take_byte(s, *data, err);
	return r < 0 ? r : 1;
}

int scan_feed(struct scan *s, const char *data, size_t len, struct bh_err *err)
{
	struct bh_err why = {};
	ssize_t n = 0;

	while (len && n >= 0) {
		n = take(s, data, len < PIECE_MAX ? len : PIECE_MAX, &why);
		if (n < 0)
			break;
		if (s->depth || s->state != AT_VALUE)
			s->raw += (size_t)n;
		data += n;
		len -= (size_t)n;
		if (s->raw > SCAN_BYTES_MAX)
			n = -E2BIG;
	}
	if (n == -ENOMEM)
		return bh_err_set(err, -ENOMEM, "no memory");
	if (n < 0 && !why.msg[0]) /* too much to copy, or to pass over */
		return bh_err_set(err, (int)n, "an object is too large");
	return n < 0 ? bh_err_set(err, (int)n, "%s", why.msg) : 0;
}
