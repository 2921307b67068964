/* SPDX-License-Identifier: Apache-2.0 */
/* Where a character ends. */
#include "util/utf8.h"

size_t utf8_length(const char *text, size_t left)
{
	const unsigned char *c = (const unsigned char *)text;
	const size_t n = c[0] < 0x80   ? 1
			 : c[0] < 0xc2 ? 0
			 : c[0] < 0xe0 ? 2
			 : c[0] < 0xf0 ? 3
			 : c[0] < 0xf5 ? 4
				       : 0;
	size_t i;

	if (!n || n > left)
		return 0;
	for (i = 1; i < n; i++)
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f) || (c[0] == 0xf0 && c[1] < 0x90) ||
	    (c[0] == 0xf4 && c[1] > 0x8f))
		return 0; /* overlong, a surrogate, past U+10FFFF */
	return n;
}
