/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The API server as a source, where streams overtake each other: what is there must be what the cluster's
 * newest word says, whatever order it is heard in. Versions are those of one etcd, told by hand.
 */
#include "wire.h"

#include <unistd.h>

#include "kube/config.h"
#include "kube/source.h"

#define HERE	   "spec.nodeName%3Dn1"
#define ELSEWHERE  "spec.nodeName%21%3Dn1"
#define NAMESPACES "/api/v1/namespaces?watch"
#define POLICIES   "/v1/networkpolicies?"
#define READ	   "/namespaces/d/networkpolicies"
#define CLUSTER	   "/clusternetworkpolicies"
#define OURS	   "/segmentationpolicies"
#define OURS_TOO   "/clustersegmentationpolicies"
#define GROUP	   "/apis/policy.networking.k8s.io$"
#define OUR_GROUP  "/apis/policy.bulkhead.dev$"

static struct model *model;
static struct source *source;
static char confirmed[512]; /* "": not answered; "yes"; or why not */

static void on_note(void *ctx, const struct source_note *note)
{
	(void)ctx;
	(void)note;
}

static void on_confirmed(void *ctx, const struct hash128 *key, const char *why)
{
	(void)ctx;
	(void)key;
	(void)snprintf(confirmed, sizeof(confirmed), "%s", why ? why : "yes");
}

static bool work(void)
{
	struct source_change change;
	struct bh_err err;

	return source_work(source, &change, &err) > 0;
}

/* After a failure it comes back by itself, at a moment of its choice. */
static void wait_for_call(const char *part)
{
	unsigned int i;

	for (i = 0; i < 3000 && !asked(part); i++) {
		usleep(1000);
		(void)work();
	}
	assert_non_null(asked(part));
}

/* ---- words of a server ---------------------------------------------------------------------- */

static const char *pod(const char *type, const char *name, const char *node, unsigned int version)
{
	static char text[1024];

	(void)snprintf(
		text, sizeof(text),
		"{\"type\":\"%s\",\"object\":{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":"
		"\"%s\",\"namespace\":\"d\",\"uid\":\"u1\",\"resourceVersion\":\"%u\"},\"spec\":{%s%s%s}}}\n",
		type, name, version, *node ? "\"nodeName\":\"" : "", node, *node ? "\"" : "");
	return text;
}

/* As it is sent when it is asked for by name. */
static const char *object_of(const char *event)
{
	static char text[1024];
	const char *object = strstr(event, "{\"kind\"");

	(void)snprintf(text, sizeof(text), "%.*s", (int)(strlen(object) - strlen("}\n")), object);
	return text;
}

static const char *policy(const char *type, const char *name, unsigned int version)
{
	static char text[1024];

	(void)snprintf(text, sizeof(text),
		       "{\"type\":\"%s\",\"object\":{\"kind\":\"NetworkPolicy\",\"apiVersion\":"
		       "\"networking.k8s.io/v1\",\"metadata\":{\"name\":\"%s\",\"namespace\":\"d\","
		       "\"resourceVersion\":\"%u\"},\"spec\":{\"podSelector\":{}}}}\n",
		       type, name, version);
	return text;
}

/* A list of one policy, or of none. */
static const char *policies(const char *name, unsigned int version, unsigned int list_version,
			    const char *next)
{
	static char text[1024];
	char item[512] = "";

	if (name)
		(void)snprintf(
			item, sizeof(item),
			"{\"metadata\":{\"name\":\"%s\",\"namespace\":\"d\",\"resourceVersion\":\"%u\"},"
			"\"spec\":{\"podSelector\":{}}}",
			name, version);
	(void)snprintf(
		text, sizeof(text),
		"{\"kind\":\"NetworkPolicyList\",\"metadata\":{\"resourceVersion\":\"%u\",\"continue\":\"%s\"},"
		"\"items\":[%s]}",
		list_version, next, item);
	return text;
}

