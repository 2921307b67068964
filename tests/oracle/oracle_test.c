/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random clusters, random packets, three answers that must agree: the oracle's, the compiled tables'
 * and the loaded program's. The same seed gives the same run:
 *   BH_SEED=N      (default: the time)     BH_WORLDS=N   clusters (default 50)
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

#define VERSIONS 4    /* of each cluster: as made, then after some changes */
#define CHANGES	 3    /* at most, between two versions */
#define FLOWS	 1100 /* a version: 200,000 in all */
#define FEW	 50   /* where the tables alone are asked: more clusters instead */
#define ENOUGH	 3    /* mismatches printed in full */

static const char *const said[] = {
	[ORACLE_UNKNOWN] = "isolated: nobody knows whose interface this is",
	[ORACLE_OPEN] = "open: no policy isolates this direction",
	[ORACLE_DENIED] = "denied",
	[ORACLE_ALLOWED] = "allowed",
};

struct test {
	uint64_t seed;
	struct model *m;
	bool spoilt; /* m was shrunk: no more of this world */
	bool few;
	struct tables *t;
	struct program *program; /* NULL: not asked */
	unsigned long flows, asked, wrong_tables, wrong_program;
	unsigned long answers[ORACLE_ALLOWED + 1], services[ORACLE_ALLOWED + 1], ruled[ORACLE_ALLOWED + 1];
	unsigned long in_doubt, in_doubt_allowed;
};

static const struct addr *remote_of(const struct oracle_flow *f)
{
	return f->dir == DIR_INGRESS ? &f->src : &f->dst;
}

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

static const struct table_endpoint *find_endpoint(const struct tables *t, uint32_t ifindex)
{
	size_t i;

	for (i = 0; i < t->endpoints.n; i++)
		if (t->endpoints.v[i].ifindex == ifindex)
			return &t->endpoints.v[i];
	return NULL;
}

/* @ret_rule: index + 1 into tables.rules, 0: none */
static enum oracle_answer ask_tables(const struct tables *t, const struct oracle_flow *f, uint32_t *ret_rule)
{
	const struct table_endpoint *ep = find_endpoint(t, f->ifindex);
	const uint32_t port = BH_PORT(f->proto, f->dport);
	const struct table_row *row;
	uint32_t action, i;

	*ret_rule = 0;
	if (!ep || ep->set < 0)
		return ORACLE_UNKNOWN;
	row = tables_row(t, (uint32_t)ep->set, tables_class(t, remote_of(f), NULL), (uint32_t)f->dir);
	action = row->action;
	*ret_rule = row->rule;
	for (i = row->first; i < row->first + row->n; i++) {
		if (port < t->ranges.v[i].first || port > t->ranges.v[i].last)
			continue;
		action = t->ranges.v[i].action;
		*ret_rule = t->ranges.v[i].rule;
	}
	if (action == BH_DENY)
		return ORACLE_DENIED;
	return t->sets.v[ep->set].isolated[f->dir] ? ORACLE_ALLOWED : ORACLE_OPEN;
}

/* "shop/allow-web ingress[0]"; of the cluster's policies "deny-tenants ingress[0] (no-ssh)" */
static void name_rule(const struct net_policy *np, int dir, uint32_t k, char *ret, size_t size)
{
	static const char *const dirs[] = { "ingress", "egress" };
	const char *name = np->rules[dir].v[k].name;

	(void)snprintf(ret, size, "%s%s%s %s[%u]%s%s%s", np->ns, net_policy_is_cluster(np) ? "" : "/",
		       np->name, dirs[dir], k, name ? " (" : "", name ? name : "", name ? ")" : "");
}

/* A rule that is said to have decided about the flow must be there, and decide so. */
static bool is_true_rule(const struct model *m, const struct oracle_flow *f, const char *name, bool allowed)
{
	char text[256];
	uint32_t k;
	size_t i;

	for (i = 0; i < m->policies.n; i++) {
		const struct net_policy *np = m->policies.v[i];

		for (k = 0; k < np->rules[f->dir].n; k++) {
			name_rule(np, f->dir, k, text, sizeof(text));
			if (!strcmp(text, name))
				return oracle_rule_decides(m, f, np, k, allowed);
		}
	}
	return false;
}

