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

static bool makes_event(enum bh_reason r)
{
	return reason_action[r] == BH_DENY && r != BH_SPOOFED_MAC && r != BH_SPOOFED_ADDR &&
	       r != BH_SPOOFED_ND && r != BH_NOT_OURS_MAC && r != BH_NOT_OURS_ADDR;
}

static enum bh_reason wanted(const struct row *row)
{
	return opened && reason_action[row->want] == BH_DENY ? BH_NODE_OPEN : row->want;
}

/* What a UDP flow that only the open node lets through leaves: it keeps its answers from opening it for good.
 */
static bool leaves_cut(const struct run *run)
{
	const struct row *row = run->row;

	return wanted(row) == BH_NODE_OPEN && run->flow.proto == IPPROTO_UDP && row->ep != E_NONE &&
	       (row->want == BH_DENIED || row->want == BH_NO_POLICY || row->want == BH_NO_ROW);
}

/* ---- before and after ------------------------------------------------------------------- */

static void put_prior(struct run *run)
{
	const struct prior *p = &run->row->prior;

	if (!p->epoch)
		return;
	run->prior = (struct bh_session){
		.epoch = p->epoch,
		.seen = 1,
		.rule = PRIOR_RULE,
		.flags = p->flags,
		.opener = p->against ? !run->dir : run->dir,
		.packets = { PRIOR_PACKETS, PRIOR_PACKETS },
		.bytes = { PRIOR_BYTES, PRIOR_BYTES },
	};
	world_session_put(&run->flow, &run->prior);
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
	if (row->event_jiffies && makes_event(wanted(row)) && index == BH_STAT_EVENT_THROTTLED * 2 + run->dir)
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
	int want = makes_event(wanted(row)) ? (row->event_jiffies ? 1 : times(row)) : 0, n = world_events(&e);

	if (n != want)
		wrong(run, "%d events, not %d", n, want);
	if (!n || n != want)
		return;
	if (e.reason != row->want || e.dir != (row->far ? !run->dir : run->dir) || e.ifindex != IFINDEX ||
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

static void check_fresh(struct run *run, const struct bh_session *s)
{
	enum bh_dir dir = run->dir;

	if (s->epoch != EPOCH || s->opener != (run->row->far_open ? !dir : dir) ||
	    s->flags != run->row->flags || s->rule != run->rule)
		wrong(run, "session: epoch %u opener %u flags %x rule %u", s->epoch, s->opener, s->flags,
		      s->rule);
	if (s->packets[dir] != 1 || s->packets[!dir] || s->bytes[dir] != run->frame.len || s->bytes[!dir])
		wrong(run, "session: counters are not those of one packet");
	if (s->seen < 2)
		wrong(run, "session: never seen");
}

static void check_runs(struct run *run, const struct bh_session *s)
{
	const struct bh_session *old = &run->prior;
	bool stale = old->epoch != EPOCH;
	uint8_t flags = (old->flags & ~BH_SESS_CUT) | (old->opener != run->dir ? BH_SESS_REPLIED : 0);
	enum bh_dir dir = run->dir;

	if (s->epoch != EPOCH || s->opener != old->opener || s->flags != flags ||
	    s->rule != (stale ? run->rule : PRIOR_RULE))
		wrong(run, "session: epoch %u opener %u flags %x rule %u", s->epoch, s->opener, s->flags,
		      s->rule);
	if (s->packets[dir] != PRIOR_PACKETS + 1 || s->packets[!dir] != PRIOR_PACKETS ||
	    s->bytes[dir] != PRIOR_BYTES + run->frame.len || s->bytes[!dir] != PRIOR_BYTES)
		wrong(run, "session: counters do not go on");
	if (s->seen == old->seen)
		wrong(run, "session: not seen");
}

static void check_cut(struct run *run, const struct bh_session *s)
{
	struct bh_session want = run->prior;

	want.flags |= BH_SESS_CUT;
	want.seen = s->seen;
	if (memcmp(s, &want, sizeof(want)) || s->seen < 2)
		wrong(run, "session: epoch %u opener %u flags %x seen %u", s->epoch, s->opener, s->flags,
		      s->seen);
}

static void check_session(struct run *run)
{
	struct bh_session s;
	int n = world_sessions();

	if (run->row->left == NOTHING && leaves_cut(run)) {
		if (n != 1 || !world_session(&run->flow, &s) || s.flags != BH_SESS_CUT || s.epoch == EPOCH ||
		    (int32_t)(s.epoch - BORN) < 0 || s.opener != run->dir)
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
	else if (memcmp(&s, &run->prior, sizeof(s)))
		wrong(run, "the session was touched");
}

/* ---- one row ---------------------------------------------------------------------------- */

static bool paged_unsupported;

static void run_packet(struct run *run)
{
	const struct row *row = run->row;
	int want = reason_action[wanted(row)] == BH_ALLOW ? TC_ACT_UNSPEC : TC_ACT_SHOT, got;

	world_clear();
	put_prior(run);
	world_event_jiffies(row->event_jiffies);
	run->before = world_counts();
	run->rule_before = world_rule_packets(run->rule);
	got = world_run(run->dir, &run->frame, row->here ? 0 : ELSEWHERE, row->linear, times(row));
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
	done(run);
}

static bool is_midflow(const struct shape *p)
{
	return p->proto == IPPROTO_ICMP ? p->back : !p->proto && p->flags && p->flags != SYN;
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

	if (row->p.bend || row->prior.epoch || row->p.mac || row->p.group || row->p.peer == P_MAPPED ||
	    row->p.local == L_MAPPED || row->p.local == L_ZERO || row->linear)
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

static void run_table(void)
{
	size_t i;
	int pair;

	for (i = 0; i < n_rows; i++)
		for (pair = 0; pair < 4; pair++)
			if (rows[i].families & (pair & 1 ? F6 : F4) && rows[i].dirs & 1 << (pair >> 1))
				run_row(&rows[i], pair & 1 ? 6 : 4, (enum bh_dir)(pair >> 1));
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

/* A session table that takes no more: the packet passes all the same, and it is counted. */
static void table_full(int family)
{
	static const struct row row = { .name = "session table full" };
	struct run run = { .row = &row, .family = family };
	struct shape other = { .eph = 5 };
	struct bh_flow6 k = shape_flow(&other, family, BH_INGRESS, IFINDEX);
	struct bh_session s = { .epoch = EPOCH };
	struct counts before, after;

	shape_frame(&row.p, family, BH_INGRESS, &run.frame);
	world_endpoint(E_PLAIN, S_OPEN);
	world_clear();
	world_session_put(&k, &s);
	before = world_counts();
	if (world_run(BH_INGRESS, &run.frame, ELSEWHERE, 0, 1) != TC_ACT_UNSPEC)
		wrong(&run, "dropped");
	after = world_counts();
	if (after.stat[BH_STAT_SESSION_FAILED * 2].packets !=
	    before.stat[BH_STAT_SESSION_FAILED * 2].packets + 1)
		wrong(&run, "not counted");
	if (world_sessions() != 1)
		wrong(&run, "%d sessions", world_sessions());
	done(&run);
}

int main(void)
{
	int family;

	world_load(false);
	run_table();
	opened = true;
	world_open(true);
	run_table();
	opened = false;
	world_open(false);
	for (family = 4; family <= 6; family += 2) {
		open_and_closed(family, 0);
		open_and_closed(family, IPPROTO_UDP);
		throttled_apart(family);
	}
	ring_full();
	world_unload();

	world_load(true);
	table_full(4);
	table_full(6);
	world_unload();

	if (paged_unsupported)
		printf("this kernel's test run has no paged packets: those rows were skipped\n");
	printf("%d passed, %d failed\n", passed, failed);
	return failed != 0;
}