static const char *list_ends(const char *version_kind, unsigned int version)
{
	static char text[512];
	const char *kind = strchr(version_kind, ' ') + 1;

	(void)snprintf(
		text, sizeof(text),
		"{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"%s\",\"apiVersion\":\"%.*s\",\"metadata\":{"
		"\"resourceVersion\":\"%u\",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}}}}\n",
		kind, (int)(kind - 1 - version_kind), version_kind, version);
	return text;
}

static const char expired[] =
	"{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410,\"message\":\"too old\"}}\n";

#define POD    "v1 Pod"
#define POLICY "networking.k8s.io/v1 NetworkPolicy"

/* ---- worlds --------------------------------------------------------------------------------- */

/* A namespace, and all lists but those of pods and policies complete as of 160; no CRD of cluster policies.
 */
static int begin_bare(void)
{
	static const struct kube_config config = { .server = "https://server" };
	const struct source_api_options opt = { .config = &config, .node = "n1" };
	struct bh_err err;

	confirmed[0] = '\0';
	model = model_new();
	if (source_api_new(&opt, model, on_note, NULL, &source, &err) < 0)
		return -1;
	(void)work();
	says(NAMESPACES,
	     "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"d\",\"resourceVersion\":\"3\"}}}");
	says(NAMESPACES, list_ends("v1 Namespace", 160));
	says("/services?", list_ends("v1 Service", 160));
	says("/endpointslices?", list_ends("discovery.k8s.io/v1 EndpointSlice", 160));
	says("/nodes?", list_ends("v1 Node", 160));
	return 0;
}

/* Kinds that are absent are there by no other version. */
static void nobody_has_them(void)
{
	for (;;) {
		(void)work();
		if (asked(GROUP))
			answer_ends(GROUP, 404);
		else if (asked(OUR_GROUP))
			answer_ends(OUR_GROUP, 404);
		else
			break;
	}
}

/* Nor of our own kinds. */
static int begin(void)
{
	const int r = begin_bare();

	if (r)
		return r;
	answer_ends(OURS, 404);
	answer_ends(OURS_TOO, 404);
	nobody_has_them();
	return 0;
}

static int setup(void **state)
{
	const int r = begin();

	(void)state;
	if (!r) {
		answer_ends(CLUSTER, 404);
		nobody_has_them();
	}
	return r;
}

static int teardown(void **state)
{
	(void)state;
	source_free(source);
	model_free(model);
	return calls ? -1 : 0;
}

/* Pod d/p here and policy d/a, all complete as of 160. */
static void all_known(void)
{
	says(HERE, pod("ADDED", "p", "n1", 150));
	says(HERE, list_ends(POD, 160));
	says(ELSEWHERE, list_ends(POD, 160));
	says(POLICIES, policy("ADDED", "a", 100));
	says(POLICIES, list_ends(POLICY, 160));
	(void)work();
}

/* Its policies watch is told that its version is too old, and asks for a list; in pages, if @pages. */
static void policies_expire(bool pages)
{
	says(POLICIES, expired);
	(void)work();
	if (!pages)
		return;
	answer_ends(POLICIES, 400);
	(void)work();
	assert_non_null(strstr(asked(POLICIES)->path, "limit=500"));
}

static int confirm(const char *uid)
{
	const struct hash128 key = { .b = { 1 } };
	struct bh_err err;
	const int r = source_confirm(source, &key, "d", "p", uid, on_confirmed, NULL, &err);

	(void)work();
	return r;
}

/* The ADD's own reads of the policies are answered. */
static void read_says(const char *list)
{
	says(READ, list);
	answer_ends(READ, 200);
	answer_ends(CLUSTER, 404);
	answer_ends(OURS, 404);
	answer_ends(OURS_TOO, 404);
	(void)work();
}

static void assert_policies(const char *wanted)
{
	char text[256] = "";
	size_t i;

	for (i = 0; i < model->policies.n; i++)
		(void)strcat(text, model->policies.v[i]->name);
	assert_string_equal(text, wanted);
}

/* ---- pods between two watches --------------------------------------------------------------- */

