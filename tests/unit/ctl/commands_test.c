/* SPDX-License-Identifier: Apache-2.0 */
/* What commands print of what nodes say, or do not. */
#include "ctl/ctl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/remote.h"
#include "tests/unit/ctl/nodes.h"
#include "tests/unit/heard.h"
#include "util/clock.h"
#include "util/scope.h"

/* The items of node n's answer to op are the lines of "n.op"; without that file it fails. */
static const char kubectl[] =
	"#!/bin/sh\n"
	"dir=$(dirname \"$0\")\n"
	"case \" $* \" in *' get pods '*) cat \"$dir/pods\"; exit ;; esac\n"
	"read -r line\n"
	"op=${line#*\\\"op\\\":\\\"} op=${op%%\\\"*}\n"
	"node=${*%-0 -c agent*} node=${node##* }\n"
	"[ $node = hangs ] || [ -e \"$dir/hangs\" ] && exec sleep 100\n"
	"[ -f \"$dir/$node.$op\" ] || { echo 'it is away' >&2; exit 1; }\n"
	"while read -r item; do echo \"{\\\"v\\\":1,\\\"item\\\":$item}\"; done <\"$dir/$node.$op\"\n"
	"echo '{\"v\":1,\"done\":true,\"ok\":true}'\n"
	"[ $node != once ] || ln -s . \"$dir/hangs\"\n";

static char dir[NODES_DIR];

static int setup(void **state)
{
	(void)state;
	nodes_begin(dir, kubectl);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return nodes_end(dir);
}

/* What it prints, and says on stderr. */
static char out[8192], said[2000];

static int run(struct ctl c, const char *words)
{
	char copy[200], *args[8] = { NULL }, *save = NULL;
	const struct command *command;
	struct heard o, e;
	int n = 0, taken = 0, code;

	(void)snprintf(copy, sizeof(copy), "%s", words);
	for (args[n] = strtok_r(copy, " ", &save); args[n]; args[n] = strtok_r(NULL, " ", &save))
		n++;
	command = ctl_find(args, n, &taken);
	assert_non_null(command);
	remote_forget();
	o = heard_begin(STDOUT_FILENO, NULL);
	e = heard_begin(STDERR_FILENO, NULL);
	code = command->run(&c, args + taken);
	heard_end(&e, said, sizeof(said));
	heard_end(&o, out, sizeof(out));
	return code;
}

#define RUN(words, ...) run((struct ctl){ .all_nodes = true, __VA_ARGS__ }, words)

/* ---- nothing ------------------------------------------------------------------------------ */

static void assert_nothing(const char *words, const char *why)
{
	assert_int_equal(RUN(words, .interval_ms = 100), CTL_OK);
	assert_string_equal(out, "");
	assert_string_equal(said, why);
	assert_int_equal(RUN(words, .interval_ms = 100, .json = true), CTL_OK);
	assert_null(strpbrk(out, "{\""));
	assert_string_equal(said, "");
}

/* Heads without a row look as if something were wrong. */
static void nothing_is_said_to_be_nothing(void **state)
{
	(void)state;
	nodes_are(dir, "n1", "Running");
	nodes_write(dir, "n1.endpoints", "");
	nodes_write(dir, "n1.rules", "");
	nodes_write(dir, "n1.flows", "");
	assert_nothing("stats",
		       "bulkheadctl: no pod has counted a packet: see 'endpoints' for those that have our "
		       "programs\n");
	assert_nothing("top pods", "bulkheadctl: no packet to a pod or from one within 100 ms\n");
	assert_nothing("top rules",
		       "bulkheadctl: no rule was hit, and no packet of a session that one allowed "
		       "within 100 ms\n");
	assert_nothing("top peers", "bulkheadctl: no denial was reported within 100 ms\n");
}

/* A name that no node knows is said to be that, before anything else; one that one of them knows is not.
 * Where no name was given nobody is asked for any. */
