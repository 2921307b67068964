/* SPDX-License-Identifier: Apache-2.0 */
/* The oracle. Quotations are from the API reference of networking.k8s.io/v1 and metav1. */
#include "oracle.h"

#include <netinet/in.h>
#include <string.h>

/* ---- LabelSelector -------------------------------------------------------------------------- */

static const char *value_of(const struct labels *l, const char *key)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (strcmp(l->at[i].key, key) == 0)
			return l->at[i].value;
	return NULL;
}

static bool listed(const struct requirement *r, const char *value)
{
	size_t i;

	for (i = 0; i < r->values.n; i++)
		if (strcmp(r->values.v[i], value) == 0)
			return true;
	return false;
}

static bool requirement_holds(const struct requirement *r, const struct labels *l)
{
	const char *value = value_of(l, r->key);

	switch (r->op) {
	case OP_IN:
		return value && listed(r, value);
	case OP_NOT_IN:
		return !value || !listed(r, value);
	case OP_EXISTS:
		return value;
	case OP_NOT_EXISTS:
		return !value;
	}
	return false;
}

/* "The result of matchLabels and matchExpressions are ANDed. An empty label selector matches all objects." */
static bool selects(const struct selector *s, const struct labels *l)
{
	size_t i;

	for (i = 0; i < s->at.n; i++)
		if (!requirement_holds(&s->at.v[i], l))
			return false;
	return true;
}

/* ---- IPBlock -------------------------------------------------------------------------------- */

/* How our addresses are kept: IPv4 behind ten zero bytes and two of 0xff. */
static bool is_ipv4(const struct addr *a)
{
	int i;

	for (i = 0; i < 10; i++)
		if (a->b[i] != 0)
			return false;
	return a->b[10] == 0xff && a->b[11] == 0xff;
}

static int bit(const struct addr *a, int i)
{
	return a->b[i / 8] >> (7 - i % 8) & 1;
}

static bool in_cidr(const struct cidr *c, const struct addr *a)
{
	const bool block_is_ipv4 = is_ipv4(&c->addr) && c->len >= 96;
	int i;

	if (block_is_ipv4 != is_ipv4(a))
		return false;
	for (i = 0; i < c->len; i++)
		if (bit(&c->addr, i) != bit(a, i))
			return false;
	return true;
}

/* "except is a slice of CIDRs that should not be included within an IPBlock." */
static bool in_block(const struct peer *p, const struct addr *a)
{
	size_t i;

	if (!in_cidr(&p->block, a))
		return false;
	for (i = 0; i < p->except.n; i++)
		if (in_cidr(&p->except.v[i], a))
			return false;
	return true;
}

/* ---- whose address? ------------------------------------------------------------------------- */