/* It was bound while the list of other nodes' pods, which has it unbound still, was on its way. */
static void a_list_does_not_undo_a_watch(void **state)
{
	(void)state;
	says(HERE, list_ends(POD, 160));
	says(HERE, pod("ADDED", "p", "n1", 180));
	says(ELSEWHERE, pod("ADDED", "p", "", 165));
	assert_string_equal(model_pod(model, "d", "p")->node, "n1");
	says(ELSEWHERE, list_ends(POD, 170));
	says(ELSEWHERE, pod("DELETED", "p", "", 180));
	assert_non_null(model_pod(model, "d", "p"));
	says(HERE, pod("DELETED", "p", "n1", 190));
	assert_null(model_pod(model, "d", "p"));
}

static void a_pod_changes_watches(void **state)
{
	(void)state;
	says(HERE, list_ends(POD, 160));
	says(ELSEWHERE, list_ends(POD, 160));
	says(ELSEWHERE, pod("ADDED", "p", "", 165));
	says(ELSEWHERE, pod("DELETED", "p", "", 180));
	assert_null(model_pod(model, "d", "p"));
	says(HERE, pod("ADDED", "p", "n1", 180));
	assert_string_equal(model_pod(model, "d", "p")->node, "n1");
}

static void the_other_watch_may_be_late(void **state)
{
	(void)state;
	says(HERE, list_ends(POD, 160));
	says(ELSEWHERE, list_ends(POD, 160));
	says(ELSEWHERE, pod("ADDED", "p", "", 165));
	says(HERE, pod("ADDED", "p", "n1", 180));
	says(ELSEWHERE, pod("MODIFIED", "p", "", 170));
	assert_string_equal(model_pod(model, "d", "p")->node, "n1");
	says(ELSEWHERE, pod("DELETED", "p", "", 180));
	assert_non_null(model_pod(model, "d", "p"));
}

/* ---- lists and what ADDs read --------------------------------------------------------------- */

static void a_complete_list_sweeps(void **state)
{
	(void)state;
	all_known();
	policies_expire(false);
	says(POLICIES, policy("ADDED", "b", 170));
	assert_policies("ab"); /* as long as it is not complete, nothing goes */
	says(POLICIES, list_ends(POLICY, 200));
	assert_policies("b");
}

static void half_a_list_sweeps_nothing(void **state)
{
	(void)state;
	all_known();
	policies_expire(true);
	says(POLICIES, policies("b", 170, 200, "more"));
	answer_ends(POLICIES, 200);
	(void)work();
	assert_non_null(strstr(asked(POLICIES)->path, "continue=more"));
	answer_ends(POLICIES, 0);
	assert_policies("ab");
}

/* The first page tells the version of the whole, of which the rest is not known yet. */
static void an_add_between_two_pages(void **state)
{
	(void)state;
	all_known();
	policies_expire(true);
	says(POLICIES, policies("a", 100, 300, "more"));
	answer_ends(POLICIES, 200);
	(void)work();
	assert_int_equal(confirm("u1"), 0);
	read_says(policies("z", 250, 310, ""));
	assert_string_equal(confirmed, "yes");
	assert_policies("az");
}

/* What was read does not count as listed: deleted before the list looked, it goes with the list. */
static void a_list_sweeps_what_an_add_read(void **state)
{
	(void)state;
	all_known();
	policies_expire(false);
	assert_int_equal(confirm("u1"), 0);
	read_says(policies("z", 250, 300, ""));
	assert_policies("az");
	says(POLICIES, policy("ADDED", "a", 100));
	says(POLICIES, list_ends(POLICY, 320));
	assert_policies("a");
}

/* From a server whose cache is behind the one that the ADD asked. */
static void an_older_list_does_not(void **state)
{
	(void)state;
	all_known();
	assert_int_equal(confirm("u1"), 0);
	read_says(policies("z", 250, 300, ""));
	policies_expire(false);
	says(POLICIES, policy("ADDED", "a", 100));
	says(POLICIES, list_ends(POLICY, 240));
	assert_policies("az");
	says(POLICIES, policy("ADDED", "z", 250));
	says(POLICIES, policy("DELETED", "z", 260));
	assert_policies("a");
}

