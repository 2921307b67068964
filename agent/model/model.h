/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cluster as last seen: namespaces, pods, policies, Services and nodes as plain structs, the endpoints
 * of this node and its own addresses. Filled by the sources (kube/) and by CNI (api/), read by policy/. Knows
 * no policy semantics beyond what a selector matches.
 */
#ifndef BH_MODEL_MODEL_H
#define BH_MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/versions.h"
#include "util/addr.h"
#include "util/err.h"
#include "util/hash.h"
#include "util/vec.h"

/* ---- labels and selectors --------------------------------------------------------------- */

struct label {
	const char *key, *value;
};

/*
 * A set of labels: sorted by key, keys unique. It never changes and is there once (util/intern.h): replicas
 * share one, and equal sets are the same pointer.
 */
struct labels {
	size_t n;
	struct label at[];
};

extern const struct labels labels_none; /* where every set begins */

/* Makes *at the set that has this label as well, or instead. Return: 0 or -ENOMEM, *at as it was. */
int labels_set(const struct labels **at, const char *key, const char *value);
const char *labels_get(const struct labels *l, const char *key); /* NULL: no such label */
void labels_drop(const struct labels *l);			 /* one holder less; NULL is fine */

/* metav1.LabelSelectorRequirement.operator; matchLabels become OP_IN with one value. */
enum selector_op { OP_IN, OP_NOT_IN, OP_EXISTS, OP_NOT_EXISTS };

struct requirement {
	char *key;
	enum selector_op op;
	VEC(char *) values;
};

/* All requirements must hold; none at all selects everything. A selector that is absent (nil) is a
 * NULL pointer to one, which is "not used", never "everything". */
struct selector {
	VEC(struct requirement) at;
};

struct selector *selector_new(void);
void selector_free(struct selector *s);
int selector_add(struct selector *s, const char *key, enum selector_op op, struct requirement **ret);
int requirement_value(struct requirement *r, const char *value);

/* NotIn and DoesNotExist match what lacks the key (apimachinery labels.Requirement.Matches). */
bool selector_matches(const struct selector *s, const struct labels *l);

/* ---- objects ---------------------------------------------------------------------------- */

/* The business of whoever put the object here; nobody else looks at it. */
struct source_seen {
	uint64_t version; /* metadata.resourceVersion */
	uint32_t round;	  /* of listing */
	uint8_t watch;	  /* that delivered it */
};

/* clang-format off */
struct namespace {
	/* clang-format on */
	char *name;
	const struct labels *labels; /* with kubernetes.io/metadata.name, as the API server sets it */
	bool partial;		     /* it has more labels than are taken in */
	struct source_seen seen;
};

/* Its owner wants to see first what policies would deny to its pods: label policy.bulkhead.dev/mode=Audit. */
bool namespace_is_audited(const struct namespace *n);

struct host_port {
	uint8_t proto; /* IPPROTO_* */
	uint16_t port;
	uint16_t to; /* the container's: where it ends in the pod */
};

#define PORT_NAME_MAX 15 /* bytes, as of an IANA service name */

/* What a container calls one of its ports; also what a policy asks for by that name (port 0). */
struct named_port {
	char name[PORT_NAME_MAX + 1]; /* zero to its end */
	uint8_t proto, pad;	      /* pad is zero: these are compared as bytes, too */
	uint16_t port;
};

/* By name, protocol, port; no duplicates. As labels: it never changes and is there once. */
struct named_ports {
	size_t n;
	struct named_port at[];
};

/* Tens of thousands of them: what many have in common is interned. */
struct pod {
	const char *ns;	  /* interned */
	char *name, *uid; /* uid "" where the source has none */
	char *static_uid; /* by which the runtime knows a static pod, whose Pod is a mirror; NULL: it says
			     none */
	const char *node; /* interned: spec.nodeName, "" if not scheduled or not said */
	const struct labels *labels;
	struct source_seen seen;
	VEC(struct addr) addrs;		  /* status.podIPs */
	VEC(struct host_port) host_ports; /* spec.containers[].ports[].hostPort */
	const struct named_ports *ports;  /* of containers and restartable init containers; NULL: none */
	bool host_network;		  /* is the node, for every policy */
	bool ended;   /* phase Succeeded or Failed: its addresses may be another's by now */
	bool partial; /* it has more labels or ports than are taken in: whom policies mean cannot be told */
};

/* What the decoder could not take in: `path` is like "spec.ingress[0].ports[1].endPort". */
struct problem {
	char *path, *text;
};

struct port_range {
	uint8_t proto;		      /* IPPROTO_TCP, _UDP, _SCTP */
	uint16_t first, last;	      /* inclusive; 0..65535 for "all ports of the protocol" */
	char name[PORT_NAME_MAX + 1]; /* else "": what each pod calls so counts; first and last are 0 */
};

