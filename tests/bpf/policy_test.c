// SPDX-License-Identifier: Apache-2.0
/*
 * Runs every row of rows.c, in each family and direction it names, through the loaded programs and
 * compares all that can be seen: verdict, every counter, rule counters, events, sessions. Rows that a
 * query can express are asked of bh_explain too. Needs root.
 */
#include "rows.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <linux/bpf.h>
#include <netinet/in.h>
#include <linux/pkt_cls.h>

#define ELSEWHERE 7 /* an ifindex that is not ours */

static int passed, failed;
static bool opened; /* the node is: no row denies */

#define REASON_TEXT(name, action, text) text,
static const char *const reason_text[] = { BH_REASONS(REASON_TEXT) };
#define REASON_ACTION(name, action, text) BH_##action,
static const enum bh_action reason_action[] = { BH_REASONS(REASON_ACTION) };

struct run {
	const struct row *row;
	int family;
	enum bh_dir dir;
	struct frame frame;
	struct bh_flow6 flow;
	struct bh_session prior;
	struct counts before, after;
	struct bh_count ended_before; /* of PRIOR_RULE */
	uint64_t rule_before;
	uint32_t rule;
	int wrong;
};

static void __attribute__((format(printf, 2, 3))) wrong(struct run *run, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf("FAIL %s (IPv%d, %s%s): ", run->row->name, run->family,
	       run->dir == BH_EGRESS ? "from_pod" : "to_pod", opened ? ", node open" : "");
	vprintf(format, args);
	printf("\n");
	va_end(args);
	run->wrong++;
}

static void done(const struct run *run)
{
	if (run->wrong)
		failed++;
	else
		passed++;
}

static const char *stat_text(uint32_t stat)
{
	static const char *const more[] = { "event-lost", "event-throttled", "session-failed",
					    "session-adopted", "session-redone" };

	return stat < BH_REASON_MAX ? reason_text[stat] : more[stat - BH_REASON_MAX];
}

static enum bh_reason wanted(const struct row *row)
{
	return opened && reason_action[row->want] == BH_DENY ? BH_NODE_OPEN : row->want;
}

/* The reason that an event is to have; 0: there is to be none. */
static enum bh_reason told(const struct row *row)
{
	const enum bh_reason r = wanted(row);

	if (reason_action[r] == BH_ALLOW)
		return row->want == r ? row->told : 0;
	if (r == BH_SPOOFED_MAC || r == BH_SPOOFED_ADDR || r == BH_SPOOFED_ND || r == BH_NOT_OURS_MAC ||
	    r == BH_NOT_OURS_ADDR)
		return 0;
	return r;
}

/* What a UDP flow that only the open node lets through leaves: it keeps its answers from opening it for good.
 */
static bool leaves_cut(const struct run *run)
{
	const struct row *row = run->row;

	return wanted(row) == BH_NODE_OPEN && (row->left == NOTHING || row->prior.over) &&
	       run->flow.proto == IPPROTO_UDP && row->ep != E_NONE &&
	       (row->want == BH_DENIED || row->want == BH_NO_POLICY || row->want == BH_NO_ROW);
}

/* ---- before and after ------------------------------------------------------------------- */

static void put_prior(struct run *run)
{
	const struct prior *p = &run->row->prior;

	if (!p->epoch)
		return;
	run->prior = (struct bh_session){
		.word = (uint64_t)(p->fixed | (p->against ? !run->dir : run->dir)) << BH_SESS_FIXED_SHIFT |
			p->epoch,
		.seen = p->ahead ? world_now() + 1000 : world_now() - 1000,
		.life = p->over ? 10 : PRIOR_LIFE,
		.rule = PRIOR_RULE,
		.via = { (uint8_t)p->via, (uint8_t)(p->via >> 8) },
		.flags = p->flags,
		.state = p->state,
		.packets = { PRIOR_PACKETS, PRIOR_PACKETS },
		.bytes = { PRIOR_BYTES, PRIOR_BYTES },
	};
	world_session_put(&run->flow, &run->prior);
	if (p->epoch)
		(void)world_session(&run->flow,
				    &run->prior); /* with its key; not if it is in the former slice */
}

