/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a compile looked at: point by point, then in random clusters, where every change that is said not to
 * matter must leave the tables as they were.
 */
#include "world.h"

#include "policy/interest.h"
#include "tests/oracle/cluster.h"

DEFINE_SCOPE_FREE(struct interest, interest_free)
#define auto_interest __attribute__((cleanup(interest_free_scope)))

#define WORLDS	300
#define CHANGES 25 /* of each */

static struct interest *interest_of(const struct model *m)
{
	auto_tables struct tables *t = w_compile(m);
	struct interest *i = NULL;

	assert_int_equal(policy_interest(m, t, &i), 0);
	return i;
}

/* ---- point by point ------------------------------------------------------------------------- */

static struct model *cluster(const char *peers, const char *types)
{
	struct model *m = model_new();
	struct net_policy *np;

	w_namespace(m, "shop", "team=a");
	w_namespace(m, "ops", "team=b");
	w_namespace(m, "far", "team=c");
	w_pod(m, "shop/db", "app=db", "10.0.0.7");
	w_endpoint(m, "shop/db", 7, "10.0.0.7");
	np = w_policy(m, "shop/p", "app=db", types);
	w_rule(np, *types == 'e' ? DIR_EGRESS : DIR_INGRESS, peers, NULL);
	w_rule(w_policy(m, "far/q", "", "ie"), DIR_INGRESS, "ns()", NULL); /* nobody's here */
	return m;
}

static bool pod_matters(const struct interest *i, struct model *m, const char *name, const char *labels,
			const char *addrs)
{
	auto_model struct model *other = model_new();
	const struct pod *p = w_pod(other, name, labels, addrs);

	return interest_pod(i, model_namespace(m, p->ns), p);
}

static void pods_that_a_peer_names(void **state)
{
	auto_model struct model *m = cluster("pods(app=web);ns(team=b) pods(app=x);203.0.113.0/24", "i");
	auto_interest struct interest *i = interest_of(m);

	(void)state;
	assert_true(pod_matters(i, m, "shop/w", "app=web", "10.0.0.1"));
	assert_false(pod_matters(i, m, "shop/w", "app=x", "10.0.0.1"));
	assert_true(pod_matters(i, m, "ops/w", "app=x", "10.0.0.1"));
	assert_false(pod_matters(i, m, "ops/w", "app=web", "10.0.0.1"));
	assert_false(pod_matters(i, m, "far/w", "app=x", "203.0.113.1"));
	assert_false(pod_matters(i, m, "shop/w", "app=web", "")); /* no address: nobody yet */
	assert_false(pod_matters(i, m, "ghost/w", "app=x", "10.0.0.1"));
}

/* Whether a pod of those labels and addresses may become one of others. */
static bool change_matters(const struct interest *i, struct model *m, const char *name,
			   const char *const old[2], const char *const new[2])
{
	auto_model struct model *was = model_new(), *is = model_new();
	const struct pod *a = w_pod(was, name, old[0], old[1]), *b = w_pod(is, name, new[0], new[1]);

	return interest_pod_change(i, model_namespace(m, a->ns), a, b);
}

static void labels_that_nobody_asks_for(void **state)
{
	static const char *const web[] = { "app=web", "10.0.0.1" }, *const v2[] = { "app=web,v=2",
										    "10.0.0.1" };
	static const char *const x[] = { "app=x", "10.0.0.1" }, *const moved[] = { "app=web,v=2",
										   "10.0.0.2" };
	static const char *const gone[] = { "app=web", "" };
	auto_model struct model *m = cluster("pods(app=web);ns(team=b) pods(app=x)", "i");
	auto_interest struct interest *i = interest_of(m);

	(void)state;
	assert_false(change_matters(i, m, "shop/w", web, v2));
	assert_true(change_matters(i, m, "shop/w", web, x));
	assert_true(change_matters(i, m, "shop/w", x, web));
	assert_true(change_matters(i, m, "shop/w", web, moved));
	assert_true(change_matters(i, m, "shop/w", web, gone));
	assert_true(change_matters(i, m, "ops/w", web, x));
	assert_false(change_matters(i, m, "far/w", web, x));
	assert_true(change_matters(i, m, "shop/db", web, v2)); /* here: its own policies may be others */
}

