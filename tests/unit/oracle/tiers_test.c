/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The oracle itself, on cases whose answers were derived by hand from the API's words. Each is a few policies
 * and some flows of the pod a/web:
 *   policies  "admin 5 NAME (ns(..) pods(..))", or "network NAME ie" and "seg 5 NAME ie audit expired" of all
 *             pods of a; then rules: "in deny PEERS / PORTS"; "deny?": one that holds something not
 * understood flows     "in 10.0.0.3 tcp/80", and the answer with the rules behind it: '+', '-' or '~'
 * (audited); "each": whoever it is. "icmp" is an echo request.
 */
#include "tests/unit/policy/world.h"

#include "tests/oracle/oracle.h"

#define WEB 1
#define NOW 1000

struct test_case {
	const char *name, *policies;
	struct {
		const char *flow, *answer;
	} flows[8];
};

#define ALL    "(ns() pods())"
#define TWINS  "10.0.0.5" /* that b/one and b/two claim */
#define LOST   "10.0.0.6" /* of an interface whose Pod is not known */
#define GHOST  "10.0.0.7" /* of a pod whose Namespace is not known */
#define API    "10.1.0.1" /* a Service, whose port 80 is port 8000 of b/web and b/db */
#define HOLLOW "10.1.0.2" /* a Service without backends */
#define NODE   "10.9.0.1" /* another one, and */
#define HERE   "10.9.0.2" /* this one */
#define LATER  "10.2.0.9" /* a node has it for its pods */
#define B      "ns(team=b)"