/* The watch has passed that version: the policy was deleted since. */
static void what_was_read_late_is_not_news(void **state)
{
	(void)state;
	all_known();
	assert_int_equal(confirm("u1"), 0);
	says(POLICIES, policy("ADDED", "z", 170));
	says(POLICIES, policy("DELETED", "z", 180));
	read_says(policies("z", 170, 175, ""));
	assert_policies("a");
}

/* ---- versions that go back ------------------------------------------------------------------ */

static void a_restored_etcd_is_believed(void **state)
{
	(void)state;
	all_known();
	says(POLICIES, policy("MODIFIED", "a", 5000));
	says(POLICIES, policy("MODIFIED", "a", 120)); /* less than what was */
	wait_for_call(POLICIES);
	assert_null(strstr(asked(POLICIES)->path, "resourceVersion="));
	says(POLICIES, policy("ADDED", "a", 110));
	says(POLICIES, policy("ADDED", "b", 90));
	says(POLICIES, list_ends(POLICY, 130));
	assert_policies("ab");
}

/* ---- ADD ------------------------------------------------------------------------------------ */

static void an_add_waits_for_the_policies(void **state)
{
	(void)state;
	all_known();
	assert_int_equal(confirm("u1"), 0);
	assert_string_equal(confirmed, "");
	read_says(policies(NULL, 0, 170, ""));
	assert_string_equal(confirmed, "yes");
	assert_int_equal(confirm("u1"), 1); /* once is enough for this pod */
}

/* As unscheduled as the watch of other nodes had it, it is not the pod that runs here. */
static void an_add_waits_for_its_pod(void **state)
{
	(void)state;
	says(HERE, list_ends(POD, 160));
	says(ELSEWHERE, list_ends(POD, 160));
	says(POLICIES, list_ends(POLICY, 160));
	says(ELSEWHERE, pod("ADDED", "p", "", 165));
	assert_int_equal(confirm("u1"), 0);
	read_says(policies(NULL, 0, 170, ""));
	assert_string_equal(confirmed, "");
	usleep(60000);
	(void)work();
	says("/pods/p", object_of(pod("", "p", "n1", 180)));
	answer_ends("/pods/p", 200);
	(void)work();
	assert_string_equal(confirmed, "yes");
	says(ELSEWHERE, pod("DELETED", "p", "", 180)); /* it is not that one's any more */
	assert_non_null(model_pod(model, "d", "p"));
}

static void another_uid_is_another_pod(void **state)
{
	(void)state;
	all_known();
	assert_int_equal(confirm("u2"), 0);
	read_says(policies(NULL, 0, 170, ""));
	assert_string_equal(confirmed, "");
	usleep(1700000);
	(void)work();
	assert_non_null(
		strstr(confirmed, "pod 'd/p': the API server has a Pod of that name with another UID"));
}

/* Nothing says that the cluster has none, but that it has no such resource. */
static void an_add_waits_for_those_of_the_cluster(void **state)
{
	(void)state;
	all_known();
	assert_int_equal(confirm("u1"), 0);
	says(READ, policies(NULL, 0, 170, ""));
	answer_ends(READ, 200);
	(void)work();
	assert_string_equal(confirmed, "");
	answer_ends(CLUSTER, 403);
	(void)work();
	assert_string_equal(confirmed, "");
	wait_for_call(CLUSTER);
	says(CLUSTER, "{\"kind\":\"ClusterNetworkPolicyList\",\"metadata\":{\"resourceVersion\":\"170\"},"
		      "\"items\":[{\"metadata\":{\"name\":\"q\",\"resourceVersion\":\"165\"},\"spec\":{}}]}");
	answer_ends(CLUSTER, 200);
	(void)work();
	assert_string_equal(confirmed, "");
	answer_ends(OURS, 404);
	answer_ends(OURS_TOO, 404);
	(void)work();
	assert_string_equal(confirmed, "yes");
	assert_policies("qa");
	assert_true(net_policy_is_cluster(model_policy(model, POLICY_CLUSTER, "", "q")));
}

