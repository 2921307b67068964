/* SPDX-License-Identifier: Apache-2.0 */
/* Filling struct bh_err. */
#include "util/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "util/utf8.h"

/* U+0080 to U+009F: U+009B begins a command to a terminal as ESC [ does. */
static bool is_c1(const char *text)
{
	return (unsigned char)text[0] == 0xc2 && (unsigned char)text[1] < 0xa0;
}

void bh_text_clean(char *text)
{
	size_t left = strlen(text), n;

	for (; left; text += n, left -= n) {
		n = utf8_length(text, left);
		if (!n || (unsigned char)*text < ' ' || *text == 0x7f || is_c1(text)) {
			*text = '?';
			n = 1;
		}
	}
}

/* Formats elsewhere first, so that a message may take in the one it replaces. */
static void fill(struct bh_err *err, const char *tail, const char *fmt, va_list ap)
{
	static const char dots[] = "...";
	char text[sizeof(err->msg)];
	const int n = vsnprintf(text, sizeof(text), fmt, ap);
	const size_t len = n < 0 ? 0 : (size_t)n, tail_len = strlen(tail);

	text[len < sizeof(text) ? len : sizeof(text) - 1] = '\0';
	if (len + tail_len < sizeof(text))
		memcpy(text + len, tail, tail_len + 1);
	else if (tail_len + sizeof(dots) < sizeof(text)) /* the reason is worth more than the rest */
		(void)snprintf(text + sizeof(text) - tail_len - sizeof(dots), tail_len + sizeof(dots), "%s%s",
			       dots, tail);
	bh_text_clean(text);
	memcpy(err->msg, text, sizeof(text));
}

int bh_err_set(struct bh_err *err, int r, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return r;
	va_start(ap, fmt);
	fill(err, "", fmt, ap);
	va_end(ap);
	return r;
}

const char *bh_errno_text(int r)
{
	return r == -E2BIG ? "it is too large" : strerror(-r);
}

int bh_err_errno(struct bh_err *err, int r, const char *fmt, ...)
{
	char tail[64];
	va_list ap;

	if (!err)
		return r;
	(void)snprintf(tail, sizeof(tail), ": %s", bh_errno_text(r));
	va_start(ap, fmt);
	fill(err, tail, fmt, ap);
	va_end(ap);
	return r;
}
