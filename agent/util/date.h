/* SPDX-License-Identifier: Apache-2.0 */
/* Dates as people and the API write them. */
#ifndef BH_UTIL_DATE_H
#define BH_UTIL_DATE_H

#include <time.h>

/* "2026-01-31T12:00:00Z" (RFC 3339) of seconds since the epoch, with the first @digits of the fraction that
 * @ns is: 0, 3 or 6. "" where no year can be said. Returns @ret. */
#define DATE_TEXT 40
const char *date_text(time_t s, long ns, int digits, char ret[DATE_TEXT]);

/* The same of now. */
const char *date_now(int digits, char ret[DATE_TEXT]);

#endif