static const struct test_case cases[] = {
	{ "no rule for a direction does nothing there, and nothing isolates",
	  "admin 5 x " ALL "\n in deny ns(team=b) /",
	  { { "in 10.0.0.3 tcp/80", "- x[0]" },
	    { "in 10.0.0.2 tcp/80", "open" },
	    { "in 192.0.2.1 icmp", "open" },
	    { "out 10.0.0.3 tcp/80", "open" } } },
	{ "the first rule of a policy that matches decides",
	  "admin 5 x " ALL "\n in accept ns(team=b) / tcp/80\n in deny ns(team=b) /\n in accept ns() /",
	  { { "in 10.0.0.3 tcp/80", "+ x[0]" },
	    { "in 10.0.0.3 tcp/81", "- x[1]" },
	    { "in 10.0.0.3 icmp", "- x[1]" },
	    { "in 10.0.0.2 icmp", "+ x[2]" },
	    { "in 192.0.2.1 tcp/80", "open" } } },
	{ "the lower priority goes first, whatever the names",
	  "admin 2 a " ALL "\n in deny ns(team=b) /\nadmin 1 b " ALL "\n in accept ns(team=b) / tcp/80",
	  { { "in 10.0.0.3 tcp/80", "+ b[0]" }, { "in 10.0.0.3 tcp/81", "- a[0]" } } },
	{ "of equal ones each has its first match, and Deny goes before Pass before Accept",
	  "admin 1 a " ALL "\n in accept ns(team=b) /\n in deny ns(team=b) /\n"
	  "admin 1 b " ALL "\n in pass ns(team=b) / tcp/80,tcp/81\n"
	  "admin 1 c " ALL "\n in deny ns(team=b) / tcp/81\n"
	  "admin 2 d " ALL "\n in deny ns(team=b) /",
	  { { "in 10.0.0.3 tcp/79", "+ a[0]" },
	    { "in 10.0.0.3 tcp/80", "open" },
	    { "in 10.0.0.3 tcp/81", "- c[0]" } } },
	{ "Admin, then NetworkPolicy, which is final, so that Baseline has no say",
	  "admin 9 a " ALL "\n in accept ns(team=b) / tcp/80\n in deny ns(team=b) / tcp/81\n"
	  "network n i\n in accept ns(team=b) / tcp/81,tcp/82\n"
	  "baseline 1 z " ALL "\n in accept ns(team=b) /\n in deny ns() /\n out deny ns() /",
	  { { "in 10.0.0.3 tcp/80", "+ a[0]" },
	    { "in 10.0.0.3 tcp/81", "- a[1]" },
	    { "in 10.0.0.3 tcp/82", "+ n[0]" },
	    { "in 10.0.0.3 tcp/83", "-" },
	    { "out 10.0.0.3 tcp/83", "- z[0]" } } },
	{ "Pass leaves the tier for NetworkPolicy",
	  "admin 1 a " ALL "\n in pass ns(team=b) / tcp/80-81\n in deny ns() /\n"
	  "network n i\n in accept ns() / tcp/80",
	  { { "in 10.0.0.3 tcp/80", "+ n[0]" },
	    { "in 10.0.0.3 tcp/81", "-" },
	    { "in 10.0.0.3 tcp/82", "- a[1]" } } },
	{ "Pass leaves the tier for Baseline, and Baseline for the default",
	  "admin 1 a " ALL "\n in pass ns(team=b) / tcp/80-81\nadmin 2 b " ALL "\n in deny ns() /\n"
	  "baseline 1 y " ALL "\n in pass ns() / tcp/81\nbaseline 2 z " ALL "\n in deny ns() /",
	  { { "in 10.0.0.3 tcp/80", "- z[0]" },
	    { "in 10.0.0.3 tcp/81", "open" },
	    { "in 10.0.0.3 tcp/82", "- b[0]" } } },
	{ "subjects: both selectors must select",
	  "admin 1 a (ns(team=b) pods())\n in deny ns() /\nadmin 2 b (ns() pods(app=db))\n in deny ns() /\n"
	  "admin 3 c (ns(team=a) pods(app=web))\n in accept ns() / tcp/80\nadmin 4 d (ns(team=a) pods())\n in deny ns() /",
	  { { "in 10.0.0.3 tcp/80", "+ c[0]" }, { "in 10.0.0.3 tcp/81", "- d[0]" } } },
	{ "peers: namespaces alone, both, blocks that hold pods as well",
	  "admin 1 a " ALL "\n out deny ns(team=b) pods(app=db) /\n out accept ns(team=b) / tcp/80\n"
	  " out deny 10.0.0.0/30 /",
	  { { "out 10.0.0.4 tcp/80", "- a[0]" },
	    { "out 10.0.0.3 tcp/80", "+ a[1]" },
	    { "out 10.0.0.3 tcp/81", "- a[2]" },
	    { "out 10.0.0.2 tcp/80", "- a[2]" },
	    { "out 10.0.0.9 tcp/80", "open" },
	    { "out fd00::3 tcp/81", "open" } } },
	{ "names of ports: the subject's for ingress, the destination's for egress",
	  "admin 1 a " ALL "\n in deny ns() / tcp/http\n out deny ns();0.0.0.0/0 / tcp/http\n",
	  { { "in 10.0.0.3 tcp/8080", "- a[0]" },
	    { "in 10.0.0.3 tcp/80", "open" },
	    { "in 10.0.0.3 udp/8080", "open" },
	    { "out 10.0.0.3 tcp/80", "- a[0]" },
	    { "out 10.0.0.3 tcp/8080", "open" },
	    { "out 192.0.2.1 tcp/80", "open" } } },
	{ "Admin, then SegmentationPolicy, then NetworkPolicy",
	  "admin 9 a " ALL "\n in deny " B " / tcp/80\n"
	  "seg 1 s\n in accept " B " / tcp/80,tcp/81\n in deny " B " / tcp/82\n"
	  "network n i\n in accept ns() / tcp/82,tcp/83",
	  { { "in 10.0.0.3 tcp/80", "- a[0]" },
	    { "in 10.0.0.3 tcp/81", "+ s[0]" },
	    { "in 10.0.0.3 tcp/82", "- s[1]" },
	    { "in 10.0.0.3 tcp/83", "+ n[0]" },
	    { "in 10.0.0.3 tcp/84", "-" } } },
	{ "what a SegmentationPolicy isolates is denied behind NetworkPolicy, and Baseline has no say",
	  "seg 1 s i\n in accept " B " / tcp/80\nnetwork n e\n in accept ns() /\n out accept ns() / tcp/81\n"
	  "baseline 1 z " ALL "\n in accept ns() /\n out accept ns() /",
	  { { "in 10.0.0.3 tcp/80", "+ s[0]" },
	    { "in 10.0.0.3 tcp/81", "-" },
	    { "in 192.0.2.1 icmp", "-" },
	    { "out 10.0.0.3 tcp/81", "+ n[0]" },
	    { "out 10.0.0.3 tcp/80", "-" } } },
	{ "and NetworkPolicy's rules count where a SegmentationPolicy isolates as well; without either, Baseline",
	  "seg 1 s i\n in deny " B " / tcp/80\n out deny " B
	  " / tcp/80\nnetwork n i\n in accept ns() / tcp/81\n"
	  "baseline 1 z " ALL "\n out accept ns() /",
	  { { "in 10.0.0.3 tcp/81", "+ n[0]" },
	    { "in 10.0.0.3 tcp/82", "-" },
	    { "out 10.0.0.3 tcp/80", "- s[0]" },
	    { "out 10.0.0.3 tcp/81", "+ z[0]" },
	    { "out 192.0.2.1 tcp/80", "open" } } },
	{ "Pass leaves the tier of SegmentationPolicy; of equal ones Deny goes first",
	  "seg 1 s\n in pass " B " / tcp/80\nseg 1 s2\n in accept " B " / tcp/80,tcp/81\n"
	  "seg 1 s3\n in deny " B
	  " / tcp/81\nseg 2 t\n in deny ns() /\nnetwork n i\n in accept ns() / tcp/80",
	  { { "in 10.0.0.3 tcp/80", "+ n[0]" },
	    { "in 10.0.0.3 tcp/81", "- s3[0]" },
	    { "in 10.0.0.3 tcp/82", "- t[0]" } } },
	{ "pods without namespaces are those of its own",
	  "seg 1 s\n out deny pods(app=web) /\n out deny pods(app=db) / tcp/80",
	  { { "out 10.0.0.2 tcp/80", "- s[1]" },
	    { "out 10.0.0.3 tcp/80", "open" },
	    { "out 10.0.0.4 tcp/80", "open" } } },
	{ "entities: who is unknown or contested is of the cluster, and so is what nodes have for pods",
	  "seg 1 s\n in deny host / tcp/1\n in deny cluster / tcp/2\n in deny world / tcp/3",
	  { { "in " NODE " tcp/1", "- s[0]" },
	    { "in " HERE " tcp/1", "- s[0]" },
	    { "in 10.0.0.3 tcp/1", "open" },
	    { "in " NODE " tcp/2", "- s[1]" },
	    { "in 10.0.0.3 tcp/2", "- s[1]" },
	    { "in " TWINS " tcp/2", "- s[1]" },
	    { "in " LOST " tcp/2", "- s[1]" },
	    { "in " GHOST " tcp/2", "- s[1]" } } },
	{ "and the world is all else",
	  "seg 1 s\n in deny cluster / tcp/2\n in deny world / tcp/3",
	  { { "in " LATER " tcp/2", "- s[0]" },
	    { "in " LATER " tcp/3", "open" },
	    { "in 192.0.2.1 tcp/3", "- s[1]" },
	    { "in " API " tcp/2", "- s[0]" },
	    { "in " API " tcp/3", "open" },
	    { "in fe80::1 tcp/3", "open" },
	    { "in " GHOST " tcp/3", "open" } } },
	{ "what is behind a Service, in either direction and by any port; to the Service its backends decide",
	  "seg 1 s\n in deny behind(a/api) / tcp/1\n out deny behind(a/api) / tcp/8000\n"
	  " out deny behind(b/api) /\n out deny 10.1.0.0/16 / tcp/80",
	  { { "in 10.0.0.4 tcp/1", "- s[0]" },
	    { "in 10.0.0.2 tcp/1", "open" },
	    { "out 10.0.0.3 tcp/8000", "- s[0]" },
	    { "out 10.0.0.3 tcp/80", "open" },
	    { "out " API " tcp/80", "- s[0]" },
	    { "out " API " tcp/8000", "+" } } },
	{ "ICMP by type and code, others by number",
	  "seg 1 s\n in deny " B " / icmp/8\n in accept " B " / icmp/3/1,icmpv6/128/0\n in deny " B
	  " / icmp,icmpv6\n"
	  " in deny " B " / proto/47\n in accept " B " / tcp",
	  { { "in 10.0.0.3 icmp", "- s[0]" },
	    { "in 10.0.0.3 icmp/3/1", "+ s[1]" },
	    { "in 10.0.0.3 icmp/3/2", "- s[2]" },
	    { "in fd00::3 icmpv6/128/0", "+ s[1]" },
	    { "in fd00::3 icmpv6/128/1", "- s[2]" },
	    { "in 10.0.0.3 proto/47", "- s[3]" },
	    { "in 10.0.0.3 proto/48", "open" },
	    { "in 10.0.0.3 udp/47", "open" } } },
	{ "what has expired is not there, from that second on",
	  "seg 1 s ie expired\n in deny " B " /\nseg 2 t expires\n in deny " B " / tcp/80",
	  { { "in 10.0.0.3 tcp/80", "- t[0]" },
	    { "in 10.0.0.3 tcp/81", "open" },
	    { "out 10.0.0.3 tcp/81", "open" } } },
	{ "audited: what is in earnest decides, and the rule that would deny is told",
	  "seg 1 s audit\n in deny " B " / tcp/80,tcp/81\n in accept " B " / tcp/83\n"
	  "seg 2 t\n in deny " B " / tcp/81\n in accept " B " / tcp/80-82\nnetwork n i",
	  { { "in 10.0.0.3 tcp/80", "~ s[0]" },
	    { "in 10.0.0.3 tcp/81", "- t[0]" },
	    { "in 10.0.0.3 tcp/82", "+ t[1]" },
	    { "in 10.0.0.3 tcp/83", "-" } } },
	{ "audited isolation, by no rule; and two audits, of which the first would deny",
	  "seg 1 s i audit\n in deny " B " / tcp/80\nseg 2 t audit\n in deny ns() /\n out deny " B
	  " pods(app=db) /",
	  { { "in 10.0.0.3 tcp/80", "~ s[0]" },
	    { "in 10.0.0.3 tcp/81", "~ t[0]" },
	    { "in 192.0.2.1 tcp/81", "~" },
	    { "out 10.0.0.3 tcp/81", "open" },
	    { "out " API " tcp/80", "~ t[0]" },
	    { "out " API " tcp/81", "+" },
	    { "out " HOLLOW " tcp/80", "~" } } },
	{ "in doubt whose an address is, as far as rules ask for pods; audited ones deny nobody for it",
	  "seg 1 s\n in deny world /\nseg 1 t audit\n in deny " B " pods(app=db) / tcp/80\n out pass " B " /",
	  { { "in " TWINS " tcp/80", "each ~" },
	    { "in " TWINS " tcp/81", "each +" },
	    { "in " LOST " tcp/80", "each ~" },
	    { "out " LOST " tcp/80", "each ~" } } },
	{ "protocols without ports match rules without ports alone",
	  "admin 1 a " ALL "\n in deny ns() / tcp,udp,sctp\n in accept ns(team=b) /\n in deny ns() /",
	  { { "in 10.0.0.3 icmp", "+ a[1]" },
	    { "in 10.0.0.2 icmp", "- a[2]" },
	    { "in 10.0.0.3 udp/1", "- a[0]" } } },
	{ "what is not understood accepts nothing",
	  "admin 1 a " ALL "\n in accept? ns() /\n in deny ns(team=b) / tcp/80",
	  { { "in 10.0.0.3 tcp/80", "- a[1]" } } },
	{ "and denies everything, after what goes before it",
	  "admin 1 a " ALL "\n in accept ns(team=b) / tcp/80\n in pass? ns(team=b) / tcp/81\n out deny? /\n"
	  "admin 2 b " ALL "\n in accept ns() /",
	  { { "in 10.0.0.3 tcp/80", "+ a[0]" },
	    { "in 10.0.0.2 udp/7", "- a[1]" },
	    { "in 192.0.2.1 icmp", "- a[1]" },
	    { "out 10.0.0.3 tcp/80", "- a[0]" },
	    { "out " HOLLOW " tcp/80", "- a[0]" } } },
	{ "where several pods claim an address, all must be what a rule accepts",
	  "admin 1 a " ALL "\n in accept ns(team=b) pods(app=web) / tcp/80\n in accept ns(team=b) / tcp/81\n"
	  "network n i\n",
	  { { "in " TWINS " tcp/80", "-" }, { "in " TWINS " tcp/81", "+ a[1]" } } },
	{ "and whoever it is must be allowed, where rules deny or pass",
	  "admin 1 a " ALL "\n in deny ns() pods(app=db) / tcp/80\n in pass ns() pods(app=web) / tcp/81\n"
	  "baseline 1 z " ALL "\n in deny ns(team=b) pods(app=web) /",
	  { { "in " TWINS " tcp/80", "each -" },
	    { "in " TWINS " tcp/81", "each -" },
	    { "in 10.0.0.4 tcp/81", "open" } } },
	{ "which may be by different rules",
	  "admin 1 a " ALL "\n in accept ns() pods(app=db) /\n in accept ns() pods(app=web) / tcp/80\n"
	  " in deny ns() /\n out pass ns(team=b) /",
	  { { "in " TWINS " tcp/80", "each +" },
	    { "in " TWINS " tcp/81", "each -" },
	    { "out " TWINS " tcp/81", "each +" } } },
	{ "who is not known is accepted by nobody",
	  "admin 1 a " ALL "\n in accept ns() /\nnetwork n i\n in accept 10.0.0.7/32 / tcp/80\n",
	  { { "in " LOST " tcp/80", "-" },
	    { "in " GHOST " tcp/80", "+ n[0]" },
	    { "in " GHOST " icmp", "-" } } },
	{ "and may be who is denied or passed",
	  "admin 1 a " ALL "\n out accept 10.0.0.6/32 / tcp/79\n out deny ns(team=b) / tcp/80\n"
	  " out pass ns(team=b) / tcp/81\n out deny ns(team=b) / udp/web\n out deny 10.0.0.0/8 / tcp/82",
	  { { "out " LOST " tcp/79", "each +" },
	    { "out " LOST " tcp/80", "each -" },
	    { "out " LOST " tcp/81", "each -" },
	    { "out " LOST " udp/7", "each -" },
	    { "out " LOST " tcp/82", "each -" },
	    { "out " LOST " sctp/82", "each +" },
	    { "out " GHOST " tcp/80", "each -" },
	    { "out " GHOST " tcp/83", "each +" } } },
	{ "a Service where nothing can deny a backend: whatever is behind it",
	  "admin 1 a " ALL "\n out accept ns(team=b) / tcp/8000",
	  { { "out " API " tcp/80", "+ a[0]" },
	    { "out " API " tcp/81", "+" },
	    { "out " HOLLOW " tcp/80", "+" } } },
	{ "a Service of which one backend is denied",
	  "admin 1 a " ALL "\n out deny ns(team=b) pods(app=db) / tcp/8000",
	  { { "out " API " tcp/80", "- a[0]" },
	    { "out " API " tcp/81", "+" },
	    { "out " API " icmp", "+" },
	    { "out " HOLLOW " tcp/80", "-" },
	    { "out " HOLLOW " tcp/81", "+" } } },
	{ "the port of a Service is not what rules are about; its address is, for what is no port of it",
	  "admin 1 a " ALL "\n out deny ns(team=b) / tcp/80\n out deny 10.1.0.0/16 /",
	  { { "out " API " tcp/80", "+" },
	    { "out " API " tcp/8000", "- a[1]" },
	    { "out 10.1.0.3 tcp/80", "- a[1]" } } },
	{ "a Service where a NetworkPolicy isolates: its ports alone, each backend by its own rule",
	  "admin 1 a " ALL "\n out accept ns(team=b) pods(app=web) /\n"
	  "network n e\n out accept ns() pods(app=db) / tcp/8000",
	  { { "out " API " tcp/80", "+ a[0] n[0]" },
	    { "out " API " tcp/81", "-" },
	    { "out " API " icmp", "-" },
	    { "out " HOLLOW " tcp/80", "-" } } },
	{ "a Service where a NetworkPolicy allows everything to everybody",
	  "admin 1 a " ALL "\n out pass ns(team=b) pods(app=web) /\n out deny ns(team=b) / tcp/8000\n"
	  "network n e\n out accept /\nbaseline 1 z " ALL "\n out deny? /",
	  { { "out " API " tcp/80", "- a[1]" },
	    { "out " API " tcp/81", "+ n[0]" },
	    { "out " API " icmp", "+ n[0]" },
	    { "out 10.0.0.3 tcp/8000", "+ n[0]" } } },
};