static void a_name_that_nobody_knows(void **state)
{
	static const char none[] = "bulkheadctl: no flow is known that was denied, audited or to be logged\n";
	static const char going_on[] = "going on: it may have gone, or be to come\n";
	char want[400];

	(void)state;
	nodes_are(dir, "n1 n2", "Running");
	nodes_write(dir, "n1.flows", "");
	nodes_write(dir, "n2.flows", "");
	assert_int_equal(RUN("flows", .pod = "10.0.0.1", .peer = "node 'n1'"), CTL_OK);
	assert_string_equal(said, none);
	nodes_write(dir, "n1.names",
		    "{\"kind\":\"pod\",\"name\":\"wbe\",\"near\":\"a/web\"}\n"
		    "{\"kind\":\"policy\",\"name\":\"p\",\"near\":null}\n"
		    "{\"kind\":\"namespace\",\"name\":\"b\",\"near\":null}\n");
	nodes_write(dir, "n2.names",
		    "{\"kind\":\"pod\",\"name\":\"wbe\",\"near\":null}\n"
		    "{\"kind\":\"namespace\",\"name\":\"b\",\"near\":null}\n");
	assert_int_equal(RUN("flows", .pod = "a/x", .peer = "wbe", .policy = "p", .namespace = "b"), CTL_OK);
	(void)snprintf(want, sizeof(want),
		       "bulkheadctl: no pod 'wbe' is known now (did you mean 'a/web'?); %s"
		       "bulkheadctl: no namespace 'b' is known now; %s%s",
		       going_on, going_on, none);
	assert_string_equal(said, want);
	nodes_are(dir, "gone", "Running");
	assert_int_equal(RUN("flows", .pod = "wbe"), CTL_UNREACHABLE);
	assert_string_equal(said, "bulkheadctl: node gone: it is away\n");
}

/* There is a pod, of which there is no row. */
static void what_has_no_row_is_none(void **state)
{
	(void)state;
	nodes_are(dir, "n1", "Running");
	nodes_write(dir, "n1.endpoints", "{\"namespace\":\"a\",\"name\":\"x\",\"reasons\":[]}\n");
	assert_int_equal(RUN("stats"), CTL_OK);
	assert_string_equal(out, "");
	assert_non_null(strstr(said, "no pod has counted a packet"));
	nodes_write(
		dir, "n1.endpoints",
		"{\"namespace\":\"a\",\"name\":\"x\",\"reasons\":[{\"reason\":\"open\",\"action\":\"allow\","
		"\"packets_in\":1,\"packets_out\":2}]}\n");
	assert_int_equal(RUN("stats"), CTL_OK);
	assert_string_equal(out, "NODE  POD  REASON  ACTION  TO POD  FROM POD\n"
				 "n1    a/x  open    allow        1         2\n");
	assert_string_equal(said, "");
}

/* ---- of whom ------------------------------------------------------------------------------ */

static void assert_unused(struct ctl c, int code, const char *want)
{
	assert_int_equal(run(c, "unused"), code);
	assert_string_equal(out, want);
}

/* An answer of some nodes is no answer of all: a rule may be deleted for it. */
static void unused_says_of_whom_it_speaks(void **state)
{
	static const char item[] = "{\"kind\":\"policy\",\"policy\":\"a/p\",\"why\":\"no-pod\"}\n";
	static const char table[] = "POLICY OR RULE  WHY             COUNTED SINCE\n"
				    "a/p             selects no pod  -\n";
	char want[400];

	(void)state;
	nodes_write(dir, "n1.unused", item);
	nodes_write(dir, "n3.unused", item);
	nodes_are(dir, "n1 n3", "Running");
	assert_unused((struct ctl){ .all_nodes = true }, CTL_OK, table);
	(void)snprintf(want, sizeof(want), "%s\nOf n1 alone: other nodes may use them.\n", table);
	assert_unused((struct ctl){ .nodes = { { "n1" }, 1 } }, CTL_OK, want);
	nodes_are(dir, "n1 n2 n3", "Running");
	(void)snprintf(want, sizeof(want),
		       "%s\nOf n1, n3 alone: n2 gave no answer, and other nodes may use them.\n", table);
	assert_unused((struct ctl){ .all_nodes = true }, CTL_PARTIAL, want);
	nodes_are(dir, "n1 n2 n4 n5", "Running");
	(void)snprintf(want, sizeof(want),
		       "%s\nOf n1 alone: n2 and 2 more gave no answer, and other nodes may use them.\n",
		       table);
	assert_unused((struct ctl){ .all_nodes = true }, CTL_PARTIAL, want);
}

/* ---- one policy --------------------------------------------------------------------------- */

#define POLICY(kind, ns, name, generation, in_force, pods, more)                                             \
	"{\"kind\":\"" kind "\",\"namespace\":\"" ns "\",\"name\":\"" name                                   \
	"\",\"tier\":\"T\",\"priority\":7,\"mode\":\"Enforce\",\"ingress_rules\":11,\"egress_rules\":0,"     \
	"\"generation\":" generation ",\"in_force\":" in_force ",\"pods\":" pods                             \
	",\"expired\":false,\"problems\":[]" more "}\n"
