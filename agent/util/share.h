/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that several hold, counted beside it: NULL as long as there is but one. */
#ifndef BH_UTIL_SHARE_H
#define BH_UTIL_SHARE_H

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

/* One holder more, who keeps *@sharers as well. Return: 0 or -ENOMEM. */
static inline int share_add(unsigned int **sharers)
{
	if (!*sharers)
		*sharers = calloc(1, sizeof(**sharers));
	if (!*sharers)
		return -ENOMEM;
	++**sharers;
	return 0;
}

/* One holder less. Return: whether it was the last, who frees what was shared, and @sharers. */
static inline bool share_drop(unsigned int *sharers)
{
	return !sharers || !(*sharers)--;
}

#endif
