/* SPDX-License-Identifier: Apache-2.0 */
/* The log's one sink, and how much of a kind comes through. */
#include "util/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "util/clock.h"
#include "util/date.h"
#include "util/err.h"

#define EVERY_NS (LOG_EVERY_MS * 1000000ull)
#define TEXT_MAX 1024

enum log_level log_level = LOG_INFO;
bool log_json;
struct log_stats log_stats;

static struct log_site *sites; /* that have left something out */

const char *log_level_name(enum log_level level)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };

	return names[level];
}

/* The text is clean: quotes and backslashes are all that JSON would take for its own. */
static void escape(const char *text, char ret[2 * TEXT_MAX])
{
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			*ret++ = '\\';
		*ret++ = *text;
	}
	*ret = '\0';
}

static void print(enum log_level level, const char *text)
{
	char when[DATE_TEXT], quoted[2 * TEXT_MAX];

	log_stats.lines[level]++;
	if (log_json)
		escape(text, quoted);
	(void)fprintf(stderr, log_json ? "{\"time\":\"%s\",\"level\":\"%s\",\"msg\":\"%s\"}\n" : "%s %s %s\n",
		      date_now(3, when), log_level_name(level), log_json ? quoted : text);
}

/* The text of a line, clean and cut to what there is room for. */
static void render(char *ret, size_t size, const char *fmt, va_list ap)
{
	if (vsnprintf(ret, size, fmt, ap) >= (int)size)
		memcpy(ret + size - 4, "...", 4);
	bh_text_clean(ret);
}

/* Return: whether its rate allows one more, which it then has had. */
static bool passes(struct log_site *site)
{
	const uint64_t now = clock_ns();
	const uint64_t paced = site->paced_ns > now ? site->paced_ns : now;

	if (paced - now > (LOG_BURST - 1) * EVERY_NS)
		return false;
	site->paced_ns = paced + EVERY_NS;
	return true;
}

static void leave_out(struct log_site *site, const char *fmt, va_list ap)
{
	log_stats.left_out++;
	site->left_out++;
	render(site->last, sizeof(site->last), fmt, ap);
	if (site->listed)
		return;
	site->listed = true;
	site->next = sites;
	sites = site;
}

void log_at(struct log_site *site, enum log_level level, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;

	if (level > log_level)
		return;
	va_start(ap, fmt);
	if (passes(site)) {
		render(text, sizeof(text), fmt, ap);
		print(level, text);
	} else {
		leave_out(site, fmt, ap);
	}
	va_end(ap);
}

static void tell_left_out(bool all)
{
	struct log_site **at = &sites;
	char text[TEXT_MAX];

	while (*at) {
		struct log_site *site = *at;

		if (!passes(site) && !all) {
			at = &site->next;
			continue;
		}
		(void)snprintf(
			text, sizeof(text),
			"%llu lines of one kind were left out, for they came too fast; the last: \"%s\"",
			(unsigned long long)site->left_out, site->last);
		*at = site->next;
		site->listed = false;
		site->left_out = 0;
		print(LOG_WARN, text);
	}
}

void log_tick(void)
{
	tell_left_out(false);
}

void log_end(void)
{
	tell_left_out(true);
}
