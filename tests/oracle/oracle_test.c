/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random clusters, random packets, three answers that must agree: the oracle's, the compiled tables'
 * and the loaded program's. The same seed gives the same run:
 *   BH_SEED=N      (default: the time)     BH_WORLDS=N   clusters (default 42)
 *   BH_TABLES=N    clusters for which the tables alone are asked (default 1000)
 *   BH_PROGRAM=0   leave the program out   =1   fail if it cannot be asked
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cluster.h"
#include "oracle.h"
#include "policy/policy.h"
#include "program.h"
#include "roll.h"
#include "tables.h"

#define VERSIONS 4	/* of each cluster: as made, then after some changes */
#define CHANGES	 3	/* at most, between two versions */
#define FLOWS	 1300	/* a version: 200,000 in all */
#define FEW	 50	/* where the tables alone are asked: more clusters instead */
#define ENOUGH	 3	/* mismatches printed in full */
#define LONG	 100000 /* flows: where all must have been seen */
#define ANSWERS	 (ORACLE_AUDITED + 1)

static const char *const words[] = {
	[ORACLE_UNKNOWN] = "isolated: nobody knows whose interface this is",
	[ORACLE_OPEN] = "open: no policy isolates this direction",
	[ORACLE_DENIED] = "denied",
	[ORACLE_ALLOWED] = "allowed",
	[ORACLE_AUDITED] = "allowed, and audited",
};

/* Of flows that were decided, and not by NetworkPolicy alone. */
enum seen {
	SEEN_SEGMENTATION,	   /* by a SegmentationPolicy */
	SEEN_CLUSTER_SEGMENTATION, /* by one of the cluster */
	SEEN_ENTITY,		   /* by a rule about entities and Services alone */
	SEEN_ICMP,		   /* by a rule about type and code */
	SEEN_NUMBER,		   /* by a rule about a protocol's number */
	SEEN_AUDITED,
	SEEN_LOGGED,
	SEEN_MAX,
};

struct test {
	uint64_t seed;
	struct model *m;
	bool spoilt; /* m was shrunk: no more of this world */
	bool few;
	struct tables *t;
	struct program *program; /* NULL: not asked */
	unsigned long flows, asked, asked_types, wrong_tables, wrong_program;
	unsigned long answers[ANSWERS], services[ANSWERS], ruled[ANSWERS];
	unsigned long in_doubt, in_doubt_allowed, seen[SEEN_MAX];
};

/* ---- telling -------------------------------------------------------------------------------- */

static void print_flow(const struct oracle_flow *f)
{
	char src[ADDR_TEXT], dst[ADDR_TEXT];

	fprintf(stderr, "flow: %s of interface %u: %s port %u -> %s port %u, protocol %u\n",
		f->dir == DIR_INGRESS ? "ingress" : "egress", f->ifindex, addr_text(&f->src, src), f->sport,
		addr_text(&f->dst, dst), f->dport, f->proto);
}

static void tell(struct test *test, const struct oracle_flow *f, const char *oracle, const char *who,
		 const char *answer, const char *rule)
{
	fprintf(stderr, "\n==== mismatch, BH_SEED=%llu\n", (unsigned long long)test->seed);
	print_flow(f);
	fprintf(stderr, "oracle:  %s\n%s: %s by %s\n", oracle, who, answer, rule ? rule : "no rule");
}

static bool is_told(const struct test *test)
{
	return test->wrong_tables + test->wrong_program < ENOUGH;
}

/* The case in its smallest form. */
static void show(struct test *test, wrong_fn *wrong, void *ctx)
{
	cluster_shrink(test->m, wrong, ctx);
	test->spoilt = true;
	cluster_print(test->m, stderr);
}

/* ---- the tables ----------------------------------------------------------------------------- */

static bool is_wrong(const struct model *m, void *ctx)
{
	struct tables *t = NULL;
	struct said said;
	bool right;

	if (policy_compile(m, &t, NULL) < 0)
		return false;
	said = ask_tables(t, ctx);
	right = is_right(m, ctx, &said);
	tables_free(t);
	return !right;
}

