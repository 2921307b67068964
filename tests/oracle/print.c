/* SPDX-License-Identifier: Apache-2.0 */
/* A cluster as manifests, so that a case that failed can be read, kept and tried again. */
#include "cluster.h"

#include <netinet/in.h>

static const char *comma(size_t i)
{
	return i ? ", " : "";
}

static void print_head(FILE *out, const char *version, const char *kind, const char *ns, const char *name)
{
	fprintf(out, "---\napiVersion: %s\nkind: %s\nmetadata: {name: %s", version, kind, name);
	if (*ns)
		fprintf(out, ", namespace: %s", ns);
}

static void print_labels(const struct labels *l, FILE *out)
{
	size_t i;

	fprintf(out, ", labels: {");
	for (i = 0; i < l->n; i++)
		fprintf(out, "%s'%s': '%s'", comma(i), l->at[i].key, l->at[i].value);
	fprintf(out, "}");
}

static const char *proto_name(uint8_t proto)
{
	return proto == IPPROTO_UDP ? "UDP" : proto == IPPROTO_SCTP ? "SCTP" : "TCP";
}

static void print_addrs(const struct addr *v, size_t n, const char *before, const char *after, FILE *out)
{
	char text[ADDR_TEXT];
	size_t i;

	for (i = 0; i < n; i++)
		fprintf(out, "%s%s'%s'%s", comma(i), before, addr_text(&v[i], text), after);
}

/* ---- namespaces and pods -------------------------------------------------------------------- */

static void print_namespace(const struct namespace *n, FILE *out)
{
	print_head(out, "v1", "Namespace", "", n->name);
	print_labels(n->labels, out);
	fprintf(out, "}\n");
}

static void print_container(const struct pod *p, FILE *out)
{
	size_t i, n = 0;

	fprintf(out, ", containers: [{ports: [");
	for (i = 0; p->ports && i < p->ports->n; i++, n++)
		fprintf(out, "%s{name: %s, protocol: %s, containerPort: %u}", comma(n), p->ports->at[i].name,
			proto_name(p->ports->at[i].proto), p->ports->at[i].port);
	for (i = 0; i < p->host_ports.n; i++, n++)
		fprintf(out, "%s{protocol: %s, containerPort: %u, hostPort: %u}", comma(n),
			proto_name(p->host_ports.v[i].proto), p->host_ports.v[i].to, p->host_ports.v[i].port);
	fprintf(out, "]}]");
}

static void print_pod(const struct pod *p, FILE *out)
{
	print_head(out, "v1", "Pod", p->ns, p->name);
	fprintf(out, ", uid: '%s'", p->uid);
	print_labels(p->labels, out);
	fprintf(out, "}\nspec: {hostNetwork: %s", p->host_network ? "true" : "false");
	print_container(p, out);
	fprintf(out, "}\nstatus: {phase: %s, podIPs: [", p->ended ? "Failed" : "Running");
	print_addrs(p->addrs.v, p->addrs.n, "{ip: ", "}", out);
	fprintf(out, "]}\n");
}

/* ---- policies ------------------------------------------------------------------------------- */

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

static void print_peer(const struct peer *p, FILE *out)
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

static void print_rule(const struct rule *r, const char *peers, FILE *out)
{
	size_t i;

	fprintf(out, "  - %s:%s\n", peers, r->peers.n ? "" : " []");
	for (i = 0; i < r->peers.n; i++)
		print_peer(&r->peers.v[i], out);
	fprintf(out, "    ports:%s\n", r->ports.n ? "" : " []");
	for (i = 0; i < r->ports.n; i++)
		print_port(&r->ports.v[i], out);
	if (r->unknown)
		fprintf(out, "    notUnderstood: true\n");
}