static uint32_t came_by(const struct row *row)
{
	return row->here ? 0 : row->by ? (uint32_t)row->by : ELSEWHERE;
}

static int times(const struct row *row)
{
	return row->repeat ?: 1;
}

static uint64_t expected(const struct run *run, uint32_t index)
{
	const struct row *row = run->row;
	uint32_t n = (uint32_t)times(row);

	if (index == wanted(row) * 2 + run->dir)
		return n;
	if (row->event_jiffies && told(row) && index == BH_STAT_EVENT_THROTTLED * 2 + run->dir)
		return n - 1;
	return row->stat && index == row->stat * 2 + run->dir;
}

static void check_counts(struct run *run)
{
	uint32_t i;

	for (i = 0; i < BH_STAT_MAX * 2; i++) {
		uint64_t packets = run->after.stat[i].packets - run->before.stat[i].packets;
		uint64_t bytes = run->after.stat[i].bytes - run->before.stat[i].bytes;
		uint64_t want = expected(run, i);

		if (packets != want)
			wrong(run, "counted %s/%s %llu times, not %llu", stat_text(i / 2),
			      i % 2 ? "out" : "in", (unsigned long long)packets, (unsigned long long)want);
		else if (bytes != want * run->frame.len)
			wrong(run, "%s: %llu bytes", stat_text(i / 2), (unsigned long long)bytes);
	}
	if (run->rule && world_rule_packets(run->rule) - run->rule_before !=
				 (wanted(run->row) == BH_NODE_OPEN ? 0 : (uint64_t)times(run->row)))
		wrong(run, "rule %u counted %llu times", run->rule,
		      (unsigned long long)(world_rule_packets(run->rule) - run->rule_before));
}

static void check_event(struct run *run)
{
	struct bh_event e = { 0 };
	const struct row *row = run->row;
	struct bh_addr nowhere = { 0 };
	int want = told(row) ? (row->event_jiffies ? 1 : times(row)) : 0, n = world_events(&e);

	if (n != want)
		wrong(run, "%d events, not %d", n, want);
	if (!n || n != want)
		return;
	if (e.reason != told(row) || e.dir != (row->far ? !run->dir : run->dir) || e.ifindex != IFINDEX ||
	    e.len != run->frame.len || !e.ns)
		wrong(run, "event: reason %u dir %u ifindex %u len %u", e.reason, e.dir, e.ifindex, e.len);
	if (e.rule != run->rule || e.policy_set != (row->ep == E_NONE ? 0 : (uint32_t)row->set))
		wrong(run, "event: rule %u set %u", e.rule, e.policy_set);
	if (row->want == BH_MALFORMED && (memcmp(&e.local, &nowhere, 16) || memcmp(&e.remote, &nowhere, 16)))
		wrong(run, "event: believes the addresses of a malformed packet");
	if (row->p.bend || row->want == BH_MALFORMED)
		return; /* the frame is not what the shape says */
	if (memcmp(&e.local, &run->flow.local, 16) || memcmp(&e.remote, &run->flow.remote, 16) ||
	    e.lport != run->flow.lport || e.rport != run->flow.rport || e.proto != run->flow.proto)
		wrong(run, "event: another flow, ports %u %u", ntohs(e.lport), ntohs(e.rport));
}

static uint32_t epoch_of(const struct bh_session *s)
{
	return (uint32_t)s->word;
}

static uint32_t fixed_of(const struct bh_session *s)
{
	return (uint32_t)(s->word >> BH_SESS_FIXED_SHIFT) & 0x7f;
}

/* By what is written of it in docs/architecture.md. */
static uint32_t life_in(const struct run *run, uint8_t state)
{
	static const enum bh_life tcp[] = { BH_LIFE_TCP_SYN_SENT,    BH_LIFE_TCP_SYN_RECV,
					    BH_LIFE_TCP_ESTABLISHED, BH_LIFE_TCP_FIN_WAIT,
					    BH_LIFE_TCP_TIME_WAIT,   BH_LIFE_TCP_CLOSE };

	if (run->flow.proto == IPPROTO_TCP)
		return world_life(tcp[state]);
	if (run->flow.proto == IPPROTO_SCTP)
		return world_life(state == BH_NEW	    ? BH_LIFE_SCTP_NEW
				  : state == BH_ESTABLISHED ? BH_LIFE_SCTP_ESTABLISHED
							    : BH_LIFE_SCTP_SHUTDOWN);
	if (run->flow.proto != IPPROTO_UDP)
		return world_life(BH_LIFE_ICMP);
	return world_life(state == BH_NEW ? BH_LIFE_UDP : BH_LIFE_UDP_STREAM);
}

