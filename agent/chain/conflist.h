/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CNI network configuration as text, with our entry put in or taken out: text in, text out. What is not
 * our entry keeps every byte; taking out what was put in gives the first text again.
 */
#ifndef BH_CHAIN_CONFLIST_H
#define BH_CHAIN_CONFLIST_H

#include <stdbool.h>
#include <stddef.h>

#include "chain/json.h"
#include "util/buf.h"
#include "util/err.h"

#define CONFLIST_MAX (1u << 20) /* bytes of one file; the plugin takes no more either */

struct json_object;

struct conflist {
	const char *text; /* borrowed */
	size_t len;
	bool is_list; /* a list of plugins; else one plugin's own configuration */
	struct json_object *root;
	const char *name;	   /* of the network; borrowed from root, as the next */
	const char *main_type;	   /* of the first plugin that is not ours */
	bool only_inlined;	   /* loadOnlyInlinedPlugins: no file beside it is read */
	struct json_part list;	   /* value of "plugins" */
	struct json_parts plugins; /* `at` counts from the list's own first byte */
	size_t ours, others;	   /* how many entries */
};

/**
 * conflist_read() - understand a configuration, as libcni and our plugin will.
 * @is_list: by the file's suffix, as runtimes decide it.
 * @ret:     conflist_done() it.
 *
 * Return: 0, -EINVAL it cannot be chained (err: line and column, or the key), -ENOMEM.
 */
int conflist_read(const char *text, size_t len, bool is_list, struct conflist *ret, struct bh_err *err);
void conflist_done(struct conflist *c);

enum conflist_state {
	CONFLIST_ABSENT,
	CONFLIST_DIFFERS, /* another place than the last, twice, or not equal to @entry */
	CONFLIST_RIGHT,
};

/* @entry: ours, as JSON text. Equal is what has equal values, however it is written. */
enum conflist_state conflist_state(const struct conflist *c, const char *entry);

/* Our entry as the last, once. @c must be a list. Return: 0, -E2BIG, -ENOMEM. */
int conflist_put(const struct conflist *c, const char *entry, struct buf *ret);
int conflist_take(const struct conflist *c, struct buf *ret);

/* A list of the one plugin that @c is, and ours. */
int conflist_wrap(const struct conflist *c, const char *entry, struct buf *ret);

/* Whether the list @list is what conflist_wrap() made of @single, whatever became of our entry in it. */
bool conflist_wraps(const struct conflist *list, const struct conflist *single);

#define auto_conflist __attribute__((cleanup(conflist_done)))

#endif
