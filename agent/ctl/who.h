/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who stands for an end of a flow in a picture: a workload for its pods, a Service, a node, or the outside.
 * Answers have no owners. Where a pod's labels are known they tell: who_owns(). Else pods are one workload
 * where they share a namespace and a name without what their owner's controller has put behind it:
 *
 *   NAME-HASH-RANDOM   Deployment    (CronJob where HASH is digits alone: a time)
 *   NAME-RANDOM        Set           a DaemonSet, a ReplicaSet or a Job: all three name alike
 *   NAME-NUMBER        StatefulSet
 *   NAME               Pod
 *
 * RANDOM is five, HASH six to ten characters out of those that Kubernetes draws from, which has no vowels.
 */
#ifndef BH_CTL_WHO_H
#define BH_CTL_WHO_H

#include <json-c/json.h>
#include <stdbool.h>

#define WHO_NAME 256

struct who {
	char ns[WHO_NAME];   /* "": it is in none */
	char name[WHO_NAME]; /* "web", "node-1", "World", "10.1.2.0/24" */
	const char *kind;    /* static: those above, "Service", "Host", "World", "CIDR", "Others" */
	bool is_pod;	     /* the name was a pod's */
};

/**
 * who_is() - of what an answer says of one end.
 * @name: "shop/web-6f7c-x2v4z", "service 'shop/web'", "node", "node 'n2'", or "": nobody who is known.
 * @node: which node says so; "" where it does not matter.
 * @addr: the address; what is nobody's and not public stands for its /24, or /64.
 */
void who_is(const char *name, const char *node, const char *addr, struct who *ret);

/**
 * who_owns() - of a pod whose labels are known, which Kubernetes' controllers put on it beside its name:
 *
 *   pod-template-hash		   Deployment (Argo's rollouts-pod-template-hash: Rollout)
 *   statefulset.kubernetes.io/pod-name   StatefulSet
 *   job-name			   Job; CronJob where it ends in a time
 *   controller-revision-hash		   DaemonSet
 *
 * @name: "shop/web-6f7c-x2v4z". Labels that its name does not bear out count as none: then as who_is().
 */
void who_owns(const char *name, struct json_object *labels, struct who *ret);

/* "shop/web", "Service shop/web", "Host n2", "World": unique in a picture. Returns ret. */
#define WHO_ID (2 * WHO_NAME + 16)
const char *who_id(const struct who *w, char ret[WHO_ID]);

#endif
