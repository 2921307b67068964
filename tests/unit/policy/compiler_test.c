/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever happens to a cluster, in whatever order: what a compiler makes of it is what policy_compile()
 * does. */
#include "same.h"
#include "world.h"

#include "model/changes.h"
#include "policy/compiler.h"
#include "policy/delta.h"
#include "policy/interest.h"
#include "tests/oracle/roll.h"
#include "util/intern.h"

#define WORLDS 80
#define STEPS  60
#define REMOTE 40 /* names of pods that no interface here is of */
#define LOCAL  8  /* and of pods that some interface is, now and then */
#define EVENTS 4  /* at most, from one result to the next */

DEFINE_SCOPE_FREE(struct compiler, compiler_free)
#define auto_compiler __attribute__((cleanup(compiler_free_scope)))

/* ---- events --------------------------------------------------------------------------------- */

static void remote_name(uint32_t i, char ret[16])
{
	(void)snprintf(ret, 16, "r%u", i);
}

/* Most have their own; some, one that is another's, too. */
static struct addr remote_addr(struct dice *d, uint32_t i, bool v4)
{
	char text[ADDR_TEXT];

	if (dice_chance(d, 3))
		return roll_addr(d, v4);
	if (dice_chance(d, 8))
		i = dice_roll(d, REMOTE);
	(void)snprintf(text, sizeof(text), v4 ? "10.0.2.%u" : "fd00::2:%x", i);
	return addr_of(text);
}

static void put_remote(struct model *m, struct dice *d)
{
	const uint32_t i = dice_roll(d, REMOTE);
	struct pod *p;
	char name[16];
	uint32_t n;

	remote_name(i, name);
	p = must(pod_new(dice_chance(d, 2) ? "ghost" : i % 3 ? "a" : "b", name));
	roll_labels(d, &p->labels);
	if (dice_chance(d, 40))
		roll_named_ports(d, p);
	for (n = dice_chance(d, 90) ? 2 : dice_roll(d, 4); n; n--)
		*(struct addr *)must(vec_add(&p->addrs)) = remote_addr(d, i, n % 2);
	p->ended = dice_chance(d, 12);
	p->host_network = dice_chance(d, 4);
	zero(model_put_pod(m, p));
}

static void drop_remote(struct model *m, struct dice *d)
{
	const uint32_t i = dice_roll(d, REMOTE);
	char name[16];

	remote_name(i, name);
	(void)model_del_pod(m, i % 3 ? "a" : "b", name);
}

/* Two of them at once have the same address. */
static void clash(struct model *m, struct dice *d)
{
	const uint32_t i = dice_roll(d, REMOTE);
	uint32_t n;

	for (n = dice_chance(d, 20) ? 0 : 2; n < 2; n++) {
		const uint32_t who = dice_roll(d, REMOTE);
		struct pod *p;
		char name[16];

		remote_name(who, name);
		p = must(pod_new(who % 3 ? "a" : "b", name));
		roll_labels(d, &p->labels);
		*(struct addr *)must(vec_add(&p->addrs)) = remote_addr(d, i, true);
		zero(model_put_pod(m, p));
	}
}

static struct pod *copy_of(const struct pod *from)
{
	struct pod *p = must(pod_new(from->ns, from->name));
	size_t i;

	for (i = 0; i < from->labels->n; i++)
		zero(labels_set(&p->labels, from->labels->at[i].key, from->labels->at[i].value));
	for (i = 0; i < from->addrs.n; i++)
		*(struct addr *)must(vec_add(&p->addrs)) = from->addrs.v[i];
	if (from->ports)
		zero(pod_set_ports(p, (struct named_port *)from->ports->at, from->ports->n));
	p->host_network = from->host_network;
	p->ended = from->ended;
	return p;
}

/* Told once more; now and then with one thing changed. */
static void repeat_remote(struct model *m, struct dice *d)
{
	char name[16];
	const struct pod *was;
	struct pod *p;
	const uint32_t i = dice_roll(d, REMOTE);

	remote_name(i, name);
	was = model_pod(m, i % 3 ? "a" : "b", name);
	if (!was)
		return;
	p = copy_of(was);
	if (dice_chance(d, 60))
		roll_labels(d, &p->labels);
	p->ended ^= dice_chance(d, 10);
	zero(model_put_pod(m, p));
}