static bool is_icmp(uint8_t proto)
{
	return proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
}

static bool is_by_entity(const struct rule *r)
{
	size_t i;

	for (i = 0; i < r->peers.n; i++)
		if (r->peers.v[i].kind == PEER_PODS || r->peers.v[i].kind == PEER_BLOCK)
			return false;
	return r->peers.n > 0;
}

/* What was really tried. */
static void count_rule(struct test *test, const struct oracle_flow *f, const struct said *said)
{
	uint32_t k;
	const struct net_policy *np = find_rule(test->m, f->dir, said->name, &k);
	const struct rule *r = np ? &np->rules[f->dir].v[k] : NULL;

	test->seen[SEEN_AUDITED] += said->answer == ORACLE_AUDITED;
	test->seen[SEEN_LOGGED] += said->log;
	if (!r)
		return;
	test->seen[SEEN_SEGMENTATION] += np->kind == POLICY_SEGMENTATION;
	test->seen[SEEN_CLUSTER_SEGMENTATION] += np->kind == POLICY_CLUSTER_SEGMENTATION;
	test->seen[SEEN_ENTITY] += is_by_entity(r);
	test->seen[SEEN_ICMP] += r->ports.n && is_icmp(f->proto);
	test->seen[SEEN_NUMBER] += r->ports.n && !is_icmp(f->proto) && !has_ports(f->proto);
}

static void check_tables(struct test *test, const struct oracle_flow *f, enum oracle_answer truth)
{
	const struct said said = ask_tables(test->t, f);
	struct oracle_flow copy = *f;

	if (is_right(test->m, f, &said)) {
		test->in_doubt_allowed += oracle_is_in_doubt(test->m, f) && is_allowed(said.answer);
		count_rule(test, f, &said);
		return;
	}
	if (is_told(test)) {
		tell(test, f, words[truth], said.log ? "tables, with log" : "tables ", words[said.answer],
		     said.name);
		show(test, is_wrong, &copy);
	}
	test->wrong_tables++;
}

/* ---- the program ---------------------------------------------------------------------------- */

