/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way from a change to its enforcement, over a data plane that is made here: it follows the steps
 * in memory, ends grace periods when it is told to, and fails where it is told to.
 */
#include "reconcile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../hear.h"
#include "util/log.h"
#include "util/scope.h"

/* ---- the data plane ----------------------------------------------------------------------- */

struct dp {
	int grace_fd;
	struct actual *maps;			       /* what "the kernel" holds */
	size_t steps, graces, reads, node_ports, told; /* told: of node ports, how often */
	size_t fail_at;				       /* this step fails; 0: none */
	bool hold_grace;			       /* it ends only by end_grace() */
};

static const struct actual_sizes sizes = {
	.addrs = 64, .cidrs = 64, .classes = 256, .rows = 64, .ranges = 64, .rules = 64, .ids = 256
};

int dp_read(struct dp *dp, struct actual **ret, struct bh_err *err)
{
	struct actual *a = actual_new(&sizes);
	size_t i;

	(void)err;
	assert_non_null(a);
	actual_sort(dp->maps);
	a->epoch = dp->maps->epoch;
	for (i = 0; i < dp->maps->ids.n; i++)
		*vec_add(&a->ids) = dp->maps->ids.v[i];
	for (i = 0; i < dp->maps->rows.n; i++)
		*vec_add(&a->rows) = dp->maps->rows.v[i];
	for (i = 0; i < dp->maps->locations.n; i++)
		*vec_add(&a->locations) = dp->maps->locations.v[i];
	memcpy(a->words, dp->maps->words, sizes.classes * sizeof(*a->words));
	memcpy(a->ranges, dp->maps->ranges, sizes.ranges * sizeof(*a->ranges));
	memcpy(a->endpoints, dp->maps->endpoints, BH_EP_SLOTS * sizeof(*a->endpoints));
	actual_sort(a);
	dp->reads++;
	*ret = a;
	return 0;
}

int dp_step(struct dp *dp, const struct step *step, struct bh_err *err)
{
	assert_int_not_equal(step->kind, STEP_GRACE); /* that one would block the loop */
	if (++dp->steps == dp->fail_at)
		return bh_err_set(err, -ENOMEM, "step %zu fails", dp->steps);
	return actual_apply(dp->maps, step);
}

int dp_grace_fd(const struct dp *dp)
{
	return dp->grace_fd;
}

static void end_grace(struct dp *dp)
{
	const uint64_t one = 1;

	assert_int_equal(write(dp->grace_fd, &one, sizeof(one)), sizeof(one));
}

int dp_grace_begin(struct dp *dp, struct bh_err *err)
{
	(void)err;
	dp->graces++;
	if (!dp->hold_grace)
		end_grace(dp);
	return 0;
}

int dp_set_node_ports(struct dp *dp, const uint32_t *ports, size_t n, struct bh_err *err)
{
	(void)ports;
	(void)err;
	dp->node_ports = n;
	dp->told++;
	return 0;
}

/* ---- a node ------------------------------------------------------------------------------- */

struct node {
	struct loop *loop;
	struct model *model;
	struct dp dp;
	struct reconcile *r;
	int enforced, failed;
	char why[256];
	struct loop_timer idle;
	bool went_idle;
	bool unread; /* the source has a file that nobody can read */
};

static int is_ready(void *ctx, struct bh_err *err)
{
	const struct node *n = ctx;

	return n->unread ? bh_err_set(err, -EAGAIN, "a.yaml is bad") : 0;
}

static void on_enforced(void *ctx)
{
	struct node *n = ctx;

	n->enforced++;
	loop_stop(n->loop);
}

static void on_failed(void *ctx, const struct bh_err *why)
{
	struct node *n = ctx;

	n->failed++;
	(void)snprintf(n->why, sizeof(n->why), "%s", why->msg);
	loop_stop(n->loop);
}

static void on_idle(void *ctx)
{
	struct node *n = ctx;

	n->went_idle = true;
	loop_stop(n->loop);
}

/* Some turns, until there is nothing to do just now. */
static void turn(struct node *n)
{
	n->went_idle = false;
	loop_timer_set(n->loop, &n->idle, 20);
	while (!n->went_idle)
		assert_int_equal(loop_run(n->loop), 0);
}

