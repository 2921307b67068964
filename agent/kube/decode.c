/* SPDX-License-Identifier: Apache-2.0 */
/* Which object a value is, and the kinds that decode leniently: namespaces and pods. */
#include "kube/decode.h"

#include <errno.h>
#include <json-c/json.h>
#include <netinet/in.h>
#include <string.h>

#include "kube/name.h"
#include "kube/value.h"

/* ---- identity --------------------------------------------------------------------------- */

static enum object_kind kind_of(const char *api_version, const char *kind)
{
	unsigned int i;

	for (i = 0; i < OBJECT_OTHER; i++)
		if (!strcmp(api_version, object_kinds[i].api_version) && !strcmp(kind, object_kinds[i].kind))
			return (enum object_kind)i;
	return OBJECT_OTHER;
}

static bool has_namespace(enum object_kind kind)
{
	return kind != OBJECT_NAMESPACE && kind != OBJECT_NODE && kind != OBJECT_CLUSTER_POLICY &&
	       kind != OBJECT_CLUSTER_SEGMENTATION;
}

static int decode_name(struct json_object *meta, struct object_id *id, struct bh_err *err)
{
	struct json_object *name = value_get(meta, "name");
	char clip[VALUE_CLIP];

	id->name = value_text(name);
	if (!id->name)
		return bh_err_set(err, -EINVAL, "%s: metadata.name is %s", id->kind_name,
				  name ? "not a text" : "missing");
	if (id->kind == OBJECT_NAMESPACE && !name_is_label(id->name))
		return bh_err_set(err, -EINVAL, "%s: metadata.name '%s' is not a DNS-1123 label",
				  id->kind_name, value_clip(id->name, clip));
	if (!name_is_subdomain(id->name, strlen(id->name)))
		return bh_err_set(err, -EINVAL, "%s: metadata.name '%s' is not a DNS-1123 subdomain",
				  id->kind_name, value_clip(id->name, clip));
	return 0;
}

static int decode_ns(struct json_object *meta, struct object_id *id, struct bh_err *err)
{
	struct json_object *ns = value_get(meta, "namespace");
	char clip[VALUE_CLIP], clip_ns[VALUE_CLIP];

	id->ns = "";
	if (!has_namespace(id->kind))
		return 0;
	id->ns = ns ? value_text(ns) : "default";
	if (!id->ns)
		return bh_err_set(err, -EINVAL, "%s '%s': metadata.namespace is not a text", id->kind_name,
				  value_clip(id->name, clip));
	if (!*id->ns) /* as kubectl takes it */
		id->ns = "default";
	if (!name_is_label(id->ns))
		return bh_err_set(err, -EINVAL, "%s '%s': metadata.namespace '%s' is not a DNS-1123 label",
				  id->kind_name, value_clip(id->name, clip), value_clip(id->ns, clip_ns));
	return 0;
}

static int decode_names(struct json_object *meta, struct object_id *id, struct bh_err *err)
{
	const int r = decode_name(meta, id, err);

	return r < 0 ? r : decode_ns(meta, id, err);
}

int decode_id(struct json_object *o, struct object_id *ret, struct bh_err *err)
{
	struct object_id id = { .ns = "", .name = "" };
	char clip[VALUE_CLIP];
	int r;

	if (!json_object_is_type(o, json_type_object))
		return bh_err_set(err, -EINVAL, "%s, not an object", value_type(o));
	id.api_version = value_text(value_get(o, "apiVersion"));
	id.kind_name = value_text(value_get(o, "kind"));
	if (!id.kind_name || !*id.kind_name)
		return bh_err_set(err, -EINVAL, "object without kind");
	if (!id.api_version || !*id.api_version)
		return bh_err_set(err, -EINVAL, "%s without apiVersion", value_clip(id.kind_name, clip));
	id.kind = kind_of(id.api_version, id.kind_name);
	if (id.kind != OBJECT_OTHER) {
		r = decode_names(value_get(o, "metadata"), &id, err);
		if (r < 0)
			return r;
	}
	*ret = id;
	return 0;
}

bool decode_is_list(struct json_object *o, struct json_object **ret_items)
{
	const char *api_version = value_text(value_get(o, "apiVersion"));
	const char *kind = value_text(value_get(o, "kind"));
	struct json_object *items;

	if (!api_version || !kind || strcmp(api_version, "v1") || strcmp(kind, "List"))
		return false;
	items = value_get(o, "items");
	*ret_items = json_object_is_type(items, json_type_array) ? items : NULL;
	return true;
}