/* Most have the labels and the addresses that they always have; few, another's. */
static void add_local_addrs(struct dice *d, uint32_t i, void *addrs)
{
	VEC(struct addr) *to = addrs;
	char text[ADDR_TEXT];
	uint32_t n;

	if (dice_chance(d, 8))
		i = dice_roll(d, LOCAL);
	for (n = 2; n; n--) {
		(void)snprintf(text, sizeof(text), n % 2 ? "10.0.3.%u" : "fd00::3:%x", i);
		if (dice_chance(d, 95))
			*(struct addr *)must(vec_add(to)) =
				dice_chance(d, 3) ? remote_addr(d, i, n % 2) : addr_of(text);
	}
}

static void put_local_pod(struct model *m, struct dice *d, uint32_t i, const char *ns, const char *name)
{
	struct pod *p = must(pod_new(ns, name));

	if (dice_chance(d, 12))
		roll_labels(d, &p->labels);
	if (dice_chance(d, 12))
		roll_named_ports(d, p);
	if (dice_chance(d, 75))
		add_local_addrs(d, i, &p->addrs);
	if (dice_chance(d, 8))
		*(struct host_port *)must(vec_add(&p->host_ports)) =
			(struct host_port){ .proto = 6, .port = 2, .to = 2 };
	p->ended = dice_chance(d, 20);
	p->partial = dice_chance(d, 2);
	if (dice_chance(d, 2)) {
		free(p->uid);
		p->uid = must(strdup("u2"));
	}
	zero(model_put_pod(m, p));
}

static void put_local_endpoint(struct model *m, struct dice *d, uint32_t i, const char *ns, const char *name,
			       const struct hash128 *key)
{
	struct endpoint *e = must(endpoint_new());

	e->key = *key;
	e->ns = must(strdup(ns));
	e->pod = must(strdup(name));
	e->uid = must(strdup("u1"));
	e->ifname = must(strdup("eth0"));
	e->ifindex = dice_chance(d, 3) ? 0 : 100 + (dice_chance(d, 3) ? 0 : i);
	add_local_addrs(d, i, &e->addrs);
	zero(model_put_endpoint(m, e));
}

/* What becomes of a pod of this node and its interface: each comes and goes by itself, as calls of the plugin
 * and the API server's words do. */
static void live_here(struct model *m, struct dice *d)
{
	const uint32_t i = dice_roll(d, LOCAL), index = 1000 + i + (dice_chance(d, 5) ? LOCAL : 0);
	const struct hash128 key = hash128_of(&index, sizeof(index));
	const uint32_t what = dice_roll(d, 100);
	const char *ns = i % 2 ? "a" : "b";
	char name[16];

	(void)snprintf(name, sizeof(name), "l%u", i);
	if (!model_pod(m, ns, name))
		put_local_pod(m, d, i, ns, name);
	else if (!model_endpoint(m, &key) && what < 70)
		put_local_endpoint(m, d, i, ns, name, &key);
	else if (what < 50)
		put_local_pod(m, d, i, ns, name);
	else if (what < 60)
		put_local_endpoint(m, d, i, ns, name, &key);
	else if (what < 95)
		(void)(model_del_endpoint(m, &key) || model_del_pod(m, ns, name));
	else
		(void)model_del_pod(m, ns, name);
}

static struct service_port *copy_port(const struct service_port *from, struct service_port *to)
{
	*to = *from;
	to->name = must(strdup(from->name));
	return to;
}

static struct endpoint_slice *copy_slice(const struct endpoint_slice *from)
{
	struct endpoint_slice *s = must(slice_new(from->ns, from->name));
	size_t i;

