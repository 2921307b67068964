/* SPDX-License-Identifier: Apache-2.0 */
/* Long lists in portions, by a timer that runs while there are any. */
#include "streams.h"

#include <errno.h>
#include <stdlib.h>

#include "agent.h"
#include "jsonx.h"
#include "util/scope.h"

#define WAIT_MS 5 /* for a reader that is behind */

struct streams {
	struct stream *first;
	struct loop_timer timer;
};

static void end(struct stream **at)
{
	struct stream *s = *at;

	*at = s->next;
	s->free(s);
}

static void on_timer(void *ctx)
{
	struct agent *a = ctx;
	struct stream **at = &a->streams->first;
	unsigned int wait_ms = WAIT_MS;

	while (*at) {
		struct stream *s = *at;

		if (!api_room(s->conn)) {
			at = &s->next;
			continue;
		}
		wait_ms = 0;
		if (s->some(s)) {
			at = &s->next;
		} else {
			(void)api_send(s->conn, jx_done());
			end(at);
		}
	}
	if (a->streams->first)
		loop_timer_set(a->loop, &a->streams->timer, wait_ms);
}

void streams_add(struct agent *a, struct stream *take)
{
	take->next = a->streams->first;
	a->streams->first = take;
	loop_timer_set(a->loop, &a->streams->timer, 0);
}

void streams_close(struct agent *a, struct api_conn *conn)
{
	struct stream **at = &a->streams->first;

	while (*at) {
		if ((*at)->conn == conn)
			end(at);
		else
			at = &(*at)->next;
	}
}

int streams_new(struct agent *a)
{
	a->streams = calloc(1, sizeof(*a->streams));
	if (!a->streams)
		return -ENOMEM;
	a->streams->timer = (struct loop_timer){ .fn = on_timer, .ctx = a };
	return 0;
}

void streams_free(struct agent *a)
{
	if (!a->streams)
		return;
	loop_timer_unset(a->loop, &a->streams->timer);
	while (a->streams->first)
		end(&a->streams->first);
	free(TAKE_PTR(a->streams));
}