/* ---- the cluster ---------------------------------------------------------------------------- */

static struct model *cluster(void)
{
	const struct addr here = w_addr(HERE);
	struct model *m = model_new();

	w_namespace(m, "a", "team=a");
	w_namespace(m, "b", "team=b");
	w_names(w_pod(m, "a/web", "app=web", "10.0.0.1"), "http:tcp/8080");
	w_pod(m, "a/db", "app=db", "10.0.0.2");
	w_names(w_pod(m, "b/web", "app=web", "10.0.0.3,fd00::3"), "http:tcp/80");
	w_pod(m, "b/db", "app=db", "10.0.0.4");
	w_pod(m, "b/one", "app=web", TWINS);
	w_pod(m, "b/two", "app=db", TWINS);
	w_endpoint(m, "a/web", WEB, "10.0.0.1");
	w_endpoint(m, "b/lost", WEB + 1, LOST);
	w_pod(m, "ghost/db", "app=db", GHOST);
	w_service(m, "a/api", API, "tcp/80");
	w_slice(m, "a/api-1", "10.0.0.3,10.0.0.4", "tcp/8000");
	w_service(m, "a/hollow", HOLLOW, "tcp/80");
	w_node(m, "n", NODE);
	*(struct cidr *)vec_add(&m->nodes.v[0]->pods) = w_cidr("10.2.0.0/24");
	assert_int_equal(model_set_local_addrs(m, &here, 1), 0);
	m->now = NOW;
	return m;
}

