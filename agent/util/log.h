/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One sink (stderr), one level, one line an event: "2026-01-31T12:00:00.123Z info message", or the same as
 * fields, in JSON or as key=value, where what it is about has fields of its own; control characters become
 * '?', and what is longer than 1 KiB ends in "...".
 *
 * Each place in the code that logs is a kind of message: LOG_BURST of them at once, then one each
 * LOG_EVERY_MS; what is left out is counted, and said by log_tick() with the last of it.
 * Modules return errors; only main, reconcile and the CLI call this.
 */
#ifndef BH_UTIL_LOG_H
#define BH_UTIL_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_LEVELS };

extern enum log_level log_level; /* messages above it are dropped; LOG_INFO at start */

/* LOG_LOGFMT: time=... level=info msg="..."; the same fields as JSON's. */
enum log_format { LOG_TEXT, LOG_JSON, LOG_LOGFMT };
extern enum log_format log_format; /* LOG_TEXT at start */

const char *log_level_name(enum log_level level); /* "info" */

#define LOG_BURST    200 /* as many pods as a node may have, when the agent starts */
#define LOG_EVERY_MS 100

/* By what a reader may want to filter: fields have it, the text says it in its own words. NULL and "": does
 * not apply. */
struct log_about {
	const char *reason;	      /* as an Event's: "HookRestored" */
	const char *kind, *ns, *name; /* as the API says them: "Pod" */
};
#define LOG_POD(ns_, name_) (&(const struct log_about){ .kind = "Pod", .ns = (ns_), .name = (name_) })

/* A kind of message. Static, and zero at birth. */
struct log_site {
	struct log_site *next; /* of those that have left something out */
	uint64_t paced_ns;     /* up to here the rate is used up */
	uint64_t left_out;     /* since that was said last */
	bool listed;
	char last[256]; /* of those left out */
};

/* @about: may be NULL. */
void log_at(struct log_site *site, enum log_level level, const struct log_about *about, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#define log_of(level, about, ...)                                                                            \
	do {                                                                                                 \
		static struct log_site log_site_;                                                            \
                                                                                                             \
		log_at(&log_site_, level, about, __VA_ARGS__);                                               \
	} while (0)
#define log_line(level, ...) log_of(level, NULL, __VA_ARGS__)
#define log_error(...)	     log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)	     log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...)	     log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...)	     log_line(LOG_DEBUG, __VA_ARGS__)

/* Says how many of each kind were left out, once its rate allows the next one. */
void log_tick(void);
void log_end(void); /* the same at once, for the process ends */

struct log_stats {
	uint64_t lines[LOG_LEVELS], left_out;
};
extern struct log_stats log_stats;

#endif