static void check_fresh(struct run *run, const struct bh_session *s)
{
	enum bh_dir dir = run->dir;
	const uint32_t fixed = run->row->fixed | (uint32_t)(run->row->far_open ? !dir : dir);

	if (epoch_of(s) != EPOCH || fixed_of(s) != fixed || s->flags || s->rule != run->rule)
		wrong(run, "session: epoch %u fixed %x flags %x rule %u", epoch_of(s), fixed_of(s), s->flags,
		      s->rule);
	if (s->via[0] != (uint8_t)run->row->by || s->via[1] != (uint8_t)(run->row->by >> 8) || s->via[2])
		wrong(run, "session: not that of the pod behind the node's address");
	if (s->packets[dir] != 1 || s->packets[!dir] || s->bytes[dir] != run->frame.len || s->bytes[!dir])
		wrong(run, "session: counters are not those of one packet");
	if (world_now() - s->seen > 100)
		wrong(run, "session: never seen");
	if (s->state != BH_NEW || s->life != life_in(run, BH_NEW))
		wrong(run, "session: state %u life %u", s->state, s->life);
}

static void check_state(struct run *run, const struct bh_session *s)
{
	const struct bh_session *old = &run->prior;
	uint8_t state = run->row->state;

	if (!state)
		state = old->state != BH_NEW || !run->row->prior.against ? old->state
			: run->flow.proto == IPPROTO_TCP		 ? BH_ANSWERED
									 : BH_ESTABLISHED;
	if (s->state != state ||
	    s->life != (state != old->state || old->flags & BH_SESS_CUT ? life_in(run, state) : old->life))
		wrong(run, "session: state %u life %u", s->state, s->life);
}

static void check_runs(struct run *run, const struct bh_session *s)
{
	const struct bh_session *old = &run->prior;
	bool stale = epoch_of(old) != EPOCH;
	uint8_t flags = (old->flags & ~BH_SESS_CUT) | (run->row->prior.against ? BH_SESS_REPLIED : 0);
	enum bh_dir dir = run->dir;

	if (run->row->state == BH_FIN)
		flags |= BH_SESS_FIN(dir);
	if (old->state == BH_CLOSED)
		flags |= BH_SESS_ALIVE(dir);
	if (epoch_of(s) != EPOCH || fixed_of(s) != fixed_of(old) || s->flags != flags ||
	    s->rule != (stale ? run->rule : PRIOR_RULE))
		wrong(run, "session: epoch %u fixed %x flags %x rule %u", epoch_of(s), fixed_of(s), s->flags,
		      s->rule);
	if (s->packets[dir] != PRIOR_PACKETS + 1 || s->packets[!dir] != PRIOR_PACKETS ||
	    s->bytes[dir] != PRIOR_BYTES + run->frame.len || s->bytes[!dir] != PRIOR_BYTES)
		wrong(run, "session: counters do not go on");
	if (world_now() - s->seen > 100)
		wrong(run, "session: not seen");
	check_state(run, s);
}

static void check_cut(struct run *run, const struct bh_session *s)
{
	struct bh_session want = run->prior;

	want.flags |= BH_SESS_CUT;
	want.seen = s->seen;
	want.life = world_life(BH_LIFE_CUT);
	if (memcmp(s, &want, sizeof(want)) || world_now() - s->seen > 100)
		wrong(run, "session: epoch %u fixed %x flags %x seen %u", epoch_of(s), fixed_of(s), s->flags,
		      s->seen);
}

