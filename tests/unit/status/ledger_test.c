/* SPDX-License-Identifier: Apache-2.0 */
/* From nodes' reports to what is written, by a clock of the test's: reports, counts, words, pace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "status/ledger.h"
#include "util/scope.h"

#define NOW 1800000000

struct given {
	struct model *m;
	struct gather *g;
	struct ledger *l;
	int64_t ms;
	struct ledger_write w;
};

/* ---- a cluster ------------------------------------------------------------------------------ */

static void add_namespace(struct given *g, const char *name)
{
	assert_int_equal(model_put_namespace(g->m, namespace_new(name)), 0);
}

static void add_pod(struct given *g, const char *name, const char *node)
{
	struct pod *p = pod_new("shop", name);

	assert_int_equal(labels_set(&p->labels, "app", name), 0);
	assert_int_equal(pod_set_node(p, node), 0);
	assert_int_equal(model_put_pod(g->m, p), 0);
	ledger_pods_changed(g->l, "shop");
}

static struct net_policy *new_policy(enum policy_kind kind, const char *name, uint64_t generation)
{
	struct net_policy *p = net_policy_new(kind, "shop", name);

	p->uid = strdup(name);
	p->generation = generation;
	return p;
}

static void put_policy(struct given *g, const char *name, uint64_t generation)
{
	assert_int_equal(model_put_policy(g->m, new_policy(POLICY_SEGMENTATION, name, generation)), 0);
}

static struct report current(const struct given *g)
{
	struct report r = { .version = "1", .valid_s = REPORT_VALID_MAX_S };
	size_t i;

	for (i = 0; i < POLICY_KINDS; i++)
		r.sets[i] = *versions_now(&g->m->versions[i]);
	return r;
}

static void says(struct given *g, const char *node, struct report r)
{
	assert_true(gather_put(g->g, node, &r, 1, g->ms) >= 0);
}

static void is_current(struct given *g, const char *node)
{
	says(g, node, current(g));
}

/* A pass so much later, and whether there is something to write then, in g->w. */
static bool after(struct given *g, int64_t ms)
{
	g->ms += ms;
	free(g->w.body);
	g->w.body = NULL;
	assert_int_equal(ledger_pass(g->l, g->ms, NOW + g->ms / 1000), 0);
	return ledger_next(g->l, g->ms, &g->w) > 0;
}

static void written(struct given *g)
{
	ledger_end(g->l, &g->w, LEDGER_DONE, g->ms);
}

static const struct condition *said(const struct given *g, size_t which)
{
	return &g->w.v.conditions[which];
}

static void says_programmed(const struct given *g, bool is_true, const char *reason)
{
	assert_string_equal(said(g, PROGRAMMED)->reason, reason);
	assert_int_equal(said(g, PROGRAMMED)->is_true, is_true);
}

static int setup(void **state)
{
	struct given *g = calloc(1, sizeof(*g));
	unsigned int i;

	g->m = model_new();
	g->g = gather_new(g->m);
	g->l = ledger_new(g->m, g->g);
	g->ms = 1000000;
	for (i = 0; i < POLICY_KINDS; i++)
		ledger_listed(g->l, (enum policy_kind)i, true, 1);
	add_namespace(g, "shop");
	add_pod(g, "web", "n1");
	add_pod(g, "db", "n2");
	*state = g;
	return 0;
}