	free(s->service);
	s->service = must(strdup(from->service));
	s->v4 = from->v4;
	s->v6 = from->v6;
	s->unknown = from->unknown;
	for (i = 0; i < from->addrs.n; i++)
		*(struct addr *)must(vec_add(&s->addrs)) = from->addrs.v[i];
	for (i = 0; i < from->nodes.n; i++)
		*(const char **)must(vec_add(&s->nodes)) =
			from->nodes.v[i] ? must((void *)intern_again(from->nodes.v[i])) : NULL;
	for (i = 0; i < from->ports.n; i++)
		(void)copy_port(&from->ports.v[i], must(vec_add(&s->ports)));
	return s;
}

/* A backend more, or less. */
static void scale(struct model *m, struct dice *d)
{
	const struct endpoint_slice *was =
		m->slices.n ? m->slices.v[dice_roll(d, (uint32_t)m->slices.n)] : NULL;
	struct endpoint_slice *s = was ? copy_slice(was) : NULL;

	if (!s)
		return;
	if (s->addrs.n && dice_chance(d, 50)) {
		s->addrs.n--;
		if (s->nodes.n)
			intern_drop(s->nodes.v[--s->nodes.n]);
	} else {
		*(struct addr *)must(vec_add(&s->addrs)) = remote_addr(d, dice_roll(d, REMOTE), s->v4);
		*(const char **)must(vec_add(&s->nodes)) = must((void *)intern_text("n0"));
	}
	zero(model_put_slice(m, s));
}

static void happens(struct model *m, struct dice *d)
{
	static void (*const events[])(struct model * m, struct dice * d) = {
		put_remote,  put_remote, repeat_remote, repeat_remote,		repeat_remote, repeat_remote,
		drop_remote, clash,	 scale,		cluster_change_service, live_here,     live_here,
	};

	if (dice_chance(d, 95))
		pick(d, events)(m, d);
	else
		cluster_change(m, d);
	m->now += dice_chance(d, 5);
	m->audit ^= dice_chance(d, 1);
}

/* ---- the same ------------------------------------------------------------------------------- */

static struct tables *run(struct compiler *c, struct model *m)
{
	auto_tables struct tables *fresh = w_compile(m);
	struct tables *t = NULL;
	struct bh_err err = {};
	const char *differs;

	if (compiler_run(c, &t, &err) < 0)
		fail_msg("compiler_run: %s", err.msg);
	differs = tables_differ(t, fresh);
	if (differs)
		fail_msg("the %s of run %u (%s) are not those of policy_compile()", differs,
			 (unsigned int)t->run,
			 t->from      ? "a patch"
			 : t->sharers ? "rows again"
				      : "of all");
	return t;
}

/* ---- what mattered to it -------------------------------------------------------------------- */

static bool same_interest(const struct interest *i, const struct interest *j, const struct model *m)
{
	size_t k;

	for (k = 0; k < m->pods.n; k++) {
		const struct pod *p = m->pods.v[k], *q = m->pods.v[(k + 1) % m->pods.n];
		const struct namespace *ns = model_namespace(m, p->ns);

		if (interest_pod(i, ns, p) != interest_pod(j, ns, p) ||
		    interest_pod_change(i, ns, p, q) != interest_pod_change(j, ns, p, q))
			return false;
	}
	return true;
}

/* Taken over from the result before, where it is known to be the same. */
static void follow_interest(const struct model *m, struct tables *t, struct interest **at)
{
	struct interest *fresh = NULL, *next = NULL;

	assert_int_equal(policy_interest(m, t, &fresh), 0);
	if (!t->from) {
		interest_free(*at);
		*at = fresh;
		return;
	}
	assert_int_equal(policy_interest_patched(*at, t, &next), 0);
	assert_true(same_interest(fresh, next, m));
	interest_free(fresh);
	interest_free(*at);
	*at = next;
}

/* ---- and the way there ---------------------------------------------------------------------- */

static struct plan *plan(const struct tables *t, const struct actual *a)
{
	struct bh_err err = {};
	struct plan *ret = NULL;

	if (delta_plan(t, a, NULL, &ret, &err) < 0)
		fail_msg("delta_plan: %s", err.msg);
	return ret;
}

/* What is known to be a patch is planned as if it were not. */
static struct plan *same_plan(const struct tables *t, struct actual *a)
{
	const uint64_t settled = a->settled;
	struct plan *p, *full;