/* What one item of from/to selects. */
enum peer_kind {
	PEER_PODS,    /* by `pods`, `namespaces` or both */
	PEER_BLOCK,   /* `block` without `except` */
	PEER_SERVICE, /* the addresses behind `service` in `service_ns` */
	PEER_HOST,    /* nodes: those of `nodes`; NULL: all, and whatever else is an address of this one */
	PEER_CLUSTER, /* pods, nodes, Services, and what nodes have for pods */
	PEER_WORLD,   /* all else */
};

struct peer {
	enum peer_kind kind;
	struct selector *pods, *namespaces; /* NULL: not used. Pods alone: in the policy's namespace */
	struct selector *nodes;
	struct cidr block;
	VEC(struct cidr) except;
	char *service_ns, *service;
};

/* policy.networking.k8s.io ClusterNetworkPolicyRuleAction. NetworkPolicy has RULE_ACCEPT alone. */
enum rule_action {
	RULE_ACCEPT,
	RULE_DENY,
	RULE_PASS, /* what it matches is for the next tier */
};

struct rule {
	enum rule_action action;
	bool log;		      /* flows that it decides are reported, also those that it accepts */
	char *name;		      /* NULL: none */
	VEC(struct peer) peers;	      /* none: any peer, outside ones too */
	VEC(struct port_range) ports; /* none: every port of every protocol */
	bool unknown; /* holds something not understood: accepts nothing; if it does not accept, denies all */
};

/* In the order in which they decide. */
enum policy_tier { TIER_ADMIN, TIER_SEGMENTATION, TIER_NETWORK, TIER_BASELINE };

/* An object is one by its kind, namespace and name. */
enum policy_kind {
	POLICY_NETWORK,		     /* networking.k8s.io/v1 NetworkPolicy */
	POLICY_CLUSTER,		     /* policy.networking.k8s.io/v1alpha2 ClusterNetworkPolicy */
	POLICY_SEGMENTATION,	     /* policy.bulkhead.dev/v1alpha1 SegmentationPolicy */
	POLICY_CLUSTER_SEGMENTATION, /* and ClusterSegmentationPolicy */
};
#define POLICY_KINDS 4

enum { DIR_INGRESS = 0, DIR_EGRESS = 1, DIR_MAX = 2 }; /* as enum bh_dir */

/* A policy of any kind, defaults applied. */
struct net_policy {
	char *ns, *name;     /* ns "": of the cluster */
	char *uid;	     /* NULL where the source has none */
	uint64_t generation; /* metadata.generation: one more with each change of its spec */
	uint64_t since;	     /* which set of policies it came with, as it is: versions.h */
	struct source_seen seen;
	enum policy_kind kind;
	enum policy_tier tier;
	uint16_t priority;		 /* in its tier, the lower one first; NetworkPolicy: 0 */
	bool audit;			 /* what it would deny is reported, and nothing is denied by it */
	int64_t expires;		 /* seconds since the epoch; from then on it is not there. 0: never */
	struct selector *namespaces;	 /* that its pods are in; NULL: its own */
	struct selector *subject;	 /* of its pods; never NULL */
	bool isolates[DIR_MAX];		 /* policyTypes with their defaults; those of the cluster: never */
	VEC(struct rule) rules[DIR_MAX]; /* the first that matches decides; of NetworkPolicies any does */
	VEC(struct problem) problems;	 /* empty: all was understood */
};

/* A port of a Service, or of a slice: the two meet by name and protocol. */
struct service_port {
	char *name;	    /* "" if it has none */
	uint8_t proto;	    /* IPPROTO_* */
	uint16_t port;	    /* slice: 0 where none is said, which may be any */
	uint16_t node_port; /* Service: of every node; 0: none */
};

/* v1 Service: the addresses that stand for it. One without a ClusterIP has no others: no proxy minds it. */
struct service {
	char *ns, *name;
	struct source_seen seen;
	VEC(struct addr) addrs; /* spec.clusterIPs; none: headless, or of type ExternalName */
	VEC(struct addr)
	balancers;		    /* status.loadBalancer.ingress, where packets still bear it when they
				       come here: ipMode VIP */
	VEC(struct addr) externals; /* spec.externalIPs: whatever the Service's owner likes */
	bool local; /* internalTrafficPolicy Local: its ClusterIPs stand for backends on the pod's node */
	VEC(struct service_port) ports;
};