static void label_pod(struct node *n, const char *name, const char *app)
{
	struct pod *p = pod_new("shop", name);

	assert_int_equal(labels_set(&p->labels, "app", app), 0);
	assert_int_equal(model_put_pod(n->model, p), 0);
}

static void put_pod(struct node *n, const char *name, uint32_t ifindex, size_t addrs)
{
	struct endpoint *e = endpoint_new();
	size_t i;

	label_pod(n, name, name);
	free(e->ns);
	free(e->pod);
	e->ns = strdup("shop");
	e->pod = strdup(name);
	free(e->ifname);
	e->ifname = strdup("eth0");
	e->ifindex = ifindex;
	e->key = hash128_of(name, strlen(name));
	for (i = 0; i < addrs; i++) {
		struct addr *a = vec_add(&e->addrs);
		char text[ADDR_TEXT];

		(void)snprintf(text, sizeof(text), "10.0.%u.%zu", ifindex, i + 1);
		assert_int_equal(addr_parse(text, a), 0);
	}
	assert_int_equal(model_put_endpoint(n->model, e), 0);
}

/* Isolates `db`, and lets in @from. */
static void put_policy(struct node *n, const char *from)
{
	struct net_policy *p = net_policy_new(POLICY_NETWORK, "shop", "db");
	struct requirement *q;
	struct rule *rule;
	struct peer *peer;

	if (!p->subject)
		p->subject = selector_new();
	assert_int_equal(selector_add(p->subject, "app", OP_IN, &q), 0);
	assert_int_equal(requirement_value(q, "db"), 0);
	p->isolates[DIR_INGRESS] = true;
	rule = vec_add(&p->rules[DIR_INGRESS]);
	peer = vec_add(&rule->peers);
	peer->pods = selector_new();
	assert_int_equal(selector_add(peer->pods, "app", OP_IN, &q), 0);
	assert_int_equal(requirement_value(q, from), 0);
	assert_int_equal(model_put_policy(n->model, p), 0);
}

static int setup(void **state)
{
	struct node *n = calloc(1, sizeof(*n));
	const struct reconcile_hooks hooks = {
		.ready = is_ready, .enforced = on_enforced, .failed = on_failed, .ctx = n
	};
	struct bh_err err;

	log_level = LOG_ERROR;
	n->idle = (struct loop_timer){ .fn = on_idle, .ctx = n };
	n->model = model_new();
	n->dp.maps = actual_new(&sizes);
	n->dp.grace_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop_new(&n->loop, &err) < 0 || reconcile_new(n->loop, &n->dp, n->model, &hooks, &n->r, &err) < 0)
		return -1;
	(void)model_put_namespace(n->model, namespace_new("shop"));
	put_pod(n, "web", 1, 1);
	put_pod(n, "db", 2, 1);
	put_policy(n, "web");
	*state = n;
	return 0;
}

static int teardown(void **state)
{
	struct node *n = *state;

	loop_timer_unset(n->loop, &n->idle);
	reconcile_free(n->r);
	loop_free(n->loop);
	model_free(n->model);
	actual_free(n->dp.maps);
	(void)close(n->dp.grace_fd);
	free(n);
	return 0;
}

/* What the programs would say to a new TCP flow from @ifindex_from's pod to db. */
static bool db_admits(struct node *n, uint32_t ifindex_from)
{
	const struct bh_row *row;
	struct addr from;
	char text[ADDR_TEXT];
	uint32_t set;

	(void)snprintf(text, sizeof(text), "10.0.%u.1", ifindex_from);
	assert_int_equal(addr_parse(text, &from), 0);
	actual_sort(n->dp.maps);
	set = n->dp.maps->endpoints[2].policy_set;
	row = actual_row(n->dp.maps, set, BH_CLASS_ID(actual_word(n->dp.maps, &from, set & BH_SET_CIDR)),
			 BH_INGRESS);
	return row && row->action == BH_ALLOW;
}

/* ---- tests -------------------------------------------------------------------------------- */

static void changes_of_one_turn_are_one_run(void **state)
{
	struct node *n = *state;

	reconcile_changed(n->r, CHANGE_SOURCE, "first");
	reconcile_changed(n->r, CHANGE_POD, "second");
	assert_int_equal(n->dp.steps, 0); /* not before the turn ends */
	assert_int_equal(reconcile_done(n->r), 0);
	turn(n);
	assert_int_equal(n->enforced, 1);
	assert_int_equal(reconcile_done(n->r), reconcile_wanted(n->r));
	assert_non_null(reconcile_inforce(n->r));
	assert_true(db_admits(n, 1));
}