/* "admin 5 NAME (ns(..) pods(..))" */
static struct net_policy *add_cluster_policy(struct model *m, char *line)
{
	const enum policy_tier tier = *w_piece(&line, " ") == 'a' ? TIER_ADMIN : TIER_BASELINE;
	const char *priority = w_piece(&line, " ");
	struct net_policy *np = net_policy_new(POLICY_CLUSTER, "", w_piece(&line, " "));
	auto_free char *namespaces = w_inside(line, "ns("), *pods = w_inside(line, "pods(");

	np->tier = tier;
	np->priority = (uint16_t)strtoul(priority, NULL, 10);
	np->namespaces = w_selector(namespaces);
	selector_free(np->subject);
	np->subject = w_selector(pods);
	assert_int_equal(model_put_policy(m, np), 0);
	return np;
}

/* "network NAME ie": isolates all pods of a in these directions */
static struct net_policy *add_network_policy(struct model *m, char *line)
{
	char name[64];

	(void)w_piece(&line, " ");
	(void)snprintf(name, sizeof(name), "a/%s", w_piece(&line, " "));
	return w_policy(m, name, "", line);
}

/* "seg 5 NAME ie audit expired": of all pods of a; "expires": in a second */
static struct net_policy *add_segmentation(struct model *m, char *line)
{
	struct net_policy *np;
	const char *priority, *word;

