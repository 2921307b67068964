/* SPDX-License-Identifier: Apache-2.0 */
#include "util/near.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define NAME_LEN 64 /* letters compared */

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/* Optimal string alignment: Levenshtein, and two neighbours swapped count as one step. */
unsigned int near_distance(const char *a, const char *b)
{
	const size_t n = strnlen(a, NAME_LEN), m = strnlen(b, NAME_LEN);
	unsigned int rows[3][NAME_LEN + 1], *row = rows[0], *last = rows[1], *before = rows[2], *spare;
	size_t i, j;

	for (j = 0; j <= m; j++)
		row[j] = (unsigned int)j;
	for (i = 1; i <= n; i++) {
		spare = before;
		before = last;
		last = row;
		row = spare;
		row[0] = (unsigned int)i;
		for (j = 1; j <= m; j++) {
			row[j] = least(last[j], row[j - 1]) + 1;
			row[j] = least(row[j], last[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
		}
	}
	return row[m];
}

void near_take(struct near *n, unsigned int slips, const char *fmt, ...)
{
	va_list args;

	if (slips >= n->slips)
		return;
	va_start(args, fmt);
	(void)vsnprintf(n->name, sizeof(n->name), fmt, args);
	va_end(args);
	n->slips = slips;
	(void)snprintf(n->hint, sizeof(n->hint), "; did you mean '%s'?", n->name);
}
