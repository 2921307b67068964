/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A typed growing array. VEC(struct x) xs = {}; vec_add(&xs) returns a zeroed new last element, or
 * NULL when memory or VEC_MAX ends. Elements move when it grows: keep indexes, not pointers.
 */
#ifndef BH_UTIL_VEC_H
#define BH_UTIL_VEC_H

#include <stddef.h>
#include <stdlib.h>

#define VEC_MAX (1u << 24) /* elements; nothing we hold is near it */

#define VEC(type)                                                                                            \
	struct {                                                                                             \
		type *v;                                                                                     \
		size_t n, size;                                                                              \
	}

void *vec_grow_(void *v, size_t *size, size_t n, size_t elem);

#define vec_add(vec)                                                                                         \
	({                                                                                                   \
		__typeof__((vec)->v) grown_ =                                                                \
			vec_grow_((vec)->v, &(vec)->size, (vec)->n, sizeof(*(vec)->v));                      \
		if (grown_)                                                                                  \
			(vec)->v = grown_;                                                                   \
		grown_ ? __builtin_memset(&(vec)->v[(vec)->n++], 0, sizeof(*(vec)->v)),                      \
			&(vec)->v[(vec)->n - 1] : NULL;                                                      \
	})

/* Gives back what it has grown too large by; for what stays as it is. */
#define vec_trim(vec)                                                                                        \
	do {                                                                                                 \
		void *less_ = (vec)->n ? realloc((vec)->v, (vec)->n * sizeof(*(vec)->v)) : NULL;             \
                                                                                                             \
		if (less_) {                                                                                 \
			(vec)->v = less_;                                                                    \
			(vec)->size = (vec)->n;                                                              \
		}                                                                                            \
	} while (0)

/* Frees the array, not what its elements own. */
#define vec_done(vec)                                                                                        \
	do {                                                                                                 \
		free((vec)->v);                                                                              \
		(vec)->v = NULL;                                                                             \
		(vec)->n = (vec)->size = 0;                                                                  \
	} while (0)
#define vec_clear(vec) ((void)((vec)->n = 0))
#define vec_sort(vec, cmp)                                                                                   \
	do {                                                                                                 \
		if ((vec)->n)                                                                                \
			qsort((vec)->v, (vec)->n, sizeof(*(vec)->v), (cmp));                                 \
	} while (0)
#define vec_find(vec, key, cmp)                                                                              \
	((__typeof__((vec)->v))((vec)->n ? bsearch((key), (vec)->v, (vec)->n, sizeof(*(vec)->v), (cmp))      \
					 : NULL))

#endif
