/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Long lists for the CLI, sent in portions: neither the loop nor the memory of the agent waits for a
 * reader.
 */
#ifndef BH_STREAMS_H
#define BH_STREAMS_H

#include "api/api.h"

struct agent;

/* One list on its way to one connection. Embedded at the start of what the list needs. */
struct stream {
	struct api_conn *conn;

	/* Sends some items. Return: whether there are more. Not called again after false or an error. */
	bool (*some)(struct stream *s);
	void (*free)(struct stream *s);
	struct stream *next;
};

int streams_new(struct agent *a); /* sets a->streams; 0 or -ENOMEM */
void streams_free(struct agent *a);

/* Takes @s; ends it with the "done" line. */
void streams_add(struct agent *a, struct stream *take);
void streams_close(struct agent *a, struct api_conn *conn);

#endif
