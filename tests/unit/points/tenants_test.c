/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two tenants: nothing that the owner of a namespace can write (labels, annotations, ports and hostPorts of
 * pods, policies of either kind, Services, slices, the namespace's mode) changes a verdict between pods of
 * others, and nothing opens anything to them outside. Random clusters whose namespace b becomes another; what
 * the pods of a are told of each other and of Services stays as it was, and of the world, the node and
 * addresses that nobody has they are allowed no more than if b claimed nothing. BH_SEED=N.
 */
#include "cluster.h"

#include "tests/oracle/cluster.h"

#define WORLDS 200

static const char *const ports[] = { "tcp/1", "tcp/2", "tcp/5", "tcp/7", "udp/1", "udp/3", "sctp/2" };

/* ---- what the owner of b does --------------------------------------------------------------- */

#define MOVE_OF_B(m, from, vec, put)                                                                         \
	do {                                                                                                 \
		size_t i_;                                                                                   \
                                                                                                             \
		for (i_ = (from)->vec.n; i_ > 0; i_--) {                                                     \
			__typeof__(*(from)->vec.v) moved_ = (from)->vec.v[i_ - 1];                           \
                                                                                                             \
			if (strcmp(moved_->ns, "b"))                                                         \
				continue;                                                                    \
			memmove(&(from)->vec.v[i_ - 1], &(from)->vec.v[i_],                                  \
				((from)->vec.n-- - i_) * sizeof(moved_));                                    \
			assert_int_equal(put(m, moved_), 0);                                                 \
		}                                                                                            \
	} while (0)

static void copy_ports(struct pod *p, const struct named_ports *from)
{
	struct named_port copy[8];
	const size_t n = from ? from->n : 0;

	assert_true(n <= ARRAY_SIZE(copy));
	if (n)
		memcpy(copy, from->at, n * sizeof(*copy));
	assert_int_equal(pod_set_ports(p, copy, n), 0);
}

/* Of annotations the model has the UID of a static pod, which is not for a tenant to say, but if it were. */
static void rewrite_pod(struct pod *p, const struct pod *like)
{
	size_t i;

	for (i = 0; i < like->labels->n; i++)
		assert_int_equal(labels_set(&p->labels, like->labels->at[i].key, like->labels->at[i].value),
				 0);
	copy_ports(p, like->ports);
	free(p->static_uid);
	p->static_uid = like->static_uid ? strdup(like->static_uid) : NULL;
}

/* As many of the ports that a asks for as it likes. */
static void take_host_ports(struct pod *p, struct dice *d)
{
	size_t i;

	vec_clear(&p->host_ports);
	for (i = 0; i < ARRAY_SIZE(ports) && dice_chance(d, 80); i++) {
		const struct port_range port = w_port(ports[i]);

		*(struct host_port *)vec_add(&p->host_ports) = (struct host_port){
			.proto = port.proto, .port = port.first, .to = (uint16_t)dice_roll(d, 8)
		};
	}
}

/* Their addresses are not for a tenant to say. */
static void rewrite_pods(struct model *m, const struct model *other, struct dice *d)
{
	size_t i;

	for (i = 0; i < m->pods.n; i++) {
		struct pod *p = m->pods.v[i];
		const struct pod *like = strcmp(p->ns, "b") ? NULL : model_pod(other, "b", p->name);

		if (like)
			rewrite_pod(p, like);
		if (!strcmp(p->ns, "b") && dice_chance(d, 50))
			take_host_ports(p, d);
	}
}

/* A ClusterIP is the API server's to give, to one Service, from a range where no pods are; a load balancer's
 * address is for who runs those. An external IP is whatever b likes. */
static void keep_ranges_apart(struct model *m)
{
	const struct cidr of_b4 = w_cidr("10.0.1.2/31"), of_b6 = w_cidr("fd00::1:2/127"),
			  others4 = w_cidr("10.0.1.0/31"), others6 = w_cidr("fd00::1:0/127");
	size_t i, k;

	for (i = 0; i < m->services.n; i++) {
		struct service *s = m->services.v[i];
		const struct cidr v4 = strcmp(s->ns, "b") ? others4 : of_b4,
				  v6 = strcmp(s->ns, "b") ? others6 : of_b6;

		for (k = s->addrs.n; k > 0; k--)
			if (!cidr_holds(&v4, &s->addrs.v[k - 1]) && !cidr_holds(&v6, &s->addrs.v[k - 1]))
				s->addrs.v[k - 1] = s->addrs.v[--s->addrs.n];
		if (!strcmp(s->ns, "b"))
			vec_clear(&s->balancers);
	}
	/* What was changed in place may be what an address of the node was left to. */
	assert_int_equal(model_set_local_addrs(m, m->local_addrs.v, m->local_addrs.n), 0);
}

/* Who asks for what is behind a Service of b lets b say who that is. */
static void ask_for_no_service_of_b(struct model *m)
{
	size_t i, k, n;
	int dir;

	for (i = 0; i < m->policies.n; i++) {
		for (dir = 0; dir < DIR_MAX; dir++) {
			for (k = 0; k < m->policies.v[i]->rules[dir].n; k++) {
				struct rule *r = &m->policies.v[i]->rules[dir].v[k];

				for (n = 0; n < r->peers.n; n++)
					if (r->peers.v[n].kind == PEER_SERVICE &&
					    *r->peers.v[n].service_ns == 'b')
						*r->peers.v[n].service_ns = 'a';
			}
		}
	}
}

static void change_mode_of_b(struct model *m, struct dice *d)
{
	size_t i;

	for (i = 0; i < m->namespaces.n; i++)
		if (!strcmp(m->namespaces.v[i]->name, "b"))
			assert_int_equal(labels_set(&m->namespaces.v[i]->labels, "policy.bulkhead.dev/mode",
						    dice_chance(d, 50) ? "Audit" : "Enforce"),
					 0);
}

static void b_does(struct model *m, struct dice *d)
{
	auto_model struct model *other = cluster_new(d);
	size_t i;

	for (i = m->policies.n; i > 0; i--)
		if (!strcmp(m->policies.v[i - 1]->ns, "b") && dice_chance(d, 50))
			(void)model_del_policy(m, m->policies.v[i - 1]->kind, "b",
					       m->policies.v[i - 1]->name);
	keep_ranges_apart(other);
	change_mode_of_b(m, d);
	rewrite_pods(m, other, d);
	MOVE_OF_B(m, other, policies, model_put_policy);
	MOVE_OF_B(m, other, services, model_put_service);
	MOVE_OF_B(m, other, slices, model_put_slice);
}

/* ---- what a is told ------------------------------------------------------------------------- */

enum where { INSIDE, OUTSIDE };

/* No pod that is not of a has it. */
static bool is_others(const struct model *m, const struct addr *a)
{
	size_t i, k;

	for (i = 0; i < m->pods.n; i++)
		for (k = 0; k < m->pods.v[i]->addrs.n; k++)
			if (strcmp(m->pods.v[i]->ns, "a") && !addr_cmp(a, &m->pods.v[i]->addrs.v[k]))
				return true;
	for (i = 0; i < m->endpoints.n; i++)
		for (k = 0; k < m->endpoints.v[i]->addrs.n; k++)
			if (strcmp(m->endpoints.v[i]->ns, "a") &&
			    !addr_cmp(a, &m->endpoints.v[i]->addrs.v[k]))
				return true;
	return false;
}

/* Its own pods', and on no interface of the node as well: whether that is the node's or a Service's, of b as
 * of anybody, is for the API server to say. */
static bool is_inside(const struct model *m, const struct addr *a)
{
	size_t i, k;

	if (vec_find(&m->local_addrs, a, addr_cmp))
		return false;
	for (i = 0; i < m->pods.n; i++)
		for (k = 0; k < m->pods.v[i]->addrs.n; k++)
			if (!m->pods.v[i]->ended && !m->pods.v[i]->host_network &&
			    !addr_cmp(a, &m->pods.v[i]->addrs.v[k]))
				return !is_others(m, a);
	return false;
}

/* What the programs allow before policy is asked. */
static bool is_to_node(const struct tables *t, uint32_t dir, const char *remote, const char *port)
{
	const struct addr a = w_addr(remote);
	const struct port_range p = w_port(port);
	const uint32_t key = BH_NODE_PORT(addr_is_v4(&a) ? 4 : 6, p.proto, p.first);
	bool node;
	size_t i;

	(void)tables_class(t, &a, &node);
	for (i = 0; i < t->node_ports.n; i++)
		if (t->node_ports.v[i] == key)
			return false;
	return node && dir == DIR_EGRESS;
}

static const char *answer(const struct tables *t, uint32_t ifindex, uint32_t dir, const char *remote,
			  const char *port)
{
	if (is_to_node(t, dir, remote, port))
		return "+node";
	return w_find(t, ifindex)->set < 0 ? "isolated" : w_ask(t, ifindex, dir, remote, port);
}

/* Which the API server gave to a Service of b, or may. */
static bool is_ip_of_b(const struct addr *a)
{
	const struct cidr v4 = w_cidr("10.0.1.2/31"), v6 = w_cidr("fd00::1:2/127");

	return cidr_holds(&v4, a) || cidr_holds(&v6, a);
}

/* Others are behind it, who are free to be somebody else. */
static bool leads_to_others(const struct model *m, const struct service *s)
{
	size_t i, k;

	for (i = 0; i < m->slices.n; i++)
		for (k = 0; k < m->slices.v[i]->addrs.n; k++)
			if (!strcmp(m->slices.v[i]->ns, s->ns) && !strcmp(m->slices.v[i]->service, s->name) &&
			    (is_others(m, &m->slices.v[i]->addrs.v[k]) ||
			     is_ip_of_b(&m->slices.v[i]->addrs.v[k])))
				return true;
	return false;
}

static bool is_to_others(const struct model *m, const struct addr *a)
{
	size_t i, k;

	for (i = 0; i < m->services.n; i++)
		for (k = 0; k < m->services.v[i]->addrs.n; k++)
			if (!addr_cmp(a, &m->services.v[i]->addrs.v[k]) &&
			    leads_to_others(m, m->services.v[i]))
				return true;
	return is_others(m, a);
}

/* Given to a Service that is not of b; and not before the node, of whose ports b may claim some. */
static bool is_given(const struct model *m, const struct addr *a)
{
	bool given = false;
	size_t i, k;

	for (i = 0; i < m->services.n; i++)
		for (k = 0; k < m->services.v[i]->addrs.n; k++)
			given |= strcmp(m->services.v[i]->ns, "b") &&
				 !addr_cmp(a, &m->services.v[i]->addrs.v[k]);
	for (i = 0; i < m->slices.n; i++)
		for (k = 0; k < m->slices.v[i]->addrs.n; k++)
			if (strcmp(m->slices.v[i]->ns, "b") &&
			    vec_find(&m->local_addrs, &m->slices.v[i]->addrs.v[k], addr_cmp))
				return false;
	return given;
}

/* Where several of a Service's backends are denied, whose rule is named is by the order of classes, and those
 * are everybody's. */
static void add_answers(FILE *out, const struct tables *t, uint32_t ifindex, const char *remote,
			bool of_service)
{
	uint32_t dir;
	size_t i;

	for (dir = 0; dir < DIR_MAX; dir++)
		for (i = 0; i <= ARRAY_SIZE(ports); i++) {
			const char *port = i < ARRAY_SIZE(ports) ? ports[i] : "icmp";
			const char *said = answer(t, ifindex, dir, remote, port);

			fprintf(out, "%u %u %s %s %.*s\n", ifindex, dir, remote, port,
				of_service && *said == '-' ? 1 : -1, said);
		}
}

/* All of it as a text; owned by the caller. */
static char *what_a_is_told(const struct model *m, enum where where)
{
	static const char *const more[] = { "203.0.113.1", "2001:db8::1", "10.0.1.0",
					    "10.0.1.1",	   "fd00::1:0",	  "fd00::1:1" };
	auto_tables struct tables *t = w_compile(m);
	char *ret = NULL, remote[ADDR_TEXT];
	size_t len, i;
	FILE *out = open_memstream(&ret, &len);
	struct addr a;
	int k;

	assert_non_null(out);
	for (i = 0; i < m->endpoints.n; i++) {
		const struct endpoint *e = m->endpoints.v[i];

		if (!e->ifindex || strcmp(e->ns, "a"))
			continue;
		for (k = 0; k < 48; k++) {
			(void)snprintf(remote, sizeof(remote), k < 24 ? "10.0.0.%d" : "fd00::%x", k % 24);
			a = w_addr(remote);
			if (!is_others(m, &a) && is_inside(m, &a) == (where == INSIDE))
				add_answers(out, t, e->ifindex, remote, false);
		}
		for (k = 0; k < (int)ARRAY_SIZE(more); k++) {
			a = w_addr(more[k]);
			if (!is_to_others(m, &a) && is_given(m, &a) == (where == INSIDE))
				add_answers(out, t, e->ifindex, more[k], true);
		}
	}
	assert_int_equal(fclose(out), 0);
	return ret;
}

static void assert_told_the_same(char *before, char *after)
{
	char *a, *b;

	do {
		a = strsep(&before, "\n");
		b = strsep(&after, "\n");
		if (!a != !b || (a && strcmp(a, b)))
			fail_msg("was '%s', is '%s'", a ? a : "", b ? b : "");
	} while (a);
}

/* Each line ends in the verdict, "+" or "-", and its rule. Return: how many that were allowed are denied. */
static size_t assert_told_no_more(char *without, char *with)
{
	size_t denied = 0;
	char *a, *b;

	do {
		a = strsep(&without, "\n");
		b = strsep(&with, "\n");
		assert_int_equal(!a, !b);
		if (a && strchr(b, '+') && !strchr(a, '+'))
			fail_msg("without claims '%s', with them '%s'", a, b);
		denied += a && strchr(a, '+') && strchr(b, '-');
	} while (a);
	return denied;
}

static void nothing_that_b_writes_is_told_to_a(void **state)
{
	struct dice d = dice_seeded();
	size_t asked = 0;
	int i;

	for (i = 0; i < WORLDS; i++) {
		auto_model struct model *m = cluster_new(&d);
		auto_free char *before = NULL, *after = NULL;

		keep_ranges_apart(m);
		ask_for_no_service_of_b(m);
		before = what_a_is_told(m, INSIDE);
		b_does(m, &d);
		after = what_a_is_told(m, INSIDE);
		asked += strlen(before) > 0;
		assert_told_the_same(before, after);
	}
	assert_true(asked > WORLDS / 4);
	(void)state;
}

static void without_claims_of_b(struct model *m)
{
	size_t i, k;

	for (i = 0; i < m->services.n; i++) {
		struct service *s = m->services.v[i];

		if (strcmp(s->ns, "b"))
			continue;
		vec_clear(&s->externals);
		for (k = 0; k < s->ports.n; k++)
			s->ports.v[k].node_port = 0;
	}
	for (i = 0; i < m->pods.n; i++)
		if (!strcmp(m->pods.v[i]->ns, "b"))
			vec_clear(&m->pods.v[i]->host_ports);
}

static void nothing_that_b_claims_is_open_to_a(void **state)
{
	struct dice d = dice_seeded();
	size_t denied = 0;
	int i;

	for (i = 0; i < WORLDS; i++) {
		auto_model struct model *m = cluster_new(&d);
		auto_free char *without = NULL, *with = NULL;

		keep_ranges_apart(m);
		b_does(m, &d);
		with = what_a_is_told(m, OUTSIDE);
		without_claims_of_b(m);
		without = what_a_is_told(m, OUTSIDE);
		denied += assert_told_no_more(without, with);
	}
	assert_true(denied);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_that_b_writes_is_told_to_a),
		cmocka_unit_test(nothing_that_b_claims_is_open_to_a),
	};

	return cmocka_run_group_tests_name("points/tenants", tests, NULL, NULL);
}
