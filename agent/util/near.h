/* SPDX-License-Identifier: Apache-2.0 */
/* Names that somebody may have meant. */
#ifndef BH_UTIL_NEAR_H
#define BH_UTIL_NEAR_H

#define NEAR_SLIPS 2 /* so many are a slip of the finger */

/* Slips between two names: a letter inserted, left out, another one, or two swapped. */
unsigned int near_distance(const char *a, const char *b);

/* Of several names the nearest, and how a person is told. */
struct near {
	unsigned int slips;
	char name[560]; /* "": none is near */
	char hint[600]; /* "; did you mean 'shop/web'?", or "" */
};

#define NEAR_INIT                                                                                            \
	{                                                                                                    \
		.slips = NEAR_SLIPS + 1                                                                      \
	}

/* One more of them, which is @slips away. Of equally near ones the first stays. */
void near_take(struct near *n, unsigned int slips, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
