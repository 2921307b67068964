/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the model comes from. For now a directory of manifests (`--source dir:PATH`): YAML or JSON
 * files (*.yaml, *.yml, *.json; several documents and v1 List allowed) with Namespace, Pod and
 * NetworkPolicy objects, followed by inotify.
 */
#ifndef BH_KUBE_SOURCE_H
#define BH_KUBE_SOURCE_H

#include "model/model.h"
#include "util/err.h"

struct source;

enum source_note_kind {
	SOURCE_FILE_BAD,       /* cannot be taken in: its last good version stays in force. Also the
				* directory itself, and a file whose object another file has already */
	SOURCE_FILE_GOOD,      /* was bad, is good again or gone */
	SOURCE_OBJECT_PROBLEM, /* taken in, but something in it is not understood */
	SOURCE_IGNORED,	       /* a kind we have no use for */
};

/* `text` says which file, object and field, and what is wrong: one line, for a person. */
struct source_note {
	enum source_note_kind kind;
	const char *file, *text;
};

typedef void (*source_note_fn)(void *ctx, const struct source_note *note);

/**
 * source_dir_new() - read @path once, into @model, and follow it.
 * @model: borrowed for the source's life; the source alone changes namespaces, pods and policies in it.
 * Return: 0, or -errno if the directory cannot be read or watched (a bad file is only a note).
 */
int source_dir_new(const char *path, struct model *model, source_note_fn note, void *ctx, struct source **ret,
		   struct bh_err *err);
void source_free(struct source *s);
int source_fd(const struct source *s);	       /* readable: call source_work() */
int source_timeout_ms(const struct source *s); /* call source_work() after so long at the latest; -1: none */

/**
 * source_unread() - a file that was there at the start and has been bad ever since, NULL: none.
 *
 * It has no last good version here, but what it said before may be in force: whoever compiles the model
 * now would take that away. Return: what is wrong with it, file first; borrowed until the next call.
 */
const char *source_unread(const struct source *s);

/* Return: 1 the model changed, 0 it did not, or -errno. Never blocks. */
int source_work(struct source *s, struct bh_err *err);

#endif
