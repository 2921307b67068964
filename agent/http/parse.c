/* SPDX-License-Identifier: Apache-2.0 */
/* One request out of bytes (RFC 9112). What is not plainly right is refused: nothing behind it is guessed. */
#include "http/web.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PATH_MAX_LEN 2048

/* What of the head has a meaning to us. */
struct fields {
	const char *host, *origin;
	bool close, keep, length, post;
};

static bool is_token(const char *s, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr("!#$%&'*+-.^_`|~", s[i]))
			return false;
	return len;
}

/* The line at @at without its end; a lone LF ends one as well. Return: the next one; NULL: it has no end. */
static char *line_end(char *at, char *end, size_t *ret_len)
{
	char *lf = memchr(at, '\n', (size_t)(end - at));

	if (!lf)
		return NULL;
	*ret_len = (size_t)(lf - at);
	if (*ret_len && lf[-1] == '\r')
		--*ret_len;
	return lf + 1;
}

/* Where the head ends: behind its empty line. NULL: not yet. */
static char *head_end(char *data, size_t len)
{
	char *at = data, *end = data + len;
	size_t line = 1;

	while (at && line)
		at = line_end(at, end, &line);
	return at;
}

static bool is_visible(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 0x7f)
			return false;
	return true;
}

/* "/path?query", or with "http://host" before it, as to a proxy. */
static int read_target(char *target, struct web_request *ret)
{
	static char root[] = "/";
	char *query;

	if (strlen(target) > PATH_MAX_LEN)
		return -414;
	if (!is_visible(target))
		return -400;
	if (!strncasecmp(target, "http://", 7)) {
		target = strchr(target + 7, '/');
		target = target ? target : root;
	}
	if (*target != '/')
		return -400;
	query = strchr(target, '?');
	if (query)
		*query++ = '\0';
	ret->path = target;
	ret->query = query ? query : "";
	return 0;
}

static int read_version(const char *version)
{
	if (!strcmp(version, "HTTP/1.1"))
		return 1;
	if (!strcmp(version, "HTTP/1.0"))
		return 0;
	return strncmp(version, "HTTP/", 5) || !isdigit((unsigned char)version[5]) ? -400 : -505;
}

/* Return: the minor version, or what is wrong. */
static int read_request_line(char *line, size_t len, struct web_request *ret)
{
	char *target, *version;
	int minor, r;

	line[len] = '\0';
	if (strlen(line) != len)
		return -400;
	target = strchr(line, ' ');
	version = target ? strchr(target + 1, ' ') : NULL;
	if (!version || !is_token(line, (size_t)(target - line)))
		return -400;
	*target++ = '\0';
	*version++ = '\0';
	minor = read_version(version);
	if (minor < 0)
		return minor;
	ret->head = !strcmp(line, "HEAD");
	if (!ret->head && !ret->post && strcmp(line, "GET"))
		return -405;
	r = read_target(target, ret);
	return r < 0 ? r : minor;
}

/* Is @word in a list of words with commas between them? */
static bool has_word(const char *list, const char *word)
{
	const size_t len = strlen(word);
	const char *at = list;

	while (*at) {
		size_t n;

		at += strspn(at, " \t,");
		n = strcspn(at, " \t,");
		if (n == len && !strncasecmp(at, word, n))
			return true;
		at += n;
	}
	return false;
}

static int read_field(const char *name, const char *value, struct fields *ret)
{
	if (!strcasecmp(name, "host")) {
		if (ret->host)
			return -400;
		ret->host = value;
	} else if (!strcasecmp(name, "origin")) {
		if (ret->origin)
			return -400;
		ret->origin = value;
	} else if (!strcasecmp(name, "connection")) {
		ret->close |= has_word(value, "close");
		ret->keep |= has_word(value, "keep-alive");
	} else if (!strcasecmp(name, "transfer-encoding")) {
		return -501;
	} else if (!strcasecmp(name, "content-length")) {
		if (ret->length || (!ret->post && strcmp(value, "0")))
			return -400; /* a body: no use, and nowhere to end */
		ret->length = true;
	}
	return 0;
}

static int read_line(char *line, size_t len, struct fields *ret)
{
	char *colon, *value;

	line[len] = '\0';
	if (strlen(line) != len)
		return -400;
	colon = strchr(line, ':');
	if (!colon || !is_token(line, (size_t)(colon - line)))
		return -400; /* also one that goes on from the line before, which is of old */
	*colon = '\0';
	value = colon + 1 + strspn(colon + 1, " \t");
	for (len = strlen(value); len && strchr(" \t", value[len - 1]); len--)
		value[len - 1] = '\0';
	return read_field(line, value, ret);
}

static int read_fields(char *at, char *end, struct fields *ret)
{
	size_t len = 1;
	int r = 0;

	while (!r && len) {
		char *line = at;

		at = line_end(at, end, &len);
		r = len ? read_line(line, len, ret) : 0;
	}
	return r;
}

/* ---- bodies ------------------------------------------------------------------------------- */

#define POST   "POST "
#define LENGTH "content-length:"

/* What a Content-Length says, while all is as it came: nothing is written before a request is whole. Digits
 * alone, as many as any length that we take has. Return: or -411, -413, -400. */
static long body_length(char *at, char *end, size_t max)
{
	size_t len = 1, n = 0;

	while (at && len) {
		const char *value = at + strlen(LENGTH);
		const bool is =
			(size_t)(end - at) > strlen(LENGTH) && !strncasecmp(at, LENGTH, strlen(LENGTH));

		at = line_end(at, end, &len);
		if (!is)
			continue;
		for (value += strspn(value, " \t"); isdigit((unsigned char)*value); value++) {
			n = n * 10 + (size_t)(*value - '0');
			if (n > max)
				return -413;
		}
		return strchr(" \t\r\n", *value) ? (long)n : -400;
	}
	return -411;
}

/* ---- all of it ---------------------------------------------------------------------------- */

int web_parse(char *data, size_t len, size_t body_max, struct web_request *ret)
{
	struct fields fields = { 0 };
	struct web_request request = { 0 };
	long body = 0;
	char *start = data, *end, *next;
	size_t line = 0;
	int minor, r;

	while (start < data + len && (*start == '\r' || *start == '\n'))
		start++; /* RFC 9112, 2.2: empty lines before a request are none */
	end = head_end(start, len - (size_t)(start - data));
	if (!end || end - data > WEB_HEAD_MAX)
		return end || len >= WEB_HEAD_MAX ? -431 : 0;
	request.post = fields.post = body_max && !strncmp(start, POST, strlen(POST));
	if (request.post)
		body = body_length(start, end, body_max);
	if (body < 0)
		return (int)body;
	if ((size_t)(data + len - end) < (size_t)body)
		return 0;
	next = line_end(start, end, &line);
	minor = read_request_line(start, line, &request);
	r = minor < 0 ? minor : read_fields(next, end, &fields);
	if (!r && minor && !fields.host)
		r = -400;
	if (r < 0)
		return r;
	request.host = fields.host ? fields.host : "";
	request.origin = fields.origin ? fields.origin : "";
	request.close = fields.close || (!minor && !fields.keep);
	request.body = end;
	request.body_len = (size_t)body;
	*ret = request;
	return (int)(end - data) + (int)body;
}
