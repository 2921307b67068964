/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The closest rule: that its field is the one, by mending it and compiling what comes of that; and that
 * nothing is closer, by mending every other field of every rule, one at a time, in random clusters.
 */
#include "world.h"

#include "../../oracle/cluster.h"
#include "policy/build.h"
#include "policy/miss.h"
#include "policy/nearest.h"

#define DB 7

/* ---- mending -------------------------------------------------------------------------------- */

/* One change of a policy, and what it was before. */
struct mending {
	struct net_policy *np;
	struct rule *rule, rule_was;
	struct peer *peer, peer_was;
	bool audit;
	int64_t expires;
};

static void mend_port(struct mending *d, uint32_t port)
{
	size_t i;

	d->rule->ports = (__typeof__(d->rule->ports)){};
	for (i = 0; i < d->rule_was.ports.n; i++)
		*(struct port_range *)vec_add(&d->rule->ports) = d->rule_was.ports.v[i];
	*(struct port_range *)vec_add(&d->rule->ports) = (struct port_range){ .proto = (uint8_t)(port >> 16),
									      .first = (uint16_t)port,
									      .last = (uint16_t)port };
}

static void mend_peer(struct mending *d, enum near_field field, const struct addr *remote)
{
	if (field == NEAR_LABELS)
		d->peer->pods = selector_new();
	else if (field == NEAR_NAMESPACE)
		d->peer->namespaces = selector_new();
	else if (field == NEAR_EXCEPT)
		d->peer->except.n = 0;
	else
		*d->peer = (struct peer){ .kind = PEER_BLOCK, .block = { *remote, 128 } };
}

static struct mending mend(struct net_policy *np, uint32_t dir, uint32_t rule, int peer,
			   enum near_field field, const struct near_flow *f)
{
	struct mending d = { .np = np, .rule = &np->rules[dir].v[rule] };

	d.rule_was = *d.rule;
	d.peer = peer < 0 ? NULL : &d.rule->peers.v[peer];
	if (d.peer)
		d.peer_was = *d.peer;
	d.audit = np->audit;
	d.expires = np->expires;
	if (field == NEAR_AUDIT)
		np->audit = false;
	else if (field == NEAR_EXPIRED)
		np->expires = 0;
	else if (field == NEAR_UNKNOWN)
		d.rule->unknown = false;
	else if (field == NEAR_PORT || field == NEAR_NAME || field == NEAR_PROTOCOL)
		mend_port(&d, f->port);
	else if (d.peer)
		mend_peer(&d, field, &f->remote);
	return d;
}

static void undo(struct mending *d)
{
	if (d->peer && d->peer->pods != d->peer_was.pods)
		selector_free(d->peer->pods);
	if (d->peer && d->peer->namespaces != d->peer_was.namespaces)
		selector_free(d->peer->namespaces);
	if (d->rule->ports.v != d->rule_was.ports.v)
		vec_done(&d->rule->ports);
	if (d->peer)
		*d->peer = d->peer_was;
	*d->rule = d->rule_was;
	d->np->audit = d->audit;
	d->np->expires = d->expires;
}

/* ---- asking --------------------------------------------------------------------------------- */

/* What the tables say; @ret_rule: its name. */
static uint32_t action_by(const struct model *m, uint32_t ifindex, const struct near_flow *f, char *ret_rule)
{
	auto_tables struct tables *t = w_compile(m);
	const struct table_endpoint *ep = w_find(t, ifindex);
	const struct table_row *row =
		tables_row(t, (uint32_t)ep->set, tables_class(t, &f->remote, NULL), f->dir);
	const struct table_range *r = tables_range(t, row, f->port);
	const uint32_t rule = r ? r->rule : row->rule;

	(void)snprintf(ret_rule, RULE_TEXT, "%s", rule ? t->rules.v[rule - 1].name : "");
	return (r ? r->action : row->action) & (BH_ALLOW | BH_AUDIT);
}

/* What others would deny, who are audited, is another matter. */
static bool passes(const struct near_flow *f, uint32_t action)
{
	return action & BH_ALLOW && !(f->audited && action & BH_AUDIT);
}

/* ---- random clusters ------------------------------------------------------------------------ */

struct tried {
	unsigned long denied, near, doubt, none, closer, fields[NEAR_MAX];
};

static bool has_addr(const struct addr *v, size_t n, const struct addr *a)
{
	return n && (!addr_cmp(v, a) || has_addr(v + 1, n - 1, a));
}