/* What the endpoint's own counters say of it. */
static void check_endpoint(struct run *run)
{
	const struct bh_ep_stat *old = &run->before.ep, *new = &run->after.ep;
	const enum bh_reason reason = wanted(run->row);
	const bool known = run->row->ep != E_NONE;
	uint64_t want;
	int r, dir;

	for (dir = 0; dir < 2; dir++) {
		for (r = 0; r < BH_REASON_MAX; r++) {
			want = known && r != BH_SESSION && r == (int)reason && dir == (int)run->dir
				       ? (uint64_t)times(run->row)
				       : 0;
			if (new->packets[r][dir] - old->packets[r][dir] != want)
				wrong(run, "the endpoint counted %s", reason_text[r]);
		}
		want = reason == BH_SESSION && dir == (int)run->dir ? (uint64_t)times(run->row) : 0;
		if (new->hot[dir].packets - old->hot[dir].packets != want)
			wrong(run, "the endpoint counted a session's packets");
	}
	want = reason == BH_SESSION && run->row->stat == BH_STAT_SESSION_REDONE;
	if (new->redone - old->redone != want)
		wrong(run, "the endpoint counted %llu decided afresh",
		      (unsigned long long)(new->redone - old->redone));
	want = run->row->left == FRESH || leaves_cut(run);
	if (new->opened - old->opened != want || new->evicted_new != old->evicted_new ||
	    new->evicted_live != old->evicted_live)
		wrong(run, "the endpoint's sessions: %llu opened, %llu and %llu evicted",
		      (unsigned long long)(new->opened - old->opened),
		      (unsigned long long)(new->evicted_new - old->evicted_new),
		      (unsigned long long)(new->evicted_live - old->evicted_live));
	if (memcmp(run->before.never, run->after.never, sizeof(run->before.never)))
		wrong(run, "bh_stats has a session's packets");
}

static void check_session(struct run *run)
{
	struct bh_session s;
	int n = world_sessions();

	if (leaves_cut(run)) {
		if (n != 1 || !world_session(&run->flow, &s) || s.flags != BH_SESS_CUT ||
		    epoch_of(&s) == EPOCH || (int32_t)(epoch_of(&s) - BORN) < 0 ||
		    fixed_of(&s) != (uint32_t)run->dir || s.life != world_life(BH_LIFE_CUT))
			wrong(run, "%d sessions, not one that is cut", n);
		return;
	}
	if (n != (run->row->left != NOTHING)) {
		wrong(run, "%d sessions are left", n);
		return;
	}
	if (!n)
		return;
	if (!world_session(&run->flow, &s))
		wrong(run, "a session of another flow is left");
	else if (run->row->left == FRESH)
		check_fresh(run, &s);
	else if (run->row->left == RUNS)
		check_runs(run, &s);
	else if (run->row->left == CUT)
		check_cut(run, &s);
	else if (run->row->ep != E_GROWS && memcmp(&s, &run->prior, sizeof(s)))
		wrong(run, "the session was touched");
}

/* What was there before has gone, or its line is another flow's now: its rule keeps what it had carried. */
static void check_ended(struct run *run)
{
	const enum left left = run->row->left;
	const bool gone = run->row->prior.epoch && (left == NOTHING || left == FRESH || leaves_cut(run));
	const struct bh_count now = world_rule_ended(PRIOR_RULE);

	if (now.packets - run->ended_before.packets != (gone ? 2 * PRIOR_PACKETS : 0) ||
	    now.bytes - run->ended_before.bytes != (gone ? 2 * PRIOR_BYTES : 0))
		wrong(run, "the rule of what ended has %llu more packets",
		      (unsigned long long)(now.packets - run->ended_before.packets));
}

/* ---- one row ---------------------------------------------------------------------------- */

static bool paged_unsupported;

/* What came before this packet, of which only fragments are remembered. */
static void run_before(struct run *run)
{
	const struct row *row = run->row;
	struct bh_event last;
	struct frame f;
	int i;

	for (i = 0; i < BEFORE && row->before[i]; i++) {
		struct shape p = row->p;

		p.bend = row->before[i];
		shape_frame(&p, run->family, run->dir, &f);
		(void)world_run(run->dir, &f, came_by(row), 0, 1);
	}
	world_age_fragments(row->aged, row->former);
	world_clear_sessions();
	(void)world_events(&last);
}