/* Whether the pod with those labels matters that calls its ports so, and whether calling them otherwise does.
 */
static bool names_matter(const struct interest *i, struct model *m, const char *labels, const char *ports,
			 const char *new_ports)
{
	auto_model struct model *was = model_new(), *is = model_new();
	struct pod *a = w_pod(was, "far/w", labels, "10.0.0.1"), *b = w_pod(is, "far/w", labels, "10.0.0.1");
	const struct namespace *ns = model_namespace(m, "far");

	w_names(a, ports);
	if (!new_ports)
		return interest_pod(i, ns, a);
	w_names(b, new_ports);
	return interest_pod_change(i, ns, a, b);
}

static void names_of_ports(void **state)
{
	auto_model struct model *none = cluster("ns() pods(app=web)", "e");
	auto_model struct model *of_web = cluster("ns() pods(app=web)", "e");
	auto_model struct model *of_all = cluster(NULL, "e");
	auto_interest struct interest *i = interest_of(none), *j = NULL, *k = NULL;

	(void)state;
	*(struct port_range *)vec_add(&of_web->policies.v[1]->rules[DIR_EGRESS].v[0].ports) =
		w_port("tcp/http");
	*(struct port_range *)vec_add(&of_all->policies.v[1]->rules[DIR_EGRESS].v[0].ports) =
		w_port("tcp/http");
	j = interest_of(of_web);
	k = interest_of(of_all);
	assert_false(names_matter(i, none, "app=web", "http:tcp/80", "http:tcp/81"));
	assert_true(names_matter(j, of_web, "app=web", "http:tcp/80", "http:tcp/81"));
	assert_false(names_matter(j, of_web, "app=x", "http:tcp/80", "http:tcp/81"));
	assert_true(names_matter(k, of_all, "app=x", "http:tcp/80", NULL));
	assert_false(names_matter(k, of_all, "app=x", "http:udp/80", NULL));
	assert_true(names_matter(k, of_all, "app=x", "http:udp/80", "http:tcp/80"));
	assert_true(interest_namespace(k, model_namespace(of_all, "ops"), true));
}

static void ends_of_pods(void **state)
{
	auto_model struct model *m = cluster("pods()", "i"), *other = model_new();
	auto_interest struct interest *i = interest_of(m);
	struct pod *was = w_pod(m, "shop/w", "", "10.0.0.1"), *is = w_pod(other, "shop/w", "", "10.0.0.1");

	(void)state;
	assert_false(interest_pod_change(i, model_namespace(m, "shop"), was, is));
	is->ended = true;
	assert_true(interest_pod_change(i, model_namespace(m, "shop"), was, is));
	assert_true(interest_pod_change(i, model_namespace(m, "shop"), is, was));
}

static void pods_here_always(void **state)
{
	auto_model struct model *m = cluster("pods(app=web)", "i");
	auto_interest struct interest *i = interest_of(m);

	(void)state;
	assert_true(pod_matters(i, m, "shop/db", "", ""));
	w_pod(m, "shop/db", "", "")->ended = true;
	assert_true(interest_pod(i, model_namespace(m, "shop"), model_pod(m, "shop", "db")));
}

static void pods_that_are_out_do_not(void **state)
{
	auto_model struct model *m = cluster("pods()", "i");
	auto_interest struct interest *i = interest_of(m);
	struct pod *p = w_pod(m, "shop/w", "", "10.0.0.1");

	(void)state;
	assert_true(interest_pod(i, model_namespace(m, "shop"), p));
	p->ended = true;
	assert_false(interest_pod(i, model_namespace(m, "shop"), p));
	p->ended = false;
	p->host_network = true;
	assert_false(interest_pod(i, model_namespace(m, "shop"), p));
}

