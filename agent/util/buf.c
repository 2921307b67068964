/* SPDX-License-Identifier: Apache-2.0 */
/* The growing, bounded byte buffer. */
#include "util/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Room for @more bytes and the NUL. */
static int reserve(struct buf *b, size_t more)
{
	size_t need, size;
	char *data;

	if (more > b->max - b->len)
		return -E2BIG;
	need = b->len + more + 1;
	if (need <= b->size)
		return 0;

	size = b->size ? b->size : 64;
	while (size < need)
		size *= 2;
	data = realloc(b->data, size);
	if (!data)
		return -ENOMEM;
	b->data = data;
	b->size = size;
	return 0;
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	if (b->data)
		b->data[0] = '\0';
}

void buf_done(struct buf *b)
{
	free(b->data);
	*b = (struct buf){ .max = b->max };
}

int buf_add(struct buf *b, const void *data, size_t len)
{
	const int r = reserve(b, len);

	if (r < 0)
		return r;
	if (len)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
	return 0;
}

int buf_str(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

int buf_fmt(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n, r;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -EINVAL;
	r = reserve(b, (size_t)n);
	if (r < 0)
		return r;
	va_start(ap, fmt);
	(void)vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
	return 0;
}

int buf_read(struct buf *b, int fd)
{
	char chunk[16384];
	ssize_t n;
	int r;

	do {
		n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		r = buf_add(b, chunk, (size_t)n);
		if (r < 0)
			return r;
	} while (n);
	return 0;
}

void buf_cut(struct buf *b, size_t len)
{
	if (len >= b->len)
		return;
	b->len = len;
	b->data[len] = '\0';
}

void buf_drop(struct buf *b, size_t len)
{
	if (!len)
		return;
	b->len -= len;
	memmove(b->data, b->data + len, b->len + 1);
}

void buf_fit(struct buf *b)
{
	char *data;

	if (!b->len) {
		buf_done(b);
		return;
	}
	data = realloc(b->data, b->len + 1);
	if (!data)
		return;
	b->data = data;
	b->size = b->len + 1;
}