static void nothing_changed_does_nothing(void **state)
{
	struct node *n = *state;

	turn(n);
	assert_int_equal(n->enforced, 0);
	assert_int_equal(n->dp.steps, 0);
}

static void a_grace_period_does_not_block_the_loop(void **state)
{
	struct node *n = *state;
	size_t steps;

	reconcile_changed(n->r, CHANGE_SOURCE, "start");
	turn(n);
	put_policy(n, "nobody");
	n->dp.hold_grace = true;
	reconcile_changed(n->r, CHANGE_SOURCE, "policy");
	turn(n); /* comes back while the grace period lasts */
	assert_true(n->dp.graces > 0);
	assert_int_equal(n->enforced, 1);
	steps = n->dp.steps;
	turn(n);
	assert_int_equal(n->dp.steps, steps);
	n->dp.hold_grace = false;
	end_grace(&n->dp);
	turn(n);
	assert_int_equal(n->enforced, 2);
	assert_true(n->dp.steps > steps);
	assert_false(db_admits(n, 1));
}

static void a_change_during_a_run_is_compiled_after_it(void **state)
{
	struct node *n = *state;
	uint64_t asked;

	reconcile_changed(n->r, CHANGE_SOURCE, "start");
	turn(n);
	put_policy(n, "nobody");
	n->dp.hold_grace = true;
	reconcile_changed(n->r, CHANGE_SOURCE, "policy");
	turn(n);
	put_pod(n, "cli", 3, 1);
	put_policy(n, "cli");
	reconcile_changed(n->r, CHANGE_POD, "pod");
	asked = reconcile_wanted(n->r);
	turn(n);
	assert_true(reconcile_done(n->r) < asked);
	n->dp.hold_grace = false;
	end_grace(&n->dp);
	turn(n);
	assert_int_equal(n->enforced, 3);
	assert_int_equal(reconcile_done(n->r), asked);
	assert_true(db_admits(n, 3));
	assert_false(db_admits(n, 1));
}

/* db joins a policy set that is live while web's class changes: what helps to get there without a mixture
 * is taken away by a second pass (policy/delta.h). */
static void as_many_passes_as_the_plan_wants(void **state)
{
	struct node *n = *state;

	reconcile_changed(n->r, CHANGE_SOURCE, "start");
	turn(n);
	assert_true(model_del_policy(n->model, POLICY_NETWORK, "shop", "db"));
	reconcile_changed(n->r, CHANGE_SOURCE, "policy gone");
	turn(n);
	assert_int_equal(n->enforced, 2);
	assert_true(db_admits(n, 1));
	n->dp.steps = 0;
	reconcile_changed(n->r, CHANGE_SOURCE, "nothing");
	turn(n);
	assert_int_equal(n->enforced, 3);
	assert_int_equal(n->dp.steps, 0); /* nothing was left to do */
}

static void what_is_in_force_stays_when_compiling_fails(void **state)
{
	struct node *n = *state;
	const struct inforce *before;
	struct reconcile_status status;
	uint64_t done;

	reconcile_changed(n->r, CHANGE_SOURCE, "start");
	turn(n);
	before = reconcile_inforce(n->r);
	done = reconcile_done(n->r);
	put_pod(n, "big", 9, BH_EP_ADDRS + 1);
	reconcile_changed(n->r, CHANGE_POD, "pod");
	turn(n);
	assert_int_equal(n->failed, 1); /* once: the same input would fail again */
	assert_ptr_equal(reconcile_inforce(n->r), before);
	assert_int_equal(reconcile_done(n->r), done);
	reconcile_status(n->r, &status);
	assert_string_equal(status.failing, n->why);
	assert_true(db_admits(n, 1));

	put_pod(n, "big", 9, 1);
	reconcile_changed(n->r, CHANGE_POD, "pod");
	turn(n);
	assert_int_equal(n->enforced, 2);
	reconcile_status(n->r, &status);
	assert_string_equal(status.failing, "");
}