static void run_packet(struct run *run)
{
	const struct row *row = run->row;
	int want = reason_action[wanted(row)] == BH_ALLOW ? TC_ACT_UNSPEC : TC_ACT_SHOT, got;

	world_clear();
	world_event_jiffies(row->event_jiffies);
	run->ended_before = world_rule_ended(PRIOR_RULE);
	put_prior(run);
	if (row->before[0]) {
		run_before(run);
		put_prior(run);
	}
	run->before = world_counts();
	run->rule_before = world_rule_packets(run->rule);
	got = world_run(run->dir, &run->frame, came_by(row), row->linear, times(row));
	if (got <= -1000 && row->linear) {
		paged_unsupported = true;
		return;
	}
	run->after = world_counts();
	if (got != want)
		wrong(run, "verdict %d, not %d", got, want);
	check_counts(run);
	check_event(run);
	check_session(run);
	check_ended(run);
	check_endpoint(run);
	done(run);
}

static bool is_midflow(const struct shape *p)
{
	if (p->proto == IPPROTO_SCTP)
		return p->flags && p->flags != 1;
	return p->proto == IPPROTO_ICMP
		       ? p->back
		       : !p->proto && p->flags && (p->flags & (SYN | ACK | RST | FIN)) != SYN;
}

/* The same question put to bh_explain, where a query can say all that the row says. */
static void run_query(struct run *run)
{
	const struct row *row = run->row;
	const struct bh_flow6 *k = &run->flow;
	struct bh_query q = { .ifindex = IFINDEX,
			      .local = k->local,
			      .remote = k->remote,
			      .lport = k->lport,
			      .rport = k->rport,
			      .proto = k->proto,
			      .dir = run->dir };
	struct bh_event e;

	if (row->p.bend || row->before[0] || row->want == BH_MALFORMED || row->prior.epoch || row->p.mac ||
	    row->p.group || row->p.peer == P_MAPPED || row->p.local == L_MAPPED || row->p.local == L_ZERO ||
	    row->linear || row->by)
		return;
	world_clear();
	q.flags = (row->here ? BH_Q_HOST_MADE : 0) | (is_midflow(&row->p) ? BH_Q_MIDFLOW : 0);
	run->before = world_counts();
	if (world_explain(&q) != TC_ACT_UNSPEC)
		wrong(run, "explain: not TC_ACT_UNSPEC");
	run->after = world_counts();
	if (q.reason != wanted(row))
		wrong(run, "explain: %s", q.reason < BH_REASON_MAX ? reason_text[q.reason] : "?");
	if (q.rule != run->rule || q.policy_set != (row->ep == E_NONE ? 0 : (uint32_t)row->set))
		wrong(run, "explain: rule %u set %u", q.rule, q.policy_set);
	if (memcmp(&run->before, &run->after, sizeof(run->before)) || world_sessions() || world_events(&e))
		wrong(run, "explain: left something behind");
	done(run);
}

static void run_row(const struct row *row, int family, enum bh_dir dir)
{
	struct run run = { .row = row, .family = family, .dir = dir };

	run.flow = shape_flow(&row->p, family, dir, IFINDEX);
	run.rule = row->rule;
	if (row->rule && row->rule < R_LONG)
		run.rule += row->far_rule ? !dir : dir;
	shape_frame(&row->p, family, dir, &run.frame);
	world_endpoint(row->ep, row->set);
	run_packet(&run);
	run.wrong = 0;
	run_query(&run);
}

static const struct rows *const tables[] = { &plain_rows, &odd_rows };
#define N_TABLES (sizeof(tables) / sizeof(*tables))

static bool is_wanted(enum bh_reason reason)
{
	size_t t, i;

	for (t = 0; t < N_TABLES; t++)
		for (i = 0; i < tables[t]->n; i++)
			if (tables[t]->row[i].want == reason)
				return true;
	return false;
}

/* Nothing that is on the list of reasons is there for nothing. */
static void every_reason_is_reached(void)
{
	const struct row row = { .name = "every reason" };
	struct run run = { .row = &row, .family = 4 };
	int reason;

	for (reason = 0; reason < BH_REASON_MAX; reason++)
		if (!is_wanted((enum bh_reason)reason) &&
		    reason != BH_NODE_OPEN) /* which all denied ones reach */
			wrong(&run, "no row is for %s", reason_text[reason]);
	done(&run);
}