/* Whoever claims an address that counts takes something away, whatever his labels. */
static void claims(void **state)
{
	auto_model struct model *m = cluster("pods(app=web)", "i");
	auto_interest struct interest *one = NULL, *two = NULL;

	(void)state;
	w_pod(m, "shop/w", "app=web", "10.0.0.8");
	one = interest_of(m);
	assert_true(pod_matters(one, m, "far/x", "", "10.0.0.8"));
	assert_true(pod_matters(one, m, "far/x", "", "10.0.0.7"));
	assert_false(pod_matters(one, m, "far/x", "", "10.0.0.9"));
	w_pod(m, "far/x", "", "10.0.0.8");
	two = interest_of(m);
	assert_true(pod_matters(two, m, "far/x", "", "10.0.0.8")); /* its end gives it back */
}

static void services_for_egress(void **state)
{
	auto_model struct model *in = cluster("pods(app=web)", "i"), *out = cluster("pods(app=web)", "e");
	auto_interest struct interest *i = NULL, *e = NULL;
	const struct endpoint_slice slice = { .ns = (char *)"far", .service = (char *)"s" };
	const struct service *s, *headless;

	(void)state;
	w_service(in, "far/s", "10.96.0.1", "tcp/80");
	s = w_service(out, "far/s", "10.96.0.1", "tcp/80");
	headless = w_service(out, "far/h", "", "tcp/80");
	w_node(out, "n", "10.96.0.1");
	i = interest_of(in);
	e = interest_of(out);
	assert_false(interest_service(i, s) || interest_slice(i, &slice, s));
	assert_false(interest_node(i, model_node(out, "n")));
	assert_false(pod_matters(i, in, "far/x", "", "10.96.0.1"));
	assert_true(interest_service(e, s) && interest_slice(e, &slice, s));
	assert_false(interest_service(e, headless) || interest_slice(e, &slice, headless) ||
		     interest_slice(e, &slice, NULL));
	assert_true(interest_node(e, model_node(out, "n")));
	assert_true(pod_matters(e, out, "far/x", "", "10.96.0.1"));
	w_node(out, "n", "10.96.0.2");
	assert_false(interest_node(e, model_node(out, "n")));
}

/* They say which of the node's ports are not the node's, whoever is judged; who is behind them is as before.
 */
static void services_with_ports_of_the_node(void **state)
{
	auto_model struct model *m = cluster("pods(app=web)", "i"), *e = cluster("pods(app=web)", "e");
	auto_interest struct interest *i = interest_of(m), *out = NULL;
	struct service *s = w_service(m, "far/s", "10.96.0.1", "tcp/80");

	(void)state;
	s->ports.v[0].node_port = 30080;
	assert_true(interest_service(i, s));
	assert_false(interest_slice(i, w_slice(m, "far/s-1", "10.0.0.9", "tcp/80"), s));
	s = w_service(m, "far/s", "10.96.0.1", "tcp/80");
	w_stands(s, externals, "192.0.2.1");
	assert_true(interest_service(i, s));
	s = w_service(m, "far/s", "10.96.0.1", "tcp/80");
	w_stands(s, balancers, "192.0.2.1");
	assert_true(interest_service(i, s));
	s = w_service(e, "far/s", "10.96.0.1", "tcp/80");
	w_stands(s, externals, "192.0.2.1");
	w_stands(s, balancers, "192.0.2.2");
	w_node(e, "n", "192.0.2.2");
	out = interest_of(e);
	assert_true(interest_node(out, model_node(e, "n")));
	assert_true(pod_matters(out, e, "far/x", "", "192.0.2.1"));
}

/* The node's own or not, whoever is judged. */
static void services_at_addresses_of_interfaces_here(void **state)
{
	auto_model struct model *m = cluster("pods(app=web)", "i");
	const struct addr here[] = { w_addr("192.0.2.1"), w_addr("10.96.0.10") };
	struct service *s = w_service(m, "far/s", "10.96.0.10", "tcp/80");
	auto_interest struct interest *i = NULL;

	(void)state;
	assert_int_equal(model_set_local_addrs(m, here, ARRAY_SIZE(here)), 0);
	i = interest_of(m);
	assert_true(interest_service(i, s));
	assert_false(interest_service(i, w_service(m, "far/t", "10.96.0.11", "tcp/80")));
}

