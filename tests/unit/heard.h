/* SPDX-License-Identifier: Apache-2.0 */
/* What the code under test writes to a descriptor of this process. */
#ifndef BH_TESTS_HEARD_H
#define BH_TESTS_HEARD_H

#include <stdio.h>
#include <unistd.h>

struct heard {
	FILE *file;
	int fd, was;
};

/* From here on it goes into a file. @path NULL: nobody else reads it meanwhile. */
static inline struct heard heard_begin(int fd, const char *path)
{
	struct heard h = { .file = path ? fopen(path, "w+") : tmpfile(), .fd = fd, .was = dup(fd) };

	assert_non_null(h.file);
	(void)fflush(NULL);
	assert_true(dup2(fileno(h.file), fd) >= 0);
	return h;
}

/* ...and again where it went before. */
static inline void heard_end(struct heard *h, char *ret, size_t size)
{
	(void)fflush(NULL);
	assert_true(dup2(h->was, h->fd) >= 0);
	(void)close(h->was);
	rewind(h->file);
	ret[fread(ret, 1, size - 1, h->file)] = '\0';
	(void)fclose(h->file);
}

#endif
