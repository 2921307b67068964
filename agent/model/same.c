/* SPDX-License-Identifier: Apache-2.0 */
/* Whether two versions of an object say the same, as far as anybody here listens. */
#include "model/model.h"

#include <string.h>

/* Two vectors of addresses. */
#define SAME_ADDRS(a, b) addrs_same((a)->v, (a)->n, (b)->v, (b)->n)

bool namespace_same(const struct namespace *a, const struct namespace *b)
{
	return a->labels == b->labels && a->partial == b->partial;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

bool pod_same(const struct pod *a, const struct pod *b)
{
	size_t i;

	if (strcmp(a->uid, b->uid) || !same_text(a->static_uid, b->static_uid) || a->node != b->node ||
	    a->labels != b->labels || a->ports != b->ports || a->host_network != b->host_network ||
	    a->ended != b->ended || a->partial != b->partial || !SAME_ADDRS(&a->addrs, &b->addrs) ||
	    a->host_ports.n != b->host_ports.n)
		return false;
	for (i = 0; i < a->host_ports.n; i++)
		if (a->host_ports.v[i].proto != b->host_ports.v[i].proto ||
		    a->host_ports.v[i].port != b->host_ports.v[i].port ||
		    a->host_ports.v[i].to != b->host_ports.v[i].to)
			return false;
	return true;
}

/* ---- policies ------------------------------------------------------------------------------- */

static bool same_requirement(const struct requirement *a, const struct requirement *b)
{
	size_t i;

	if (strcmp(a->key, b->key) || a->op != b->op || a->values.n != b->values.n)
		return false;
	for (i = 0; i < a->values.n; i++)
		if (strcmp(a->values.v[i], b->values.v[i]))
			return false;
	return true;
}

/* None is not the same as one that selects everything. */
static bool same_selector(const struct selector *a, const struct selector *b)
{
	size_t i;

	if (!a || !b)
		return a == b;
	if (a->at.n != b->at.n)
		return false;
	for (i = 0; i < a->at.n; i++)
		if (!same_requirement(&a->at.v[i], &b->at.v[i]))
			return false;
	return true;
}

static bool same_peer(const struct peer *a, const struct peer *b)
{
	size_t i;

	if (a->kind != b->kind || cidr_cmp(&a->block, &b->block) || a->except.n != b->except.n ||
	    !same_selector(a->pods, b->pods) || !same_selector(a->namespaces, b->namespaces) ||
	    !same_selector(a->nodes, b->nodes) || !same_text(a->service_ns, b->service_ns) ||
	    !same_text(a->service, b->service))
		return false;
	for (i = 0; i < a->except.n; i++)
		if (cidr_cmp(&a->except.v[i], &b->except.v[i]))
			return false;
	return true;
}

static bool same_rule(const struct rule *a, const struct rule *b)
{
	size_t i;

	if (a->action != b->action || a->log != b->log || !same_text(a->name, b->name) ||
	    a->unknown != b->unknown || a->peers.n != b->peers.n || a->ports.n != b->ports.n)
		return false;
	for (i = 0; i < a->peers.n; i++)
		if (!same_peer(&a->peers.v[i], &b->peers.v[i]))
			return false;
	for (i = 0; i < a->ports.n; i++)
		if (a->ports.v[i].proto != b->ports.v[i].proto ||
		    a->ports.v[i].first != b->ports.v[i].first || a->ports.v[i].last != b->ports.v[i].last ||
		    strcmp(a->ports.v[i].name, b->ports.v[i].name))
			return false;
	return true;
}

static bool same_problems(const struct net_policy *a, const struct net_policy *b)
{
	size_t i;

	if (a->problems.n != b->problems.n)
		return false;
	for (i = 0; i < a->problems.n; i++)
		if (strcmp(a->problems.v[i].path, b->problems.v[i].path) ||
		    strcmp(a->problems.v[i].text, b->problems.v[i].text))
			return false;
	return true;
}

bool net_policy_same(const struct net_policy *a, const struct net_policy *b)
{
	size_t dir, i;

	if (a->tier != b->tier || a->priority != b->priority || a->audit != b->audit ||
	    a->expires != b->expires || !same_selector(a->namespaces, b->namespaces) ||
	    !same_selector(a->subject, b->subject) || !same_problems(a, b))
		return false;
	for (dir = 0; dir < DIR_MAX; dir++) {
		if (a->isolates[dir] != b->isolates[dir] || a->rules[dir].n != b->rules[dir].n)
			return false;
		for (i = 0; i < a->rules[dir].n; i++)
			if (!same_rule(&a->rules[dir].v[i], &b->rules[dir].v[i]))
				return false;
	}
	return true;
}

/* ---- Services and nodes --------------------------------------------------------------------- */

static bool same_ports(const struct service_port *a, size_t n, const struct service_port *b, size_t m)
{
	size_t i;

	if (n != m)
		return false;
	for (i = 0; i < n; i++)
		if (a[i].proto != b[i].proto || a[i].port != b[i].port || a[i].node_port != b[i].node_port ||
		    strcmp(a[i].name, b[i].name))
			return false;
	return true;
}

bool service_same(const struct service *a, const struct service *b)
{
	return SAME_ADDRS(&a->addrs, &b->addrs) && SAME_ADDRS(&a->balancers, &b->balancers) &&
	       SAME_ADDRS(&a->externals, &b->externals) && a->local == b->local &&
	       same_ports(a->ports.v, a->ports.n, b->ports.v, b->ports.n);
}

bool slice_same(const struct endpoint_slice *a, const struct endpoint_slice *b)
{
	return !strcmp(a->service, b->service) && a->v4 == b->v4 && a->v6 == b->v6 &&
	       a->unknown == b->unknown && SAME_ADDRS(&a->addrs, &b->addrs) && a->nodes.n == b->nodes.n &&
	       (!a->nodes.n || !memcmp(a->nodes.v, b->nodes.v, a->nodes.n * sizeof(*a->nodes.v))) &&
	       same_ports(a->ports.v, a->ports.n, b->ports.v, b->ports.n);
}

bool cluster_node_same(const struct cluster_node *a, const struct cluster_node *b)
{
	size_t i;

	if (a->labels != b->labels || !SAME_ADDRS(&a->addrs, &b->addrs) || a->pods.n != b->pods.n)
		return false;
	for (i = 0; i < a->pods.n; i++)
		if (cidr_cmp(&a->pods.v[i], &b->pods.v[i]))
			return false;
	return true;
}