static void namespaces_and_policies(void **state)
{
	auto_model struct model *m = cluster("pods(app=web);ns(team=b) pods(app=x)", "i");
	auto_interest struct interest *i = interest_of(m);

	(void)state;
	assert_true(interest_namespace(i, model_namespace(m, "shop"), true));
	assert_true(interest_namespace(i, model_namespace(m, "ops"), true));
	assert_false(interest_namespace(i, model_namespace(m, "far"), true));
	assert_true(interest_policy(i, w_policy(m, "shop/new", "app=none", "i")));
	assert_false(interest_policy(i, w_policy(m, "ops/new", "", "i")));
}

/* ---- in random clusters --------------------------------------------------------------------- */

/* But for where the policies of a set stand in the model. */
static bool same_tables(const struct tables *a, const struct tables *b)
{
	size_t i;

#define SAME(vec)                                                                                            \
	(a->vec.n == b->vec.n && (!a->vec.n || !memcmp(a->vec.v, b->vec.v, a->vec.n * sizeof(*a->vec.v))))
	if (!SAME(classes) || !SAME(rows) || !SAME(ranges) || !SAME(locations) || !SAME(endpoints) ||
	    !SAME(contested) || !SAME(node_ports) || a->sets.n != b->sets.n || a->rules.n != b->rules.n)
		return false;
#undef SAME
	for (i = 0; i < a->sets.n; i++)
		if (hash128_cmp(&a->sets.v[i].hash, &b->sets.v[i].hash))
			return false;
	for (i = 0; i < a->rules.n; i++)
		if (strcmp(a->rules.v[i].name, b->rules.v[i].name))
			return false;
	return true;
}

/* Takes the k-th object out of @from, which owned it. NULL: there are none. */
#define STEAL(vec, k)                                                                                        \
	({                                                                                                   \
		const size_t at_ = (vec)->n ? (k) % (vec)->n : 0;                                            \
		__typeof__((vec)->v[0]) got_ = (vec)->n ? (vec)->v[at_] : NULL;                              \
		if (got_) {                                                                                  \
			memmove((vec)->v + at_, (vec)->v + at_ + 1,                                          \
				((vec)->n - at_ - 1) * sizeof(*(vec)->v));                                   \
			(vec)->n--;                                                                          \
		}                                                                                            \
		got_;                                                                                        \
	})

/*
 * One object of @other comes into @m in the place of what has its name there, or that one goes. @a and @b are
 * what the interest says of the old and of the new one. Return: 1 it matters, 0 it does not, -1 no change.
 */
#define CHANGE(m, other, vec, k, goes, get, a, b, put, del, drop)                                            \
	({                                                                                                   \
		__typeof__((m)->vec.v[0]) now = STEAL(&(other)->vec, k);                                     \
		const __typeof__(*now) *was = now ? get : NULL;                                              \
		int ret_ = -1;                                                                               \
		if (now) {                                                                                   \
			ret_ = (was && (a)) || (!(goes) && (b));                                             \
			if (goes) {                                                                          \
				(void)del;                                                                   \
				drop(now);                                                                   \
			} else {                                                                             \
				assert_int_equal(put(m, now), 0);                                            \
			}                                                                                    \
		}                                                                                            \
		ret_;                                                                                        \
	})

static int change(struct model *m, struct model *other, struct dice *d, const struct interest *i)
{
	const uint32_t k = dice_roll(d, 1000);
	const bool goes = dice_chance(d, 25);

	switch (dice_roll(d, 6)) {
	case 0:
		return CHANGE(m, other, pods, k, goes, model_pod(m, now->ns, now->name),
			      goes ? interest_pod(i, model_namespace(m, was->ns), was)
				   : interest_pod_change(i, model_namespace(m, was->ns), was, now),
			      !was && interest_pod(i, model_namespace(m, now->ns), now), model_put_pod,
			      model_del_pod(m, now->ns, now->name), pod_free);
	case 1:
		return CHANGE(m, other, namespaces, k, goes, model_namespace(m, now->name),
			      interest_namespace(i, was, !goes), interest_namespace(i, now, was),
			      model_put_namespace, model_del_namespace(m, now->name), namespace_free);
	case 2:
		return CHANGE(m, other, policies, k, goes, model_policy(m, now->kind, now->ns, now->name),
			      interest_policy(i, was), interest_policy(i, now), model_put_policy,
			      model_del_policy(m, now->kind, now->ns, now->name), net_policy_free);
	case 3:
		return CHANGE(m, other, services, k, goes, model_service(m, now->ns, now->name),
			      interest_service(i, was), interest_service(i, now), model_put_service,
			      model_del_service(m, now->ns, now->name), service_free);
	case 4:
		return CHANGE(m, other, slices, k, goes, model_slice(m, now->ns, now->name),
			      interest_slice(i, was, model_service(m, was->ns, was->service)),
			      interest_slice(i, now, model_service(m, now->ns, now->service)),
			      model_put_slice, model_del_slice(m, now->ns, now->name), slice_free);
	default:
		return CHANGE(m, other, nodes, k, goes, model_node(m, now->name), interest_node(i, was),
			      interest_node(i, now), model_put_node, model_del_node(m, now->name),
			      cluster_node_free);
	}
}

