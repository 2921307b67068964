/* SPDX-License-Identifier: Apache-2.0 */
/* Events: the log line; posting them is to come. */
#include "event.h"

#include <stdarg.h>
#include <stdio.h>

#include "agent.h"
#include "util/log.h"

void event_tell(struct agent *a, bool warning, const char *reason, const struct event_object *about,
		const char *fmt, ...)
{
	char note[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(note, sizeof(note), fmt, ap);
	va_end(ap);
	(void)a;
	(void)reason;
	if (!about)
		log_line(warning ? LOG_WARN : LOG_INFO, "%s", note);
	else
		log_line(warning ? LOG_WARN : LOG_INFO, "%s '%s%s%s': %s", about->kind, about->ns,
			 about->ns[0] ? "/" : "", about->name, note);
}