/* discovery.k8s.io/v1 EndpointSlice: addresses behind a Service. */
struct endpoint_slice {
	char *ns, *name;
	struct source_seen seen;
	char *service;		 /* in the same namespace; "" if it says none */
	bool v4, v6;		 /* whose backends these are; both where addressType is not understood */
	bool unknown;		 /* holds something not understood: there may be backends that are not here */
	VEC(struct addr) addrs;	 /* of all endpoints, whatever their conditions */
	VEC(const char *) nodes; /* as many: where each is said to be, interned; NULL: not said */
	VEC(struct service_port) ports;
};

/* v1 Node. */
struct cluster_node {
	char *name, *uid; /* uid: NULL where the source has none */
	const struct labels *labels;
	struct source_seen seen;
	VEC(struct addr) addrs; /* status.addresses: InternalIP, ExternalIP */
	VEC(struct cidr) pods;	/* spec.podCIDRs */
};

/*
 * One pod interface on this node, as its ADD told (api/endpoint.h is the wire form). `key` names the
 * owner: hash of network, container id and interface name.
 */
struct endpoint {
	struct hash128 key;
	char *network, *container, *ifname, *netns;
	char *ns, *pod, *uid; /* from CNI_ARGS; uid "" if not given */
	uint32_t ifindex;     /* host side of the veth; 0: the interface is gone */
	uint32_t peer;	      /* the pod's side: its index; 0: not known */
	int32_t nsid;	      /* and the id that its namespace has here; -1: none */
	bool grace;	      /* its programs came after it, a moment ago: BH_EP_ADOPTED */
	uint8_t mac[6];
	VEC(struct addr) addrs; /* of the result, and link-local ones */
};

/* ---- the whole -------------------------------------------------------------------------- */

/* Each vector is sorted by its *_cmp, so that look-ups are binary searches. */
struct model {
	VEC(struct namespace *) namespaces;	/* by name */
	VEC(struct pod *) pods;			/* by namespace, name */
	VEC(struct net_policy *) policies;	/* by namespace, name, kind: those of the cluster first */
	struct versions versions[POLICY_KINDS]; /* of `policies` */
	VEC(struct service *) services;		/* by namespace, name */
	VEC(struct endpoint_slice *) slices;	/* by namespace, name */
	VEC(struct cluster_node *) nodes;	/* by name */
	VEC(struct endpoint *) endpoints;	/* by key */
	VEC(struct addr) local_addrs;		/* of interfaces here, loopback left out; sorted */
	VEC(struct addr) node_addrs;		/* of these the node's own: no Service's ClusterIP; sorted */
	VEC(struct cidr) pod_cidrs;		/* where pods are, beside what Nodes say; no Node's */
	char *node_name;			/* what the API calls it; NULL: not known */
	bool audit;				/* policies deny nothing here; what they would is reported */
	int64_t now;				/* seconds since the epoch, by which policies expire */
	struct model_changes *changes;		/* borrowed: who wants to be told (changes.h); NULL: nobody */
};

struct model *model_new(void);
void model_free(struct model *m);

struct namespace *namespace_new(const char *name);
struct pod *pod_new(const char *ns, const char *name);
/* @ns: "" for the kinds of the cluster, which are of tier Admin until they say another. */
struct net_policy *net_policy_new(enum policy_kind kind, const char *ns, const char *name);
struct service *service_new(const char *ns, const char *name);
struct endpoint_slice *slice_new(const char *ns, const char *name);
struct cluster_node *cluster_node_new(const char *name);
struct endpoint *endpoint_new(void);
void namespace_free(struct namespace *n);
void pod_free(struct pod *p);
void net_policy_free(struct net_policy *p);
void service_free(struct service *s);
void slice_free(struct endpoint_slice *s);
void cluster_node_free(struct cluster_node *n);
void endpoint_free(struct endpoint *e);
void peer_done(struct peer *p);
void rule_done(struct rule *r);

/* To another node; it is "" before. Return: 0 or -ENOMEM. */
int pod_set_node(struct pod *p, const char *node);

/* Its named ports, instead of those before; @v is sorted. Return: 0 or -ENOMEM. */
int pod_set_ports(struct pod *p, struct named_port *v, size_t n);

/* As apimachinery's IsValidPortName. */
bool port_name_is_valid(const char *name);

int named_port_cmp(const void *a, const void *b);

/* The first of sorted ones that has @key's name and protocol, and how many have; NULL: none. */
const struct named_port *named_ports_find(const struct named_port *v, size_t n, const struct named_port *key,
					  size_t *ret_n);

/* Whether a runtime that names this UID means this pod; also where one of the two has none. */
bool pod_has_uid(const struct pod *p, const char *uid);

/* Whether the i-th backend is said to be on that node; NULL is none. */
bool slice_is_on(const struct endpoint_slice *s, size_t i, const char *node);

