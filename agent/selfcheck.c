/* SPDX-License-Identifier: Apache-2.0 */
/* Samples of what the program decides, held against the tables it was meant to decide by. */
#include "selfcheck.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "denials.h"
#include "event.h"
#include "jsonx.h"
#include "meant.h"
#include "names.h"
#include "picks.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/scope.h"

#define AFTER_CHANGE 48 /* flows; 1 to 2 us each */
#define NOW_AND_THEN 8	/* with each tick */
#define A_TURN	     8
#define REST_MS	     5
#define LOGGED	     5		  /* differences of one change that are logged one by one */
#define TELL_NS	     60000000000u /* an Event at most so often */

struct selfcheck {
	struct loop_timer timer;
	struct picks picks;
	size_t left, logged;
	uint64_t asked, differ, told_ns;
	int64_t differed_ms;
	char last[400]; /* difference */
};

/* ---- one flow ----------------------------------------------------------------------------- */

static const char *verdict_text(bool allow, const char *rule, char ret[160])
{
	(void)snprintf(ret, 160, "%s%s%s%s", allow ? "allowed" : "denied", rule ? " by '" : "",
		       rule ? rule : "", rule ? "'" : "");
	return ret;
}

static void describe(struct agent *a, const struct bh_query *q, const struct meant *m, const char *rule)
{
	struct selfcheck *s = a->selfcheck;
	char local[ADDR_TEXT], remote[ADDR_TEXT], is[160], meant[160], proto[8];
	struct addr at, other;

	memcpy(at.b, q->local.w, sizeof(at.b));
	memcpy(other.b, q->remote.w, sizeof(other.b));
	(void)snprintf(s->last, sizeof(s->last),
		       "%s of %s (interface %u), remote %s, %s %u: the program says %s (%s), the tables %s",
		       q->dir == BH_INGRESS ? "ingress" : "egress", addr_text(&at, local), q->ifindex,
		       addr_text(&other, remote), names_proto(q->proto, proto),
		       ntohs(q->dir == BH_EGRESS ? q->rport : q->lport),
		       verdict_text(names_reason_allows(q->reason), rule, is), names_reason(q->reason),
		       verdict_text(m->allow, m->rule, meant));
}

static void alarm_of(struct agent *a)
{
	struct selfcheck *s = a->selfcheck;
	const uint64_t now = clock_ns();

	s->differ++;
	s->differed_ms = clock_ms();
	if (s->logged++ < LOGGED)
		log_error("self-check: %s; report this, and restart the agent", s->last);
	if (s->told_ns && now - s->told_ns < TELL_NS)
		return;
	s->told_ns = now;
	event_tell(a, true, "TablesDiffer", NULL, "the data plane does not decide as it was told to: %s",
		   s->last);
}

static void ask(struct agent *a, struct bh_query *q)
{
	const struct inforce *f = reconcile_inforce(a->reconcile);
	const struct meant m = meant_by_tables(f, inforce_ifindex(f, q->ifindex), q);
	const char *rule;
	struct bh_err err;

	if (dp_explain(a->dp, q, &err) < 0)
		return; /* the kernel has no memory: that is no answer */
	a->selfcheck->asked++;
	rule = names_rule(f, reconcile_actual(a->reconcile), q->rule);
	if (!meant_differs(&m, q, rule))
		return;
	describe(a, q, &m, rule);
	alarm_of(a);
}

/* ---- which -------------------------------------------------------------------------------- */

/* Every fourth a recent denial; the others from the tables. */
static bool pick(struct agent *a, struct bh_query *ret)
{
	struct selfcheck *s = a->selfcheck;
	const uint64_t n = picks_number(&s->picks) >> 32;

	if (n % 4 == 0 && denials_pick(a, n / 4, ret))
		return true;
	return picks_flow(&s->picks, reconcile_inforce(a->reconcile), NULL, ret);
}

/* While a plan is in its steps the maps are between two worlds; after one that failed they may be. */
static bool is_settled(const struct agent *a)
{
	struct reconcile_status st;

	reconcile_status(a->reconcile, &st);
	return reconcile_inforce(a->reconcile) && !reconcile_next(a->reconcile) && !st.failing[0];
}

static void on_timer(void *ctx)
{
	struct agent *a = ctx;
	struct selfcheck *s = a->selfcheck;
	struct bh_query q;
	size_t i;

	if (!is_settled(a))
		return; /* selfcheck_enforced() comes again */
	for (i = 0; i < A_TURN && s->left; i++, s->left--)
		if (pick(a, &q))
			ask(a, &q);
	if (s->left)
		loop_timer_set(a->loop, &s->timer, REST_MS);
}

static void begin(struct agent *a, size_t n)
{
	struct selfcheck *s = a->selfcheck;

	if (s->left < n)
		s->left = n;
	loop_timer_set(a->loop, &s->timer, 0);
}

void selfcheck_enforced(struct agent *a)
{
	a->selfcheck->logged = 0;
	begin(a, AFTER_CHANGE);
}

void selfcheck_tick(struct agent *a)
{
	begin(a, NOW_AND_THEN);
}

void selfcheck_add(const struct agent *a, struct json_object *o)
{
	const struct selfcheck *s = a->selfcheck;
	struct json_object *c = json_object_new_object();

	jx_add_int(c, "asked", s->asked);
	jx_add_int(c, "differ", s->differ);
	jx_add_str(c, "last", s->differ ? s->last : NULL);
	jx_add(o, "self_check", c);
}

void selfcheck_seen(const struct agent *a, struct selfcheck_seen *ret)
{
	const struct selfcheck *s = a->selfcheck;

	*ret = (struct selfcheck_seen){ s->asked, s->differ, s->differed_ms, s->last };
}

/* ---- life --------------------------------------------------------------------------------- */

int selfcheck_new(struct agent *a)
{
	a->selfcheck = calloc(1, sizeof(*a->selfcheck));
	if (!a->selfcheck)
		return -ENOMEM;
	a->selfcheck->timer = (struct loop_timer){ .fn = on_timer, .ctx = a };
	a->selfcheck->picks.state = clock_ns() | 1;
	return 0;
}

void selfcheck_free(struct agent *a)
{
	if (!a->selfcheck)
		return;
	loop_timer_unset(a->loop, &a->selfcheck->timer);
	free(TAKE_PTR(a->selfcheck));
}