/* A name alone is that of the next pod, too. */
static void without_a_uid_nothing_is_remembered(void **state)
{
	(void)state;
	all_known();
	assert_int_equal(confirm(""), 0);
	read_says(policies(NULL, 0, 170, ""));
	assert_string_equal(confirmed, "yes");
	assert_int_equal(confirm(""), 0);
}

/* ---- what is no list ------------------------------------------------------------------------ */

static void another_answer_is_no_empty_list(void **state)
{
	static const char *const answers[] = {
		"{\"kind\":\"Whatever\",\"metadata\":{\"resourceVersion\":\"170\"},\"items\":[]}",
		"{\"kind\":\"NetworkPolicyList\",\"metadata\":{\"resourceVersion\":\"170\"}}",
		"{\"kind\":\"NetworkPolicyList\",\"metadata\":{\"resourceVersion\":\"170\"},\"items\":{}}",
		"{\"kind\":\"NetworkPolicyList\",\"metadata\":{},\"items\":[]}",
		"{\"metadata\":{\"resourceVersion\":\"170\"},\"items\":[]}",
	};
	const size_t i = (size_t)(uintptr_t)*state;

	all_known();
	policies_expire(true);
	says(POLICIES, answers[i]);
	if (asked(POLICIES))
		answer_ends(POLICIES, 200);
	assert_policies("a");
}

/* Nor is it for an ADD, which would start a pod without the policies that were not listed. */
static void an_add_takes_no_other_answer(void **state)
{
	(void)state;
	all_known();
	assert_int_equal(confirm("u1"), 0);
	says(READ, "{\"kind\":\"Whatever\",\"metadata\":{\"resourceVersion\":\"170\"},\"items\":[]}");
	if (asked(READ))
		answer_ends(READ, 200);
	(void)work();
	assert_string_equal(confirmed, "");
}

/* ---- readiness ------------------------------------------------------------------------------ */

static void nothing_is_believed_before_all_is_there(void **state)
{
	struct bh_err err;

	(void)state;
	assert_int_equal(source_ready(source, &err), -EAGAIN);
	assert_string_equal(err.msg, "not known yet: pods of this node");
	says(HERE, list_ends(POD, 160));
	says(ELSEWHERE, list_ends(POD, 160));
	answer_ends(POLICIES, 403);
	assert_int_equal(source_ready(source, &err), -EAGAIN);
	assert_string_equal(err.msg, "not known yet: networkpolicies: HTTP 403: no message");
	wait_for_call(POLICIES);
	says(POLICIES, list_ends(POLICY, 160));
	assert_true(work()); /* the last to come is news though it brought nothing */
	assert_int_equal(source_ready(source, &err), 0);
}

/* As setup(), but that nothing is known of policies of the cluster. */
static void begin_again(void **state)
{
	(void)teardown(state);
	assert_int_equal(begin(), 0);
	all_known();
}

static void what_may_be_absent_may_not_be_refused(void **state)
{
	struct bh_err err;

	begin_again(state);
	assert_int_equal(source_ready(source, &err), -EAGAIN);
	assert_string_equal(err.msg, "not known yet: clusternetworkpolicies");
	answer_ends(CLUSTER, 403);
	assert_int_equal(source_ready(source, &err), -EAGAIN);
	assert_string_equal(err.msg, "not known yet: clusternetworkpolicies: HTTP 403: no message");
	wait_for_call(CLUSTER);
	answer_ends(CLUSTER, 404);
	assert_true(work());
	assert_int_equal(source_ready(source, &err), -EAGAIN);
	nobody_has_them();
	assert_int_equal(source_ready(source, &err), 0);
}

#define VERSIONS(list) "{\"kind\":\"APIGroup\",\"versions\":[" list "]}"
#define VERSION(name)  "{\"groupVersion\":\"policy.networking.k8s.io/" name "\",\"version\":\"" name "\"}"

