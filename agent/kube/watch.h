/* SPDX-License-Identifier: Apache-2.0 */
/*
 * List and watch of one resource (https://kubernetes.io/docs/reference/using-api/api-concepts/): a streaming
 * list where the server has it, else a list in pages; then the changes, with bookmarks; again from the start
 * when the version is too old. It may be late, it never forgets: between the first full list and the end,
 * what it has told is there until it is told gone.
 */
#ifndef BH_KUBE_WATCH_H
#define BH_KUBE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "kube/http.h"
#include "kube/scan.h"

struct json_object;
struct watch;

/* What is watched: a value. All texts are borrowed for the watch's life. */
struct watch_spec {
	const char *name;		/* for people: "pods of this node" */
	const char *path;		/* "/api/v1/pods" */
	const char *fields;		/* fieldSelector, or NULL */
	const char *api_version, *kind; /* of each object */
	const struct scan_keep *keep;	/* of each object */
};

struct watch_hooks {
	/* An object is there, or is so now. Borrowed. Return: 0, or -errno: what this server says is not
	 * to be believed; the stream is dropped, and begun anew later. */
	int (*put)(void *ctx, struct watch *w, struct json_object *o, struct bh_err *err);
	int (*del)(void *ctx, struct watch *w, struct json_object *o, struct bh_err *err);
	/* All that is there has been put since watch_round() got its value. */
	void (*synced)(void *ctx, struct watch *w);
	/* Trouble, once for as long as it stays the same; NULL: it is over. Connections end every now and
	 * then: that is trouble only when the next one does, too. */
	void (*trouble)(void *ctx, struct watch *w, const char *what);
	/* The server has no such resource, and never had since watch_new(): 404 is no trouble, and asked
	 * about again within half a minute. NULL: it must have it. */
	void (*absent)(void *ctx, struct watch *w);
	void *ctx;
};

/* @http, @spec and what it names are borrowed. Starts with the next watch_work(). Return: NULL without
 * memory. */
struct watch *watch_new(struct http *http, const struct watch_spec *spec, const struct watch_hooks *hooks);
void watch_free(struct watch *w);

/* Others reach the server again: if this one waits because it did not, it need not any more. */
void watch_hurry(struct watch *w);

int watch_timeout_ms(const struct watch *w); /* -1: none */
void watch_work(struct watch *w);	     /* what is due: begin, begin again, give up on silence */

uint32_t watch_round(const struct watch *w);   /* one more with each list that begins */
bool watch_is_afresh(const struct watch *w);   /* lists without regard to the versions of before */
uint64_t watch_version(const struct watch *w); /* complete up to here, as kube_version(); 0: not synced */
bool watch_is_synced(const struct watch *w);   /* has been complete once */
bool watch_is_cut_off(const struct watch *w);  /* no answers, or none to their end */
bool watch_is_refused(const struct watch *w);  /* the last word was 403 or 404 */
bool watch_is_absent(const struct watch *w);   /* the last word was watch_hooks.absent */
int64_t watch_quiet_ms(const struct watch *w); /* since the server's last word; -1: never */

struct watch_stats {
	uint64_t lists, events, failures;
	const char *state;   /* "listing", "watching", "waiting", "absent": static */
	const char *trouble; /* borrowed; "" */
};
void watch_stats(const struct watch *w, struct watch_stats *ret);

#endif