/* ---- namespaces and pods ---------------------------------------------------------------- */

static int add_label(const struct labels **l, const char *key, struct json_object *value)
{
	const char *text = value_text(value);
	int r;

	if (!text || strlen(key) > DECODE_KEY_MAX || strlen(text) > DECODE_VALUE_MAX ||
	    (*l)->n >= DECODE_LABELS_MAX)
		return 0;
	r = labels_set(l, key, text);
	return r < 0 ? r : 1;
}

int decode_labels(struct json_object *o, const struct labels **l, bool *ret_partial)
{
	struct json_object *labels = value_get(value_get(o, "metadata"), "labels");
	int r;

	if (!json_object_is_type(labels, json_type_object))
		return 0;
	json_object_object_foreach(labels, key, value) {
		if (labels_get(*l, key))
			continue;
		r = add_label(l, key, value);
		if (r < 0)
			return r;
		*ret_partial |= !r;
	}
	return 0;
}

int decode_namespace(struct json_object *o, const struct object_id *id, struct namespace **ret)
{
	struct namespace *n = namespace_new(id->name);
	int r = n ? decode_labels(o, &n->labels, &n->partial) : -ENOMEM;

	if (r < 0) {
		namespace_free(n);
		return r;
	}
	*ret = n;
	return 0;
}

/* NULL: nothing that we would keep. */
static const char *short_text(struct json_object *value)
{
	const char *text = value_text(value);

	return text && strlen(text) <= DECODE_TEXT_MAX ? text : NULL;
}

int decode_uid(struct json_object *o, char **uid)
{
	const char *text = short_text(value_get(value_get(o, "metadata"), "uid"));
	char *copy;

	if (!text)
		return 0;
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	free(*uid);
	*uid = copy;
	return 0;
}

static int decode_node_name(struct json_object *value, struct pod *p)
{
	const char *text = short_text(value);

	return text ? pod_set_node(p, text) : 0;
}

static bool is_text(struct json_object *value, const char *text)
{
	const char *is = value_text(value);

	return is && !strcmp(is, text);
}

/* It is a Node's, and the one's that runs it: a kubelet may make no other (the admission plugin
 * NodeRestriction). */
static bool is_of_its_node(struct json_object *meta, const struct pod *p)
{
	struct json_object *owners = value_get(meta, "ownerReferences"), *owner = value_at(owners, 0);

	return value_length(owners) == 1 && is_text(value_get(owner, "apiVersion"), "v1") &&
	       is_text(value_get(owner, "kind"), "Node") && is_text(value_get(owner, "name"), p->node) &&
	       value_is_true(value_get(owner, "controller"));
}

/*
 * The kubelet's name for a pod of a manifest file, whose Pod in the API is a mirror with a UID of its own. It
 * stands in two annotations (pkg/kubelet/config/common.go, pod/mirror_client.go), and what stands in
 * annotations the pod's owner can write. Not in this one: the API server lets nobody give it to a pod that is
 * there, or change it (ValidatePodSpecificAnnotationUpdates), and a kubelet runs no pod that came with it.
 */
static int decode_static_uid(struct json_object *meta, struct pod *p)
{
	const char *text =
		short_text(value_get(value_get(meta, "annotations"), "kubernetes.io/config.mirror"));

	if (!text || !is_of_its_node(meta, p))
		return 0;
	p->static_uid = strdup(text);
	return p->static_uid ? 0 : -ENOMEM;
}

static int add_addr(struct pod *p, struct json_object *value)
{
	const char *text = value_text(value);
	struct addr a, *slot;

	if (!text || addr_parse_loose(text, &a) < 0 || p->addrs.n >= DECODE_ADDRS_MAX)
		return 0;
	slot = vec_add(&p->addrs);
	if (!slot)
		return -ENOMEM;
	*slot = a;
	return 0;
}

/* podIPs; podIP, which is the first of them, only where an old server knows no other. */
static int decode_addrs(struct json_object *status, struct pod *p)
{
	struct json_object *ips = value_get(status, "podIPs");
	size_t i;
	int r;

	for (i = 0; i < value_length(ips); i++) {
		r = add_addr(p, value_get(value_at(ips, i), "ip"));
		if (r < 0)
			return r;
	}
	return p->addrs.n ? 0 : add_addr(p, value_get(status, "podIP"));
}