	p = plan(t, a);
	a->settled = 0;
	full = plan(t, a);
	a->settled = settled;
	if (!SAME(&p->steps, &full->steps) || p->losers != full->losers || p->again != full->again)
		fail_msg("run %u, from %u: %zu steps, and %zu if planned from all", (unsigned int)t->run,
			 (unsigned int)t->from, p->steps.n, full->steps.n);
	plan_free(full);
	return p;
}

static void follow(const struct tables *t, struct actual *a)
{
	struct plan *p;
	bool again;
	size_t i;

	do {
		p = same_plan(t, a);
		for (i = 0; i < p->steps.n; i++)
			assert_int_equal(actual_apply(a, &p->steps.v[i]), 0);
		actual_sort(a);
		again = p->again;
		plan_free(p);
	} while (again);
	actual_settle(a, t);
}

/* ---- in random clusters --------------------------------------------------------------------- */

static const struct actual_sizes sizes = {
	.addrs = 256, .cidrs = 256, .classes = 1024, .rows = 4096, .ranges = 8192, .rules = 1024, .ids = 8192
};

struct count {
	unsigned int all, patches, moves, remakes;
	unsigned int slices, slice_patches; /* of those after which some slice had changed, and no Service */
	unsigned int locals, local_patches; /* likewise, some interface */
};

static bool minds_services(const struct tables *t)
{
	size_t i;

	for (i = 0; i < t->sets.n; i++)
		if (table_set_minds_services(&t->sets.v[i]))
			return true;
	return false;
}

static void add_count(struct count *count, const struct tables *t, bool slices, bool locals)
{
	count->all++;
	count->patches += t->from != 0;
	count->moves += t->moved.n != 0;
	count->remakes += !t->from && t->sharers;
	count->slices += slices && minds_services(t);
	count->slice_patches += slices && minds_services(t) && t->from;
	count->locals += locals;
	count->local_patches += locals && t->sharers;
}

static void one_world(struct dice *d, struct count *count)
{
	auto_model struct model *m = cluster_new(d);
	auto_compiler struct compiler *c = compiler_new(m);
	struct tables *held[2] = {}; /* as an agent does: what is in force, and what is next */
	struct actual *a = must(actual_new(&sizes));
	struct interest *interest = NULL;
	bool slices, locals;
	uint32_t i, n;

	for (i = 0; i < REMOTE; i++)
		put_remote(m, d);
	for (i = 0; i < REMOTE; i++) /* some are behind Services */
		cluster_change(m, d);
	for (i = 0; i < STEPS; i++) {
		tables_free(held[i % 2]);
		slices = m->changes->slices.n && !m->changes->services.n;
		locals = m->changes->endpoints.n;
		held[i % 2] = run(c, m);
		follow_interest(m, held[i % 2], &interest);
		if (dice_chance(d, 90)) /* else it could not be brought in */
			follow(held[i % 2], a);
		add_count(count, held[i % 2], slices, locals);
		for (n = dice_roll(d, EVENTS + 1); n; n--)
			happens(m, d);
	}
	interest_free(interest);
	actual_free(a);
	tables_free(held[0]);
	tables_free(held[1]);
}

static void any_order_of_events(void **state)
{
	struct dice d = dice_seeded();
	struct count count = {};
	uint32_t i;

	(void)state;
	for (i = 0; i < WORLDS; i++)
		one_world(&d, &count);
	print_message("%u results, %u of them patches, of which %u had other locations; %u made rows again\n",
		      count.all, count.patches, count.moves, count.remakes);
	print_message("%u after slices that matter changed, %u of them patches\n", count.slices,
		      count.slice_patches);
	print_message("%u after interfaces changed, %u of them patches\n", count.locals, count.local_patches);
	assert_true(count.patches > count.all / 3 && count.moves > count.all / 16);
	assert_true(count.remakes > count.all / 20);
	assert_true(count.locals > count.all / 16 && count.local_patches > count.locals / 8);
	assert_true(count.slices > count.all / 20 && count.slice_patches > count.slices / 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_order_of_events),
	};

	return cmocka_run_group_tests_name("policy/compiler", tests, NULL, NULL);
}
