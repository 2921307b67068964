/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the model comes from: a directory of manifests (source_dir_new()) or the API server
 * (source_api_new()). A source alone changes what it has put into the model: namespaces, pods, policies,
 * Services, slices and nodes.
 */
#ifndef BH_KUBE_SOURCE_H
#define BH_KUBE_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "kube/decode.h"
#include "kube/events.h"
#include "model/model.h"
#include "util/err.h"

struct source;

enum source_note_kind {
	SOURCE_BAD,  /* a file, or what the server says, cannot be taken in: what was last good stays
		      * in force. Also the directory itself, and a file whose object another one has */
	SOURCE_GOOD, /* was bad, is good again or gone */
	SOURCE_OBJECT_PROBLEM, /* taken in, but something in it is not understood */
	SOURCE_IGNORED,	       /* a kind we have no use for */
	SOURCE_ASIDE,	       /* trouble that no policy depends on */
};

/* `text` says which file, object and field, and what is wrong: one line, for a person. */
struct source_note {
	enum source_note_kind kind;
	const char *text;
	const char *object, *ns, *name; /* of a SOURCE_OBJECT_PROBLEM: kind, namespace, name; else NULL */
};

typedef void (*source_note_fn)(void *ctx, const struct source_note *note);

/* What a turn of source_work() did to the model. */
struct source_change {
	bool matters;	/* the compiler has to look */
	bool policies;	/* some policy changed since it had to look last; else only what policies look at */
	char what[160]; /* the first thing that matters: "Pod 'shop/web'" */
};

/**
 * source_dir_new() - YAML or JSON manifests (*.yaml, *.yml, *.json; several documents and v1 List allowed),
 * read once, into @model, and followed by inotify.
 * @model: borrowed for the source's life.
 * Return: 0, or -errno if the directory cannot be read or watched (a bad file is only a note).
 */
int source_dir_new(const char *path, struct model *model, source_note_fn note, void *ctx, struct source **ret,
		   struct bh_err *err);

struct kube_config;

struct source_api_options {
	const struct kube_config *config;	     /* borrowed */
	const char *node;			     /* our Node's name; borrowed */
	const char *instance;			     /* which agent this is, in its Events; borrowed */
	const char *pod_ns, *pod_name;		     /* our own Pod, borrowed; name "": none */
	void (*retire)(void *ctx, const char *mark); /* it is asked to: see kube/own.h */
	/* Whether the compiler would see that @old has become @new (either NULL: none); or NULL: it always
	 * would. */
	bool (*matters)(void *ctx, enum object_kind kind, const void *old, const void *new);
};

/**
 * source_api_new() - the API server's objects, listed and watched. Returns before anything has come.
 * @ctx: of @note and of the options' functions.
 * Return: 0 or -errno.
 */
int source_api_new(const struct source_api_options *opt, struct model *model, source_note_fn note, void *ctx,
		   struct source **ret, struct bh_err *err);

void source_free(struct source *s);
int source_fd(const struct source *s);	       /* readable: call source_work() */
int source_timeout_ms(const struct source *s); /* call source_work() after so long at the latest; -1: none */

/* Return: 1 the model changed (and @ret says how), 0 it did not, or -errno. Never blocks. */
int source_work(struct source *s, struct source_change *ret, struct bh_err *err);

/**
 * source_ready() - may the model be believed?
 *
 * Not while something that may be in force already cannot be known: a file that was there at the start
 * and has been bad ever since, a list that has not come yet. Return: 0, or -EAGAIN and in @err what is
 * missing.
 */
int source_ready(struct source *s, struct bh_err *err);

/* What source_confirm() found. @why: NULL: all is known. */
typedef void (*source_confirmed_fn)(void *ctx, const struct hash128 *key, const char *why);

/**
 * source_confirm() - see to it that the model holds this pod, and all policies that were there before it was.
 * @key: names the question; asked again, it replaces the older one.
 * @uid: as the runtime was told, "" if it was not.
 *
 * Return: 1 it does, 0 @fn will be called, from source_work(), or -errno.
 */
int source_confirm(struct source *s, const struct hash128 *key, const char *ns, const char *pod,
		   const char *uid, source_confirmed_fn fn, void *ctx, struct bh_err *err);
void source_confirm_cancel(struct source *s, const struct hash128 *key);

/* One of the things that a source follows, for `bulkheadctl status`. Borrowed until the next call. */
struct source_part {
	const char *name, *state, *trouble;
	bool synced;
	int64_t quiet_ms; /* since its last word; -1: never */
	uint64_t lists, events, failures;
};

/* Return: whether there is an @i-th. */
bool source_part(const struct source *s, size_t i, struct source_part *ret);

/* Requests to the server that is followed, for what is not the source's; NULL: there is none. They run in
 * source_work(), and source_timeout_ms() is another behind each that is sent. */
struct http *source_http(struct source *s);

/* Posts an Event where there is an API server: see kube/events.h. Return: whether there is one. */
bool source_post(struct source *s, const struct kube_event *event);
bool source_posts(const struct source *s, struct events_stats *ret);

#endif