/* What the programs decide by other rules than policy. */
static bool is_special(const struct addr *remote)
{
	static const struct addr zero4 = { .b = { [10] = 0xff, [11] = 0xff } };
	static const struct addr all4 = { .b = { [10] = 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };

	return !addr_cmp(remote, &zero4) || !addr_cmp(remote, &all4) || remote->b[0] == 0xfe;
}

/* ICMP where it is that, but a request for an echo. */
static bool is_of_a_type(const struct oracle_flow *f)
{
	const bool v4 = addr_is_v4(remote_of(f));

	return f->proto == (v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6) && f->dport != (v4 ? 8 << 8 : 128 << 8);
}

/* What has sessions. */
static bool is_taught(const struct oracle_flow *f)
{
	return has_ports(f->proto) ||
	       (f->proto == (addr_is_v4(remote_of(f)) ? IPPROTO_ICMP : IPPROTO_ICMPV6) && !is_of_a_type(f));
}

/* The oracle's, but where that is not to be had (is_right_answer()). */
static enum oracle_answer answer_of(const struct test *test, const struct oracle_flow *f)
{
	return oracle_is_in_doubt(test->m, f) ? ask_tables(test->t, f).answer : oracle_ask(test->m, f);
}

static uint32_t allowed_as(enum oracle_answer answer, uint32_t reason)
{
	return answer == ORACLE_AUDITED ? BH_AUDITED : reason;
}

static struct oracle_flow way_back(const struct oracle_flow *f)
{
	return (struct oracle_flow){ f->ifindex, !f->dir, f->dst, f->src, f->proto, f->dport, f->sport };
}

/* Of what has no session: what bpf/parse.h calls it. */
static uint32_t denied_as(const struct oracle_flow *f)
{
	const bool v4 = addr_is_v4(remote_of(f));
	const uint8_t type = (uint8_t)(f->dport >> 8);

	if (f->proto != (v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return BH_PROTOCOL;
	if (v4 ? type == 3 || type == 11 || type == 12 : type >= 1 && type <= 4)
		return BH_UNRELATED;
	return BH_ICMP_TYPE;
}

static uint32_t reason_by_policy(const struct test *test, const struct oracle_flow *f, bool midflow)
{
	const struct oracle_flow back = way_back(f);
	const enum oracle_answer answer = answer_of(test, f);
	enum oracle_answer other;

	if (answer == ORACLE_UNKNOWN)
		return BH_NO_POLICY;
	if (!is_taught(f))
		return is_allowed(answer) ? allowed_as(answer, BH_OPEN) : denied_as(f);
	if (!midflow)
		return is_allowed(answer) ? allowed_as(answer, BH_POLICY) : BH_DENIED;
	other = answer_of(test, &back);
	if (!is_allowed(answer) || !is_allowed(other))
		return BH_NO_SESSION;
	return answer == ORACLE_AUDITED ? BH_AUDITED : allowed_as(other, BH_POLICY);
}

static struct bh_query query_of(const struct test *test, const struct oracle_flow *f, bool midflow)
{
	const bool in = f->dir == DIR_INGRESS;
	const struct addr *local = in ? &f->dst : &f->src;
	const struct table_endpoint *ep = find_endpoint(test->t, f->ifindex);
	struct bh_query q = { .ifindex = f->ifindex, .proto = f->proto, .dir = (uint8_t)f->dir };
	size_t i;

	q.lport = htons(in ? f->dport : f->sport);
	q.rport = htons(in ? f->sport : f->dport);
	q.flags = midflow ? BH_Q_MIDFLOW : 0;
	if (is_of_a_type(f)) {
		q.rport = htons(f->dport);
		q.flags = BH_Q_ICMP;
	}
	memcpy(&q.remote, remote_of(f), sizeof(q.remote));
	for (i = 0; i < ep->addrs; i++) /* else zero: the question is not about identity */
		if (!addr_cmp(&ep->addr[i], local))
			memcpy(&q.local, local, sizeof(q.local));
	return q;
}

static const char *reason_name(uint32_t reason)
{
#define REASON_TEXT(name, action, text) [BH_##name] = text,
	static const char *const names[] = { BH_REASONS(REASON_TEXT) };

	return reason < BH_REASON_MAX ? names[reason] : "no reason at all";
}

/* The answer to an echo is no question of its own: the request is. */
static bool is_echo_reply(const struct oracle_flow *f)
{
	return is_of_a_type(f) && f->dport == (addr_is_v4(remote_of(f)) ? 0 : 129 << 8);
}

/* The rule that the program names is the one that the tables name; in mid-flow that of the way back, if it
 * alone is audited. */
static bool same_rule(const struct test *test, const struct oracle_flow *f, bool midflow, uint32_t id)
{
	const struct oracle_flow back = way_back(f);
	const struct said there = ask_tables(test->t, f), here = ask_tables(test->t, &back);
	const bool by_back = midflow && there.answer != ORACLE_AUDITED && here.answer == ORACLE_AUDITED;
	const uint32_t rule = by_back ? here.rule : there.rule;

	return rule ? program_rule(test->program, test->t, id) == (int)rule - 1 : id == 0;
}

/* Return: whether it says what it should, -errno: it says nothing. @ret: its answer. */
static int program_is_right(const struct test *test, const struct oracle_flow *f, bool midflow,
			    struct bh_query *ret, uint32_t *ret_truth, struct bh_err *err)
{
	const uint32_t truth = oracle_is_to_node(test->m, f) ? BH_HOST : reason_by_policy(test, f, midflow);
	int r;

	*ret = query_of(test, f, midflow);
	*ret_truth = truth;
	r = program_ask(test->program, ret, err);
	if (r < 0)
		return r;
	if (ret->reason != truth)
		return 0;
	if (truth == BH_HOST || truth == BH_NO_POLICY || truth == BH_NO_SESSION)
		return 1; /* by no rule, or by either direction's */
	return same_rule(test, f, midflow, ret->rule);
}

struct program_case {
	struct program *program;
	struct oracle_flow flow;
	bool midflow;
};

/* Whether the program is wrong about the cluster itself. Loaded afresh: of the steps that it came by, a
 * cluster tells nothing. */
static bool is_wrong_afresh(const struct model *m, void *ctx)
{
	const struct program_case *c = ctx;
	struct test test = { .m = (struct model *)m, .program = c->program };
	struct bh_err err = {};
	struct bh_query q;
	uint32_t truth;
	bool wrong;

	if (policy_compile(m, &test.t, NULL) < 0)
		return false;
	wrong = find_endpoint(test.t, c->flow.ifindex) && !program_load_afresh(test.program, test.t, &err) &&
		!program_is_right(&test, &c->flow, c->midflow, &q, &truth, &err);
	tables_free(test.t);
	return wrong;
}

static const char *rule_name(const struct test *test, uint32_t id)
{
	const int k = id ? program_rule(test->program, test->t, id) : -1;

	return k >= 0 ? test->t->rules.v[k].name : id ? "one that is not there" : NULL;
}

static void show_program(struct test *test, const struct oracle_flow *f, bool midflow)
{
	struct program_case c = { .program = test->program, .flow = *f, .midflow = midflow };

	if (is_wrong_afresh(test->m, &c)) {
		show(test, is_wrong_afresh, &c);
		return;
	}
	fprintf(stderr,
		"not so when it is loaded afresh: it came by the steps from the cluster before. Whole:\n");
	cluster_print(test->m, stderr);
	test->spoilt = true; /* other tables are loaded now */
}

static void ask_program(struct test *test, const struct oracle_flow *f, bool midflow)
{
	struct bh_err err = {};
	struct bh_query q;
	uint32_t truth;
	int r;

	if (is_special(remote_of(f)) || is_echo_reply(f))
		return;
	r = program_is_right(test, f, midflow, &q, &truth, &err);
	if (r < 0) {
		fprintf(stderr, "oracle: %s\n", err.msg);
		test->wrong_program++;
		return;
	}
	test->asked++;
	test->asked_types += is_of_a_type(f);
	if (r)
		return;
	if (is_told(test)) {
		tell(test, f, reason_name(truth), midflow ? "program, in mid-flow" : "program",
		     reason_name(q.reason), rule_name(test, q.rule));
		show_program(test, f, midflow);
	}
	test->wrong_program++;
}

/* ---- the run -------------------------------------------------------------------------------- */

static void one_flow(struct test *test, struct dice *d)
{
	struct oracle_flow f;
	enum oracle_answer truth;
	bool midflow;

	cluster_flow(test->m, d, &f);
	midflow = f.proto == IPPROTO_TCP && dice_chance(d, 15);
	if (!f.ifindex) /* an interface that is gone sends nothing */
		return;
	truth = oracle_ask(test->m, &f);
	test->flows++;
	test->answers[truth]++;
	test->services[truth] += oracle_is_service(test->m, &f);
	test->ruled[truth] += oracle_has_rules(test->m, &f);
	test->in_doubt += oracle_is_in_doubt(test->m, &f);
	check_tables(test, &f, truth);
	if (test->program && !test->few && !test->spoilt)
		ask_program(test, &f, midflow);
}

static int one_version(struct test *test, struct dice *d)
{
	const unsigned int flows = test->few ? FEW : FLOWS;
	struct program *program = test->few ? NULL : test->program;
	struct bh_err err = {};
	unsigned int i;
	int r;

	r = policy_compile(test->m, &test->t, &err);
	if (!r && check_order(test->t) < 0)
		r = bh_err_set(&err, -EINVAL, "ranges or locations overlap or do not ascend");
	if (!r && program)
		r = program_load(program, test->t, &err);
	if (r < 0) {
		fprintf(stderr, "oracle: BH_SEED=%llu: %s\n", (unsigned long long)test->seed, err.msg);
		return r;
	}
	for (i = 0; i < flows && !test->spoilt; i++)
		one_flow(test, d);
	tables_free(test->t);
	test->t = NULL;
	return 0;
}

static int one_world(struct test *test, struct dice *d)
{
	struct model *m = cluster_new(d);
	int r = 0, version;
	uint32_t n;

	test->m = m;
	test->spoilt = false;
	for (version = 0; !r && version < VERSIONS && !test->spoilt; version++) {
		r = one_version(test, d);
		for (n = 1 + dice_roll(d, CHANGES); n && !test->spoilt; n--)
			cluster_change(m, d);
	}
	model_free(m);
	return r;
}

/* Return: whether the program can be asked, or a message and -errno if it had to be. */
static int open_program(struct program **ret)
{
	const char *wish = getenv("BH_PROGRAM");
	struct bh_err err = {};
	int r;

	if (wish && !strcmp(wish, "0"))
		return 0;
	r = program_open(ret, &err);
	if (r < 0)
		fprintf(stderr, "oracle: the program is not asked: %s\n", err.msg);
	return wish || r != -EPERM ? r : 0;
}

static uint64_t number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

/* Return: how much of what should have been tried was not, in a run that is long enough. */
static unsigned long tell_seen(const struct test *test)
{
	static const char *const names[] = {
		[SEEN_SEGMENTATION] = "by a SegmentationPolicy",
		[SEEN_CLUSTER_SEGMENTATION] = "by a ClusterSegmentationPolicy",
		[SEEN_ENTITY] = "by entity or Service",
		[SEEN_ICMP] = "by type of ICMP",
		[SEEN_NUMBER] = "by number of protocol",
		[SEEN_AUDITED] = "audited",
		[SEEN_LOGGED] = "logged",
	};
	unsigned long missing = 0;
	int i;

	printf("oracle: of the flows, decided");
	for (i = 0; i < SEEN_MAX; i++) {
		printf("%s %s: %lu", i ? "," : "", names[i], test->seen[i]);
		missing += test->flows > LONG && !test->seen[i];
	}
	printf("%s\n", missing ? "; some were not tried at all" : "");
	return missing;
}

int main(void)
{
	struct test test = { .seed = number("BH_SEED", (uint64_t)time(NULL)) };
	struct dice d = { .state = test.seed };
	const uint64_t worlds = number("BH_WORLDS", 42), all = worlds + number("BH_TABLES", 1000);
	unsigned long passed, failed;
	uint64_t n;

	if (open_program(&test.program) < 0)
		return 1;
	printf("oracle: BH_SEED=%llu\n", (unsigned long long)test.seed);
	for (n = 0; n < all; n++) {
		test.few = n >= worlds;
		if (one_world(&test, &d) < 0)
			return 1;
	}
	failed = test.wrong_tables + test.wrong_program;
	passed = test.flows + test.asked - failed;
	printf("oracle: %lu flows against the tables (%lu wrong), %lu against the program (%lu wrong), of which "
	       "%lu are ICMP by type\n",
	       test.flows, test.wrong_tables, test.asked, test.wrong_program, test.asked_types);
	printf("oracle: %lu allowed, %lu denied, %lu open, %lu unknown\n", test.answers[ORACLE_ALLOWED],
	       test.answers[ORACLE_DENIED], test.answers[ORACLE_OPEN], test.answers[ORACLE_UNKNOWN]);
	printf("oracle: to Services: %lu allowed, %lu denied\n", test.services[ORACLE_ALLOWED],
	       test.services[ORACLE_DENIED]);
	printf("oracle: of pods whose rules have actions: %lu allowed, %lu denied, %lu open; in doubt "
	       "whose an address is: %lu, of which the tables allow %lu\n",
	       test.ruled[ORACLE_ALLOWED], test.ruled[ORACLE_DENIED], test.ruled[ORACLE_OPEN], test.in_doubt,
	       test.in_doubt_allowed);
	failed += tell_seen(&test);
	printf("oracle: %lu passed, %lu failed\n", passed, failed);
	program_free(test.program);
	return failed != 0;
}