static void print_policy(const struct net_policy *np, FILE *out)
{
	static const char *const types[] = { "Ingress", "Egress" };
	const char *const both = np->isolates[0] && np->isolates[1] ? ", " : "";
	size_t i;
	int dir;

	print_head(out, "networking.k8s.io/v1", "NetworkPolicy", np->ns, np->name);
	fprintf(out, "}\nspec:\n  podSelector: ");
	print_selector(np->subject, out);
	fprintf(out, "\n  policyTypes: [%s%s%s]\n", np->isolates[0] ? types[0] : "", both,
		np->isolates[1] ? types[1] : "");
	for (dir = 0; dir < DIR_MAX; dir++) {
		fprintf(out, "  %s:%s\n", sections[dir], np->rules[dir].n ? "" : " []");
		for (i = 0; i < np->rules[dir].n; i++)
			print_rule(&np->rules[dir].v[i], peer_sections[dir], out);
	}
}

/* ---- policies of the cluster ---------------------------------------------------------------- */

/* "namespaces: {..}", or with pods: "pods: {namespaceSelector: {..}, podSelector: {..}}" */
static void print_pods_of(const struct selector *namespaces, const struct selector *pods, FILE *out)
{
	fprintf(out, "{%s", pods ? "pods: {namespaceSelector: " : "namespaces: ");
	print_selector(namespaces, out);
	if (pods) {
		fprintf(out, ", podSelector: ");
		print_selector(pods, out);
		fprintf(out, "}");
	}
	fprintf(out, "}");
}

static void print_cluster_peer(const struct peer *p, FILE *out)
{
	char text[ADDR_TEXT];

	fprintf(out, "    - ");
	if (p->kind == PEER_BLOCK)
		fprintf(out, "{networks: ['%s']}", cidr_text(&p->block, text));
	else
		print_pods_of(p->namespaces, p->pods, out);
	fprintf(out, "\n");
}

/* A range begins below its end, and a name says no protocol: such ports come three at a time. */
static void print_protocol(const struct port_range *p, FILE *out)
{
	const char *proto = p->proto == IPPROTO_UDP ? "udp" : p->proto == IPPROTO_SCTP ? "sctp" : "tcp";

	if (*p->name)
		fprintf(out, "    - {destinationNamedPort: %s} # %s\n", p->name, proto);
	else if (!p->first)
		fprintf(out, "    - {%s: {}}\n", proto);
	else if (p->first == p->last)
		fprintf(out, "    - {%s: {destinationPort: {number: %u}}}\n", proto, p->first);
	else
		fprintf(out, "    - {%s: {destinationPort: {range: {start: %u, end: %u}}}}\n", proto,
			p->first, p->last);
}

static void print_cluster_rule(const struct rule *r, const char *peers, FILE *out)
{
	static const char *const actions[] = { "Accept", "Deny", "Pass" };
	size_t i;

	fprintf(out, "  - action: %s\n", actions[r->action]);
	if (r->name)
		fprintf(out, "    name: \"%s\"\n", r->name);
	fprintf(out, "    %s:%s\n", peers, r->peers.n ? "" : " []");
	for (i = 0; i < r->peers.n; i++)
		print_cluster_peer(&r->peers.v[i], out);
	if (r->ports.n)
		fprintf(out, "    protocols:\n");
	for (i = 0; i < r->ports.n; i++)
		print_protocol(&r->ports.v[i], out);
	if (r->unknown)
		fprintf(out, "    notUnderstood: true\n");
}

static void print_cluster_policy(const struct net_policy *np, FILE *out)
{
	size_t i;
	int dir;

	print_head(out, "policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy", "", np->name);
	fprintf(out, "}\nspec:\n  tier: %s\n  priority: %u\n  subject: ",
		np->tier == TIER_ADMIN ? "Admin" : "Baseline", np->priority);
	print_pods_of(np->namespaces, np->subject->at.n ? np->subject : NULL, out);
	fprintf(out, "\n");
	for (dir = 0; dir < DIR_MAX; dir++) {
		fprintf(out, "  %s:%s\n", sections[dir], np->rules[dir].n ? "" : " []");
		for (i = 0; i < np->rules[dir].n; i++)
			print_cluster_rule(&np->rules[dir].v[i], peer_sections[dir], out);
	}
}

