/* SPDX-License-Identifier: Apache-2.0 */
#include "util/date.h"

#include <stdio.h>

const char *date_text(time_t s, long ns, int digits, char ret[DATE_TEXT])
{
	char seconds[DATE_TEXT - 8];
	struct tm tm;

	ret[0] = '\0';
	if (!gmtime_r(&s, &tm) || !strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &tm))
		return ret;
	if (digits)
		(void)snprintf(ret, DATE_TEXT, "%s.%0*ldZ", seconds, digits,
			       ns / (digits == 3 ? 1000000 : 1000));
	else
		(void)snprintf(ret, DATE_TEXT, "%sZ", seconds);
	return ret;
}

const char *date_now(int digits, char ret[DATE_TEXT])
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return date_text(ts.tv_sec, ts.tv_nsec, digits, ret);
}