/* Return: how many packets that were. */
static int run_rows(const struct rows *table)
{
	int pair, n = 0;
	size_t i;

	for (i = 0; i < table->n; i++) {
		const struct row *row = &table->row[i];

		for (pair = 0; pair < 4; pair++)
			if (row->families & (pair & 1 ? F6 : F4) && row->dirs & 1 << (pair >> 1)) {
				run_row(row, pair & 1 ? 6 : 4, (enum bh_dir)(pair >> 1));
				n++;
			}
	}
	return n;
}

static void run_table(void)
{
	size_t t, rows = 0;
	int n = 0;

	for (t = 0; t < N_TABLES; t++) {
		n += run_rows(tables[t]);
		rows += tables[t]->n;
	}
	if (!opened)
		printf("%zu rows, %d with their families and directions\n", rows, n);
}

/* ---- what one packet cannot show -------------------------------------------------------- */

/* More denials than the ring holds: every one is in the ring or counted as lost. */
static void ring_full(void)
{
	static const struct row row = { .name = "ring full", .p = { .peer = P_STRANGER } };
	struct run run = { .row = &row, .family = 4 };
	struct counts before, after;
	struct bh_event e;
	uint64_t lost;
	int n, total = 20000;

	shape_frame(&row.p, 4, BH_INGRESS, &run.frame);
	world_endpoint(E_PLAIN, S_SHUT);
	world_event_jiffies(0);
	world_clear();
	before = world_counts();
	(void)world_run(BH_INGRESS, &run.frame, ELSEWHERE, 0, total);
	after = world_counts();
	n = world_events(&e);
	lost = after.stat[BH_STAT_EVENT_LOST * 2].packets - before.stat[BH_STAT_EVENT_LOST * 2].packets;
	if (!lost || n < 1000 || (uint64_t)n + lost != (uint64_t)total)
		wrong(&run, "%d events and %llu lost of %d", n, (unsigned long long)lost, total);
	done(&run);
}

/* Denied flows of one client that differ in its port alone, in turn: each is reported once, whatever comes
 * between. Two that share a slot would be reported again, so a few more are no fault. */
static void throttled_apart(int family)
{
	static const struct row row = { .name = "flows are throttled apart" };
	struct run run = { .row = &row, .family = family };
	const int flows = 32, rounds = 8;
	struct frame f;
	struct bh_event e;
	int i, n;

	world_endpoint(E_PLAIN, S_SHUT);
	world_event_jiffies(1000000);
	world_clear();
	for (i = 0; i < flows * rounds; i++) {
		const struct shape p = { .peer = P_STRANGER, .eph = (uint16_t)(20000 + i % flows) };

		shape_frame(&p, family, BH_INGRESS, &f);
		(void)world_run(BH_INGRESS, &f, ELSEWHERE, 0, 1);
	}
	n = world_events(&e);
	if (n < flows || n > 2 * flows)
		wrong(&run, "%d events of %d flows", n, flows);
	done(&run);
}

static void pass(struct run *run, const struct shape *p, enum bh_dir dir, enum bh_reason reason)
{
	const int want = reason_action[reason] == BH_ALLOW ? TC_ACT_UNSPEC : TC_ACT_SHOT;
	const uint64_t before = world_counts().stat[reason * 2 + dir].packets;
	struct frame f;

	shape_frame(p, run->family, dir, &f);
	if (world_run(dir, &f, ELSEWHERE, 0, 1) != want ||
	    world_counts().stat[reason * 2 + dir].packets != before + 1)
		wrong(run, "%s is not %s", dir == BH_EGRESS ? "out" : "in", reason_text[reason]);
}

/* A flow that was let in while the node was open, and answered: closed again it is cut in both directions,
 * though the pod itself might open it. */
