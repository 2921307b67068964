/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ownership that the compiler minds: a local tagged with one of these is freed or closed when it
 * leaves scope, unless TAKE_PTR or TAKE_FD has moved it out.
 */
#ifndef BH_UTIL_SCOPE_H
#define BH_UTIL_SCOPE_H

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define TAKE_PTR(p)                                                                                          \
	({                                                                                                   \
		__typeof__(p) taken_ = (p);                                                                  \
		(p) = NULL;                                                                                  \
		taken_;                                                                                      \
	})
#define TAKE_FD(fd)                                                                                          \
	({                                                                                                   \
		const int taken_ = (fd);                                                                     \
		(fd) = -1;                                                                                   \
		taken_;                                                                                      \
	})

/* Defines the cleanup function behind `auto_x` for a type with x_free(struct x *). */
#define DEFINE_SCOPE_FREE(type, func)                                                                        \
	static inline void func##_scope(type **p)                                                            \
	{                                                                                                    \
		func(*p);                                                                                    \
	}

static inline void scope_free(void *p)
{
	free(*(void **)p);
}

/* Keeps errno, so that a failing path may return -errno after its descriptors went. */
static inline void scope_close(const int *fd)
{
	const int saved = errno;

	if (*fd >= 0)
		(void)close(*fd);
	errno = saved;
}

#define auto_free __attribute__((cleanup(scope_free)))	/* starts as NULL */
#define auto_fd	  __attribute__((cleanup(scope_close))) /* starts as -1 */

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