/* 0: none. */
static uint16_t port_number(struct json_object *port, const char *key)
{
	int64_t number;

	if (!value_integer(value_get(port, key), &number) || number < 1 || number > UINT16_MAX)
		return 0;
	return (uint16_t)number;
}

/* 0: one that we do not know. */
static uint8_t port_protocol(struct json_object *port)
{
	struct json_object *protocol = value_get(port, "protocol");

	return protocol ? value_protocol(protocol) : IPPROTO_TCP;
}

static int add_host_port(struct pod *p, struct json_object *port)
{
	const struct host_port hp = { .proto = port_protocol(port),
				      .port = port_number(port, "hostPort"),
				      .to = port_number(port, "containerPort") };
	struct host_port *slot;

	if (!hp.proto || !hp.port)
		return 0;
	if (p->host_ports.n >= DECODE_HOST_PORTS_MAX) {
		p->partial = true;
		return 0;
	}
	slot = vec_add(&p->host_ports);
	if (!slot)
		return -ENOMEM;
	*slot = hp;
	return 0;
}

typedef VEC(struct named_port) named_vec;

static int add_named_port(struct pod *p, named_vec *v, struct json_object *port)
{
	struct named_port np = { .proto = port_protocol(port), .port = port_number(port, "containerPort") };
	const char *name = value_text(value_get(port, "name"));
	struct named_port *slot;

	if (!name || !port_name_is_valid(name) || !np.proto || !np.port)
		return 0;
	if (v->n >= DECODE_PORTS_MAX) {
		p->partial = true;
		return 0;
	}
	slot = vec_add(v);
	if (!slot)
		return -ENOMEM;
	memcpy(np.name, name, strlen(name));
	*slot = np;
	return 0;
}

/* An init container that restarts goes on beside the others (a sidecar); one that ends has no port that a
 * policy could mean, but may have the node's while it runs. */
static int decode_ports(struct json_object *containers, bool init, struct pod *p, named_vec *named)
{
	size_t i, j;
	int r;

	for (i = 0; i < value_length(containers); i++) {
		struct json_object *c = value_at(containers, i), *ports = value_get(c, "ports");
		const char *restart = value_text(value_get(c, "restartPolicy"));
		const bool stays = !init || (restart && !strcmp(restart, "Always"));

		for (j = 0; j < value_length(ports); j++) {
			r = add_host_port(p, value_at(ports, j));
			if (!r && stays)
				r = add_named_port(p, named, value_at(ports, j));
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int decode_all_ports(struct json_object *spec, struct pod *p)
{
	named_vec named = {};
	int r;

	r = decode_ports(value_get(spec, "initContainers"), true, p, &named);
	if (!r)
		r = decode_ports(value_get(spec, "containers"), false, p, &named);
	if (!r)
		r = pod_set_ports(p, named.v, named.n);
	vec_done(&named);
	return r;
}

static bool has_ended(struct json_object *status)
{
	const char *phase = value_text(value_get(status, "phase"));

	return phase && (!strcmp(phase, "Succeeded") || !strcmp(phase, "Failed"));
}

static int fill_pod(struct json_object *o, struct pod *p)
{
	struct json_object *spec = value_get(o, "spec"), *status = value_get(o, "status");
	int r;

	p->host_network = value_is_true(value_get(spec, "hostNetwork"));
	p->ended = has_ended(status);
	r = decode_labels(o, &p->labels, &p->partial);
	if (!r)
		r = decode_uid(o, &p->uid);
	if (!r)
		r = decode_node_name(value_get(spec, "nodeName"), p);
	if (!r)
		r = decode_static_uid(value_get(o, "metadata"), p);
	if (!r)
		r = decode_addrs(status, p);
	if (!r)
		r = decode_all_ports(spec, p);
	vec_trim(&p->addrs);
	vec_trim(&p->host_ports);
	return r;
}

int decode_pod(struct json_object *o, const struct object_id *id, struct pod **ret)
{
	struct pod *p = pod_new(id->ns, id->name);
	int r = p ? fill_pod(o, p) : -ENOMEM;

	if (r < 0) {
		pod_free(p);
		return r;
	}
	*ret = p;
	return 0;
}