static bool is_allowed(enum oracle_answer a)
{
	return a == ORACLE_OPEN || a == ORACLE_ALLOWED;
}

/* Nothing that decides is left unnamed; of a Service the backends may differ in what that is. */
static bool is_right_rule(const struct model *m, const struct oracle_flow *f, const char *name, bool allowed)
{
	if (name)
		return is_true_rule(m, f, name, allowed);
	return oracle_is_service(m, f) || !oracle_has_rule(m, f);
}

/* Where nobody can tell whose an address is, more is denied than what the API's words deny, and nothing else
 * is allowed. Where cluster policies decide, open and allowed are one. */
static bool is_right_answer(const struct model *m, const struct oracle_flow *f, enum oracle_answer answer)
{
	const enum oracle_answer truth = oracle_ask(m, f);

	if (oracle_is_in_doubt(m, f))
		return answer == ORACLE_DENIED || (is_allowed(answer) && oracle_allows_each(m, f));
	if (oracle_has_cluster_policy(m, f) && is_allowed(truth))
		return is_allowed(answer);
	return answer == truth;
}

/* @ret: what the tables say. */
static bool tables_are_right(const struct model *m, const struct tables *t, const struct oracle_flow *f,
			     enum oracle_answer *ret, const char **ret_rule)
{
	uint32_t rule;

	*ret = ask_tables(t, f, &rule);
	*ret_rule = rule ? t->rules.v[rule - 1].name : NULL;
	if (!is_right_answer(m, f, *ret))
		return false;
	return oracle_is_in_doubt(m, f) || is_right_rule(m, f, *ret_rule, is_allowed(*ret));
}

static bool is_wrong(const struct model *m, void *ctx)
{
	enum oracle_answer answer;
	struct tables *t = NULL;
	const char *rule;
	bool right;

	if (policy_compile(m, &t, NULL) < 0)
		return false;
	right = tables_are_right(m, t, ctx, &answer, &rule);
	tables_free(t);
	return !right;
}

static void check_tables(struct test *test, const struct oracle_flow *f, enum oracle_answer truth)
{
	struct oracle_flow copy = *f;
	enum oracle_answer answer;
	const char *rule;

	if (tables_are_right(test->m, test->t, f, &answer, &rule)) {
		test->in_doubt_allowed += oracle_is_in_doubt(test->m, f) && is_allowed(answer);
		return;
	}
	if (is_told(test)) {
		tell(test, f, said[truth], "tables ", said[answer], rule);
		show(test, is_wrong, &copy);
	}
	test->wrong_tables++;
}

/* Ascending and disjoint: the program bisects them. */
static int check_ranges(const struct tables *t)
{
	size_t i;
	uint32_t k;

	for (i = 0; i < t->rows.n; i++) {
		for (k = 0; k < t->rows.v[i].n; k++) {
			const struct table_range *r = &t->ranges.v[t->rows.v[i].first + k];

			if (r->first > r->last || (k && r[-1].last >= r->first))
				return -EINVAL;
		}
	}
	return 0;
}

/* ---- the program ---------------------------------------------------------------------------- */

/* What the programs decide by other rules than policy. */
static bool is_special(const struct addr *remote)
{
	static const struct addr zero4 = { .b = { [10] = 0xff, [11] = 0xff } };
	static const struct addr all4 = { .b = { [10] = 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };

	return !addr_cmp(remote, &zero4) || !addr_cmp(remote, &all4) || remote->b[0] == 0xfe;
}

static bool has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP;
}

