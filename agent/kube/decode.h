/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kubernetes API objects (JSON values) as objects of the model. Policies decode strictly inside
 * `spec`: what is not understood becomes a problem with its path, and the rule that holds it accepts
 * nothing, and denies all if it is not one that accepts. Everything else decodes leniently: what is odd is
 * passed over, but that an EndpointSlice remembers that there was something. All of it depends on the object
 * alone, never on history, so that every node decides alike.
 */
#ifndef BH_KUBE_DECODE_H
#define BH_KUBE_DECODE_H

#include "model/model.h"
#include "util/err.h"

struct json_object;

/* Nothing that an object says grows without a limit. Far above what the API server lets through. */
#define DECODE_LABELS_MAX     256  /* of one pod or namespace; one that has more is `partial` */
#define DECODE_ADDRS_MAX      16   /* podIPs */
#define DECODE_HOST_PORTS_MAX 256  /* of one pod; likewise, as the next */
#define DECODE_PORTS_MAX      256  /* of one pod that have a name */
#define DECODE_TEXT_MAX	      256  /* bytes of uid and nodeName */
#define DECODE_KEY_MAX	      317  /* label key: 253 of prefix, slash, 63 of name */
#define DECODE_VALUE_MAX      63   /* label value */
#define DECODE_RULES_MAX      1024 /* of one direction */
#define DECODE_ITEMS_MAX      1024 /* of any other list: peers, ports, exceptions, values... */
#define DECODE_NETWORKS_MAX   25   /* of one peer of a ClusterNetworkPolicy, as the API server */
#define DECODE_RULE_NAME_MAX  100  /* characters, as the API server */
#define DECODE_PRIORITY_MAX   1000
#define DECODE_BACKENDS_MAX   4096 /* addresses of one EndpointSlice; the API server takes 1000 endpoints */
#define DECODE_PROBLEMS_MAX   32   /* kept of one policy; that there are more is the last one */

enum object_kind {
	OBJECT_NAMESPACE,
	OBJECT_POD,
	OBJECT_POLICY, /* from here on as enum policy_kind */
	OBJECT_CLUSTER_POLICY,
	OBJECT_SEGMENTATION,
	OBJECT_CLUSTER_SEGMENTATION,
	OBJECT_SERVICE,
	OBJECT_SLICE,
	OBJECT_NODE,
	OBJECT_OTHER,
};

/* Decoded into a struct net_policy, strictly. */
static inline bool object_is_policy(enum object_kind kind)
{
	return kind >= OBJECT_POLICY && kind <= OBJECT_CLUSTER_SEGMENTATION;
}

/* Whose kind a CRD brings, which may not be installed. */
static inline bool object_is_custom(enum object_kind kind)
{
	return object_is_policy(kind) && kind != OBJECT_POLICY;
}

/* Of a policy. */
static inline enum policy_kind object_policy_kind(enum object_kind kind)
{
	_Static_assert(OBJECT_CLUSTER_SEGMENTATION - OBJECT_POLICY == POLICY_CLUSTER_SEGMENTATION,
		       "the kinds of policy are in one order");
	return (enum policy_kind)(kind - OBJECT_POLICY);
}

/* By enum object_kind: as the API writes it. */
struct object_kind_name {
	const char *api_version, *kind;
};
extern const struct object_kind_name object_kinds[OBJECT_OTHER];

/* Borrowed from the value. */
struct object_id {
	enum object_kind kind;
	const char *api_version, *kind_name; /* as written */
	const char *ns,
		*name; /* ns: "" for what is of the whole cluster, "default" if not said; OTHER: both "" */
};

/**
 * decode_id() - which object a value is.
 * @err: "Pod 'Web_1': metadata.name is not a DNS-1123 subdomain".
 *
 * Return: 0, or -EINVAL: not an object, without apiVersion, kind or name, or badly named. What is of
 * a kind we have no use for needs no name.
 */
int decode_id(struct json_object *o, struct object_id *ret, struct bh_err *err);

/* Whether it is a v1 List; then its items (NULL: absent or no list). */
bool decode_is_list(struct json_object *o, struct json_object **ret_items);

/* metadata.uid instead of *@uid, if it has one. Return: 0 or -ENOMEM. */
int decode_uid(struct json_object *o, char **uid);

/* metadata.labels; what is set in *@l already (a namespace's own name) stays. *@ret_partial: set where not
 * all of them are there. Return: 0 or -ENOMEM. */
int decode_labels(struct json_object *o, const struct labels **l, bool *ret_partial);

/* @id as decode_id() told. Return: 0 or -ENOMEM. */
int decode_namespace(struct json_object *o, const struct object_id *id, struct namespace **ret);
int decode_pod(struct json_object *o, const struct object_id *id, struct pod **ret);
int decode_policy(struct json_object *o, const struct object_id *id, struct net_policy **ret);
int decode_cluster_policy(struct json_object *o, const struct object_id *id, struct net_policy **ret);
int decode_segmentation(struct json_object *o, const struct object_id *id, struct net_policy **ret);
int decode_cluster_segmentation(struct json_object *o, const struct object_id *id, struct net_policy **ret);
int decode_service(struct json_object *o, const struct object_id *id, struct service **ret);
int decode_slice(struct json_object *o, const struct object_id *id, struct endpoint_slice **ret);
int decode_node(struct json_object *o, const struct object_id *id, struct cluster_node **ret);

#endif