static void group_has(const char *list)
{
	answer_ends(CLUSTER, 404);
	(void)work();
	says(GROUP, list);
	answer_ends(GROUP, 200);
	(void)work();
}

/* Another version of them is not understood: nobody goes without what it says. */
static void another_version_is_not_absent(void **state)
{
	struct bh_err err;

	begin_again(state);
	group_has(VERSIONS(VERSION("v1alpha1") "," VERSION("v1alpha2") "," VERSION("v1beta1")));
	says("/v1alpha1$", "{\"resources\":[{\"name\":\"adminnetworkpolicies\"}]}");
	answer_ends("/v1alpha1$", 200);
	(void)work();
	assert_null(asked("/v1alpha2$"));
	answer_ends("/v1beta1$", 0); /* cut off: from the beginning */
	wait_for_call(GROUP);
	says(GROUP, VERSIONS(VERSION("v1beta1")));
	answer_ends(GROUP, 200);
	(void)work();
	says("/v1beta1$",
	     "{\"resources\":[{\"name\":\"clusternetworkpolicies/status\"},{\"name\":\"clusternetworkpolicies\"}]}");
	answer_ends("/v1beta1$", 200);
	assert_int_equal(source_ready(source, &err), -EAGAIN);
	assert_string_equal(
		err.msg,
		"not known yet: clusternetworkpolicies: the API server has it in v1beta1, and this agent "
		"reads v1alpha2: an agent that is as new as the definition is needed");
}

/* Other kinds of that group are no reason to wait, and who may not ask goes without. */
static void other_kinds_are_no_trouble(void **state)
{
	struct bh_err err;

	begin_again(state);
	group_has(VERSIONS(VERSION("v1alpha1")));
	says("/v1alpha1$", "{\"resources\":[{\"name\":\"adminnetworkpolicies\"}]}");
	answer_ends("/v1alpha1$", 200);
	assert_int_equal(source_ready(source, &err), 0);
	begin_again(state);
	answer_ends(CLUSTER, 404);
	(void)work();
	answer_ends(GROUP, 403);
	assert_int_equal(source_ready(source, &err), 0);
}

/* What was in force stays: a server that has lost a resource it had may find it again. */
static void what_was_there_is_not_absent(void **state)
{
	begin_again(state);
	says(CLUSTER,
	     "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"q\",\"resourceVersion\":\"165\"},"
	     "\"spec\":{}}}\n");
	says(CLUSTER, list_ends("policy.networking.k8s.io/v1alpha2 ClusterNetworkPolicy", 170));
	assert_policies("qa");
	answer_ends(CLUSTER, 0);
	wait_for_call(CLUSTER);
	answer_ends(CLUSTER, 404);
	(void)work();
	assert_policies("qa");
}

/* Only the first of the two kinds is there. */
static void begin_with_ours(void **state)
{
	(void)teardown(state);
	assert_int_equal(begin_bare(), 0);
	all_known();
	answer_ends(CLUSTER, 404);
	answer_ends(OURS_TOO, 404);
	nobody_has_them();
	says(OURS, list_ends("policy.bulkhead.dev/v1alpha1 SegmentationPolicy", 170));
	(void)work();
}

static void not_ready(const char *why)
{
	struct bh_err err;

	assert_int_equal(source_ready(source, &err), -EAGAIN);
	assert_string_equal(err.msg, why);
}

#define SCHEMA "/openapi/v3/apis/policy.bulkhead.dev/v1alpha1"
#define KIND(is)                                                                                                           \
	"{\"components\":{\"schemas\":{\"a\":{\"x-kubernetes-group-version-kind\":[{\"kind\":\"SegmentationPolicy\"}]," is \
	"}}}}"

