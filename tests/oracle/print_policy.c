/* SPDX-License-Identifier: Apache-2.0 */
/* Policies as manifests. */
#include <netinet/in.h>
#include <string.h>
#include <time.h>

#include "print.h"

static const char *const sections[] = { "ingress", "egress" }, *const peer_sections[] = { "from", "to" };

static void print_selector(const struct selector *s, FILE *out)
{
	static const char *const ops[] = { "In", "NotIn", "Exists", "DoesNotExist" };
	size_t i, k;

	fprintf(out, "{matchExpressions: [");
	for (i = 0; i < s->at.n; i++) {
		const struct requirement *r = &s->at.v[i];

		fprintf(out, "%s{key: %s, operator: %s, values: [", comma(i), r->key, ops[r->op]);
		for (k = 0; k < r->values.n; k++)
			fprintf(out, "%s'%s'", comma(k), r->values.v[k]);
		fprintf(out, "]}");
	}
	fprintf(out, "]}");
}

static void print_network_peer(const struct peer *p, FILE *out)
{
	char text[ADDR_TEXT];
	size_t i;

	fprintf(out, "    - {");
	if (p->pods) {
		fprintf(out, "podSelector: ");
		print_selector(p->pods, out);
	}
	if (p->namespaces) {
		fprintf(out, "%snamespaceSelector: ", p->pods ? ", " : "");
		print_selector(p->namespaces, out);
	}
	if (p->kind == PEER_BLOCK) {
		fprintf(out, "ipBlock: {cidr: '%s', except: [", cidr_text(&p->block, text));
		for (i = 0; i < p->except.n; i++)
			fprintf(out, "%s'%s'", comma(i), cidr_text(&p->except.v[i], text));
		fprintf(out, "]}");
	}
	fprintf(out, "}\n");
}

static void print_port(const struct port_range *p, FILE *out)
{
	fprintf(out, "    - {protocol: %s", proto_name(p->proto));
	if (*p->name)
		fprintf(out, ", port: %s", p->name);
	else if (p->first)
		fprintf(out, ", port: %u, endPort: %u", p->first, p->last);
	fprintf(out, "}\n");
}

static void print_network_rule(const struct rule *r, const char *peers, FILE *out)
{
	size_t i;

	fprintf(out, "  - %s:%s\n", peers, r->peers.n ? "" : " []");
	for (i = 0; i < r->peers.n; i++)
		print_network_peer(&r->peers.v[i], out);
	fprintf(out, "    ports:%s\n", r->ports.n ? "" : " []");
	for (i = 0; i < r->ports.n; i++)
		print_port(&r->ports.v[i], out);
	if (r->unknown)
		fprintf(out, "    notUnderstood: true\n");
}

/* What both of a namespace have in common. */
static void print_selection(const struct net_policy *np, FILE *out)
{
	static const char *const types[] = { "Ingress", "Egress" };
	const char *const both = np->isolates[0] && np->isolates[1] ? ", " : "";

	fprintf(out, "  podSelector: ");
	print_selector(np->subject, out);
	fprintf(out, "\n  policyTypes: [%s%s%s]\n", np->isolates[0] ? types[0] : "", both,
		np->isolates[1] ? types[1] : "");
}

static void print_network(const struct net_policy *np, FILE *out)
{
	size_t i;
	int dir;

	print_head(out, "networking.k8s.io/v1", "NetworkPolicy", np->ns, np->name);
	fprintf(out, "}\nspec:\n");
	print_selection(np, out);
	for (dir = 0; dir < DIR_MAX; dir++) {
		fprintf(out, "  %s:%s\n", sections[dir], np->rules[dir].n ? "" : " []");
		for (i = 0; i < np->rules[dir].n; i++)
			print_network_rule(&np->rules[dir].v[i], peer_sections[dir], out);
	}
}

/* ---- rules with actions --------------------------------------------------------------------- */

/* "namespaces: {..}", or with pods: "pods: {namespaceSelector: {..}, podSelector: {..}}" */
static void print_pods_of(const struct selector *namespaces, const struct selector *pods, FILE *out)
{
	fprintf(out, "{%s", pods ? "pods: {podSelector: " : "namespaces: ");
	print_selector(pods ? pods : namespaces, out);
	if (pods && namespaces) {
		fprintf(out, ", namespaceSelector: ");
		print_selector(namespaces, out);
	}
	fprintf(out, "%s}", pods ? "}" : "");
}

static void print_service_peer(const struct peer *p, FILE *out)
{
	if (!strcmp(p->service_ns, "default") && !strcmp(p->service, "kubernetes"))
		fprintf(out, "{entities: [KubeAPIServer]}");
	else
		fprintf(out, "{services: [{namespace: %s, name: %s}]}", p->service_ns, p->service);
}

static void print_nodes(const struct selector *nodes, FILE *out)
{
	if (!nodes) {
		fprintf(out, "{entities: [Host]}");
		return;
	}
	fprintf(out, "{nodes: ");
	print_selector(nodes, out);
	fprintf(out, "}");
}

