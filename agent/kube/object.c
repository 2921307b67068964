/* SPDX-License-Identifier: Apache-2.0 */
/* The table of kinds, over the model's typed functions. */
#include "kube/object.h"

#define IN_NAMESPACE(o, n) (o), (n)
#define CLUSTER_WIDE(o, n) (n)
#define NS_IN_NAMESPACE(o) (o)->ns
#define NS_CLUSTER_WIDE(o) ""

#define NETWORK(o, n)		   POLICY_NETWORK, (o), (n)
#define CLUSTER(o, n)		   POLICY_CLUSTER, (o), (n)
#define SEGMENTATION(o, n)	   POLICY_SEGMENTATION, (o), (n)
#define CLUSTER_SEGMENTATION(o, n) POLICY_CLUSTER_SEGMENTATION, (o), (n)
#define NS_NETWORK(o)		   (o)->ns
#define NS_CLUSTER(o)		   (o)->ns
#define NS_SEGMENTATION(o)	   (o)->ns
#define NS_CLUSTER_SEGMENTATION(o) (o)->ns

/*
 * One kind: @x is its name for the decoder, @type its struct, @obj and @in its names in the functions of the
 * object and of the model, @vec its vector there, @scope how it is asked for.
 */
#define DEFINE_KIND(x, type, obj, in, vec, scope)                                                            \
	static int any_##x##_decode(struct json_object *o, const struct object_id *id, void **ret)           \
	{                                                                                                    \
		return decode_##x(o, id, (struct type **)ret);                                               \
	}                                                                                                    \
	static void any_##x##_drop(void *object)                                                             \
	{                                                                                                    \
		obj##_free(object);                                                                          \
	}                                                                                                    \
	static void *any_##x##_find(const struct model *m, const char *ns, const char *name)                 \
	{                                                                                                    \
		(void)ns;                                                                                    \
		return (void *)model_##in(m, scope(ns, name));                                               \
	}                                                                                                    \
	static void *any_##x##_at(const struct model *m, size_t i)                                           \
	{                                                                                                    \
		return m->vec.v[i];                                                                          \
	}                                                                                                    \
	static size_t any_##x##_count(const struct model *m)                                                 \
	{                                                                                                    \
		return m->vec.n;                                                                             \
	}                                                                                                    \
	static int any_##x##_put(struct model *m, void *take)                                                \
	{                                                                                                    \
		return model_put_##in(m, take);                                                              \
	}                                                                                                    \
	static void any_##x##_del(struct model *m, const char *ns, const char *name)                         \
	{                                                                                                    \
		(void)ns;                                                                                    \
		(void)model_del_##in(m, scope(ns, name));                                                    \
	}                                                                                                    \
	static struct object_name any_##x##_name(const void *object)                                         \
	{                                                                                                    \
		const struct type *o = object;                                                               \
		return (struct object_name){ NS_##scope(o), o->name };                                       \
	}                                                                                                    \
	static bool any_##x##_same(const void *a, const void *b)                                             \
	{                                                                                                    \
		return obj##_same(a, b);                                                                     \
	}                                                                                                    \
	static struct source_seen *any_##x##_seen(void *object)                                              \
	{                                                                                                    \
		return &((struct type *)object)->seen;                                                       \
	}

DEFINE_KIND(namespace, namespace, namespace, namespace, namespaces, CLUSTER_WIDE)
DEFINE_KIND(pod, pod, pod, pod, pods, IN_NAMESPACE)
DEFINE_KIND(policy, net_policy, net_policy, policy, policies, NETWORK)
DEFINE_KIND(cluster_policy, net_policy, net_policy, policy, policies, CLUSTER)
DEFINE_KIND(segmentation, net_policy, net_policy, policy, policies, SEGMENTATION)
DEFINE_KIND(cluster_segmentation, net_policy, net_policy, policy, policies, CLUSTER_SEGMENTATION)
DEFINE_KIND(service, service, service, service, services, IN_NAMESPACE)
DEFINE_KIND(slice, endpoint_slice, slice, slice, slices, IN_NAMESPACE)
DEFINE_KIND(node, cluster_node, cluster_node, node, nodes, CLUSTER_WIDE)

#define OPS(x)                                                                                               \
	.decode = any_##x##_decode, .free = any_##x##_drop, .find = any_##x##_find, .at = any_##x##_at,      \
	.count = any_##x##_count, .put = any_##x##_put, .del = any_##x##_del, .name = any_##x##_name,        \
	.same = any_##x##_same, .seen = any_##x##_seen

const struct object_ops object_ops[OBJECT_OTHER] = {
	[OBJECT_NAMESPACE] = { OPS(namespace) },
	[OBJECT_POD] = { OPS(pod) },
	[OBJECT_POLICY] = { OPS(policy) },
	[OBJECT_CLUSTER_POLICY] = { OPS(cluster_policy) },
	[OBJECT_SEGMENTATION] = { OPS(segmentation) },
	[OBJECT_CLUSTER_SEGMENTATION] = { OPS(cluster_segmentation) },
	[OBJECT_SERVICE] = { OPS(service) },
	[OBJECT_SLICE] = { OPS(slice) },
	[OBJECT_NODE] = { OPS(node) },
};
