/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of `bulkheadctl ui` share: collecting, asking, pages. */
#ifndef BH_CTL_UI_H
#define BH_CTL_UI_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "api/api.h"
#include "ctl/ctl.h"
#include "ctl/graph.h"
#include "ctl/job.h"
#include "http/web.h"

#define UI_TOKEN     33 /* 128 bits in hex, and a NUL */
#define UI_QUESTIONS 4	/* explain, at once */
#define UI_ASKS	     3	/* endpoints, sessions, flows */
#define UI_POLLS     (2 + 2 * (UI_QUESTIONS + UI_ASKS))

/* All nodes' answers, again and again for as long as a page wants them. */
struct ui_collect {
	struct job jobs[UI_ASKS];
	bool running;
	int64_t next_ms, due_ms, wanted_ms; /* when to begin; to give up; a page asked last */
	int64_t done_ms;		    /* of the wall clock; 0: never yet */
	uint64_t took_ms;
	char trouble[2048]; /* what the last round said on stderr; "": nothing */
};

struct ui;

struct ui_question {
	char key[1200]; /* what is asked; "": free */
	void (*write)(struct ui *u, const struct job *j, struct web_answer *ret); /* once it is over */
	struct job job;
	int64_t until_ms; /* it is ended then, or forgotten */
};

struct ui {
	const struct ctl *c;
	struct web *web;
	struct graph *graph;
	struct ui_collect collect;
	struct ui_question questions[UI_QUESTIONS];
	char token[UI_TOKEN], prefix[UI_TOKEN + 2]; /* "/TOKEN/" */
};

int64_t ui_now_ms(void); /* of the wall clock, as reports have it */

/* ---- ui_collect.c ------------------------------------------------------------------------- */

void ui_collect_work(struct ui *u);
void ui_collect_end(struct ui *u);
/* A page is being looked at. */
void ui_collect_want(struct ui *u);

/* ---- ui_pages.c --------------------------------------------------------------------------- */

void ui_page(void *ctx, const struct web_request *request, struct web_answer *ret);

void ui_questions_work(struct ui *u);

/* A question, or what came of it: who asks the same again gets the answer once it is there. @input: as
 * job_start() has it. */
void ui_ask(struct ui *u, const char *key, bool json, char *const *words, const struct buf *input,
	    void (*write)(struct ui *u, const struct job *j, struct web_answer *ret), struct web_answer *ret);
void ui_refuse(struct web_answer *ret, int status, const char *why);

/* "name":"text" of any text. Return: 0, -E2BIG or -ENOMEM. */
int ui_member(struct buf *b, const char *name, const char *text);

/* ---- ui_request.c ------------------------------------------------------------------------- */

/* The value of a name in a query, decoded. Return: whether it is there, fits and is text. */
bool ui_query(const char *query, const char *name, char *ret, size_t size);

/* Host is an address or "localhost", so that no name which somebody else gives out leads here; Origin is
 * nobody else's page. */
bool ui_trusts(const struct web_request *request);

/* ---- ui_simulate.c ------------------------------------------------------------------------ */

#define UI_POLICY_MAX API_LONG_MAX /* as much as an agent takes */

/* What the policies in the body of a POST would change. */
void ui_simulate(struct ui *u, const struct web_request *request, struct web_answer *ret);

/* ---- ui_files.c --------------------------------------------------------------------------- */

struct ui_file {
	const char *name, *type;
	const char *begin, *end;
};
const struct ui_file *ui_file(const char *name); /* NULL: there is none */

#endif
