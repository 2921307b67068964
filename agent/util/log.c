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

#define EVERY_NS  (LOG_EVERY_MS * 1000000ull)
#define TEXT_MAX  1024
#define FIELD_MAX 256 /* a name has 253 */

enum log_level log_level = LOG_INFO;
bool log_json;
struct log_stats log_stats;

static struct log_site *sites; /* that have left something out */

const char *log_level_name(enum log_level level)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };

	return names[level];
}

/* The text is clean: quotes and backslashes are all that JSON would take for its own. Return: the end. */
static char *quote(char *at, const char *text)
{
	*at++ = '"';
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			*at++ = '\\';
		*at++ = *text;
	}
	*at++ = '"';
	*at = '\0';
	return at;
}

static char *add_field(char *at, const char *name, const char *value)
{
	char text[FIELD_MAX];

	if (!value || !*value)
		return at;
	(void)snprintf(text, sizeof(text), "%s", value);
	bh_text_clean(text);
	*at++ = ',';
	at = quote(at, name);
	*at++ = ':';
	return quote(at, text);
}

static void print_json(const char *when, enum log_level level, const struct log_about *about,
		       const char *text)
{
	char msg[2 * TEXT_MAX + 2], fields[4 * (2 * FIELD_MAX + 16)] = "", *at = fields;

	(void)quote(msg, text);
	if (about) {
		at = add_field(at, "reason", about->reason);
		at = add_field(at, "kind", about->kind);
		at = add_field(at, "namespace", about->ns);
		(void)add_field(at, "name", about->name);
	}
	(void)fprintf(stderr, "{\"time\":\"%s\",\"level\":\"%s\",\"msg\":%s%s}\n", when,
		      log_level_name(level), msg, fields);
}

static void print(enum log_level level, const struct log_about *about, const char *text)
{
	char when[DATE_TEXT];

	log_stats.lines[level]++;
	(void)date_now(3, when);
	if (log_json)
		print_json(when, level, about, text);
	else
		(void)fprintf(stderr, "%s %s %s\n", when, log_level_name(level), text);
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

void log_at(struct log_site *site, enum log_level level, const struct log_about *about, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;

	if (level > log_level)
		return;
	va_start(ap, fmt);
	if (passes(site)) {
		render(text, sizeof(text), fmt, ap);
		print(level, about, text);
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
		print(LOG_WARN, NULL, text);
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