static void open_and_closed(int family, uint8_t proto)
{
	const struct row row = { .name = proto ? "let in while open, UDP" : "let in while open, TCP" };
	struct run run = { .row = &row, .family = family };
	const enum bh_reason closed = proto ? BH_DENIED : BH_NO_SESSION;
	const struct shape first = { .proto = proto, .port = 99 },
			   in = { .proto = proto, .port = 99, .flags = ACK },
			   out = { .proto = proto, .port = 99, .flags = ACK, .back = true };

	world_endpoint(E_PLAIN, S_IN);
	world_clear();
	world_open(true);
	pass(&run, &first, BH_INGRESS, BH_NODE_OPEN);
	pass(&run, &out, BH_EGRESS, BH_NODE_OPEN);
	pass(&run, &in, BH_INGRESS, BH_NODE_OPEN);
	world_open(false);
	pass(&run, &out, BH_EGRESS, closed);
	pass(&run, &in, BH_INGRESS, closed);
	pass(&run, &first, BH_INGRESS, BH_DENIED);
	done(&run);
}

/* One more flow than its set holds, all from one address: who was silent longest makes room, and whoever
 * nobody answered before the others. */
static void set_full(int family)
{
	const struct bh_count ended = world_rule_ended(R_HTTP + BH_INGRESS);
	const struct row row = { .name = "set full" };
	struct run run = { .row = &row, .family = family };
	const struct bh_ep_stat before = world_counts().ep;
	struct bh_count carried;
	struct bh_ep_stat after;
	struct frame f;
	int i, n;

	world_endpoint(E_PLAIN, S_WEB);
	world_clear();
	for (i = 0; i < 2000; i++) {
		const struct shape p = { .eph = (uint16_t)(1000 + i), .peer = P_WEB };

		shape_frame(&p, family, BH_INGRESS, &f);
		if (world_run(BH_INGRESS, &f, ELSEWHERE, 0, 1) != TC_ACT_UNSPEC)
			wrong(&run, "flow %d dropped", i);
	}
	n = world_sessions();
	after = world_counts().ep;
	if (n != (family == 4 ? 16 : 4) * BH_WAYS || after.opened - before.opened != 2000 ||
	    after.evicted_new - before.evicted_new != 2000 - (uint64_t)n ||
	    after.evicted_live != before.evicted_live)
		wrong(&run, "%d sessions, %llu evicted", n,
		      (unsigned long long)(after.evicted_new - before.evicted_new));
	carried = world_rule_ended(R_HTTP + BH_INGRESS);
	if (carried.packets - ended.packets != 2000 - (uint64_t)n ||
	    carried.bytes - ended.bytes != (2000 - (uint64_t)n) * f.len)
		wrong(&run, "their rule has %llu packets of those evicted",
		      (unsigned long long)(carried.packets - ended.packets));
	done(&run);
}

/* What is left in a line that was freed was counted by who freed it. */
static void freed_line(int family)
{
	const struct row row = { .name = "freed line" };
	struct run run = { .row = &row, .family = family };
	const uint64_t before = world_rule_ended(R_HTTP + BH_INGRESS).packets;
	const struct shape p = { .peer = P_WEB };
	struct bh_session s;
	struct frame f;

	world_endpoint(E_PLAIN, S_WEB);
	world_clear();
	shape_frame(&p, family, BH_INGRESS, &f);
	(void)world_run(BH_INGRESS, &f, ELSEWHERE, 0, 1);
	world_free_sessions();
	(void)world_run(BH_INGRESS, &f, ELSEWHERE, 0, 1);
	run.flow = shape_flow(&p, family, BH_INGRESS, world_ifindex);
	if (!world_session(&run.flow, &s) || s.packets[BH_INGRESS] != 1)
		wrong(&run, "no second session");
	if (world_rule_ended(R_HTTP + BH_INGRESS).packets != before)
		wrong(&run, "counted once more");
	done(&run);
}

int main(void)
{
	int family;

	world_load();
	every_reason_is_reached();
	run_table();
	opened = true;
	world_open(true);
	run_table();
	opened = false;
	world_open(false);
	for (family = 4; family <= 6; family += 2) {
		open_and_closed(family, 0);
		open_and_closed(family, IPPROTO_UDP);
		set_full(family);
		freed_line(family);
		throttled_apart(family);
	}
	ring_full();
	world_unload();

	if (paged_unsupported)
		printf("this kernel's test run has no paged packets: those rows were skipped\n");
	printf("%d passed, %d failed\n", passed, failed);
	return failed != 0;
}
