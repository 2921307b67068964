/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contents that are kept once: the same bytes give the same pointer, so that equal is the same place. One
 * table for the process, because objects are made before they belong to anything; for its one thread.
 */
#ifndef BH_UTIL_INTERN_H
#define BH_UTIL_INTERN_H

#include <stddef.h>

/* One reference more to those bytes, aligned for any type; never changed. NULL: no memory. */
const void *intern(const void *bytes, size_t len);
const char *intern_text(const char *text);

/* Another reference to what intern() returned. */
const void *intern_again(const void *p);

unsigned int intern_refs(const void *p);
void intern_drop(const void *p); /* the last reference frees it; NULL is fine */

#endif