static int teardown(void **state)
{
	struct given *g = *state;

	free(g->w.body);
	ledger_free(g->l);
	gather_free(g->g);
	model_free(g->m);
	free(g);
	return 0;
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void in_force_everywhere(void **state)
{
	struct given *g = *state;

	put_policy(g, "all", 3);
	is_current(g, "n1");
	is_current(g, "n2");
	assert_true(after(g, 0));
	assert_string_equal(g->w.path,
			    "/apis/policy.bulkhead.dev/v1alpha1/namespaces/shop/segmentationpolicies/all/"
			    "status?fieldManager=bulkhead&force=true");
	says_programmed(g, true, "Programmed");
	assert_true(said(g, ACCEPTED)->is_true);
	assert_int_equal(said(g, PROGRAMMED)->generation, 3);
	assert_string_equal(said(g, PROGRAMMED)->since, "2027-01-15T08:16:40Z");
	assert_non_null(strstr(g->w.body, "\"uid\":\"all\""));
	written(g);
	assert_false(after(g, 100000));
}

/* A node that is behind, one that says nothing, one that is ahead of us. */
static void who_is_late_is_named(void **state)
{
	struct given *g = *state;
	struct report before, ahead;

	before = current(g);
	put_policy(g, "all", 1);
	says(g, "n1", before);
	assert_false(after(g, 0)); /* they have a moment */
	assert_true(after(g, LEDGER_PENDING_MS));
	says_programmed(g, false, "Pending");
	assert_string_equal(said(g, PROGRAMMED)->message,
			    "in force on 0 of 2 nodes that have pods of it, not on n1, n2");
	written(g);
	is_current(g, "n1");
	put_policy(g, "next", 1);
	ahead = current(g);
	assert_true(model_del_policy(g->m, POLICY_SEGMENTATION, "shop", "next"));
	g->m->versions[POLICY_SEGMENTATION].past[2] = (struct hash128){}; /* as if it were still to come */
	says(g, "n2", ahead);
	assert_false(after(g, 1000));
	put_policy(g, "next", 1);
	assert_true(after(g, LEDGER_PENDING_MS));
	says_programmed(g, true, "Programmed");
}

/* What it was not is no reason, if it was since. */
static void an_older_set_holds_what_did_not_change(void **state)
{
	struct given *g = *state;
	struct report before;

	put_policy(g, "all", 1);
	before = current(g);
	is_current(g, "n1");
	put_policy(g, "other", 1);
	put_policy(g, "other", 2);
	says(g, "n2", before);
	assert_true(after(g, 0));
	assert_non_null(strstr(g->w.path, "/all/"));
	says_programmed(g, true, "Programmed");
	written(g);
	assert_true(after(g, LEDGER_PENDING_MS));
	assert_non_null(strstr(g->w.path, "/other/"));
	says_programmed(g, false, "Pending");
}

static void a_failing_node_says_why(void **state)
{
	struct given *g = *state;
	struct report r = current(g);

	put_policy(g, "all", 1);
	is_current(g, "n1");
	(void)snprintf(r.trouble, sizeof(r.trouble), "map bh_rows is full");
	says(g, "n2", r);
	assert_false(after(g, 0));
	assert_true(after(g, LEDGER_PENDING_MS));
	says_programmed(g, false, "NotProgrammed");
	assert_string_equal(said(g, PROGRAMMED)->message,
			    "in force on 1 of 2 nodes that have pods of it; node n2: map bh_rows is full");
}

/* A pod from before us that could not be adopted, for instance. */
static void a_pod_without_our_programs(void **state)
{
	struct given *g = *state;
	struct report r;

	put_policy(g, "all", 1);
	is_current(g, "n1");
	r = current(g);
	assert_int_equal(report_bare(&r, "shop", "db", "no-veth"), 0);
	assert_int_equal(report_bare(&r, "shop", "web", "no-veth"), 0); /* another node's: not its to say */
	says(g, "n2", r);
	assert_false(after(g, 0));
	assert_true(after(g, LEDGER_PENDING_MS));
	says_programmed(g, false, "Unprotected");
	assert_string_equal(
		said(g, PROGRAMMED)->message,
		"in force on 1 of 2 nodes that have pods of it; on node n2 pod shop/db is not protected: no-veth");
	written(g);
	is_current(g, "n2");
	assert_true(after(g, 1000));
	says_programmed(g, true, "Programmed");
}

static void of_others_pods_without_our_programs(void **state)
{
	struct given *g = *state;
	struct net_policy *p = new_policy(POLICY_SEGMENTATION, "db", 1);
	struct requirement *req;
	struct report r;
	unsigned int i;

	add_pod(g, "bare", "n2");
	assert_int_equal(selector_add(p->subject, "app", OP_IN, &req), 0);
	assert_int_equal(requirement_value(req, "db"), 0);
	assert_int_equal(model_put_policy(g->m, p), 0);
	r = current(g);
	assert_int_equal(report_bare(&r, "shop", "bare", "displaced"), 0);
	says(g, "n2", r);
	assert_true(after(g, 0));
	says_programmed(g, true, "Programmed");
	written(g);
	r = current(g); /* so many that this may have one of those that are not named */
	for (i = 0; i < REPORT_BARE_MAX + 1; i++)
		assert_int_equal(report_bare(&r, "shop", "bare", "displaced"), 0);
	says(g, "n2", r);
	assert_false(after(g, 1000));
	assert_true(after(g, LEDGER_SETBACK_MS));
	says_programmed(g, false, "Unprotected");
	assert_non_null(strstr(said(g, PROGRAMMED)->message, "on node n2 11 pods are not protected"));
}

/* It had told of the policy before it could not follow its pods any more. */
static void trouble_takes_back_what_was_in_force(void **state)
{
	struct given *g = *state;
	struct report r;

	put_policy(g, "all", 1);
	is_current(g, "n1");
	is_current(g, "n2");
	assert_true(after(g, 0));
	says_programmed(g, true, "Programmed");
	written(g);
	assert_false(after(g, 1000));
	r = current(g);
	(void)snprintf(r.trouble, sizeof(r.trouble), "map bh_rows is full");
	says(g, "n2", r);
	assert_false(after(g, 1000));
	assert_true(after(g, LEDGER_SETBACK_MS));
	says_programmed(g, false, "NotProgrammed");
	written(g);
	is_current(g, "n2");
	assert_true(after(g, 1000));
	says_programmed(g, true, "Programmed");
}

static void what_is_not_understood(void **state)
{
	struct given *g = *state;
	struct net_policy *p = new_policy(POLICY_SEGMENTATION, "odd", 1);

	assert_int_equal(net_policy_problem(p, "spec.egress[0].to[0].fqdns", "is not a known field"), 0);
	assert_int_equal(net_policy_problem(p, "spec.x", "is not a known field"), 0);
	assert_int_equal(model_put_policy(g->m, p), 0);
	assert_true(after(g, 0));
	says_programmed(g, false, "NotAccepted");
	assert_false(said(g, ACCEPTED)->is_true);
	assert_string_equal(said(g, ACCEPTED)->message,
			    "spec.egress[0].to[0].fqdns is not a known field (and 1 "
			    "more); what is not understood allows nothing");
}

static void refuses(struct report *r, const char *name)
{
	struct refusal *one = vec_add(&r->refused);

	*one = (struct refusal){ .kind = POLICY_SEGMENTATION,
				 .ns = strdup("shop"),
				 .name = strdup(name),
				 .generation = 1,
				 .text = "spec.later is not a known field" };
}

/* An older agent on one of the nodes. */
static void what_one_node_does_not_understand(void **state)
{
	struct given *g = *state;
	struct report r;

	put_policy(g, "new", 1);
	is_current(g, "n1");
	r = current(g);
	(void)snprintf(r.version, sizeof(r.version), "0.9");
	refuses(&r, "new");
	says(g, "n2", r);
	assert_true(after(g, 0));
	assert_string_equal(said(g, ACCEPTED)->reason, "NotUnderstoodEverywhere");
	assert_string_equal(
		said(g, ACCEPTED)->message,
		"node n2, of version 0.9, does not understand it: spec.later is not a known field; "
		"what is not understood allows nothing");
	written(g);
	is_current(g, "n2");
	assert_true(after(g, 1000));
	assert_true(said(g, ACCEPTED)->is_true);
}

/* Nor does what a node says of a policy that has no pods there matter, until it has some. */
static void what_a_node_without_its_pods_does_not_understand(void **state)
{
	struct given *g = *state;
	struct report r;

	put_policy(g, "new", 1);
	is_current(g, "n1");
	is_current(g, "n2");
	r = current(g);
	(void)snprintf(r.version, sizeof(r.version), "0.9");
	refuses(&r, "new");
	says(g, "n3", r);
	assert_true(after(g, 0));
	assert_true(said(g, ACCEPTED)->is_true);
	says_programmed(g, true, "Programmed");
	written(g);
	add_pod(g, "late", "n3");
	assert_true(after(g, LEDGER_RECOUNT_MS));
	assert_string_equal(said(g, ACCEPTED)->reason, "NotUnderstoodEverywhere");
	says_programmed(g, false, "NotAccepted");
}

/* It names the first ten: what we understand may be one of the others. */
static void more_than_a_node_names(void **state)
{
	struct given *g = *state;
	struct report r;
	unsigned int i;

	put_policy(g, "new", 1);
	is_current(g, "n1");
	r = current(g);
	for (i = 0; i < REPORT_REFUSED_MAX; i++) {
		struct refusal *one = vec_add(&r.refused);

		one->ns = strdup("shop");
		one->name = strdup("x");
	}
	r.refused_n = REPORT_REFUSED_MAX + 1;
	says(g, "n2", r);
	assert_true(after(g, 0));
	assert_string_equal(said(g, ACCEPTED)->reason, "NotUnderstoodEverywhere");
	says_programmed(g, false, "NotAccepted");
	written(g);
	ledger_listed(g->l, POLICY_CLUSTER_SEGMENTATION, false, 1); /* those are not to be written here */
	for (i = 0; i < REPORT_REFUSED_MAX + 1; i++) {		    /* which we do not understand either */
		struct net_policy *p;
		char name[16];

		(void)snprintf(name, sizeof(name), "odd%u", i);
		p = new_policy(POLICY_CLUSTER_SEGMENTATION, name, 1);
		assert_int_equal(net_policy_problem(p, "spec", "is odd"), 0);
		assert_int_equal(model_put_policy(g->m, p), 0);
	}
	assert_true(after(g, LEDGER_ALL_MS));
	assert_true(said(g, ACCEPTED)->is_true);
}

/* A condition that stays as it is keeps its time, also with another generation. */
static void time_of_a_transition(void **state)
{
	struct given *g = *state;
	char first[CONDITION_TIME_MAX];

	put_policy(g, "all", 1);
	is_current(g, "n1");
	is_current(g, "n2");
	assert_true(after(g, 0));
	memcpy(first, said(g, PROGRAMMED)->since, sizeof(first));
	written(g);
	put_policy(g, "all", 2);
	is_current(g, "n1");
	is_current(g, "n2");
	assert_true(after(g, 70000));
	assert_int_equal(said(g, PROGRAMMED)->generation, 2);
	assert_string_equal(said(g, PROGRAMMED)->since, first);
}

/* A pod that comes to a node which is a little behind is no reason to write twice. */
static void a_setback_has_to_last(void **state)
{
	struct given *g = *state;
	struct report before = current(g);

	put_policy(g, "all", 1);
	is_current(g, "n1");
	is_current(g, "n2");
	assert_true(after(g, 0));
	written(g);
	says(g, "n2", before);
	assert_false(after(g, 1000));
	assert_false(after(g, LEDGER_SETBACK_MS - 1000));
	assert_true(after(g, 1000));
	says_programmed(g, false, "Pending");
	is_current(g, "n2");
	ledger_end(g->l, &g->w, LEDGER_LATER, g->ms);
	assert_false(after(g, LEDGER_RETRY_MS));
}

static void pods_of_no_node(void **state)
{
	struct given *g = *state;
	struct net_policy *p = new_policy(POLICY_SEGMENTATION, "none", 1);
	struct requirement *r;

	assert_int_equal(selector_add(p->subject, "app", OP_EXISTS, &r), 0);
	r->op = OP_NOT_EXISTS;
	assert_int_equal(model_put_policy(g->m, p), 0);
	assert_true(after(g, 0));
	says_programmed(g, true, "NoPods");
}

/* As its namespace has it, for instance. */
static void what_is_tried_out_says_so(void **state)
{
	struct given *g = *state;
	struct namespace *ns = namespace_new("shop");

	assert_int_equal(labels_set(&ns->labels, "policy.bulkhead.dev/mode", "Audit"), 0);
	assert_int_equal(model_put_namespace(g->m, ns), 0);
	put_policy(g, "all", 1);
	is_current(g, "n1");
	is_current(g, "n2");
	assert_true(after(g, 0));
	says_programmed(g, true, "Audited");
}

static void what_has_expired_is_not_in_force(void **state)
{
	struct given *g = *state;
	struct net_policy *p = new_policy(POLICY_SEGMENTATION, "old", 1);

	p->expires = NOW + g->ms / 1000 + 10;
	assert_int_equal(model_put_policy(g->m, p), 0);
	is_current(g, "n1");
	is_current(g, "n2");
	assert_true(after(g, 0));
	says_programmed(g, true, "Programmed");
	written(g);
	assert_true(after(g, LEDGER_ALL_MS));
	says_programmed(g, false, "Expired");
}

/* In words alone: not at once, for each agent hears of each write. */
static void other_words_wait(void **state)
{
	struct given *g = *state;

	assert_true(model_del_pod(g->m, "shop", "web"));
	assert_true(model_del_pod(g->m, "shop", "db"));
	put_policy(g, "all", 1);
	assert_true(after(g, 0));
	says_programmed(g, true, "NoPods");
	written(g);
	add_pod(g, "web", "n1");
	is_current(g, "n1");
	assert_false(after(g, LEDGER_RECOUNT_MS));
	assert_true(after(g, LEDGER_WORDS_MS));
	says_programmed(g, true, "Programmed");
}

/* A NetworkPolicy has no status: first an object for it, then what it says, with numbers. */
static void of_a_network_policy(void **state)
{
	struct given *g = *state;

	assert_int_equal(model_put_policy(g->m, new_policy(POLICY_NETWORK, "np", 4)), 0);
	is_current(g, "n1");
	is_current(g, "n2");
	assert_true(after(g, 0));
	assert_true(g->w.is_place);
	assert_null(strstr(g->w.path, "/status?"));
	assert_non_null(strstr(g->w.body, "\"kind\":\"NetworkPolicy\",\"name\":\"np\",\"uid\":\"np\""));
	written(g);
	assert_true(after(g, 0));
	assert_non_null(strstr(g->w.path, "/namespaces/shop/networkpolicystatuses/np/status?"));
	assert_non_null(strstr(g->w.body, "\"observedGeneration\":4,\"nodes\":2,\"enforced\":2"));
	assert_null(strstr(g->w.body, "\"uid\""));
	ledger_end(g->l, &g->w, LEDGER_GONE, g->ms); /* somebody has deleted it meanwhile */
	assert_false(after(g, 0));
	assert_true(after(g, LEDGER_RETRY_MS));
	assert_true(g->w.is_place);
}

static struct json_object *sent_back(const struct given *g)
{
	return json_tokener_parse(g->w.body);
}

/* What a new holder finds is not written again, and what is said of another one is. */
static void what_is_written_already(void **state)
{
	struct given *g = *state;
	struct ledger *second = ledger_new(g->m, g->g);
	struct json_object *o;
	unsigned int i;

	put_policy(g, "all", 1);
	is_current(g, "n1");
	is_current(g, "n2");
	assert_true(after(g, 0));
	o = sent_back(g);
	ledger_free(g->l);
	g->l = second;
	assert_false(after(g, 0)); /* it does not know yet */
	assert_int_equal(ledger_said(g->l, POLICY_SEGMENTATION, "shop", "all", o, 1, g->ms), 0);
	json_object_put(o);
	for (i = 0; i < POLICY_KINDS; i++)
		ledger_listed(g->l, (enum policy_kind)i, true, 1);
	assert_false(after(g, 100000));
	ledger_listed(g->l, POLICY_SEGMENTATION, true, 2); /* another list is without it */
	assert_true(after(g, 100000));
}

static void a_kind_that_is_not_there_is_not_written(void **state)
{
	struct given *g = *state;

	ledger_listed(g->l, POLICY_SEGMENTATION, false, 1);
	put_policy(g, "all", 1);
	assert_false(after(g, 100000));
}

static void not_faster_than_watchers_bear(void **state)
{
	struct given *g = *state;
	unsigned int i, n = 0;
	char name[16];

	for (i = 0; i < 5000; i++) {
		(void)snprintf(name, sizeof(name), "node%u", i);
		is_current(g, name);
	}
	for (i = 0; i < 100; i++) {
		(void)snprintf(name, sizeof(name), "p%u", i);
		put_policy(g, name, 1);
	}
	is_current(g, "n1");
	is_current(g, "n2");
	g->ms += 100;
	while (after(g, 0)) {
		written(g);
		n++;
	}
	assert_int_equal(n, LEDGER_BURST);
	for (i = 0; i < 100; i++)
		for (g->ms += 100; after(g, 0); n++)
			written(g);
	assert_in_range(n, LEDGER_BURST + 19, LEDGER_BURST + 21); /* two in a second: 10,000 events */
}

/* Says at that moment what it has said, or what is current; for 150 s. */
static int says_again(struct given *g, const char *node, const char *at)
{
	struct report r = current(g);

	(void)snprintf(r.at, sizeof(r.at), "%s", at);
	r.valid_s = 150;
	return gather_put(g->g, node, &r, 1, g->ms);
}

/* So many nodes are silent after so long. */
static void falls_silent(struct given *g, int64_t ms, bool hears, size_t n)
{
	for (; ms >= 5000; ms -= 5000) {
		g->ms += 5000;
		gather_age(g->g, g->ms, hears);
	}
	g->ms += ms;
	gather_age(g->g, g->ms, hears);
	assert_int_equal(gather_silent(g->g), n);
}

static void in_force_on_both(struct given *g)
{
	put_policy(g, "all", 1);
	gather_age(g->g, g->ms, true);
	assert_int_equal(says_again(g, "n1", "1"), 1);
	assert_int_equal(says_again(g, "n2", "1"), 1);
	assert_true(after(g, 0));
	says_programmed(g, true, "Programmed");
	written(g);
}

/* What a dead agent has said last is not true for ever. */
static void a_silent_node_counts_no_more(void **state)
{
	struct given *g = *state;

	in_force_on_both(g);
	falls_silent(g, 150000, true, 0);
	assert_int_equal(says_again(g, "n1", "2"), 0); /* nothing but that it lives */
	assert_false(gather_setback(g->g));
	falls_silent(g, 1, true, 1);
	assert_false(after(g, LEDGER_ALL_MS));
	assert_true(after(g, LEDGER_SETBACK_MS));
	says_programmed(g, false, "NotHeardOf");
	assert_string_equal(
		said(g, PROGRAMMED)->message,
		"in force on 1 of 2 nodes that have pods of it; node n2 has not been heard of since 1, "
		"for longer than its report is valid");
	written(g);
	assert_int_equal(says_again(g, "n2", "1"), 0); /* a listing is no sign of life */
	assert_false(after(g, 0));
	assert_int_equal(says_again(g, "n2", "2"), 1);
	assert_int_equal(gather_silent(g->g), 0);
	assert_true(after(g, 0));
	says_programmed(g, true, "Programmed");
}

/* Who hears nobody blames nobody, and neither does who was stopped. */
static void of_what_could_not_be_heard(void **state)
{
	struct given *g = *state;

	in_force_on_both(g);
	falls_silent(g, 1000000, false, 0);
	falls_silent(g, 5000, true, 0);
	falls_silent(g, 145000, true, 0);
	g->ms += 2 * GATHER_DEAF_MS;
	falls_silent(g, 0, true, 0);
	falls_silent(g, 150000, true, 0);
	falls_silent(g, 1, true, 2);
	gather_del(g->g, "n1");
	assert_int_equal(gather_silent(g->g), 1);
}

/* What a node writes is what is read of it. */
static void a_report_there_and_back(void **state)
{
	struct given *g = *state;
	struct report r = current(g), back;
	struct net_policy *p = new_policy(POLICY_SEGMENTATION, "odd", 7);
	struct json_object *o;
	char *text;

	assert_int_equal(net_policy_problem(p, "spec.a/b", "is \"odd\""), 0);
	assert_int_equal(model_put_policy(g->m, p), 0);
	r = current(g);
	(void)snprintf(r.trouble, sizeof(r.trouble), "full");
	assert_int_equal(report_refusals(&r, g->m), 0);
	assert_int_equal(report_bare(&r, "shop", "db", "no-veth"), 0);
	(void)snprintf(r.at, sizeof(r.at), "2026-01-31T12:00:00Z");
	r.valid_s = 150;
	text = report_text(&r, "n1", "uid-of-n1");
	assert_null(strstr(text, "\\/")); /* no YAML parser would have it */
	o = json_tokener_parse(text);
	assert_int_equal(report_read(o, &back), 0);
	assert_memory_equal(back.sets, r.sets, sizeof(r.sets));
	assert_string_equal(back.trouble, "full");
	assert_string_equal(back.at, r.at);
	assert_int_equal(back.valid_s, 150);
	assert_int_equal(back.refused.n, 1);
	assert_int_equal(back.refused_n, 1);
	assert_int_equal(back.bare_n, 1);
	assert_string_equal(back.bare.v[0].name, "db");
	assert_string_equal(back.bare.v[0].reason, "no-veth");
	assert_true(report_excepts_same(&back, &r));
	assert_string_equal(back.refused.v[0].text, "spec.a/b is \"odd\"");
	assert_int_equal(back.refused.v[0].generation, 7);
	free(text);
	json_object_put(o);
	report_done(&r);
	report_done(&back);
}

/* Who says nothing of it, or something odd, gets the longest time that there is. */
static void how_long_a_report_counts(void **state)
{
	static const struct {
		const char *text;
		uint32_t s;
	} cases[] = { { "{}", REPORT_VALID_MAX_S },
		      { "{\"status\": {\"validSeconds\": 1}}", 1 },
		      { "{\"status\": {\"validSeconds\": 0}}", REPORT_VALID_MAX_S },
		      { "{\"status\": {\"validSeconds\": -4}}", REPORT_VALID_MAX_S },
		      { "{\"status\": {\"validSeconds\": \"7\"}}", REPORT_VALID_MAX_S },
		      { "{\"status\": {\"validSeconds\": 4294967297}}", REPORT_VALID_MAX_S } };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct json_object *o = json_tokener_parse(cases[i].text);
		struct report r;

		assert_int_equal(report_read(o, &r), 0);
		assert_int_equal(r.valid_s, cases[i].s);
		report_done(&r);
		json_object_put(o);
	}
}