	(void)w_piece(&line, " ");
	priority = w_piece(&line, " ");
	np = net_policy_new(POLICY_SEGMENTATION, "a", w_piece(&line, " "));
	np->priority = (uint16_t)strtoul(priority, NULL, 10);
	while ((word = w_piece(&line, " "))) {
		np->audit |= !strcmp(word, "audit");
		if (!strncmp(word, "expire", 6))
			np->expires = NOW + (word[6] == 's');
		np->isolates[DIR_INGRESS] |= *word == 'i';
		np->isolates[DIR_EGRESS] |= !strcmp(word, "e") || !strcmp(word, "ie");
	}
	assert_int_equal(model_put_policy(m, np), 0);
	return np;
}

/* " in deny? PEERS / PORTS" */
static void add_rule(struct net_policy *np, char *line)
{
	static const char *const actions[] = { "accept", "deny", "pass" };
	const char *dir = w_piece(&line, " "), *action = w_piece(&line, " ");
	char *ports = strstr(line, "/ ") ? strstr(line, "/ ") : line + strlen(line) - 1;
	struct rule *r;
	size_t i;

	*ports = '\0';
	r = w_rule(np, !strcmp(dir, "in") ? DIR_INGRESS : DIR_EGRESS, line, ports + 1);
	r->unknown = strchr(action, '?');
	for (i = 0; i < ARRAY_SIZE(actions); i++)
		if (!strncmp(action, actions[i], strlen(actions[i])))
			r->action = (enum rule_action)i;
}

