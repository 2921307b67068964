/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One sink (stderr), one level, one line an event: "2026-01-31T12:00:00.123Z info message"; control
 * characters become '?', and what is longer than 1 KiB ends in "...".
 * Modules return errors; only main, reconcile and the CLI call this.
 */
#ifndef BH_UTIL_LOG_H
#define BH_UTIL_LOG_H

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

extern enum log_level log_level; /* messages above it are dropped; LOG_INFO at start */

const char *log_level_name(enum log_level level); /* "info" */

void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

#endif