/* Of a Service its backends are asked, and the answer is not about the address. */
static bool stands_for_others(const struct model *m, const struct addr *a)
{
	bool ret = has_addr(m->node_addrs.v, m->node_addrs.n, a);
	size_t i;

	for (i = 0; i < m->services.n; i++) {
		const struct service *s = m->services.v[i];

		ret |= has_addr(s->addrs.v, s->addrs.n, a) || has_addr(s->balancers.v, s->balancers.n, a) ||
		       has_addr(s->externals.v, s->externals.n, a);
	}
	return ret;
}

/* Does as it says, and asks whether that lets the flow pass by that rule. */
static void check_near(struct model *m, uint32_t ifindex, const struct near_flow *f, const struct nearest *n)
{
	struct net_policy *np = (struct net_policy *)n->policy, *before = (struct net_policy *)n->before;
	char by[RULE_TEXT], name[RULE_TEXT];
	struct mending done[NEAR_MAX];
	struct rule was = {};
	uint32_t action;
	int field, k = 0;

	if (before) {
		was = before->rules[f->dir].v[n->before_rule];
		before->rules[f->dir].v[n->before_rule].action = RULE_ACCEPT;
		before->rules[f->dir].v[n->before_rule].unknown = true;
	}
	for (field = NEAR_ORDER + 1; field < NEAR_MAX; field++)
		if (n->fields & NEAR_BIT(field))
			done[k++] = mend(np, f->dir, n->rule, n->peer, (enum near_field)field, f);
	(void)policy_rule_text(np, f->dir, n->rule, name);
	action = action_by(m, ifindex, f, by);
	if (!passes(f, action))
		fail_msg("%s misses by 0x%x and by more", name, n->fields);
	/* Any of a tier that only accepts is named, and of what is audited, or equal, another one. */
	if (!f->audited && !before && action == BH_ALLOW && np->tier != TIER_NETWORK && strcmp(by, name))
		fail_msg("%s decides, not %s", by, name);
	while (k)
		undo(&done[--k]);
	if (before)
		before->rules[f->dir].v[n->before_rule] = was;
}

/* Whether it is what such a peer has, or may be told of it. */
static bool is_field_of(const struct model *m, const struct near_flow *f, const struct rule *r, int peer,
			int field)
{
	const enum peer_kind kind = peer < 0 ? PEER_WORLD : r->peers.v[peer].kind;

	if (field == NEAR_LABELS || field == NEAR_NAMESPACE)
		return kind == PEER_PODS;
	if (field == NEAR_EXCEPT || field == NEAR_BLOCK)
		return kind == PEER_BLOCK;
	return kind != PEER_BLOCK && (kind != PEER_PODS || !miss_far_end(m, &f->remote).pod);
}

/* No rule is one field away, but for order. */
static void check_none_closer(struct model *m, uint32_t ifindex, const struct near_flow *f,
			      const struct net_policy *np, uint32_t rule)
{
	const struct rule *r = &np->rules[f->dir].v[rule];
	char name[RULE_TEXT], by[RULE_TEXT];
	struct mending d;
	int field, peer;

	(void)policy_rule_text(np, f->dir, rule, name);
	for (peer = r->peers.n ? 0 : -1; r->action == RULE_ACCEPT && peer < (int)r->peers.n; peer++)
		for (field = NEAR_ORDER + 1; field < NEAR_MAX; field++) {
			if (field >= NEAR_LABELS && !is_field_of(m, f, r, peer, field))
				continue;
			d = mend((struct net_policy *)np, f->dir, rule, peer, (enum near_field)field, f);
			if (passes(f, action_by(m, ifindex, f, by)) &&
			    (np->tier == TIER_NETWORK || !strcmp(by, name)))
				fail_msg("%s would, by field %d alone", name, field);
			undo(&d);
		}
}

static void check_all_far(struct model *m, uint32_t ifindex, const struct near_flow *f)
{
	const struct namespace *ns = model_namespace(m, f->pod->ns);
	uint32_t k;
	size_t i;

	for (i = 0; i < m->policies.n; i++)
		for (k = 0;
		     net_policy_judges(m->policies.v[i], f->dir) &&
		     policy_selects(m->policies.v[i], ns, f->pod) && k < m->policies.v[i]->rules[f->dir].n;
		     k++)
			check_none_closer(m, ifindex, f, m->policies.v[i], k);
}

static void check_flow(struct model *m, uint32_t ifindex, const struct near_flow *f, struct tried *tried)
{
	struct nearest n;
	const int r = policy_nearest(m, f, &n);
	int field;

	assert_true(r >= 0);
	tried->denied++;
	if (r) {
		tried->near++;
		assert_in_range(near_count(n.fields), 1, NEAR_FIELDS_MAX);
		for (field = 0; field < NEAR_MAX; field++)
			tried->fields[field] += n.fields >> field & 1;
		check_near(m, ifindex, f, &n);
	} else if (miss_far_end(m, &f->remote).in_doubt) {
		tried->doubt++;
		return;
	} else {
		tried->none++;
	}
	if ((!r || near_count(n.fields) > 1) && !(tried->denied % 8)) {
		tried->closer++;
		check_all_far(m, ifindex, f);
	}
}

