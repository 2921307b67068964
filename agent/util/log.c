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
enum log_format log_format;
struct log_stats log_stats;

static struct log_site *sites; /* that have left something out */

const char *log_level_name(enum log_level level)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };

	return names[level];
}

/* How a line of fields is written. JSON: {"a":"b","c":"d e"}; logfmt: a=b c="d e". */
static const struct style {
	const char *open, *name, *equals, *next, *close;
	bool bare; /* values that need no quotes have none */
} styles[] = {
	[LOG_JSON] = { .open = "{", .name = "\"", .equals = "\":", .next = ",", .close = "}" },
	[LOG_LOGFMT] = { .open = "", .name = "", .equals = "=", .next = " ", .close = "", .bare = true },
};

/* The value is clean: quotes and backslashes are all that either style would take for its own. */
static char *add_value(char *at, const struct style *s, const char *value)
{
	if (s->bare && !strpbrk(value, " \"\\="))
		return stpcpy(at, value);
	*at++ = '"';
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			*at++ = '\\';
		*at++ = *value;
	}
	return stpcpy(at, "\"");
}

static char *add_field(char *at, const struct style *s, const char *name, const char *value)
{
	at = stpcpy(stpcpy(stpcpy(at, s->name), name), s->equals);
	return add_value(at, s, value);
}

/* Of somebody else's making. NULL and "": there is none. */
static char *add_about(char *at, const struct style *s, const char *name, const char *value)
{
	char text[FIELD_MAX];

	if (!value || !*value)
		return at;
	(void)snprintf(text, sizeof(text), "%s", value);
	bh_text_clean(text);
	return add_field(stpcpy(at, s->next), s, name, text);
}

static void print_fields(const struct style *s, const char *when, enum log_level level,
			 const struct log_about *about, const char *text)
{
	char line[2 * TEXT_MAX + 4 * (2 * FIELD_MAX + 16) + 128], *at = stpcpy(line, s->open);

	at = stpcpy(add_field(at, s, "time", when), s->next);
	at = stpcpy(add_field(at, s, "level", log_level_name(level)), s->next);
	at = add_field(at, s, "msg", text);
	if (about) {
		at = add_about(at, s, "reason", about->reason);
		at = add_about(at, s, "kind", about->kind);
		at = add_about(at, s, "namespace", about->ns);
		at = add_about(at, s, "name", about->name);
	}
	(void)stpcpy(at, s->close);
	(void)fprintf(stderr, "%s\n", line);
}

static void print(enum log_level level, const struct log_about *about, const char *text)
{
	char when[DATE_TEXT];

	log_stats.lines[level]++;
	(void)date_now(3, when);
	if (log_format == LOG_TEXT)
		(void)fprintf(stderr, "%s %s %s\n", when, log_level_name(level), text);
	else
		print_fields(&styles[log_format], when, level, about, text);
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