static bool same(const struct addr *a, const struct addr *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

static bool among(const struct addr *a, const struct addr *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (same(a, &v[i]))
			return true;
	return false;
}

static const struct namespace *namespace_of(const struct model *m, const char *name)
{
	size_t i;

	for (i = 0; i < m->namespaces.n; i++)
		if (strcmp(m->namespaces.v[i]->name, name) == 0)
			return m->namespaces.v[i];
	return NULL;
}

static const struct pod *pod_of(const struct model *m, const struct endpoint *e)
{
	size_t i;

	for (i = 0; i < m->pods.n; i++) {
		const struct pod *p = m->pods.v[i];

		if (strcmp(p->ns, e->ns) || strcmp(p->name, e->pod))
			continue;
		if (e->uid && e->uid[0] && p->uid[0] && strcmp(p->uid, e->uid))
			return NULL; /* another pod of the same name */
		return p;
	}
	return NULL;
}

/* The node itself, or one that has ended: "the address may be another's by now". */
static bool is_no_pod(const struct pod *p)
{
	return p->host_network || p->ended;
}

/* "podSelector … selects pods. If namespaceSelector is also set, … the pods matching podSelector in the
 * namespaces selected by namespaceSelector. Otherwise … in the policy's own namespace." */
static bool peer_is_pod(const struct model *m, const struct net_policy *np, const struct peer *p,
			const struct pod *pod)
{
	const struct namespace *ns = pod ? namespace_of(m, pod->ns) : NULL;

	if (!ns)
		return false;
	if (!p) /* any peer */
		return true;
	if (p->namespaces && !selects(p->namespaces, ns->labels))
		return false;
	if (!p->namespaces && strcmp(pod->ns, np->ns) != 0)
		return false;
	return !p->pods || selects(p->pods, pod->labels);
}

/* "port … This can either be a numerical or named port on a pod", "protocol … which traffic must match". */
static bool pod_calls(const struct pod *pod, const struct port_range *named, uint16_t port)
{
	size_t i;

	for (i = 0; pod->ports && i < pod->ports->n; i++)
		if (pod->ports->at[i].port == port && pod->ports->at[i].proto == named->proto &&
		    strcmp(pod->ports->at[i].name, named->name) == 0)
			return true;
	return false;
}

/* What the peer, and maybe a port by name, ask of a pod. */
struct wanted {
	const struct model *m;
	const struct net_policy *np;
	const struct peer *peer;	/* NULL: any pod */
	const struct port_range *named; /* NULL: whatever it calls `port` */
	uint16_t port;
};

static bool is_wanted(const struct wanted *w, const struct pod *pod)
{
	return peer_is_pod(w->m, w->np, w->peer, pod) && (!w->named || pod_calls(pod, w->named, w->port));
}

/* An interface here tells whose an address is; without one, status.podIPs. Where several pods claim it,
 * every one of them must be what is asked for. */
static bool wanted_is_at(const struct wanted *w, const struct addr *a)
{
	const struct model *m = w->m;
	bool claimed = false;
	size_t i;

	if (among(a, m->node_addrs.v, m->node_addrs.n))
		return false;
	if (a->b[0] == 0xfe && a->b[1] >= 0x80 && a->b[1] <= 0xbf) /* link-local */
		return false;
	for (i = 0; i < m->endpoints.n; i++) {
		const struct endpoint *e = m->endpoints.v[i];
		const struct pod *pod = pod_of(m, e);

		if (e->ifindex == 0 || (pod && is_no_pod(pod)) || !among(a, e->addrs.v, e->addrs.n))
			continue;
		claimed = true;
		if (!is_wanted(w, pod))
			return false;
	}
	if (claimed)
		return true;
	for (i = 0; i < m->pods.n; i++) {
		const struct pod *pod = m->pods.v[i];

		if (is_no_pod(pod) || !among(a, pod->addrs.v, pod->addrs.n))
			continue;
		claimed = true;
		if (!is_wanted(w, pod))
			return false;
	}
	return claimed;
}

/* ---- NetworkPolicy -------------------------------------------------------------------------- */

/* "ports … each item in this list is combined using a logical OR. If this field is empty or missing, this
 * rule matches all traffic (traffic not restricted by port)." A port by name is that of the pod that the
 * traffic goes to: @subject for ingress; for egress the one that is the peer, if it is a pod. */
static bool port_matches(const struct wanted *w, const struct port_range *p, const struct oracle_flow *f,
			 const struct pod *subject)
{
	struct wanted named = *w;

	if (f->proto != IPPROTO_TCP && f->proto != IPPROTO_UDP && f->proto != IPPROTO_SCTP)
		return false;
	if (p->name[0] == '\0')
		return p->proto == f->proto && p->first <= f->dport && f->dport <= p->last;
	if (p->proto != f->proto)
		return false;
	if (f->dir == DIR_INGRESS)
		return pod_calls(subject, p, f->dport);
	if (w->peer && w->peer->is_block) /* an IPBlock selects no pods */
		return false;
	named.named = p;
	named.port = f->dport;
	return wanted_is_at(&named, &f->dst);
}

static bool ports_match(const struct wanted *w, const struct rule *r, const struct oracle_flow *f,
			const struct pod *subject)
{
	size_t i;

	for (i = 0; i < r->ports.n; i++)
		if (port_matches(w, &r->ports.v[i], f, subject))
			return true;
	return r->ports.n == 0;
}

/* "from … If this field is empty or missing, this rule matches all sources." Likewise for `to`. */
static bool rule_matches(const struct model *m, const struct net_policy *np, const struct rule *r,
			 const struct oracle_flow *f, const struct pod *subject)
{
	const struct addr *remote = f->dir == DIR_INGRESS ? &f->src : &f->dst;
	struct wanted w = { .m = m, .np = np };
	size_t i;

	if (r->peers.n == 0)
		return ports_match(&w, r, f, subject);
	for (i = 0; i < r->peers.n; i++) {
		w.peer = &r->peers.v[i];
		if (w.peer->is_block ? !in_block(w.peer, remote) : !wanted_is_at(&w, remote))
			continue;
		if (ports_match(&w, r, f, subject))
			return true;
	}
	return false;
}

/* The pod whose policies decide, or NULL if nobody can tell: no such pod, a namespace not known, an
 * interface with two owners, or a pod that has no interface of its own any more. */
static const struct pod *subject_of(const struct model *m, uint32_t ifindex)
{
	const struct endpoint *owner = NULL;
	const struct pod *pod;
	size_t i;

	for (i = 0; i < m->endpoints.n; i++) {
		if (m->endpoints.v[i]->ifindex != ifindex)
			continue;
		if (owner)
			return NULL;
		owner = m->endpoints.v[i];
	}
	pod = owner ? pod_of(m, owner) : NULL;
	if (!pod || is_no_pod(pod) || !namespace_of(m, pod->ns))
		return NULL;
	return pod;
}

/* "podSelector selects the pods to which this NetworkPolicy object applies", in its own namespace. */
static bool applies(const struct net_policy *np, const struct pod *pod, int dir)
{
	return strcmp(np->ns, pod->ns) == 0 && selects(np->subject, pod->labels) && np->isolates[dir];
}

/* Whether this rule allows the flow to that very address. */
static bool rule_allows(const struct model *m, const struct oracle_flow *f, const struct net_policy *np,
			const struct rule *r)
{
	const struct pod *subject = subject_of(m, f->ifindex);

	if (r->unknown || !subject) /* what we do not understand allows nothing */
		return false;
	return rule_matches(m, np, r, f, subject);
}

static bool some_rule_allows(const struct model *m, const struct oracle_flow *f, const struct pod *pod)
{
	size_t i, k;

	for (i = 0; i < m->policies.n; i++) {
		const struct net_policy *np = m->policies.v[i];

		for (k = 0; applies(np, pod, f->dir) && k < np->rules[f->dir].n; k++)
			if (rule_allows(m, f, np, &np->rules[f->dir].v[k]))
				return true;
	}
	return false;
}

/* Everybody may be sent everything: a rule without `to` and without `ports`. */
static bool is_everything(const struct rule *r)
{
	return !r->unknown && r->peers.n == 0 && r->ports.n == 0;
}

static bool some_rule_is_everything(const struct model *m, const struct pod *pod, int dir)
{
	size_t i, k;

	for (i = 0; i < m->policies.n; i++)
		for (k = 0; applies(m->policies.v[i], pod, dir) && k < m->policies.v[i]->rules[dir].n; k++)
			if (is_everything(&m->policies.v[i]->rules[dir].v[k]))
				return true;
	return false;
}

/* ---- Services ------------------------------------------------------------------------------- */

/* Of a pod, of this node or of another one. */
static bool is_somebodys(const struct model *m, const struct addr *a)
{
	size_t i;

	if (among(a, m->node_addrs.v, m->node_addrs.n))
		return true;
	for (i = 0; i < m->nodes.n; i++)
		if (among(a, m->nodes.v[i]->addrs.v, m->nodes.v[i]->addrs.n))
			return true;
	for (i = 0; i < m->endpoints.n; i++) {
		const struct pod *pod = pod_of(m, m->endpoints.v[i]);

		if (m->endpoints.v[i]->ifindex && !(pod && is_no_pod(pod)) &&
		    among(a, m->endpoints.v[i]->addrs.v, m->endpoints.v[i]->addrs.n))
			return true;
	}
	for (i = 0; i < m->pods.n; i++)
		if (!is_no_pod(m->pods.v[i]) && among(a, m->pods.v[i]->addrs.v, m->pods.v[i]->addrs.n))
			return true;
	return false;
}

static bool is_cluster_ip(const struct model *m, const struct addr *a)
{
	size_t i;

	for (i = 0; i < m->services.n; i++)
		if (among(a, m->services.v[i]->addrs.v, m->services.v[i]->addrs.n))
			return !is_somebodys(m, a);
	return false;
}

/* A pod may talk to its node, but what arrives at a hostPort there goes on to another pod. */
static bool is_this_node(const struct model *m, const struct addr *a, uint8_t proto, uint16_t port)
{
	size_t i, k;

	if (!among(a, m->node_addrs.v, m->node_addrs.n))
		return false;
	for (i = 0; i < m->endpoints.n; i++) {
		const struct pod *pod = pod_of(m, m->endpoints.v[i]);

		for (k = 0; pod && k < pod->host_ports.n; k++)
			if (pod->host_ports.v[k].proto == proto && pod->host_ports.v[k].port == port)
				return false;
	}
	return true;
}

/* @only: that rule must allow a backend; NULL: any rule must allow every one. */
struct behind {
	const struct model *m;
	const struct oracle_flow *f;
	const struct pod *pod;
	const struct net_policy *np;
	const struct rule *only;
	bool some, all;
};

static void ask_backend(struct behind *b, const struct addr *a, uint16_t port)
{
	struct oracle_flow f = *b->f;

	f.dst = *a;
	f.dport = port;
	if (b->only) {
		b->some |= rule_allows(b->m, &f, b->np, b->only);
		return;
	}
	b->some = true;
	b->all &= is_this_node(b->m, a, f.proto, port) || some_rule_allows(b->m, &f, b->pod);
}

/* "Each slice … is for the Service that its label kubernetes.io/service-name names"; its port is the
 * Service's port of the same name. */
static void ask_slice(struct behind *b, const struct endpoint_slice *s, const struct service_port *p)
{
	const bool v4 = is_ipv4(&b->f->dst);
	size_t i, k;

	if (v4 ? !s->v4 : !s->v6)
		return;
	if (s->unknown)
		b->all = false;
	for (i = 0; i < s->ports.n; i++) {
		if (s->ports.v[i].proto != p->proto || strcmp(s->ports.v[i].name, p->name) != 0)
			continue;
		if (s->ports.v[i].port == 0)
			b->all = false;
		for (k = 0; k < s->addrs.n; k++)
			ask_backend(b, &s->addrs.v[k], s->ports.v[i].port);
	}
}

static void ask_service_port(struct behind *b, const struct service *s, const struct service_port *p)
{
	size_t i;

	for (i = 0; i < b->m->slices.n; i++) {
		const struct endpoint_slice *slice = b->m->slices.v[i];

		if (strcmp(slice->ns, s->ns) == 0 && strcmp(slice->service, s->name) == 0)
			ask_slice(b, slice, p);
	}
}

/* Which backend it will be nobody knows: there must be one, and all must be allowed; by every Service that
 * has this address, and only on ports that it has. */
static bool service_allows(const struct model *m, const struct oracle_flow *f, const struct pod *pod)
{
	size_t i, k;

	for (i = 0; i < m->services.n; i++) {
		const struct service *s = m->services.v[i];
		bool has = false;

		if (!among(&f->dst, s->addrs.v, s->addrs.n))
			continue;
		for (k = 0; k < s->ports.n; k++) {
			struct behind b = { .m = m, .f = f, .pod = pod, .all = true };

			if (s->ports.v[k].proto != f->proto || s->ports.v[k].port != f->dport)
				continue;
			has = true;
			ask_service_port(&b, s, &s->ports.v[k]);
			if (!b.some || !b.all)
				return false;
		}
		if (!has)
			return false;
	}
	return true;
}

/* Whether the rule allows the flow to at least one of the backends. */
static bool rule_allows_backend(const struct model *m, const struct oracle_flow *f,
				const struct net_policy *np, const struct rule *r)
{
	struct behind b = { .m = m, .f = f, .np = np, .only = r };
	size_t i, k;

	for (i = 0; i < m->services.n; i++)
		for (k = 0; k < m->services.v[i]->ports.n; k++)
			if (among(&f->dst, m->services.v[i]->addrs.v, m->services.v[i]->addrs.n) &&
			    m->services.v[i]->ports.v[k].proto == f->proto &&
			    m->services.v[i]->ports.v[k].port == f->dport)
				ask_service_port(&b, m->services.v[i], &m->services.v[i]->ports.v[k]);
	return b.some;
}

bool oracle_is_service(const struct model *m, const struct oracle_flow *f)
{
	return f->dir == DIR_EGRESS && is_cluster_ip(m, &f->dst);
}

/* ---- the answers ---------------------------------------------------------------------------- */

bool oracle_rule_allows(const struct model *m, const struct oracle_flow *f, const struct net_policy *np,
			uint32_t index)
{
	const struct pod *pod = subject_of(m, f->ifindex);
	const struct rule *r;

	if (!pod || !applies(np, pod, f->dir) || index >= np->rules[f->dir].n)
		return false;
	r = &np->rules[f->dir].v[index];
	if (oracle_is_service(m, f))
		return is_everything(r) || rule_allows_backend(m, f, np, r);
	return rule_allows(m, f, np, r);
}

/* "Traffic is allowed if there are no policies selecting the pod …, or if the traffic matches at least one
 * rule across all of the policies whose podSelector matches the pod." */
enum oracle_answer oracle_ask(const struct model *m, const struct oracle_flow *f)
{
	const struct pod *pod = subject_of(m, f->ifindex);
	bool isolated = false, allowed;
	size_t i;

	if (!pod)
		return ORACLE_UNKNOWN;
	for (i = 0; i < m->policies.n; i++)
		isolated |= applies(m->policies.v[i], pod, f->dir);
	if (!isolated)
		return ORACLE_OPEN;
	if (oracle_is_service(m, f))
		allowed = some_rule_is_everything(m, pod, f->dir) || service_allows(m, f, pod);
	else
		allowed = some_rule_allows(m, f, pod);
	return allowed ? ORACLE_ALLOWED : ORACLE_DENIED;
}
