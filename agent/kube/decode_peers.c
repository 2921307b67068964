/* SPDX-License-Identifier: Apache-2.0 */
/* The peers of rules that have an action. */
#include <json-c/json.h>
#include <string.h>

#include "kube/name.h"
#include "kube/rules.h"
#include "kube/value.h"

/* ---- pods ------------------------------------------------------------------------------- */

/* Without a namespaceSelector: of a SegmentationPolicy its own namespace's, as in NetworkPolicy; of the
 * cluster's kinds every namespace's. */
static bool decode_pods(struct walk *w, struct json_object *o, void *into)
{
	static const char *const known[] = { "namespaceSelector", "podSelector", NULL };
	struct peer *p = into;
	bool ok = walk_has_only(w, o, known);

	ok &= walk_field(w, o, "namespaceSelector", walk_selector, &p->namespaces);
	ok &= walk_required(w, o, "podSelector", walk_selector, &p->pods);
	if (!ok)
		return false;
	if (!p->namespaces && net_policy_is_cluster(w->policy))
		p->namespaces = selector_new();
	return p->namespaces || !net_policy_is_cluster(w->policy) ? true : walk_no_memory(w);
}

bool rules_selectors(struct walk *w, struct json_object *o, struct peer *p)
{
	return walk_field(w, o, "namespaces", walk_selector, &p->namespaces) &&
	       walk_field(w, o, "pods", decode_pods, p);
}

static bool add_pods(struct walk *w, struct json_object *o, struct rule *rule)
{
	struct peer p = {};

	if (!rules_selectors(w, o, &p)) {
		peer_done(&p);
		return false;
	}
	return walk_add_peer(w, rule, &p);
}

/* ---- what is no pod by its labels --------------------------------------------------------- */

bool rules_is_filled(struct walk *w, struct json_object *o, size_t max)
{
	if (!walk_is_list(w, o, max))
		return false;
	return value_length(o) ? true : walk_problem(w, "is empty");
}

static bool decode_network(struct walk *w, struct json_object *o, void *into)
{
	struct peer p = { .kind = PEER_BLOCK };

	return walk_cidr(w, o, &p.block) && walk_add_peer(w, into, &p);
}

static bool decode_networks(struct walk *w, struct json_object *o, void *into)
{
	const size_t max = rules_are_ours(w) ? DECODE_ITEMS_MAX : DECODE_NETWORKS_MAX;

	return rules_is_filled(w, o, max) && walk_items(w, o, decode_network, into);
}

static bool add_service(struct walk *w, const char *ns, const char *name, struct rule *rule)
{
	struct peer p = { .kind = PEER_SERVICE, .service_ns = strdup(ns), .service = strdup(name) };

	if (p.service_ns && p.service)
		return walk_add_peer(w, rule, &p);
	peer_done(&p);
	return walk_no_memory(w);
}

/* As kube-apiserver names itself (pkg/controlplane: service "kubernetes" in "default"). */
static bool decode_entity(struct walk *w, struct json_object *o, void *into)
{
	static const char *const names[] = { "Host", "Cluster", "World", "KubeAPIServer", NULL };
	static const enum peer_kind kinds[] = { PEER_HOST, PEER_CLUSTER, PEER_WORLD };
	struct peer p = {};
	size_t i;

	if (!walk_choice(w, o, names, "none of Host, Cluster, World and KubeAPIServer", &i))
		return false;
	if (i == sizeof(kinds) / sizeof(kinds[0]))
		return add_service(w, "default", "kubernetes", into);
	p.kind = kinds[i];
	return walk_add_peer(w, into, &p);
}

static bool decode_entities(struct walk *w, struct json_object *o, void *into)
{
	return rules_is_filled(w, o, DECODE_ITEMS_MAX) && walk_items(w, o, decode_entity, into);
}

static bool decode_label(struct walk *w, struct json_object *o, void *into)
{
	const char **ret = into, *text = value_text(o);
	char clip[VALUE_CLIP];

	if (!text)
		return walk_wrong_type(w, o, "a text");
	if (!name_is_label(text))
		return walk_problem(w, "'%s' is not a DNS-1123 label", value_clip(text, clip));
	*ret = text;
	return true;
}