/* However many there are and whatever they are called. */
static void a_report_has_an_end(void **state)
{
	struct given *g = *state;
	struct report r = {};
	char name[254], *text;
	unsigned int i;

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (i = 0; i < 1000; i++) {
		struct net_policy *p;
		char problem[300];

		(void)snprintf(name, 5, "%04u", i);
		name[4] = 'x';
		memset(problem, 'y', sizeof(problem) - 1);
		problem[sizeof(problem) - 1] = '\0';
		p = new_policy(POLICY_SEGMENTATION, name, i);
		assert_int_equal(net_policy_problem(p, "spec", problem), 0);
		assert_int_equal(model_put_policy(g->m, p), 0);
	}
	assert_int_equal(report_refusals(&r, g->m), 0);
	assert_int_equal(r.refused_n, 1000);
	text = report_text(&r, "n1", "uid");
	assert_in_range(strlen(text), 5000, 8000);
	free(text);
	report_done(&r);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(in_force_everywhere),
		TEST(who_is_late_is_named),
		TEST(an_older_set_holds_what_did_not_change),
		TEST(a_failing_node_says_why),
		TEST(a_pod_without_our_programs),
		TEST(of_others_pods_without_our_programs),
		TEST(trouble_takes_back_what_was_in_force),
		TEST(what_is_not_understood),
		TEST(what_one_node_does_not_understand),
		TEST(what_a_node_without_its_pods_does_not_understand),
		TEST(more_than_a_node_names),
		TEST(time_of_a_transition),
		TEST(a_setback_has_to_last),
		TEST(pods_of_no_node),
		TEST(what_is_tried_out_says_so),
		TEST(what_has_expired_is_not_in_force),
		TEST(other_words_wait),
		TEST(of_a_network_policy),
		TEST(what_is_written_already),
		TEST(a_kind_that_is_not_there_is_not_written),
		TEST(not_faster_than_watchers_bear),
		TEST(a_silent_node_counts_no_more),
		TEST(of_what_could_not_be_heard),
		TEST(a_report_there_and_back),
		TEST(how_long_a_report_counts),
		TEST(a_report_has_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
