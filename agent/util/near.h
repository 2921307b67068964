/* SPDX-License-Identifier: Apache-2.0 */
/* Names that somebody may have meant. */
#ifndef BH_UTIL_NEAR_H
#define BH_UTIL_NEAR_H

#define NEAR_SLIPS 2 /* so many are a slip of the finger */

/* Slips between two names: a letter inserted, left out, another one, or two swapped. */
unsigned int near_distance(const char *a, const char *b);

#endif
