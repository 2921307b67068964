/* SPDX-License-Identifier: Apache-2.0 */
/* Asking all nodes in rounds: their pods, sessions and reports at once, each by a job of its own. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ctl/ui.h"
#include "util/clock.h"
#include "util/scope.h"

#define PAUSE_MS	2000  /* between two rounds of the agent of this node */
#define PAUSE_REMOTE_MS 5000  /* of all nodes through kubectl */
#define UNWANTED_MS	30000 /* no page has asked for so long: nor do we */
#define ROUND_MS	120000

int64_t ui_now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static const struct {
	char *words[2];
	void (*take)(struct graph *g, struct json_object *item, int64_t now_ms);
} asks[UI_ASKS] = {
	{ { "endpoints", NULL }, graph_endpoint },
	{ { "sessions", NULL }, graph_session },
	{ { "flows", NULL }, graph_report },
};

/* An item a line: "{...}," between the lines of an array. What is none is passed over. */
static void take_lines(struct ui *u, size_t ask)
{
	struct buf *text = &u->collect.jobs[ask].text;
	const int64_t now_ms = ui_now_ms();
	size_t begin = 0;
	char *end;

	while (text->len > begin && (end = memchr(text->data + begin, '\n', text->len - begin))) {
		char *line = text->data + begin;
		struct json_object *item;

		*end = '\0';
		begin = (size_t)(end - text->data) + 1;
		if (*line != '{')
			continue;
		if (end[-1] == ',')
			end[-1] = '\0';
		item = json_tokener_parse(line);
		if (json_object_is_type(item, json_type_object))
			asks[ask].take(u->graph, item, now_ms);
		json_object_put(item);
	}
	buf_drop(text, begin);
}

/* What was said, once: three jobs that reach no agent say the same. */
static void add_trouble(char trouble[2048], const struct buf *said)
{
	const size_t used = strlen(trouble);

	if (said->len && !strstr(trouble, said->data))
		(void)snprintf(trouble + used, 2048 - used, "%s", said->data);
}

static void begin_round(struct ui *u)
{
	struct ui_collect *o = &u->collect;
	struct bh_err err;
	size_t i;

	o->running = true;
	o->due_ms = clock_ms() + ROUND_MS;
	for (i = 0; i < UI_ASKS; i++)
		if (job_start(&o->jobs[i], u->c, true, asks[i].words, NULL, &err) < 0)
			(void)snprintf(o->trouble, sizeof(o->trouble), "%s\n", err.msg);
}

static void end_round(struct ui *u)
{
	struct ui_collect *o = &u->collect;
	const bool late = clock_ms() >= o->due_ms;
	int64_t pause_ms;
	size_t i;

	o->trouble[0] = '\0';
	for (i = 0; i < UI_ASKS; i++) {
		add_trouble(o->trouble, &o->jobs[i].said);
		if (!o->jobs[i].over || (!ctl_answered(o->jobs[i].code) && !*o->trouble))
			(void)snprintf(o->trouble, sizeof(o->trouble), "'%s' did not come to its end%s\n",
				       asks[i].words[0], late ? " in two minutes" : "");
		job_end(&o->jobs[i]);
	}
	graph_settle(u->graph, ui_now_ms());
	o->took_ms = (uint64_t)(clock_ms() - (o->due_ms - ROUND_MS));
	o->done_ms = ui_now_ms();
	o->running = false;
	pause_ms = ctl_remote(u->c) ? PAUSE_REMOTE_MS : PAUSE_MS;
	o->next_ms = clock_ms() + (pause_ms > 2 * (int64_t)o->took_ms ? pause_ms : 2 * (int64_t)o->took_ms);
}

void ui_collect_work(struct ui *u)
{
	struct ui_collect *o = &u->collect;
	bool over = true;
	size_t i;

	if (!o->running) {
		if (clock_ms() >= o->next_ms && clock_ms() - o->wanted_ms < UNWANTED_MS)
			begin_round(u);
		return;
	}
	for (i = 0; i < UI_ASKS; i++) {
		job_work(&o->jobs[i]);
		take_lines(u, i);
		over &= !o->jobs[i].pid || o->jobs[i].over;
	}
	if (over || clock_ms() >= o->due_ms)
		end_round(u);
}

void ui_collect_want(struct ui *u)
{
	u->collect.wanted_ms = clock_ms();
}

void ui_collect_end(struct ui *u)
{
	size_t i;

	for (i = 0; i < UI_ASKS; i++)
		job_end(&u->collect.jobs[i]);
}
