/* SPDX-License-Identifier: Apache-2.0 */
/* What the API calls the kinds. Apart from the decoder, for who names one and decodes nothing. */
#include "kube/decode.h"

const struct object_kind_name object_kinds[OBJECT_OTHER] = {
	[OBJECT_NAMESPACE] = { "v1", "Namespace" },
	[OBJECT_POD] = { "v1", "Pod" },
	[OBJECT_POLICY] = { "networking.k8s.io/v1", "NetworkPolicy" },
	[OBJECT_CLUSTER_POLICY] = { "policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy" },
	[OBJECT_SEGMENTATION] = { "policy.bulkhead.dev/v1alpha1", "SegmentationPolicy" },
	[OBJECT_CLUSTER_SEGMENTATION] = { "policy.bulkhead.dev/v1alpha1", "ClusterSegmentationPolicy" },
	[OBJECT_SERVICE] = { "v1", "Service" },
	[OBJECT_SLICE] = { "discovery.k8s.io/v1", "EndpointSlice" },
	[OBJECT_NODE] = { "v1", "Node" },
};