static void add_policies(struct model *m, const char *text)
{
	auto_free char *copy = strdup(text);
	char *at = copy, *line;
	struct net_policy *np = NULL;

	while ((line = strsep(&at, "\n"))) {
		if (*line == ' ')
			add_rule(np, line + 1);
		else if (*line == 'n')
			np = add_network_policy(m, line);
		else if (*line == 's')
			np = add_segmentation(m, line);
		else if (*line)
			np = add_cluster_policy(m, line);
	}
}

/* ---- asking --------------------------------------------------------------------------------- */

static struct oracle_flow flow_of(const char *text)
{
	auto_free char *copy = strdup(text);
	char *at = copy;
	const char *dir = w_piece(&at, " ");
	const struct addr remote = w_addr(w_piece(&at, " ")), local = w_addr("10.0.0.1");
	const bool in = !strcmp(dir, "in");
	const struct port_range port = w_port(strcmp(at, "icmp") ? at : "icmp/8/0");

	return (struct oracle_flow){ .ifindex = WEB,
				     .dir = in ? DIR_INGRESS : DIR_EGRESS,
				     .src = in ? remote : local,
				     .dst = in ? local : remote,
				     .proto = port.proto,
				     .dport = port.first };
}

/* " a[0] n[1]": all that decide so */
static void add_rules(FILE *out, const struct model *m, const struct oracle_flow *f,
		      enum oracle_answer answer)
{
	uint32_t k;
	size_t i;

