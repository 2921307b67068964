/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the cluster's people should hear of: an Event (events.k8s.io/v1) beside the log line. Without an
 * API server, or while it is away, there is the log alone.
 */
#ifndef BH_EVENT_H
#define BH_EVENT_H

#include <stdbool.h>

struct agent;

/* What an Event is about. uid may be ""; ns is "" for a Node. */
struct event_object {
	const char *kind; /* "Pod", "Node" */
	const char *ns, *name, *uid;
};

/*
 * Logs "KIND 'ns/name': note", as a warning or as information, and posts the Event. @reason is static,
 * CamelCase and one of few ("HookRestored"); @about NULL: this node. Never blocks; too many Events are
 * counted and not posted, and lines of one reason have the log's own rate.
 */
void event_tell(struct agent *a, bool warning, const char *reason, const struct event_object *about,
		const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* The Event alone, without a line in the log. @note is as it is. */
void event_post(struct agent *a, bool warning, const char *reason, const struct event_object *about,
		const char *note);

#endif