#define RULE(rule, hits)                                                                                     \
	"{\"rule\":\"" rule "\",\"hits\":" hits                                                              \
	",\"hit_bytes\":60,\"sessions\":1,\"packets\":2,\"bytes\":3}\n"
#define JUDGED(name, in, out)                                                                                \
	"{\"namespace\":\"a\",\"name\":\"" name "\",\"ingress_policies\":[" in "],\"egress_policies\":[" out \
	"]}\n"

static void write_policies(void)
{
	nodes_are(dir, "n1 n2 n3", "Running");
	nodes_write(dir, "n1.policies",
		    POLICY("NetworkPolicy", "a", "p", "2", "true", "2", "")
			    POLICY("NetworkPolicy", "a", "pp", "1", "true", "1", ""));
	nodes_write(dir, "n2.policies",
		    POLICY("NetworkPolicy", "a", "p", "3", "true", "1", ",\"expires_in\":93600")
			    POLICY("SegmentationPolicy", "a", "p", "1", "false", "0", ""));
	nodes_write(dir, "n3.policies", "");
	nodes_write(dir, "n1.endpoints",
		    JUDGED("x", "\"a/p\"", "") JUDGED("y", "", "\"a/q\",\"a/p\"")
			    JUDGED("z", "\"a/pp\"", ""));
	nodes_write(dir, "n2.endpoints", JUDGED("w", "\"a/p\",\"segpol a/p\"", ""));
	nodes_write(dir, "n1.rules",
		    RULE("a/p ingress[10]", "4") RULE("a/p ingress[2] (web)", "5")
			    RULE("a/pp ingress[0]", "6") RULE("segpol a/p ingress[0]", "7"));
	nodes_write(dir, "n2.rules", RULE("a/p ingress[10]", "1"));
}

/* n3 would fail if it were asked for rules: it has none of its pods. */
static void a_policy_of_all_nodes(void **state)
{
	(void)state;
	write_policies();
	assert_int_equal(RUN("policy show a/p"), CTL_OK);
	assert_string_equal(said, "");
	assert_string_equal(out,
			    "policy      NetworkPolicy a/p\n"
			    "tier        T, priority 7\n"
			    "mode        Enforce, expires in 1d2h\n"
			    "generation  3\n"
			    "in force    on 1 of 3 nodes, not yet on n1 and 1 more\n"
			    "pods        a/x, a/y, a/w\n"
			    "rules       11 ingress, 0 egress\n"
			    "\n"
			    "RULE                  HITS  HIT BYTES  SESSIONS  ALL PACKETS  ALL BYTES\n"
			    "a/p ingress[2] (web)     5         60         1            2          3\n"
			    "a/p ingress[10]          5        120         2            4          6\n"
			    "\n"
			    "policy      SegmentationPolicy a/p\n"
			    "tier        T, priority 7\n"
			    "mode        Enforce\n"
			    "generation  1\n"
			    "in force    on 0 of 3 nodes, not yet on n2 and 2 more\n"
			    "pods        a/w\n"
			    "rules       11 ingress, 0 egress\n"
			    "\n"
			    "RULE                   HITS  HIT BYTES  SESSIONS  ALL PACKETS  ALL BYTES\n"
			    "segpol a/p ingress[0]     7         60         1            2          3\n");
}

static void lists_of_all_nodes(void **state)
{
	(void)state;
	write_policies();
	nodes_write(dir, "n3.policies", POLICY("NetworkPolicy", "a", "p", "2", "true", "1", "")); /* late */
	nodes_write(dir, "n3.rules", "");
	assert_int_equal(RUN("policy list"), CTL_OK);
	assert_string_equal(said, "");
	assert_string_equal(
		out,
		"POLICY                  TIER  PRIORITY  MODE     EXPIRES IN  IN FORCE  PODS  RULES  TROUBLE\n"
		"NetworkPolicy a/p       T            7  Enforce  1d2h        1/3          4     11  -\n"
		"NetworkPolicy a/pp      T            7  Enforce  never       1/3          1     11  -\n"
		"SegmentationPolicy a/p  T            7  Enforce  never       0/3          0     11  -\n");
	assert_int_equal(RUN("policy rules"), CTL_OK);
	assert_string_equal(out,
			    "RULE                   HITS  HIT BYTES  SESSIONS  ALL PACKETS  ALL BYTES\n"
			    "a/p ingress[2] (web)      5         60         1            2          3\n"
			    "a/p ingress[10]           5        120         2            4          6\n"
			    "a/pp ingress[0]           6         60         1            2          3\n"
			    "segpol a/p ingress[0]     7         60         1            2          3\n");
	assert_int_equal(RUN("policy rules", .json = true), CTL_OK);
	assert_non_null(strstr(out, "\"node\":\"n2\"")); /* node by node */
}

