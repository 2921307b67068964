/* SPDX-License-Identifier: Apache-2.0 */
/* One tree for each kind. */
#include "kube/keep.h"

#include <stddef.h>

/* kubernetes.io/config.mirror: the UID by which a runtime knows a static pod; the other one ends a streaming
 * list. */
static const struct scan_keep annotations[] = {
	{ "kubernetes.io/config.mirror", NULL },
	{ "k8s.io/initial-events-end", NULL },
	{ NULL, NULL },
};

#define METADATA                                                                                             \
	{ "name", NULL }, { "namespace", NULL }, { "uid", NULL }, { "generation", NULL },                    \
	{                                                                                                    \
		"labels", NULL                                                                               \
	}

static const struct scan_keep metadata[] = { METADATA, { NULL, NULL } };

static const struct scan_keep owner[] = {
	{ "apiVersion", NULL }, { "kind", NULL }, { "name", NULL }, { "controller", NULL }, { NULL, NULL },
};

static const struct scan_keep wire_metadata[] = {
	METADATA,
	{ "resourceVersion", NULL },
	{ "annotations", annotations },
	{ "ownerReferences", owner },
	{ NULL, NULL },
};

static const struct scan_keep container[] = { { "ports", NULL }, { "restartPolicy", NULL }, { NULL, NULL } };

static const struct scan_keep pod_spec[] = {
	{ "nodeName", NULL },	     { "hostNetwork", NULL }, { "initContainers", container },
	{ "containers", container }, { NULL, NULL },
};

static const struct scan_keep pod_status[] = {
	{ "phase", NULL },
	{ "podIP", NULL },
	{ "podIPs", NULL },
	{ NULL, NULL },
};

static const struct scan_keep service_spec[] = {
	{ "type", NULL },	 { "clusterIP", NULL }, { "clusterIPs", NULL },
	{ "externalIPs", NULL }, { "ports", NULL },	{ "internalTrafficPolicy", NULL },
	{ NULL, NULL },
};

static const struct scan_keep service_status[] = { { "loadBalancer", NULL }, { NULL, NULL } };

static const struct scan_keep backend[] = { { "addresses", NULL }, { "nodeName", NULL }, { NULL, NULL } };

static const struct scan_keep node_spec[] = { { "podCIDR", NULL }, { "podCIDRs", NULL }, { NULL, NULL } };
static const struct scan_keep node_status[] = { { "addresses", NULL }, { NULL, NULL } };

/* The fields of each kind behind its metadata. Policies are strictly decoded, so all of their spec. */
#define NAMESPACE                                                                                            \
	{                                                                                                    \
		NULL, NULL                                                                                   \
	}
#define POD                                                                                                  \
	{ "spec", pod_spec }, { "status", pod_status },                                                      \
	{                                                                                                    \
		NULL, NULL                                                                                   \
	}
#define POLICY                                                                                               \
	{ "spec", NULL },                                                                                    \
	{                                                                                                    \
		NULL, NULL                                                                                   \
	}
#define SERVICE                                                                                              \
	{ "spec", service_spec }, { "status", service_status },                                              \
	{                                                                                                    \
		NULL, NULL                                                                                   \
	}
#define SLICE                                                                                                \
	{ "addressType", NULL }, { "endpoints", backend }, { "ports", NULL },                                \
	{                                                                                                    \
		NULL, NULL                                                                                   \
	}
#define NODE                                                                                                 \
	{ "spec", node_spec }, { "status", node_status },                                                    \
	{                                                                                                    \
		NULL, NULL                                                                                   \
	}

#define HEAD                                                                                                 \
	{ "apiVersion", NULL }, { "kind", NULL },                                                            \
	{                                                                                                    \
		"metadata", metadata                                                                         \
	}
#define WIRE_HEAD                                                                                            \
	{ "apiVersion", NULL }, { "kind", NULL }, { "metadata", wire_metadata }, { "code", NULL },           \
	{                                                                                                    \
		"message", NULL                                                                              \
	}

#define TREES(head, prefix)                                                                                  \
	static const struct scan_keep prefix##namespace[] = { head, NAMESPACE };                             \
	static const struct scan_keep prefix##pod[] = { head, POD };                                         \
	static const struct scan_keep prefix##policy[] = { head, POLICY };                                   \
	static const struct scan_keep prefix##service[] = { head, SERVICE };                                 \
	static const struct scan_keep prefix##slice[] = { head, SLICE };                                     \
	static const struct scan_keep prefix##node[] = { head, NODE };

TREES(HEAD, own_)
TREES(WIRE_HEAD, wire_)

#define TABLE(prefix)                                                                                        \
	{                                                                                                    \
		[OBJECT_NAMESPACE] = prefix##namespace, [OBJECT_POD] = prefix##pod,                          \
		[OBJECT_POLICY] = prefix##policy, [OBJECT_CLUSTER_POLICY] = prefix##policy,                  \
		[OBJECT_SEGMENTATION] = prefix##policy, [OBJECT_CLUSTER_SEGMENTATION] = prefix##policy,      \
		[OBJECT_SERVICE] = prefix##service, [OBJECT_SLICE] = prefix##slice,                          \
		[OBJECT_NODE] = prefix##node,                                                                \
	}

const struct scan_keep *const keep_decoded[OBJECT_OTHER] = TABLE(own_);
const struct scan_keep *const keep_sent[OBJECT_OTHER] = TABLE(wire_);