/* Who asks for what there is no room for is said, whatever changed last. */
static void a_full_map_names_the_policy(void **state)
{
	struct node *n = *state;
	struct net_policy *p = net_policy_new(POLICY_SEGMENTATION, "shop", "odd");
	struct rule *rule = vec_add(&p->rules[DIR_INGRESS]);
	struct reconcile_status status;
	uint32_t i;

	for (i = 0; i < sizes.ranges; i++)
		*vec_add(&rule->ports) =
			(struct port_range){ 6, (uint16_t)(2 * i + 1), (uint16_t)(2 * i + 1), "" };
	assert_int_equal(model_put_policy(n->model, p), 0);
	reconcile_changed(n->r, CHANGE_POD, "pod");
	turn(n);
	assert_int_equal(n->failed, 1);
	reconcile_status(n->r, &status);
	assert_string_equal(
		status.failing,
		"map bh_ranges has room for 63 port ranges, 64 needed; most by policy segpol shop/odd: 64");
}

/* A model that lacks what was in force before the start takes nothing away. */
static void nothing_changes_until_all_can_be_read(void **state)
{
	struct node *n = *state;

	n->unread = true;
	reconcile_changed(n->r, CHANGE_SOURCE, "start");
	turn(n);
	assert_int_equal(n->failed, 1);
	assert_string_equal(n->why, "a.yaml is bad");
	assert_int_equal(n->dp.steps, 0);
	n->unread = false;
	reconcile_changed(n->r, CHANGE_SOURCE, "read");
	turn(n);
	assert_int_equal(n->enforced, 1);
	assert_true(n->dp.steps > 0);
}

static uint64_t seen(const struct histogram *h)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i <= HISTOGRAM_BUCKETS; i++)
		n += h->counts[i];
	return n;
}

/* What is counted as its time begins with the change, not with the attempt that had luck; and what policies
 * cannot have caused is counted apart. */
static void time_of_a_change_goes_over_failures(void **state)
{
	const struct timespec rest = { .tv_nsec = 20000000 };
	struct node *n = *state;
	const struct reconcile_times *t = reconcile_times(n->r);

	n->unread = true;
	reconcile_changed(n->r, CHANGE_SOURCE, "start");
	turn(n);
	(void)nanosleep(&rest, NULL);
	n->unread = false;
	reconcile_changed(n->r, CHANGE_SOURCE, "again");
	turn(n);
	assert_int_equal(n->enforced, 1);
	assert_int_equal(seen(&t->policy), 1);
	assert_true(t->policy.sum_ns >= 20000000);
	reconcile_changed(n->r, CHANGE_POD, "pod");
	turn(n);
	assert_int_equal(seen(&t->policy), 1);
	assert_int_equal(seen(&t->other), 1);
	assert_true(t->other.sum_ns < t->policy.sum_ns);
}

/* A step that fails half-way leaves the maps where they are: they are read again, not remembered. */
static void after_a_failed_step_the_maps_are_read_again(void **state)
{
	struct node *n = *state;

	reconcile_changed(n->r, CHANGE_SOURCE, "start");
	n->dp.fail_at = 3;
	turn(n);
	assert_int_equal(n->failed, 1);
	assert_int_equal(n->enforced, 0);
	assert_string_equal(n->why, "step 3 fails");
	assert_int_equal(n->dp.reads, 1);
	reconcile_changed(n->r, CHANGE_SOURCE, "again");
	turn(n);
	assert_int_equal(n->dp.reads, 2);
	assert_int_equal(n->enforced, 1);
	assert_true(db_admits(n, 1));
}

static void a_failed_step_is_tried_again_by_itself(void **state)
{
	struct node *n = *state;

	reconcile_changed(n->r, CHANGE_SOURCE, "start");
	n->dp.fail_at = 1;
	turn(n);
	assert_int_equal(n->enforced, 0);
	while (!n->enforced)
		assert_int_equal(loop_run(n->loop), 0);
	assert_int_equal(reconcile_done(n->r), reconcile_wanted(n->r));
}