	for (i = 0; i < m->policies.n; i++)
		for (k = 0; k < m->policies.v[i]->rules[f->dir].n; k++)
			if (oracle_rule_decides(m, f, m->policies.v[i], k, answer))
				fprintf(out, " %s[%u]", m->policies.v[i]->name, k);
}

static char *answer_to(const struct model *m, const struct oracle_flow *f)
{
	static const char *const words[] = { "unknown", "open", "-", "+", "~" };
	static const char *const each[] = { "unknown", "+", "-", "+", "~" };
	const enum oracle_answer answer = oracle_ask(m, f);
	char *ret = NULL;
	size_t len;
	FILE *out = open_memstream(&ret, &len);

	assert_non_null(out);
	if (oracle_is_in_doubt(m, f)) {
		fprintf(out, "each %s", each[oracle_ask_each(m, f)]);
	} else {
		fprintf(out, "%s", words[answer]);
		add_rules(out, m, f, answer);
	}
	assert_int_equal(fclose(out), 0);
	return ret;
}

static void one_case(const struct test_case *c)
{
	auto_model struct model *m = cluster();
	size_t i;

	add_policies(m, c->policies);
	for (i = 0; i < ARRAY_SIZE(c->flows) && c->flows[i].flow; i++) {
		const struct oracle_flow f = flow_of(c->flows[i].flow);
		auto_free char *answer = answer_to(m, &f);

		if (strcmp(answer, c->flows[i].answer) != 0)
			fail_msg("%s: %s: \"%s\" is not \"%s\"", c->name, c->flows[i].flow, answer,
				 c->flows[i].answer);
		if (*answer != 'e' && !oracle_is_service(m, &f))
			assert_int_equal(oracle_has_rule(m, &f, oracle_ask(m, &f)),
					 strchr(answer, '[') != NULL);
	}
}