/* Of two objects of one name: would one in the other's place change anything for anybody here? */
bool namespace_same(const struct namespace *a, const struct namespace *b);
bool pod_same(const struct pod *a, const struct pod *b);
bool net_policy_same(const struct net_policy *a, const struct net_policy *b);
bool service_same(const struct service *a, const struct service *b);
bool slice_same(const struct endpoint_slice *a, const struct endpoint_slice *b);
bool cluster_node_same(const struct cluster_node *a, const struct cluster_node *b);

static inline bool net_policy_is_cluster(const struct net_policy *p)
{
	return !*p->ns;
}

/* "shop/allow-web", "quarantine"; of our own kinds as kubectl takes it: "segpol shop/db", "csegpol x".
 * Return:
 * @ret. */
#define POLICY_TEXT 400
const char *net_policy_text(const struct net_policy *p, char ret[POLICY_TEXT]);

/* Whether it was there until a time that has come. */
static inline bool net_policy_is_expired(const struct net_policy *p, int64_t now)
{
	return p->expires && p->expires <= now;
}

/* Whether pods of that namespace may be among its subjects: those of a namespace reach its own pods only. */
bool net_policy_is_for(const struct net_policy *p, const struct namespace *ns);

/* Whether it has something to say to what its pods are sent, or send. */
static inline bool net_policy_judges(const struct net_policy *p, uint32_t dir)
{
	return p->isolates[dir] || (p->kind != POLICY_NETWORK && p->rules[dir].n);
}

/* Notes what was not understood. Return: 0 or -ENOMEM. */
int net_policy_problem(struct net_policy *p, const char *path, const char *text);

/* Insert or replace; the object is taken, also on failure (-ENOMEM). */
int model_put_namespace(struct model *m, struct namespace *take);
int model_put_pod(struct model *m, struct pod *take);
int model_put_policy(struct model *m, struct net_policy *take);
int model_put_service(struct model *m, struct service *take);

/* Perhaps another version of a policy that is there, but it says the same: @is is it from now on, @take is
 * freed. Return: whether it is another. */
bool model_same_policy(struct model *m, struct net_policy *is, struct net_policy *take);
int model_put_slice(struct model *m, struct endpoint_slice *take);
int model_put_node(struct model *m, struct cluster_node *take);
int model_put_endpoint(struct model *m, struct endpoint *take);

/* Return: whether there was one. */
bool model_del_namespace(struct model *m, const char *name);
bool model_del_pod(struct model *m, const char *ns, const char *name);
bool model_del_policy(struct model *m, enum policy_kind kind, const char *ns, const char *name);
bool model_del_service(struct model *m, const char *ns, const char *name);
bool model_del_slice(struct model *m, const char *ns, const char *name);
bool model_del_node(struct model *m, const char *name);
bool model_del_endpoint(struct model *m, const struct hash128 *key);

/* Borrowed; NULL if not there. */
const struct namespace *model_namespace(const struct model *m, const char *name);

/* Whether all of a pod is known that policies judge it by; @ns: its namespace, NULL: not known. */
static inline bool pod_is_whole(const struct pod *p, const struct namespace *ns)
{
	return ns && !ns->partial && !p->partial;
}

/* The namespace of a pod by which policies may judge it; NULL: pod_is_whole() says no. Such a pod is
 * isolated; who accepts does not mean it, who denies may. */
const struct namespace *model_pod_namespace(const struct model *m, const struct pod *p);

/* Whether a policy denies nothing, by itself or because its namespace or all agents are in mode Audit. One of
 * the cluster may still deny nothing to some of its pods: those of namespaces that are. */
bool model_audits(const struct model *m, const struct net_policy *p);

/* How many policies hold something that is not understood. @ret_first: one of them, NULL if there is none;
 * may be NULL. */
size_t model_problems(const struct model *m, const struct net_policy **ret_first);
const struct pod *model_pod(const struct model *m, const char *ns, const char *name);
const struct net_policy *model_policy(const struct model *m, enum policy_kind kind, const char *ns,
				      const char *name);
const struct service *model_service(const struct model *m, const char *ns, const char *name);
const struct endpoint_slice *model_slice(const struct model *m, const char *ns, const char *name);
const struct cluster_node *model_node(const struct model *m, const char *name);
struct endpoint *model_endpoint(const struct model *m, const struct hash128 *key);

/* The pod an endpoint belongs to: same namespace and name, and the same UID where both sides have one. */
const struct pod *model_endpoint_pod(const struct model *m, const struct endpoint *e);

int model_set_node_name(struct model *m, const char *name);

/* Which addresses interfaces here have; copied, sorted. `node_addrs` follow, as they do Services. */
int model_set_local_addrs(struct model *m, const struct addr *addrs, size_t n);

#endif