static void host_ports_of_pods_here_are_told(void **state)
{
	struct node *n = *state;
	struct pod *p = pod_new("shop", "web"), *elsewhere = pod_new("shop", "far");

	*vec_add(&p->host_ports) = (struct host_port){ .proto = 6, .port = 8080 };
	*vec_add(&elsewhere->host_ports) = (struct host_port){ .proto = 6, .port = 9090 };
	assert_int_equal(model_put_pod(n->model, p), 0);
	assert_int_equal(model_put_pod(n->model, elsewhere), 0);
	reconcile_changed(n->r, CHANGE_SOURCE, "start");
	turn(n);
	assert_int_equal(n->dp.node_ports, 1);
	assert_int_equal(n->dp.told, 1);
	assert_int_equal(model_put_pod(n->model, pod_new("shop", "other")), 0);
	reconcile_changed(n->r, CHANGE_SOURCE, "another pod");
	turn(n);
	assert_int_equal(n->dp.told, 1); /* they are the same */
	assert_true(model_del_pod(n->model, "shop", "web"));
	reconcile_changed(n->r, CHANGE_SOURCE, "it goes");
	turn(n);
	assert_int_equal(n->dp.told, 2);
	assert_int_equal(n->dp.node_ports, 0);
}

/* A pod of another node. */
static void put_remote(struct node *n, const char *name, const char *app, const char *addr)
{
	struct pod *p = pod_new("shop", name);

	assert_int_equal(labels_set(&p->labels, "app", app), 0);
	assert_int_equal(addr_parse(addr, vec_add(&p->addrs)), 0);
	assert_int_equal(model_put_pod(n->model, p), 0);
}

static bool is_patched(const struct node *n)
{
	return reconcile_inforce(n->r)->tables->from;
}

/* What its tables and its plan are made from is what was in force; all else is as ever. */
static void pods_of_other_nodes_cost_little(void **state)
{
	struct node *n = *state;

	put_remote(n, "web-1", "web", "10.0.7.1");
	reconcile_changed(n->r, CHANGE_SOURCE, "start");
	turn(n);
	assert_false(is_patched(n) || db_admits(n, 8));
	put_remote(n, "web-2", "web", "10.0.8.1");
	reconcile_changed(n->r, CHANGE_POD, "one more");
	turn(n);
	assert_true(is_patched(n) && db_admits(n, 7) && db_admits(n, 8));
	put_remote(n, "web-1", "cli", "10.0.7.1");
	reconcile_changed(n->r, CHANGE_POD, "another now");
	turn(n);
	assert_true(is_patched(n) && !db_admits(n, 7) && db_admits(n, 8));
	put_policy(n, "cli");
	reconcile_changed(n->r, CHANGE_SOURCE, "policy");
	turn(n);
	assert_true(!is_patched(n) && db_admits(n, 7) && !db_admits(n, 8));
}

/* The mirror is read anew, and what it holds is not what the last tables said. */
static void a_patch_that_fails_is_planned_from_all(void **state)
{
	struct node *n = *state;

	put_remote(n, "web-1", "web", "10.0.7.1");
	reconcile_changed(n->r, CHANGE_SOURCE, "start");
	turn(n);
	put_remote(n, "web-2", "web", "10.0.8.1");
	n->dp.fail_at = n->dp.steps + 1;
	reconcile_changed(n->r, CHANGE_POD, "one more");
	turn(n);
	assert_false(db_admits(n, 8));
	n->dp.fail_at = 0;
	put_remote(n, "web-3", "web", "10.0.9.1");
	reconcile_changed(n->r, CHANGE_POD, "and one more");
	turn(n);
	assert_true(is_patched(n) && db_admits(n, 8) && db_admits(n, 9));
}

static void changes_are_named_by_policy(void **state)
{
	struct node *n = *state;
	struct compiler *c = compiler_new(n->model);
	struct inforce *a, *b;
	struct bh_err err;
	const struct inforce_policy *first;

	assert_int_equal(inforce_compile(c, NULL, true, &a, &err), 0);
	assert_int_equal(inforce_compile(c, a, false, &b, &err), 0);
	assert_int_equal(inforce_changes(a, b, &first), 0);
	inforce_unref(b);
	put_policy(n, "cli"); /* the same name says something else */
	assert_int_equal(model_put_policy(n->model, net_policy_new(POLICY_NETWORK, "shop-b", "a")), 0);
	assert_int_equal(inforce_compile(c, a, true, &b, &err), 0);
	assert_int_equal(inforce_changes(a, b, &first), 2);
	assert_string_equal(first->text, "shop/db");
	assert_int_equal(inforce_changes(b, a, &first), 2);
	inforce_unref(a);
	inforce_unref(b);
	compiler_free(c);
}

