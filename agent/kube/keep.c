/* SPDX-License-Identifier: Apache-2.0 */
/* One tree for each kind. */
#include "kube/keep.h"

#include <stddef.h>

/* kubernetes.io/config.hash: the UID by which a runtime knows a static pod; the other one ends a streaming list. */
static const struct scan_keep annotations[] = {
	{ "kubernetes.io/config.hash", NULL },
	{ "k8s.io/initial-events-end", NULL },
	{ NULL, NULL },
};

static const struct scan_keep metadata[] = {
	{ "name", NULL },
	{ "namespace", NULL },
	{ "uid", NULL },
	{ "resourceVersion", NULL },
	{ "labels", NULL },
	{ "annotations", annotations },
	{ NULL, NULL },
};

/* Of every object; the second line is of a Status (metav1.Status). */
#define COMMON                                                                                               \
	{ "apiVersion", NULL }, { "kind", NULL }, { "metadata", metadata },                                  \
	{ "code", NULL }, { "message", NULL }, { "reason", NULL }

static const struct scan_keep namespace[] = { COMMON, { NULL, NULL } };

static const struct scan_keep container[] = { { "ports", NULL }, { NULL, NULL } };

static const struct scan_keep pod_spec[] = {
	{ "nodeName", NULL },
	{ "hostNetwork", NULL },
	{ "initContainers", container },
	{ "containers", container },
	{ NULL, NULL },
};

static const struct scan_keep pod_status[] = {
	{ "phase", NULL },
	{ "podIP", NULL },
	{ "podIPs", NULL },
	{ NULL, NULL },
};

static const struct scan_keep pod[] = {
	COMMON,
	{ "spec", pod_spec },
	{ "status", pod_status },
	{ NULL, NULL },
};

/* Strictly decoded, so all of it. */
static const struct scan_keep policy[] = { COMMON, { "spec", NULL }, { NULL, NULL } };

static const struct scan_keep service_spec[] = {
	{ "type", NULL },
	{ "clusterIP", NULL },
	{ "clusterIPs", NULL },
	{ "ports", NULL },
	{ NULL, NULL },
};

static const struct scan_keep service[] = { COMMON, { "spec", service_spec }, { NULL, NULL } };

static const struct scan_keep backend[] = { { "addresses", NULL }, { NULL, NULL } };

static const struct scan_keep slice[] = {
	COMMON,
	{ "addressType", NULL },
	{ "endpoints", backend },
	{ "ports", NULL },
	{ NULL, NULL },
};

static const struct scan_keep node_status[] = { { "addresses", NULL }, { NULL, NULL } };

static const struct scan_keep node[] = { COMMON, { "status", node_status }, { NULL, NULL } };

const struct scan_keep *const keep_of_kind[OBJECT_OTHER] = {
	[OBJECT_NAMESPACE] = namespace, [OBJECT_POD] = pod,	[OBJECT_POLICY] = policy,
	[OBJECT_SERVICE] = service,	[OBJECT_SLICE] = slice, [OBJECT_NODE] = node,
};
