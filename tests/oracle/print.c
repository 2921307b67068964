/* SPDX-License-Identifier: Apache-2.0 */
/* A cluster as manifests, so that a case that failed can be read, kept and tried again. */
#include "print.h"

#include <netinet/in.h>

const char *comma(size_t i)
{
	return i ? ", " : "";
}

void print_head(FILE *out, const char *version, const char *kind, const char *ns, const char *name)
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

const char *proto_name(uint8_t proto)
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
	if (p->static_uid)
		fprintf(out, ", annotations: {kubernetes.io/config.mirror: '%s'}", p->static_uid);
	print_labels(p->labels, out);
	fprintf(out, "}\nspec: {hostNetwork: %s", p->host_network ? "true" : "false");
	print_container(p, out);
	fprintf(out, "}\nstatus: {phase: %s, podIPs: [", p->ended ? "Failed" : "Running");
	print_addrs(p->addrs.v, p->addrs.n, "{ip: ", "}", out);
	fprintf(out, "]}\n");
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
	fprintf(out, "}\nspec: {internalTrafficPolicy: %s, clusterIPs: [", s->local ? "Local" : "Cluster");
	print_addrs(s->addrs.v, s->addrs.n, "", "", out);
	fprintf(out, "], ");
	print_service_ports(s->ports.v, s->ports.n, out);
	fprintf(out, ", externalIPs: [");
	print_addrs(s->externals.v, s->externals.n, "", "", out);
	fprintf(out, "]}\nstatus: {loadBalancer: {ingress: [");
	print_addrs(s->balancers.v, s->balancers.n, "{ip: ", "}", out);
	fprintf(out, "]}}\n");
}

static void print_endpoints(const struct endpoint_slice *s, FILE *out)
{
	char text[ADDR_TEXT];
	size_t i;

	for (i = 0; i < s->addrs.n; i++) {
		fprintf(out, "%s{addresses: ['%s']", comma(i), addr_text(&s->addrs.v[i], text));
		if (i < s->nodes.n && s->nodes.v[i])
			fprintf(out, ", nodeName: %s", s->nodes.v[i]);
		fprintf(out, "}");
	}
}

static void print_slice(const struct endpoint_slice *s, FILE *out)
{
	print_head(out, "discovery.k8s.io/v1", "EndpointSlice", s->ns, s->name);
	fprintf(out, ", labels: {kubernetes.io/service-name: %s}}\naddressType: %s%s\nendpoints: [",
		s->service,
		s->v4 && s->v6 ? "Both"
		: s->v4	       ? "IPv4"
			       : "IPv6",
		s->unknown ? " # and more" : "");
	print_endpoints(s, out);
	fprintf(out, "]\n");
	print_service_ports(s->ports.v, s->ports.n, out);
	fprintf(out, "\n");
}

static void print_node(const struct cluster_node *n, FILE *out)
{
	char text[ADDR_TEXT];
	size_t i;

	print_head(out, "v1", "Node", "", n->name);
	print_labels(n->labels, out);
	fprintf(out, "}\nspec: {podCIDRs: [");
	for (i = 0; i < n->pods.n; i++)
		fprintf(out, "%s'%s'", comma(i), cidr_text(&n->pods.v[i], text));
	fprintf(out, "]}\nstatus: {addresses: [");
	print_addrs(n->addrs.v, n->addrs.n, "{type: InternalIP, address: ", "}", out);
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
	char text[TIME_TEXT], addr[ADDR_TEXT];
	size_t i;

	print_time(m->now, text);
	fprintf(out, "# now: %s%s\n", text, m->audit ? ", mode Audit" : "");
	for (i = 0; i < m->endpoints.n; i++)
		print_endpoint(m->endpoints.v[i], out);
	fprintf(out, "# this node has ");
	print_addrs(m->node_addrs.v, m->node_addrs.n, "", "", out);
	fprintf(out, "\n");
	for (i = 0; i < m->pod_cidrs.n; i++)
		fprintf(out, "# --pod-cidr %s\n", cidr_text(&m->pod_cidrs.v[i], addr));
	for (i = 0; i < m->nodes.n; i++)
		print_node(m->nodes.v[i], out);
	for (i = 0; i < m->namespaces.n; i++)
		print_namespace(m->namespaces.v[i], out);
	for (i = 0; i < m->pods.n; i++)
		print_pod(m->pods.v[i], out);
	for (i = 0; i < m->services.n; i++)
		print_service(m->services.v[i], out);
	for (i = 0; i < m->slices.n; i++)
		print_slice(m->slices.v[i], out);
	for (i = 0; i < m->policies.n; i++)
		print_policy(m->policies.v[i], out);
}