static void a_policy_for_programs(void **state)
{
	struct json_object *o,
		*want = json_tokener_parse(
			"[{\"kind\":\"NetworkPolicy\",\"namespace\":\"a\",\"name\":\"pp\",\"tier\":\"T\","
			"\"priority\":7,\"mode\":\"Enforce\",\"expired\":false,\"ingress_rules\":11,"
			"\"egress_rules\":0,\"problems\":[],\"generation\":1,"
			"\"nodes\":[{\"node\":\"n1\",\"generation\":1,\"in_force\":true,\"pods\":1},"
			"{\"node\":\"n2\",\"generation\":0,\"in_force\":false,\"pods\":0},"
			"{\"node\":\"n3\",\"generation\":0,\"in_force\":false,\"pods\":0}],"
			"\"subjects\":[\"a/z\"],\"rules\":[{\"rule\":\"a/pp ingress[0]\",\"hits\":6,"
			"\"hit_bytes\":60,\"sessions\":1,\"packets\":2,\"bytes\":3}]}]");

	(void)state;
	write_policies();
	assert_int_equal(RUN("policy show pp", .json = true), CTL_OK);
	o = json_tokener_parse(out);
	if (!json_object_equal(o, want))
		fail_msg("%s", out);
	json_object_put(o);
	json_object_put(want);
}

static void a_policy_of_no_pod(void **state)
{
	(void)state;
	nodes_are(dir, "n4", "Running");
	nodes_write(
		dir, "n4.policies",
		POLICY("ClusterNetworkPolicy", "", "c", "0", "true", "0", ",\"problems\":[\"spec.x no\"]"));
	assert_int_equal(RUN("policy show c"), CTL_OK);
	assert_string_equal(said, "");
	assert_string_equal(out, "policy      ClusterNetworkPolicy c\n"
				 "tier        T, priority 7\n"
				 "mode        Enforce\n"
				 "in force    yes\n"
				 "trouble     spec.x no\n"
				 "pods        none, of the nodes asked\n"
				 "rules       11 ingress, 0 egress; none decides anything here\n");
}

static void a_policy_that_nobody_knows(void **state)
{
	(void)state;
	write_policies();
	assert_int_equal(RUN("policy show a/q"), CTL_USAGE);
	assert_string_equal(said, "bulkheadctl: no agent knows a policy 'a/q'; did you mean 'a/p'?\n"
				  "hint: 'bulkheadctl policy list' lists those that are known\n");
	assert_int_equal(RUN("policy show other/thing"), CTL_USAGE);
	assert_non_null(strstr(said, "no agent knows a policy 'other/thing'\n"));
	assert_int_equal(RUN("policy show a/"), CTL_USAGE);
	assert_string_equal(said, "bulkheadctl: 'a/': no NAMESPACE/NAME, and no NAME\n");
	nodes_are(dir, "n1 gone", "Running");
	assert_int_equal(RUN("policy show b/p"), CTL_PARTIAL);
	assert_int_equal(RUN("policy show a/p"), CTL_PARTIAL);
	assert_string_equal(said, "bulkheadctl: node gone: it is away\n");
}

/* ---- wait --------------------------------------------------------------------------------- */

#define OF(generation, more)                                                                                             \
	"{\"kind\":\"NetworkPolicy\",\"namespace\":\"shop\",\"name\":\"db\",\"problems\":[],\"generation\":" #generation \
	",\"in_force\":" more "}\n"

/* Two rounds, with time for an answer on a busy machine. */
#define PATIENCE_MS 3900