static const struct endpoint *interface(const struct model *m, uint32_t ifindex)
{
	size_t i;

	for (i = 0; i < m->endpoints.n; i++)
		if (m->endpoints.v[i]->ifindex == ifindex)
			return m->endpoints.v[i];
	return NULL;
}

static void try_flow(struct model *m, struct dice *d, struct tried *tried)
{
	auto_tables struct tables *t = w_compile(m);
	struct oracle_flow o;
	struct near_flow f = {};
	char rule[RULE_TEXT];
	uint32_t action;

	cluster_flow(m, d, &o);
	if (!o.ifindex || w_find(t, o.ifindex)->set < 0)
		return;
	f.pod = model_endpoint_pod(m, interface(m, o.ifindex));
	f.dir = (uint32_t)o.dir;
	f.remote = o.dir == DIR_INGRESS ? o.src : o.dst;
	f.port = BH_PORT(o.proto, o.dport);
	if (addr_is_link_local(&f.remote) || (o.dir == DIR_EGRESS && stands_for_others(m, &f.remote)))
		return;
	action = action_by(m, o.ifindex, &f, rule);
	f.audited = action & BH_AUDIT;
	if (action != BH_ALLOW)
		check_flow(m, o.ifindex, &f, tried);
}

static void what_is_mended_passes(void **state)
{
	struct dice d = dice_seeded();
	struct tried tried = {};
	struct model *m;
	int world, i, field;

	(void)state;
	for (world = 0; world < 90; world++) {
		m = cluster_new(&d);
		for (i = 0; i < 40; i++)
			try_flow(m, &d, &tried);
		model_free(m);
	}
	print_message("%lu denied: near %lu, in doubt %lu, nothing near %lu; by field", tried.denied,
		      tried.near, tried.doubt, tried.none);
	for (field = 0; field < NEAR_MAX; field++)
		print_message(" %lu", tried.fields[field]);
	print_message("\n");
	assert_true(tried.near > 0 && tried.closer > 0);
}

/* ---- by hand -------------------------------------------------------------------------------- */

static struct model *cluster(void)
{
	struct model *m = model_new();

	w_namespace(m, "shop", "team=a");
	w_namespace(m, "lab", "team=b");
	w_names(w_pod(m, "shop/db", "app=db", "10.0.0.7"), "sql:tcp/5432");
	w_pod(m, "shop/web", "app=web", "10.0.0.8");
	w_pod(m, "shop/wab", "app=wab,tier=front", "10.0.0.9");
	w_pod(m, "lab/web", "app=web", "10.0.1.8");
	w_endpoint(m, "shop/db", DB, "10.0.0.7");
	m->now = 1000;
	return m;
}

/* "shop/db ingress[0] port+labels", "none" */
static const char *near(const struct model *m, const char *remote, const char *port)
{
	static const char *const words[NEAR_MAX] = { "order", "audit",	   "expired", "unknown",
						     "port",  "name",	   "proto",   "labels",
						     "ns",    "exception", "block",   "peer" };
	const struct near_flow f = { .pod = model_pod(m, "shop", "db"),
				     .dir = BH_INGRESS,
				     .remote = w_addr(remote),
				     .port = w_key(port, remote) };
	static char ret[RULE_TEXT + 64];
	struct nearest n;
	int field;

	if (!policy_nearest(m, &f, &n))
		return "none";
	(void)policy_rule_text(n.policy, f.dir, n.rule, ret);
	for (field = 0; field < NEAR_MAX; field++)
		if (n.fields >> field & 1)
			(void)strcat(strcat(ret, " "), words[field]);
	return ret;
}

static void each_field_by_itself(void **state)
{
	auto_model struct model *m = cluster();
	struct net_policy *np = w_policy(m, "shop/db", "app=db", "i");

	(void)state;
	assert_string_equal(near(m, "10.0.0.8", "tcp/80"), "none");
	w_rule(np, DIR_INGRESS, "pods(app=web)", "tcp/5432,tcp/443,udp/53");
	assert_string_equal(near(m, "10.0.0.8", "tcp/80"), "shop/db ingress[0] port");
	assert_string_equal(near(m, "10.0.0.8", "sctp/9"), "shop/db ingress[0] proto");
	assert_string_equal(near(m, "10.0.0.9", "tcp/5432"), "shop/db ingress[0] labels");
	assert_string_equal(near(m, "10.0.1.8", "tcp/5432"), "shop/db ingress[0] ns");
	assert_string_equal(near(m, "10.0.1.8", "tcp/80"), "shop/db ingress[0] port ns");
	assert_string_equal(near(m, "203.0.113.9", "tcp/443"), "shop/db ingress[0] peer");
	w_rule(np, DIR_INGRESS, "203.0.113.0/24 -203.0.113.0/28", NULL);
	assert_string_equal(near(m, "203.0.113.9", "tcp/443"), "shop/db ingress[1] exception");
	assert_string_equal(near(m, "203.0.112.9", "tcp/443"), "shop/db ingress[1] block");
	w_rule(np, DIR_INGRESS, "pods(app=wab)", "tcp/http");
	assert_string_equal(near(m, "10.0.0.9", "tcp/80"), "shop/db ingress[2] name");
	w_rule(np, DIR_INGRESS, "pods(app=wab)", NULL)->unknown = true;
	assert_string_equal(near(m, "10.0.0.9", "tcp/80"), "shop/db ingress[3] unknown");
}