/* Of what is in force, not of what there is by now. */
static void generations_are_those_in_force(void **state)
{
	struct node *n = *state;
	struct compiler *c = compiler_new(n->model);
	const struct table_endpoint *db;
	struct net_policy *p;
	struct inforce *f;
	struct bh_err err;

	((struct net_policy *)model_policy(n->model, POLICY_NETWORK, "shop", "db"))->generation = 7;
	p = net_policy_new(POLICY_NETWORK, "shop", "d");
	p->isolates[DIR_INGRESS] = true;
	p->generation = 3;
	assert_int_equal(model_put_policy(n->model, p), 0);
	assert_int_equal(inforce_compile(c, NULL, true, &f, &err), 0);
	p->generation = 4;
	db = inforce_ifindex(f, 2);
	assert_int_equal(inforce_generation(f, db, "shop/db"), 7);
	assert_int_equal(inforce_generation(f, db, "shop/db ingress[0]"), 7);
	assert_int_equal(inforce_generation(f, db, "shop/db egress[12] (no-dns)"), 7);
	assert_int_equal(inforce_generation(f, db, "shop/d"), 3);
	assert_int_equal(inforce_generation(f, db, "shop/d ingress[0]"), 3);
	assert_int_equal(inforce_generation(f, db, "shop/db2"), 0);
	assert_int_equal(inforce_generation(f, db, "shop/db other"), 0);
	assert_int_equal(inforce_generation(f, inforce_ifindex(f, 1), "shop/db"), 0); /* not of that pod */
	assert_int_equal(inforce_generation(f, inforce_ifindex(f, 99), "shop/db"), 0);
	assert_int_equal(inforce_generation(NULL, NULL, "shop/db"), 0);
	inforce_unref(f);
	compiler_free(c);
}

/* For who filters the log: which policy is in force now, or that something is not, or waits. */
static void the_log_names_the_policy(void **state)
{
	struct node *n = *state;

	reconcile_changed(n->r, CHANGE_SOURCE, "start");
	turn(n);
	log_level = LOG_INFO;
	log_format = LOG_JSON;
	hush();
	n->unread = true;
	reconcile_changed(n->r, CHANGE_SOURCE, "late");
	turn(n);
	assert_non_null(strstr(hear(), "\"level\":\"info\",\"msg\":\"late: waits: a.yaml is bad; "
				       "what was in force stays meanwhile\",\"reason\":\"Waits\"}\n"));
	n->unread = false;
	hush();
	put_policy(n, "cli");
	reconcile_changed(n->r, CHANGE_SOURCE, "edit");
	turn(n);
	(void)hear();
	assert_non_null(strstr(said, "\"msg\":\"edit, policy shop/db: enforced in "));
	assert_non_null(strstr(said, ",\"reason\":\"Enforced\",\"kind\":\"NetworkPolicy\","
				     "\"namespace\":\"shop\",\"name\":\"db\"}\n"));
	hush();
	put_pod(n, "big", 9, BH_EP_ADDRS + 1);
	reconcile_changed(n->r, CHANGE_POD, "pod");
	turn(n);
	log_format = LOG_TEXT;
	assert_non_null(strstr(hear(), ",\"reason\":\"NotEnforced\"}\n"));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(changes_of_one_turn_are_one_run),
		CASE(nothing_changed_does_nothing),
		CASE(a_grace_period_does_not_block_the_loop),
		CASE(a_change_during_a_run_is_compiled_after_it),
		CASE(as_many_passes_as_the_plan_wants),
		CASE(what_is_in_force_stays_when_compiling_fails),
		CASE(a_full_map_names_the_policy),
		CASE(nothing_changes_until_all_can_be_read),
		CASE(time_of_a_change_goes_over_failures),
		CASE(after_a_failed_step_the_maps_are_read_again),
		CASE(a_failed_step_is_tried_again_by_itself),
		CASE(host_ports_of_pods_here_are_told),
		CASE(pods_of_other_nodes_cost_little),
		CASE(a_patch_that_fails_is_planned_from_all),
		CASE(changes_are_named_by_policy),
		CASE(generations_are_those_in_force),
		CASE(the_log_names_the_policy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