/* A node with nothing of it holds nobody up, full map or not, as long as it knows the policy and says so. */
static void trouble_without_pods_is_not_waited_for(void **state)
{
	struct json_object *o;

	(void)state;
	nodes_are(dir, "n1 n2 w1 w2 w3 w4 w5", "Running");
	nodes_write(dir, "n1.policies", OF(3, "true,\"pods\":2,\"selected\":2"));
	nodes_write(dir, "n2.policies", OF(4, "false,\"pods\":0,\"selected\":0"));
	nodes_write(dir, "w1.policies", OF(3, "false,\"pods\":0,\"selected\":1")); /* without our programs */
	nodes_write(dir, "w2.policies", OF(3, "false,\"pods\":1,\"selected\":0")); /* it was of that one */
	nodes_write(dir, "w3.policies", OF(3, "false,\"pods\":0"));		   /* nobody knows */
	nodes_write(dir, "w4.policies", OF(2, "false,\"pods\":0,\"selected\":0")); /* of the one before */
	nodes_write(dir, "w5.policies", "");
	assert_int_equal(RUN("wait policy shop/db", .generation = 3, .timeout_ms = PATIENCE_MS, .json = true),
			 CTL_NEGATIVE);
	assert_string_equal(said, "bulkheadctl: not in force yet on 4 nodes: 'w1' is the first\n"
				  "bulkheadctl: not known on node 'w5'\n");
	o = json_tokener_parse(out);
	assert_string_equal(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN),
			    "{\"namespace\":\"shop\",\"name\":\"db\",\"enforced\":false,\"nodes\":7,"
			    "\"known\":6,\"late\":[\"w1\",\"w2\",\"w3\",\"w4\"],\"unknown\":[\"w5\"],"
			    "\"unanswered\":[]}");
	json_object_put(o);
	nodes_are(dir, "n1 w5", "Running");
	assert_int_equal(RUN("wait policy shop/db", .timeout_ms = PATIENCE_MS), CTL_NEGATIVE);
	assert_string_equal(out, "shop/db: not enforced, 2 nodes asked\n");
	nodes_are(dir, "n1 n2", "Running");
	assert_int_equal(RUN("wait policy shop/db", .generation = 3), CTL_OK);
	assert_string_equal(out, "shop/db: enforced, 2 nodes asked\n");
	assert_string_equal(said, "");
}

/* Nobody can tell what is enforced there, and that is what is said; once, however often it was asked. */
static void a_silent_node_is_no_success(void **state)
{
	(void)state;
	nodes_are(dir, "n1 away", "Running");
	nodes_write(dir, "n1.policies", OF(3, "true,\"pods\":2,\"selected\":2"));
	assert_int_equal(RUN("wait policy shop/db", .timeout_ms = PATIENCE_MS), CTL_PARTIAL);
	assert_string_equal(
		out, "shop/db: not known to be enforced, 2 nodes asked, 1 of them without an answer\n");
	assert_string_equal(said, "bulkheadctl: node away: it is away\n"
				  "bulkheadctl: whether it is in force there is not known\n");
	nodes_are(dir, "away", "Running");
	assert_int_equal(RUN("wait policy shop/db"), CTL_UNREACHABLE);
	assert_string_equal(said, "bulkheadctl: node away: it is away\n");
}

/* An answer is waited for as long as there is time, not as long as answers are elsewhere. */
static void nobody_is_waited_for_longer_than_in_all(void **state)
{
	const int64_t begin_ms = clock_ms();

	(void)state;
	nodes_are(dir, "hangs", "Running");
	assert_int_equal(RUN("wait policy shop/db", .timeout_ms = 3000), CTL_UNREACHABLE);
	assert_in_range(clock_ms() - begin_ms, 3000, 14000);
	assert_non_null(strstr(said, "bulkheadctl: node hangs: no answer in "));
}

/* It answers the first time, and the time is over when it is asked again. */
static void who_has_answered_is_not_silent(void **state)
{
	(void)state;
	nodes_are(dir, "once", "Running");
	nodes_write(dir, "once.policies", OF(3, "false,\"pods\":1,\"selected\":1"));
	assert_int_equal(RUN("wait policy shop/db", .timeout_ms = PATIENCE_MS), CTL_NEGATIVE);
	assert_string_equal(out, "shop/db: not enforced, 1 node asked\n");
	assert_string_equal(said, "bulkheadctl: not in force yet on node 'once'\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_said_to_be_nothing),
		cmocka_unit_test(a_name_that_nobody_knows),
		cmocka_unit_test(what_has_no_row_is_none),
		cmocka_unit_test(unused_says_of_whom_it_speaks),
		cmocka_unit_test(a_policy_of_all_nodes),
		cmocka_unit_test(lists_of_all_nodes),
		cmocka_unit_test(a_policy_for_programs),
		cmocka_unit_test(a_policy_of_no_pod),
		cmocka_unit_test(a_policy_that_nobody_knows),
		cmocka_unit_test(trouble_without_pods_is_not_waited_for),
		cmocka_unit_test(a_silent_node_is_no_success),
		cmocka_unit_test(nobody_is_waited_for_longer_than_in_all),
		cmocka_unit_test(who_has_answered_is_not_silent), /* from then on nobody answers */
	};

	return cmocka_run_group_tests_name("commands", tests, setup, teardown);
}