/* It would drop what it does not know. */
static void an_older_definition_is_not_ready(void **state)
{
	struct bh_err err;

	begin_with_ours(state);
	not_ready("not known yet: segmentationpolicies: its definition is not known yet");
	says(SCHEMA, KIND("\"properties\":{\"spec\":{\"properties\":{\"mode\":{}}}}"));
	answer_ends(SCHEMA, 200);
	not_ready(
		"not known yet: segmentationpolicies: its definition on the server is older than this agent, "
		"without spec.priority: apply the CRDs of this version");
	wait_for_call(SCHEMA);
	says(SCHEMA, KIND("\"x-kubernetes-preserve-unknown-fields\":true"));
	answer_ends(SCHEMA, 200);
	assert_int_equal(source_ready(source, &err), 0);
}

/* The document follows the definitions by some seconds. */
static void a_new_definition_is_waited_for(void **state)
{
	struct bh_err err;

	begin_with_ours(state);
	says(SCHEMA, "{}");
	answer_ends(SCHEMA, 200);
	not_ready("not known yet: segmentationpolicies: its definition is not known yet");
	wait_for_call(SCHEMA);
	answer_ends(SCHEMA, 500);
	not_ready("not known yet: segmentationpolicies: its definition is not known yet");
	wait_for_call(SCHEMA);
	answer_ends(SCHEMA, 403); /* nobody says: then what it keeps is believed */
	assert_int_equal(source_ready(source, &err), 0);
}

#define THEIR_SCHEMA "/openapi/v3/apis/policy.networking.k8s.io/v1alpha2"

/* Upstream's kind has its own document, and an API server without its CRD is not asked for it. */
static void an_older_definition_of_upstream_is_not_ready(void **state)
{
	struct bh_err err;

	begin_again(state);
	assert_null(asked(THEIR_SCHEMA));
	says(CLUSTER, list_ends("policy.networking.k8s.io/v1alpha2 ClusterNetworkPolicy", 170));
	(void)work();
	not_ready("not known yet: clusternetworkpolicies: its definition is not known yet");
	says(THEIR_SCHEMA,
	     "{\"components\":{\"schemas\":{\"a\":{\"x-kubernetes-group-version-kind\":[{\"kind\":"
	     "\"ClusterNetworkPolicy\"}],\"properties\":{\"spec\":{\"properties\":{\"tier\":{}}}}}}}}");
	answer_ends(THEIR_SCHEMA, 200);
	not_ready(
		"not known yet: clusternetworkpolicies: its definition on the server is older than this agent, "
		"without spec.priority: apply that of network-policy-api v0.2.0 or later");
	wait_for_call(THEIR_SCHEMA);
	answer_ends(THEIR_SCHEMA, 404); /* nobody says */
	assert_int_equal(source_ready(source, &err), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define ANSWER(i)                                                                                            \
	{                                                                                                    \
		"another_answer_is_no_empty_list " #i, another_answer_is_no_empty_list, setup, teardown,     \
			(void *)(uintptr_t)(i)                                                               \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_list_does_not_undo_a_watch),
		TEST(a_pod_changes_watches),
		TEST(the_other_watch_may_be_late),
		TEST(a_complete_list_sweeps),
		TEST(half_a_list_sweeps_nothing),
		TEST(an_add_between_two_pages),
		TEST(a_list_sweeps_what_an_add_read),
		TEST(an_older_list_does_not),
		TEST(what_was_read_late_is_not_news),
		TEST(a_restored_etcd_is_believed),
		TEST(an_add_waits_for_the_policies),
		TEST(an_add_waits_for_its_pod),
		TEST(an_add_waits_for_those_of_the_cluster),
		TEST(another_uid_is_another_pod),
		TEST(without_a_uid_nothing_is_remembered),
		TEST(nothing_is_believed_before_all_is_there),
		TEST(what_may_be_absent_may_not_be_refused),
		TEST(another_version_is_not_absent),
		TEST(other_kinds_are_no_trouble),
		TEST(an_older_definition_is_not_ready),
		TEST(a_new_definition_is_waited_for),
		TEST(an_older_definition_of_upstream_is_not_ready),
		TEST(what_was_there_is_not_absent),
		TEST(an_add_takes_no_other_answer),
		ANSWER(0),
		ANSWER(1),
		ANSWER(2),
		ANSWER(3),
		ANSWER(4),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
