/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What policies would change, said beforehand: random clusters with random policies laid over, and then
 * really applied. The compile of the overlay is that of the change, byte for byte; the cluster's own is what
 * it was; and what is said to differ is what does, for every pod, direction, address and edge of a range of
 * ports.
 */
#include "same.h"
#include "world.h"

#include "model/overlay.h"
#include "policy/build.h"
#include "policy/compare.h"
#include "policy/order.h"
#include "tests/oracle/roll.h"

#define WORLDS 150

DEFINE_SCOPE_FREE(struct comparison, comparison_free)
#define auto_comparison __attribute__((cleanup(comparison_free_scope)))

/* ---- what was said -------------------------------------------------------------------------- */

struct line {
	uint32_t pod, dir;
	struct remote remote;
	struct difference d;
};

typedef VEC(struct line) line_vec;

static void take(void *ctx, const struct outcome *o)
{
	line_vec *lines = ctx;
	size_t i, k, n;

	assert_true(o->n && o->n_pods && o->n_peers);
	for (i = 0; i < o->n_pods; i++)
		for (k = 0; k < o->n_peers; k++)
			for (n = 0; n < o->n; n++)
				*(struct line *)vec_add(lines) =
					(struct line){ o->pods[i], o->dir, *o->peers[k], o->v[n] };
}

static void compare(const struct model *m, const struct tables *was, const struct tables *is, line_vec *ret)
{
	auto_comparison struct comparison *c = NULL;

	assert_int_equal(comparison_new(m, was, is, &c), 0);
	assert_int_equal(comparison_run(c, take, ret), 0);
}

static bool is_about(const struct line *l, const struct addr *a)
{
	return l->remote.is_block ? cidr_holds(&l->remote.cidr, a) : !addr_cmp(&l->remote.cidr.addr, a);
}

/* Of a block only what is in no longer one, and has no line of its own: @longest is that of both tables. */
static const struct line *find(const line_vec *lines, uint32_t pod, uint32_t dir, const struct addr *a,
			       const struct remote *longest, uint32_t port)
{
	size_t i;

	for (i = 0; i < lines->n; i++) {
		const struct line *l = &lines->v[i];

		if (l->pod == pod && l->dir == dir && l->d.first <= port && port <= l->d.last &&
		    is_about(l, a) && l->remote.is_block == longest->is_block &&
		    !cidr_cmp(&l->remote.cidr, &longest->cidr))
			return l;
	}
	return NULL;
}

/* ---- what is so ----------------------------------------------------------------------------- */

static bool is_pods(const struct model *m, const struct addr *a)
{
	size_t i, k;

	for (i = 0; i < m->pods.n; i++)
		for (k = 0; !pod_is_out(m->pods.v[i]) && k < m->pods.v[i]->addrs.n; k++)
			if (!addr_cmp(&m->pods.v[i]->addrs.v[k], a))
				return true;
	for (i = 0; i < m->endpoints.n; i++)
		for (k = 0; k < m->endpoints.v[i]->addrs.n; k++)
			if (!addr_cmp(&m->endpoints.v[i]->addrs.v[k], a))
				return true;
	return false;
}

/* By whose line the address has to be found. */
static struct remote longest(const struct model *m, const struct tables *was, const struct tables *is,
			     const struct addr *a)
{
	const struct tables *const both[] = { was, is };
	struct remote ret = { .is_block = true };
	size_t i, k;

	ret.cidr = policy_cidr_of(a, (unsigned int)policy_shortest(a));
	for (i = 0; i < ARRAY_SIZE(both); i++)
		for (k = 0; k < both[i]->locations.n; k++) {
			const struct table_location *l = &both[i]->locations.v[k];

			if (l->is_block
				    ? cidr_holds(&l->cidr, a) && l->cidr.len >= ret.cidr.len && ret.is_block
				    : !addr_cmp(&l->cidr.addr, a))
				ret = (struct remote){ .cidr = l->cidr, .is_block = l->is_block };
		}
	if (is_pods(m, a))
		ret = (struct remote){ .cidr = { *a, 128 } };
	return ret;
}

static enum level level_at(const struct tables *t, uint32_t pod, uint32_t dir, const struct addr *a,
			   uint32_t port, uint32_t *ret_rule)
{
	const struct table_endpoint *ep = &t->endpoints.v[pod];
	const struct table_row *row = tables_row(t, (uint32_t)ep->set, tables_class(t, a, NULL), dir);
	const struct table_range *r = tables_range(t, row, port);

	*ret_rule = r ? r->rule : row->rule;
	return level_of_action(r ? r->action : row->action);
}

struct asking {
	const struct model *m;
	const struct tables *was, *is;
	const line_vec *lines;
	unsigned long asked, differ;
};

static void ask_port(struct asking *q, uint32_t pod, uint32_t dir, const struct addr *a,
		     const struct remote *longest, uint32_t port)
{
	const struct line *l = find(q->lines, pod, dir, a, longest, port);
	uint32_t was_rule, is_rule;
	const enum level was = level_at(q->was, pod, dir, a, port, &was_rule);
	const enum level is = level_at(q->is, pod, dir, a, port, &is_rule);

	q->asked++;
	if (was == is) {
		assert_null(l);
		return;
	}
	q->differ++;
	assert_non_null(l);
	assert_int_equal(l->d.was, was);
	assert_int_equal(l->d.is, is);
	assert_int_equal(l->d.was_rule, was_rule);
	assert_int_equal(l->d.is_rule, is_rule);
}

/* ICMP of the other family nobody can send. */
static bool can_be(const struct addr *a, uint32_t port)
{
	return port >> 16 != (addr_is_v4(a) ? IPPROTO_ICMPV6 : IPPROTO_ICMP) && port <= PORT_KEYS_LAST;
}