static bool decode_behind(struct walk *w, struct json_object *o, void *into)
{
	static const char *const known[] = { "namespace", "name", NULL };
	const char *ns = w->policy->ns, *name = NULL;
	bool ok = walk_has_only(w, o, known);

	ok &= net_policy_is_cluster(w->policy) ? walk_required(w, o, "namespace", decode_label, &ns)
					       : walk_field(w, o, "namespace", decode_label, &ns);
	ok &= walk_required(w, o, "name", decode_label, &name);
	return ok && add_service(w, ns, name, into);
}

static bool decode_backends(struct walk *w, struct json_object *o, void *into)
{
	return rules_is_filled(w, o, DECODE_ITEMS_MAX) && walk_items(w, o, decode_behind, into);
}

/* ---- one peer ----------------------------------------------------------------------------- */

static bool decode_nodes(struct walk *w, struct json_object *o, void *into)
{
	struct peer p = { .kind = PEER_HOST };

	return walk_selector(w, o, &p.nodes) && walk_add_peer(w, into, &p);
}

/* Of the upstream API's experimental channel. */
static bool is_unsupported(struct walk *w, struct json_object *o, const char *name)
{
	if (!value_get(o, name))
		return false;
	(void)walk_wrong_field(w, name, "is not supported");
	return true;
}

/* @o has exactly one field, which its kind of policy knows. */
static bool fill_peer(struct walk *w, struct json_object *o, struct rule *rule)
{
	static const struct {
		const char *name;
		walk_step step;
	} lists[] = {
		{ "networks", decode_networks },
		{ "nodes", decode_nodes },
		{ "entities", decode_entities },
		{ "services", decode_backends },
	};
	size_t i;

	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (value_get(o, lists[i].name))
			return walk_field(w, o, lists[i].name, lists[i].step, rule);
	return add_pods(w, o, rule);
}

/* A peer of upstream's kind, and of ours: what it may have, and what is said of one that has not just one. */
struct dialect {
	const char *const *known;
	const char *wrong;
};

static const struct dialect upstream[DIR_MAX] = {
	{ (const char *const[]){ "namespaces", "pods", NULL }, "needs exactly one of namespaces and pods" },
	{ (const char *const[]){ "namespaces", "pods", "networks", "nodes", NULL },
	  "needs exactly one of namespaces, pods, networks and nodes" },
};

static const struct dialect ours[DIR_MAX] = {
	{ (const char *const[]){ "namespaces", "pods", "networks", "entities", NULL },
	  "needs exactly one of namespaces, pods, networks and entities" },
	{ (const char *const[]){ "namespaces", "pods", "networks", "entities", "services", NULL },
	  "needs exactly one of namespaces, pods, networks, entities and services" },
};

static bool decode_peer(struct walk *w, struct json_object *o, struct rule *rule, int dir)
{
	static const char *const later[] = { "namespaces", "pods", "networks", "nodes", "domainNames", NULL };
	const struct dialect *d = rules_are_ours(w) ? &ours[dir] : &upstream[dir];
	const bool may_be_later = dir == DIR_EGRESS && !rules_are_ours(w);
	bool ok = walk_has_only(w, o, may_be_later ? later : d->known);

	if (may_be_later)
		ok &= !is_unsupported(w, o, "domainNames");
	return ok && walk_has_one(w, o, d->known, d->wrong) && fill_peer(w, o, rule);
}

static bool decode_source(struct walk *w, struct json_object *o, void *into)
{
	return decode_peer(w, o, into, DIR_INGRESS);
}

static bool decode_destination(struct walk *w, struct json_object *o, void *into)
{
	return decode_peer(w, o, into, DIR_EGRESS);
}

bool rules_from(struct walk *w, struct json_object *o, void *into)
{
	return rules_is_filled(w, o, DECODE_ITEMS_MAX) && walk_items(w, o, decode_source, into);
}

bool rules_to(struct walk *w, struct json_object *o, void *into)
{
	return rules_is_filled(w, o, DECODE_ITEMS_MAX) && walk_items(w, o, decode_destination, into);
}
