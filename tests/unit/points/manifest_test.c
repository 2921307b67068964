/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random clusters, written down as manifests and read again, compile to the same bytes: what the oracle's
 * cases say is what users can say, and the decoders lose nothing of it. BH_SEED=N.
 */
#include "cluster.h"

#include "tests/oracle/cluster.h"

#define WORLDS 100

/* Which the API forbids beside what are no pods. */
static bool has_name(const struct rule *r)
{
	size_t i;

	for (i = 0; i < r->ports.n; i++)
		if (*r->ports.v[i].name)
			return true;
	return false;
}

static bool has_others(const struct rule *r)
{
	size_t i;

	for (i = 0; i < r->peers.n; i++)
		if (r->peers.v[i].kind != PEER_PODS)
			return true;
	return false;
}

/* What no manifest can say goes: exceptions that are no part of their block, a policy for neither direction.
 */
static void strip_rule(struct rule *r, bool has_action)
{
	size_t i, k;

	r->unknown |= has_action && has_name(r) && has_others(r);
	for (i = 0; i < r->peers.n; i++) {
		struct peer *p = &r->peers.v[i];

		for (k = p->except.n; k > 0; k--) {
			const struct cidr *c = &p->except.v[k - 1];

			if (!cidr_covers(&p->block, c) || c->len == p->block.len)
				p->except.v[k - 1] = p->except.v[--p->except.n];
		}
	}
}

static void strip(struct model *m)
{
	size_t i, k;
	int dir;

	for (i = m->policies.n; i > 0; i--) {
		struct net_policy *np = m->policies.v[i - 1];

		for (dir = 0; dir < DIR_MAX; dir++)
			for (k = 0; k < np->rules[dir].n; k++)
				strip_rule(&np->rules[dir].v[k], np->kind != POLICY_NETWORK);
		if (np->kind == POLICY_NETWORK && !np->isolates[DIR_INGRESS] && !np->isolates[DIR_EGRESS])
			(void)model_del_policy(m, np->kind, np->ns, np->name);
	}
	for (i = 0; i < m->pods.n; i++) {
		m->pods.v[i]->partial = false;
		free(m->pods.v[i]->static_uid); /* for an API server to say */
		m->pods.v[i]->static_uid = NULL;
	}
	for (i = 0; i < m->namespaces.n; i++)
		m->namespaces.v[i]->partial = false;
	while (m->services.n)
		(void)model_del_service(m, m->services.v[0]->ns, m->services.v[0]->name);
	while (m->slices.n)
		(void)model_del_slice(m, m->slices.v[0]->ns, m->slices.v[0]->name);
}

static void copy_endpoint(struct model *m, const struct endpoint *e)
{
	struct endpoint *copy = endpoint_new();
	size_t i;

	copy->key = e->key;
	copy->ns = strdup(e->ns);
	copy->pod = strdup(e->pod);
	copy->uid = strdup(e->uid);
	copy->ifname = strdup(e->ifname);
	copy->ifindex = e->ifindex;
	memcpy(copy->mac, e->mac, sizeof(copy->mac));
	for (i = 0; i < e->addrs.n; i++)
		*(struct addr *)vec_add(&copy->addrs) = e->addrs.v[i];
	assert_int_equal(model_put_endpoint(m, copy), 0);
}

static struct model *read_again(const struct model *m)
{
	struct model *ret = model_new();
	auto_free char *text = NULL;
	size_t len, i;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	cluster_print(m, out);
	assert_int_equal(fclose(out), 0);
	(void)put(ret, text);
	ret->now = m->now;
	ret->audit = m->audit;
	for (i = 0; i < m->pod_cidrs.n; i++)
		*(struct cidr *)vec_add(&ret->pod_cidrs) = m->pod_cidrs.v[i];
	for (i = 0; i < m->endpoints.n; i++)
		copy_endpoint(ret, m->endpoints.v[i]);
	assert_int_equal(model_set_local_addrs(ret, m->node_addrs.v, m->node_addrs.n), 0);
	return ret;
}

static void written_down_and_read_again(void **state)
{
	struct dice d = dice_seeded();
	size_t rows = 0;
	int i;

	for (i = 0; i < WORLDS; i++) {
		auto_model struct model *m = cluster_new(&d), *again = NULL;
		auto_tables struct tables *t = NULL, *u = NULL;

		strip(m);
		again = read_again(m);
		t = w_compile(m);
		u = w_compile(again);
		same_tables(t, u);
		rows += t->rows.n;
	}
	assert_true(rows > 10 * WORLDS);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(written_down_and_read_again),
	};

	return cmocka_run_group_tests_name("points/manifest", tests, NULL, NULL);
}