static void answers_by_hand(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++)
		one_case(&cases[i]);
}

/* What cannot be isolated by anybody's words is isolated: no subject is what is not known. */
static void subjects_that_are_none(void **state)
{
	auto_model struct model *m = cluster();
	const struct oracle_flow f = flow_of("in 10.0.0.3 tcp/80");
	struct pod *web = w_pod(m, "a/web", "app=web", "10.0.0.1");

	(void)state;
	add_policies(m, "admin 1 x " ALL "\n in accept ns() /");
	assert_int_equal(oracle_ask(m, &f), ORACLE_ALLOWED);
	web->host_network = true;
	assert_int_equal(oracle_ask(m, &f), ORACLE_UNKNOWN);
	web->host_network = false;
	web->ended = true;
	assert_int_equal(oracle_ask(m, &f), ORACLE_UNKNOWN);
	web->ended = false;
	assert_true(model_del_namespace(m, "a"));
	assert_int_equal(oracle_ask(m, &f), ORACLE_UNKNOWN);
}

/* Of a namespace or the whole install: nothing is denied, but who is not known is isolated all the same. */
static void where_all_is_audited(void **state)
{
	auto_model struct model *m = cluster();
	const struct oracle_flow f = flow_of("in 10.0.0.3 tcp/80"), allowed = flow_of("in 10.0.0.3 tcp/81");

	(void)state;
	add_policies(m, "admin 1 x " ALL "\n in deny ns() / tcp/80\nnetwork n i\n in accept ns() / tcp/81");
	assert_int_equal(oracle_ask(m, &f), ORACLE_DENIED);
	w_namespace(m, "a", "team=a,policy.bulkhead.dev/mode=Enforce");
	assert_int_equal(oracle_ask(m, &f), ORACLE_DENIED);
	w_namespace(m, "a", "team=a,policy.bulkhead.dev/mode=Audit");
	assert_int_equal(oracle_ask(m, &f), ORACLE_AUDITED);
	assert_int_equal(oracle_ask(m, &allowed), ORACLE_ALLOWED);
	w_namespace(m, "a", "team=a");
	m->audit = true;
	assert_int_equal(oracle_ask(m, &f), ORACLE_AUDITED);
	assert_true(model_del_namespace(m, "a"));
	assert_int_equal(oracle_ask(m, &f), ORACLE_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_by_hand),
		cmocka_unit_test(subjects_that_are_none),
		cmocka_unit_test(where_all_is_audited),
	};

	return cmocka_run_group_tests_name("oracle/tiers", tests, NULL, NULL);
}
