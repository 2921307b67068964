/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing byte buffer with a maximum set at birth, for everything that outside input can make long.
 */
#ifndef BH_UTIL_BUF_H
#define BH_UTIL_BUF_H

#include <stddef.h>

/* `data` is NUL-terminated behind `len` bytes whenever it is not NULL. */
struct buf {
	char *data;
	size_t len, size, max;
};

#define BUF_INIT(max_bytes) ((struct buf){ .max = (max_bytes) })

/* Forgets the content, keeps the memory. */
void buf_clear(struct buf *b);
void buf_done(struct buf *b);

/**
 * buf_add() - append @len bytes.
 * Return: 0, -E2BIG past the maximum (the content stays as it was), -ENOMEM.
 */
int buf_add(struct buf *b, const void *data, size_t len);
int buf_str(struct buf *b, const char *s);
int buf_fmt(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Appends what is left of a file. Return: 0, -E2BIG, -ENOMEM, or -errno of read(2). */
int buf_read(struct buf *b, int fd);

/* Removes all behind the first @len bytes. */
void buf_cut(struct buf *b, size_t len);

/* Removes the first @len bytes. */
void buf_drop(struct buf *b, size_t len);

/* Gives back the memory that the content does not need. */
void buf_fit(struct buf *b);

#define auto_buf __attribute__((cleanup(buf_done)))

#endif