/* Few pods here, or everything would matter. */
static struct model *random_cluster(struct dice *d)
{
	struct model *m = cluster_new(d);
	const struct net_policy *np;

	while (m->endpoints.n > 1 + dice_roll(d, 3))
		(void)model_del_endpoint(m, &m->endpoints.v[0]->key);
	while (m->policies.n > 1 + dice_roll(d, 4)) {
		np = m->policies.v[dice_roll(d, (uint32_t)m->policies.n)];
		(void)model_del_policy(m, np->kind, np->ns, np->name);
	}
	return m;
}

/* Whether a policy of one of our own kinds is about some pod here. */
static bool has_ours(const struct model *m, const struct tables *t)
{
	size_t i, k;

	for (i = 0; i < t->sets.n; i++)
		for (k = 0; k < t->sets.v[i].policies.n; k++)
			if (m->policies.v[t->sets.v[i].policies.v[k]]->kind >= POLICY_SEGMENTATION)
				return true;
	return false;
}

static void what_does_not_matter_changes_nothing(void **state)
{
	struct dice d = { .state = 1 };
	size_t n, k, passed = 0, same = 0, all = 0, ours = 0;

	(void)state;
	for (n = 0; n < WORLDS; n++) {
		auto_model struct model *m = random_cluster(&d);
		auto_tables struct tables *t = w_compile(m);
		auto_interest struct interest *i = NULL;

		assert_int_equal(policy_interest(m, t, &i), 0);
		for (k = 0; k < CHANGES; k++) {
			auto_model struct model *other = cluster_new(&d);
			struct tables *now;
			int matters;
			bool equal;

			matters = change(m, other, &d, i);
			if (matters < 0)
				continue;
			now = w_compile(m);
			equal = same_tables(t, now);
			tables_free(t);
			t = now;
			if (!matters && !equal) {
				cluster_print(m, stderr);
				fail_msg("world %zu, change %zu: did not matter, and changed the tables", n,
					 k);
			}
			if (matters) { /* as an agent does: what was passed over does not change it */
				interest_free(i);
				assert_int_equal(policy_interest(m, t, &i), 0);
			}
			all++;
			ours += !matters && has_ours(m, t);
			passed += !matters;
			same += equal;
		}
	}
	print_message("%zu changes, %zu said not to matter (%zu of them where our own kinds are), %zu left "
		      "the tables as they were\n",
		      all, passed, ours, same);
	assert_true(passed > all / 10);
	assert_true(ours > all / 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pods_that_a_peer_names),
		cmocka_unit_test(pods_here_always),
		cmocka_unit_test(labels_that_nobody_asks_for),
		cmocka_unit_test(names_of_ports),
		cmocka_unit_test(ends_of_pods),
		cmocka_unit_test(pods_that_are_out_do_not),
		cmocka_unit_test(claims),
		cmocka_unit_test(services_for_egress),
		cmocka_unit_test(services_with_ports_of_the_node),
		cmocka_unit_test(services_at_addresses_of_interfaces_here),
		cmocka_unit_test(namespaces_and_policies),
		cmocka_unit_test(what_does_not_matter_changes_nothing),
	};

	return cmocka_run_group_tests_name("policy/interest", tests, NULL, NULL);
}
