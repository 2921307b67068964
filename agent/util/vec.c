/* SPDX-License-Identifier: Apache-2.0 */
/* Growing for vec.h. */
#include "util/vec.h"

void *vec_grow_(void *v, size_t *size, size_t n, size_t elem)
{
	size_t want;
	void *grown;

	if (n < *size)
		return v;
	if (n >= VEC_MAX)
		return NULL;
	want = *size ? *size * 2 : 8;
	grown = realloc(v, want * elem);
	if (grown)
		*size = want;
	return grown;
}
