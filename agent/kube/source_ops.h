/* SPDX-License-Identifier: Apache-2.0 */
/* What a source implements; source.h says what each has to do. */
#ifndef BH_KUBE_SOURCE_OPS_H
#define BH_KUBE_SOURCE_OPS_H

#include "kube/source.h"

struct source_ops {
	void (*free)(struct source *s);
	int (*fd)(const struct source *s);
	int (*timeout_ms)(const struct source *s);
	int (*work)(struct source *s, struct source_change *ret, struct bh_err *err);
	int (*ready)(struct source *s, struct bh_err *err);
	/* Or NULL: what there is to know is known. */
	int (*confirm)(struct source *s, const struct hash128 *key, const char *ns, const char *pod,
		       const char *uid, source_confirmed_fn fn, void *ctx, struct bh_err *err);
	void (*confirm_cancel)(struct source *s, const struct hash128 *key);
	bool (*part)(const struct source *s, size_t i, struct source_part *ret); /* or NULL: none */
	void (*post)(struct source *s, const struct kube_event *event);	 /* or NULL: nobody hears it */
	void (*posts)(const struct source *s, struct events_stats *ret); /* NULL where post is */
	struct http *(*http)(struct source *s);				 /* or NULL: there is no server */
};

/* First member of each. */
struct source {
	const struct source_ops *ops;
	source_note_fn note;
	void *ctx; /* of `note`, and of what else the source was given to call */
};

/* Makes one line of it, and tells it. */
void source_tell(const struct source *s, enum source_note_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The same of a SOURCE_OBJECT_PROBLEM. */
void source_tell_problem(const struct source *s, enum object_kind kind, const char *ns, const char *name,
			 const char *fmt, ...) __attribute__((format(printf, 5, 6)));

#endif