static void ask_ports(struct asking *q, uint32_t pod, uint32_t dir, const struct addr *a,
		      const struct remote *longest, const struct tables *of)
{
	const struct table_row *row =
		tables_row(of, (uint32_t)of->endpoints.v[pod].set, tables_class(of, a, NULL), dir);
	uint32_t i, k;

	for (i = 0; i < row->n; i++) {
		const struct table_range *r = &of->ranges.v[row->first + i];
		const uint32_t edges[] = { r->first, r->last, r->last + 1 };

		for (k = 0; k < ARRAY_SIZE(edges); k++)
			if (can_be(a, edges[k]))
				ask_port(q, pod, dir, a, longest, edges[k]);
	}
	ask_port(q, pod, dir, a, longest, 0);
}

static bool has_family(const struct table_endpoint *ep, bool v4)
{
	uint8_t i;

	for (i = 0; i < ep->addrs; i++)
		if (!addr_is_link_local(&ep->addr[i]) && addr_is_v4(&ep->addr[i]) == v4)
			return true;
	return false;
}

static void ask_addr(struct asking *q, const struct addr *a)
{
	const struct remote at = longest(q->m, q->was, q->is, a);
	uint32_t pod, dir;

	if (addr_is_link_local(a) || vec_find(&q->m->node_addrs, a, addr_cmp))
		return;
	for (pod = 0; pod < q->was->endpoints.n; pod++)
		for (dir = 0; q->was->endpoints.v[pod].set >= 0 && dir < DIR_MAX; dir++) {
			if (!has_family(&q->was->endpoints.v[pod], addr_is_v4(a)))
				continue;
			ask_ports(q, pod, dir, a, &at, q->was);
			ask_ports(q, pod, dir, a, &at, q->is);
		}
}

static void ask_all(struct asking *q, struct dice *d)
{
	const struct tables *const both[] = { q->was, q->is };
	struct addr a;
	size_t i, k;

	for (i = 0; i < ARRAY_SIZE(both); i++)
		for (k = 0; k < both[i]->locations.n; k++)
			ask_addr(q, &both[i]->locations.v[k].cidr.addr);
	for (i = 0; i < q->m->pods.n; i++)
		for (k = 0; k < q->m->pods.v[i]->addrs.n; k++)
			ask_addr(q, &q->m->pods.v[i]->addrs.v[k]);
	for (i = 0; i < 20; i++) {
		a = roll_addr(d, i % 2);
		ask_addr(q, &a);
	}
}

/* ---- random changes ------------------------------------------------------------------------- */

/* Some of another cluster's policies, and some that go. */
static void lay_over(struct overlay *o, struct model *other, struct dice *d, struct model *apply_to)
{
	static const enum policy_kind kinds[] = { POLICY_NETWORK, POLICY_CLUSTER, POLICY_SEGMENTATION,
						  POLICY_CLUSTER_SEGMENTATION };
	const enum policy_kind kind = pick(d, kinds);
	size_t i, kept = 0;

	for (i = 0; i < other->policies.n; i++) {
		struct net_policy *np = other->policies.v[i];

		if (np->kind != kind || !dice_chance(d, 60)) {
			other->policies.v[kept++] = np;
			continue;
		}
		if (apply_to)
			assert_int_equal(model_put_policy(apply_to, np), 0);
		else
			assert_int_equal(overlay_put_policy(o, np), 0);
		other->policies.v[kept] = np;
		kept += !apply_to;
	}
	other->policies.n = kept;
}

static void drop_some(struct overlay *o, const struct model *m, struct dice *d, struct model *apply_to)
{
	const struct net_policy *np;
	char ns[16], name[16];

	if (!m->policies.n || dice_chance(d, 50))
		return;
	np = m->policies.v[dice_roll(d, (uint32_t)m->policies.n)];
	(void)snprintf(ns, sizeof(ns), "%s", np->ns);
	(void)snprintf(name, sizeof(name), "%s", np->name);
	if (apply_to)
		(void)model_del_policy(apply_to, np->kind, ns, name);
	else
		assert_true(overlay_del_policy(o, np->kind, ns, name));
}

static void one_world(struct dice *d, struct asking *sum)
{
	auto_model struct model *m = cluster_new(d), *other = cluster_new(d);
	auto_tables struct tables *was = w_compile(m), *is = NULL, *again = NULL, *real = NULL;
	struct dice same_again = *d;
	struct overlay o;
	line_vec lines = {};
	struct asking q = { .m = m, .was = was, .lines = &lines };

	assert_int_equal(overlay_init(&o, m), 0);
	drop_some(&o, m, d, NULL);
	lay_over(&o, other, d, NULL);
	is = w_compile(&o.m);
	again = w_compile(m);
	assert_null(tables_differ(was, again));
	compare(m, was, is, &lines);
	overlay_done(&o);

	drop_some(NULL, m, &same_again, m);
	lay_over(NULL, other, &same_again, m);
	real = w_compile(m);
	assert_null(tables_differ(is, real));
	q.is = real;
	ask_all(&q, d);
	sum->asked += q.asked;
	sum->differ += q.differ;
	vec_done(&lines);
}

static void it_is_as_was_said(void **state)
{
	struct dice d = dice_seeded();
	struct asking sum = {};
	int i;

	(void)state;
	for (i = 0; i < WORLDS; i++)
		one_world(&d, &sum);
	print_message("%lu ports of pairs, of which %lu differ\n", sum.asked, sum.differ);
	assert_true(sum.differ > 0 && sum.differ < sum.asked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_as_was_said),
	};

	return cmocka_run_group_tests_name("compare", tests, NULL, NULL);
}