static void print_peer(const struct peer *p, FILE *out)
{
	char text[ADDR_TEXT];

	fprintf(out, "    - ");
	switch (p->kind) {
	case PEER_PODS:
		print_pods_of(p->namespaces, p->pods, out);
		break;
	case PEER_BLOCK:
		fprintf(out, "{networks: ['%s']}", cidr_text(&p->block, text));
		break;
	case PEER_SERVICE:
		print_service_peer(p, out);
		break;
	case PEER_HOST:
		print_nodes(p->nodes, out);
		break;
	case PEER_CLUSTER:
		fprintf(out, "{entities: [Cluster]}");
		break;
	case PEER_WORLD:
		fprintf(out, "{entities: [World]}");
		break;
	}
	fprintf(out, "\n");
}

/* A range begins below its end, and a name says no protocol: such ports come three at a time. */
static void print_transport(const struct port_range *p, FILE *out)
{
	const char *proto = p->proto == IPPROTO_UDP ? "udp" : p->proto == IPPROTO_SCTP ? "sctp" : "tcp";

	if (*p->name)
		fprintf(out, "{destinationNamedPort: %s} # %s", p->name, proto);
	else if (!p->first)
		fprintf(out, "{%s: {}}", proto);
	else if (p->first == p->last)
		fprintf(out, "{%s: {destinationPort: {number: %u}}}", proto, p->first);
	else
		fprintf(out, "{%s: {destinationPort: {range: {start: %u, end: %u}}}}", proto, p->first,
			p->last);
}

static void print_icmp(const struct port_range *p, FILE *out)
{
	const char *proto = p->proto == IPPROTO_ICMP ? "icmp" : "icmpv6";

	if (p->first == p->last)
		fprintf(out, "{%s: {type: %u, code: %u}}", proto, p->first >> 8, p->first & 0xff);
	else if (p->first >> 8 == p->last >> 8)
		fprintf(out, "{%s: {type: %u}}", proto, p->first >> 8);
	else
		fprintf(out, "{%s: {}}", proto);
}

static void print_protocol(const struct port_range *p, FILE *out)
{
	fprintf(out, "    - ");
	if (p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6)
		print_icmp(p, out);
	else if (p->proto == IPPROTO_TCP || p->proto == IPPROTO_UDP || p->proto == IPPROTO_SCTP)
		print_transport(p, out);
	else
		fprintf(out, "{number: %u}", p->proto);
	fprintf(out, "\n");
}

static void print_rule(const struct rule *r, const char *peers, FILE *out)
{
	static const char *const actions[] = { "Accept", "Deny", "Pass" };
	size_t i;

	fprintf(out, "  - action: %s\n", actions[r->action]);
	if (r->name)
		fprintf(out, "    name: \"%s\"\n", r->name);
	if (r->log)
		fprintf(out, "    log: true\n");
	fprintf(out, "    %s:%s\n", peers, r->peers.n ? "" : " []");
	for (i = 0; i < r->peers.n; i++)
		print_peer(&r->peers.v[i], out);
	if (r->ports.n)
		fprintf(out, "    protocols:\n");
	for (i = 0; i < r->ports.n; i++)
		print_protocol(&r->ports.v[i], out);
	if (r->unknown)
		fprintf(out, "    notUnderstood: true\n");
}

/* ---- policies that have them ---------------------------------------------------------------- */

void print_time(int64_t time, char ret[TIME_TEXT])
{
	const time_t t = (time_t)time;
	struct tm tm;

	(void)strftime(ret, TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
}

/* What our own two have in common. */
static void print_ours(const struct net_policy *np, FILE *out)
{
	char text[TIME_TEXT];

	if (np->audit)
		fprintf(out, "  mode: Audit\n");
	if (!np->expires)
		return;
	print_time(np->expires, text);
	fprintf(out, "  expires: %s\n", text);
}

static void print_subject(const struct net_policy *np, FILE *out)
{
	fprintf(out, "  tier: %s\n  subject: ", np->tier == TIER_ADMIN ? "Admin" : "Baseline");
	print_pods_of(np->namespaces, np->subject->at.n ? np->subject : NULL, out);
	fprintf(out, "\n");
}

static void print_ruling(const struct net_policy *np, const char *version, const char *kind, FILE *out)
{
	size_t i;
	int dir;

	print_head(out, version, kind, np->ns, np->name);
	fprintf(out, "}\nspec:\n  priority: %u\n", np->priority);
	print_ours(np, out);
	if (net_policy_is_cluster(np))
		print_subject(np, out);
	else
		print_selection(np, out);
	for (dir = 0; dir < DIR_MAX; dir++) {
		fprintf(out, "  %s:%s\n", sections[dir], np->rules[dir].n ? "" : " []");
		for (i = 0; i < np->rules[dir].n; i++)
			print_rule(&np->rules[dir].v[i], peer_sections[dir], out);
	}
}

void print_policy(const struct net_policy *np, FILE *out)
{
	static const char ours[] = "policy.bulkhead.dev/v1alpha1";

	switch (np->kind) {
	case POLICY_NETWORK:
		print_network(np, out);
		break;
	case POLICY_CLUSTER:
		print_ruling(np, "policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy", out);
		break;
	case POLICY_SEGMENTATION:
		print_ruling(np, ours, "SegmentationPolicy", out);
		break;
	case POLICY_CLUSTER_SEGMENTATION:
		print_ruling(np, ours, "ClusterSegmentationPolicy", out);
		break;
	}
}