/* What the programs can tell apart; of anything else rules without ports decide. */
static bool is_taught(const struct oracle_flow *f)
{
	return has_ports(f->proto) || f->proto == (addr_is_v4(remote_of(f)) ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

/* The oracle's, but where that is not to be had (is_right_answer()). */
static enum oracle_answer answer_of(const struct test *test, const struct oracle_flow *f)
{
	uint32_t rule;

	return oracle_is_in_doubt(test->m, f) ? ask_tables(test->t, f, &rule) : oracle_ask(test->m, f);
}

static uint32_t reason_by_policy(const struct test *test, const struct oracle_flow *f, bool midflow)
{
	struct oracle_flow back = { f->ifindex, !f->dir, f->dst, f->src, f->proto, f->dport, f->sport };
	const enum oracle_answer answer = answer_of(test, f);

	if (answer == ORACLE_UNKNOWN)
		return BH_NO_POLICY;
	if (!is_taught(f))
		return is_allowed(answer) ? BH_OPEN : BH_PROTOCOL;
	if (!midflow)
		return is_allowed(answer) ? BH_POLICY : BH_DENIED;
	return is_allowed(answer) && is_allowed(answer_of(test, &back)) ? BH_POLICY : BH_NO_SESSION;
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

/* The rule that the program names is the one that the tables name. */
static bool same_rule(const struct test *test, const struct oracle_flow *f, uint32_t id)
{
	uint32_t rule;

	(void)ask_tables(test->t, f, &rule);
	return rule ? program_rule(test->program, test->t, id) == (int)rule - 1 : id == 0;
}

static void ask_program(struct test *test, const struct oracle_flow *f, bool midflow)
{
	struct oracle_flow asked = *f;
	struct bh_err err = {};
	struct bh_query q;
	uint32_t truth;
	bool right;

	if (is_special(remote_of(f)))
		return;
	if (!is_taught(f)) /* so a rule with ports does not hold for it either */
		asked.proto = 253;
	truth = oracle_is_to_node(test->m, f) ? BH_HOST : reason_by_policy(test, &asked, midflow);
	q = query_of(test, f, midflow);
	if (program_ask(test->program, &q, &err) < 0) {
		fprintf(stderr, "oracle: %s\n", err.msg);
		test->wrong_program++;
		return;
	}
	test->asked++;
	right = q.reason == truth;
	if (right && (truth == BH_POLICY || truth == BH_OPEN || truth == BH_DENIED))
		right = same_rule(test, &asked, q.rule);
	if (right)
		return;
	/* Not smaller: what the program holds came by steps, of which the cluster tells nothing. */
	if (is_told(test)) {
		tell(test, f, reason_name(truth), midflow ? "program, in mid-flow" : "program",
		     reason_name(q.reason), NULL);
		cluster_print(test->m, stderr);
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
	test->ruled[truth] += oracle_has_cluster_policy(test->m, &f);
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
	if (!r && check_ranges(test->t) < 0)
		r = bh_err_set(&err, -EINVAL, "the ranges of a row overlap or do not ascend");
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

int main(void)
{
	struct test test = { .seed = number("BH_SEED", (uint64_t)time(NULL)) };
	struct dice d = { .state = test.seed };
	const uint64_t worlds = number("BH_WORLDS", 50), all = worlds + number("BH_TABLES", 1000);
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
	printf("oracle: %lu flows against the tables (%lu wrong), %lu against the program (%lu wrong)\n",
	       test.flows, test.wrong_tables, test.asked, test.wrong_program);
	printf("oracle: %lu allowed, %lu denied, %lu open, %lu unknown\n", test.answers[ORACLE_ALLOWED],
	       test.answers[ORACLE_DENIED], test.answers[ORACLE_OPEN], test.answers[ORACLE_UNKNOWN]);
	printf("oracle: to Services: %lu allowed, %lu denied\n", test.services[ORACLE_ALLOWED],
	       test.services[ORACLE_DENIED]);
	printf("oracle: of pods with cluster policies: %lu allowed, %lu denied, %lu open; in doubt "
	       "whose an address is: %lu, of which the tables allow %lu\n",
	       test.ruled[ORACLE_ALLOWED], test.ruled[ORACLE_DENIED], test.ruled[ORACLE_OPEN], test.in_doubt,
	       test.in_doubt_allowed);
	printf("oracle: %lu passed, %lu failed\n", passed, failed);
	program_free(test.program);
	return failed != 0;
}