/* One field before two, the closer field before the other one, fewer requirements, then who decides first. */
static void of_several_the_closest(void **state)
{
	auto_model struct model *m = cluster();
	struct net_policy *np = w_policy(m, "shop/db", "app=db", "i");

	(void)state;
	w_rule(np, DIR_INGRESS, "pods(app=web,tier=back)", "tcp/80");
	w_rule(np, DIR_INGRESS, "pods(app=web,tier=front)", "tcp/443");
	assert_string_equal(near(m, "10.0.0.9", "tcp/443"), "shop/db ingress[1] labels");
	assert_string_equal(near(m, "10.0.0.9", "tcp/80"), "shop/db ingress[0] labels");
	w_rule(np, DIR_INGRESS, "pods(app=web,tier=front)", "tcp/80");
	assert_string_equal(near(m, "10.0.0.9", "tcp/80"), "shop/db ingress[2] labels");
	w_rule(np, DIR_INGRESS, "pods(app=web,tier=front)", "tcp/80");
	assert_string_equal(near(m, "10.0.0.9", "tcp/80"), "shop/db ingress[2] labels");
	w_rule(np, DIR_INGRESS, "pods(app=wab)", "tcp/8080");
	assert_string_equal(near(m, "10.0.0.9", "tcp/80"), "shop/db ingress[4] port");
}

static struct net_policy *segmentation(struct model *m, const char *name, uint16_t priority)
{
	struct net_policy *np = net_policy_new(POLICY_SEGMENTATION, "shop", name);

	np->priority = priority;
	assert_int_equal(model_put_policy(m, np), 0);
	return np;
}

static void what_decides_before_it(void **state)
{
	auto_model struct model *m = cluster();
	struct net_policy *no = segmentation(m, "no", 1), *yes = segmentation(m, "yes", 2);

	(void)state;
	w_rule(no, DIR_INGRESS, "pods(app=web)", NULL)->action = RULE_DENY;
	w_rule(yes, DIR_INGRESS, "pods(app=web)", "tcp/80");
	assert_string_equal(near(m, "10.0.0.8", "tcp/80"), "segpol shop/yes ingress[0] order");
	assert_string_equal(near(m, "10.0.0.8", "tcp/81"), "segpol shop/yes ingress[0] order port");
	no->rules[DIR_INGRESS].v[0].action = RULE_PASS;
	no->isolates[DIR_INGRESS] = true;
	assert_string_equal(near(m, "10.0.0.8", "tcp/80"), "segpol shop/yes ingress[0] order");
	rule_done(&no->rules[DIR_INGRESS].v[0]);
	no->rules[DIR_INGRESS].n = 0;
	yes->expires = 999;
	assert_string_equal(near(m, "10.0.0.8", "tcp/80"), "segpol shop/yes ingress[0] expired");
	yes->expires = 0;
	yes->audit = true;
	assert_string_equal(near(m, "10.0.0.8", "tcp/80"), "segpol shop/yes ingress[0] audit");
}

/* Two pods say that it is theirs: which of them is meant nobody can tell. */
static void nobody_knows_whose_it_is(void **state)
{
	auto_model struct model *m = cluster();
	struct net_policy *np = w_policy(m, "shop/db", "app=db", "i");

	(void)state;
	w_rule(np, DIR_INGRESS, "pods(app=web)", "tcp/443");
	w_pod(m, "shop/thief", "app=web", "10.0.0.8");
	assert_string_equal(near(m, "10.0.0.8", "tcp/80"), "none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_field_by_itself),	  cmocka_unit_test(of_several_the_closest),
		cmocka_unit_test(what_decides_before_it), cmocka_unit_test(nobody_knows_whose_it_is),
		cmocka_unit_test(what_is_mended_passes),
	};

	return cmocka_run_group_tests_name("nearest", tests, NULL, NULL);
}
