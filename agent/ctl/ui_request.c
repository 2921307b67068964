/* SPDX-License-Identifier: Apache-2.0 */
/* What a page's request says, before anybody knows whether it is a page of ours. Fuzzed: tests/fuzz/http.c.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "ctl/ui.h"
#include "util/addr.h"

/* "127.0.0.1:1234", "[::1]:1234", "localhost:1234". */
static bool is_plain_host(const char *host)
{
	const char *colon = strrchr(host, ':');
	const size_t len = colon ? (size_t)(colon - host) : strlen(host);
	const bool brackets = len > 2 && host[0] == '[' && host[len - 1] == ']';
	char name[ADDR_TEXT];
	struct addr a;

	if (!len || len >= sizeof(name))
		return false;
	(void)snprintf(name, sizeof(name), "%.*s", (int)(brackets ? len - 2 : len), host + brackets);
	return !strcmp(name, "localhost") || !addr_parse(name, &a);
}

bool ui_trusts(const struct web_request *request)
{
	static const char scheme[] = "http://";
	const size_t len = strlen(scheme);

	if (!is_plain_host(request->host))
		return false;
	return !*request->origin ||
	       (!strncmp(request->origin, scheme, len) && !strcmp(request->origin + len, request->host));
}

static int digit(char c)
{
	if (!isxdigit((unsigned char)c))
		return -1;
	return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* Return: how many bytes, or -1: it is none, holds a control character, or does not fit. */
static int decode(const char *text, size_t len, char *ret, size_t size)
{
	size_t i, n = 0;

	for (i = 0; i < len; i++) {
		int c = (unsigned char)text[i];

		if (c == '%') {
			if (i + 2 >= len || digit(text[i + 1]) < 0 || digit(text[i + 2]) < 0)
				return -1;
			c = digit(text[i + 1]) * 16 + digit(text[i + 2]);
			i += 2;
		} else if (c == '+') {
			c = ' ';
		}
		if (c < ' ' || c == 0x7f || n + 1 >= size)
			return -1;
		ret[n++] = (char)c;
	}
	ret[n] = '\0';
	return (int)n;
}

bool ui_query(const char *query, const char *name, char *ret, size_t size)
{
	const size_t len = strlen(name);

	while (*query) {
		const size_t n = strcspn(query, "&");

		if (n > len && !strncmp(query, name, len) && query[len] == '=')
			return decode(query + len + 1, n - len - 1, ret, size) >= 0;
		query += n + (query[n] == '&');
	}
	return false;
}
