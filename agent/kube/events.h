/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events (events.k8s.io/v1) for the API server: a bounded queue that posts one after the other, slowly, and
 * never the same one twice within some minutes. Nothing else waits for it, and what could not be posted is
 * counted: the log has it all the same.
 */
#ifndef BH_KUBE_EVENTS_H
#define BH_KUBE_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kube/http.h"

#define EVENTS_MAX	256    /* known at a time: those that wait, and those that might come again */
#define EVENTS_BURST	20     /* at once, and then */
#define EVENTS_EVERY_MS 3000   /* one in so long: 20 a minute */
#define EVENTS_SAME_MS	300000 /* the same again within it is counted, and told once it is over */

struct events;

/* Texts are borrowed. What it regards is of API version v1; ns "": in no namespace. */
struct kube_event {
	bool warning;
	const char *reason, *note;
	const char *kind, *ns, *name, *uid; /* uid: "" not known */
};

/**
 * events_new() - @http and @instance (which of the agents this is) are borrowed.
 * @trouble: the server refuses Events; once, until it takes one. May be NULL.
 * Return: NULL without memory.
 */
struct events *events_new(struct http *http, const char *instance,
			  void (*trouble)(void *ctx, const char *what), void *ctx);
void events_free(struct events *e); /* what waits still is lost */

/* Never fails and never sends by itself: call events_work() soon. */
void events_add(struct events *e, const struct kube_event *event);

int events_timeout_ms(const struct events *e); /* -1: none */
void events_work(struct events *e);

struct events_stats {
	uint64_t posted, repeated, lost;
	size_t waiting;
};
void events_stats(const struct events *e, struct events_stats *ret);

#endif