/* ---- Services and nodes --------------------------------------------------------------------- */

static void print_service_ports(const struct service_port *v, size_t n, FILE *out)
{
	size_t i;

	fprintf(out, "ports: [");
	for (i = 0; i < n; i++)
		fprintf(out, "%s{name: '%s', protocol: %s, port: %u, nodePort: %u}", comma(i), v[i].name,
			proto_name(v[i].proto), v[i].port, v[i].node_port);
	fprintf(out, "]");
}

static void print_service(const struct service *s, FILE *out)
{
	print_head(out, "v1", "Service", s->ns, s->name);
	fprintf(out, "}\nspec: {clusterIPs: [");
	print_addrs(s->addrs.v, s->addrs.n, "", "", out);
	fprintf(out, "], ");
	print_service_ports(s->ports.v, s->ports.n, out);
	fprintf(out, ", externalIPs: [");
	print_addrs(s->externals.v, s->externals.n, "", "", out);
	fprintf(out, "]}\nstatus: {loadBalancer: {ingress: [");
	print_addrs(s->balancers.v, s->balancers.n, "{ip: ", "}", out);
	fprintf(out, "]}}\n");
}

static void print_slice(const struct endpoint_slice *s, FILE *out)
{
	print_head(out, "discovery.k8s.io/v1", "EndpointSlice", s->ns, s->name);
	fprintf(out,
		", labels: {kubernetes.io/service-name: %s}}\naddressType: %s%s\nendpoints: [{addresses: [",
		s->service,
		s->v4 && s->v6 ? "Both"
		: s->v4	       ? "IPv4"
			       : "IPv6",
		s->unknown ? " # and more" : "");
	print_addrs(s->addrs.v, s->addrs.n, "", "", out);
	fprintf(out, "]}]\n");
	print_service_ports(s->ports.v, s->ports.n, out);
	fprintf(out, "\n");
}

static void print_node(const char *name, const struct addr *v, size_t n, FILE *out)
{
	print_head(out, "v1", "Node", "", name);
	fprintf(out, "}\nstatus: {addresses: [");
	print_addrs(v, n, "{type: InternalIP, address: ", "}", out);
	fprintf(out, "]}\n");
}

/* ---- the whole ------------------------------------------------------------------------------ */

/* Interfaces are no objects of the API. */
static void print_endpoint(const struct endpoint *e, FILE *out)
{
	fprintf(out, "# interface %u is of pod %s/%s, uid '%s': ", e->ifindex, e->ns, e->pod,
		e->uid ? e->uid : "");
	print_addrs(e->addrs.v, e->addrs.n, "", "", out);
	fprintf(out, "\n");
}

void cluster_print(const struct model *m, FILE *out)
{
	size_t i;

	for (i = 0; i < m->endpoints.n; i++)
		print_endpoint(m->endpoints.v[i], out);
	if (m->node_addrs.n)
		print_node("this", m->node_addrs.v, m->node_addrs.n, out);
	for (i = 0; i < m->nodes.n; i++)
		print_node(m->nodes.v[i]->name, m->nodes.v[i]->addrs.v, m->nodes.v[i]->addrs.n, out);
	for (i = 0; i < m->namespaces.n; i++)
		print_namespace(m->namespaces.v[i], out);
	for (i = 0; i < m->pods.n; i++)
		print_pod(m->pods.v[i], out);
	for (i = 0; i < m->services.n; i++)
		print_service(m->services.v[i], out);
	for (i = 0; i < m->slices.n; i++)
		print_slice(m->slices.v[i], out);
	for (i = 0; i < m->policies.n; i++) {
		if (net_policy_is_cluster(m->policies.v[i]))
			print_cluster_policy(m->policies.v[i], out);
		else
			print_policy(m->policies.v[i], out);
	}
}
