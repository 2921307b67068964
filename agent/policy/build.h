/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the steps of one compilation hand on to each other; nobody outside the compiler includes
 * this. In order: subjects.c (who is subject to which policies) -> rules.c (their rules and peer
 * sets) -> sets.c -> locations.c (who is in which peer sets) -> services.c (what stands for others) ->
 * verdicts.c (what follows).
 */
#ifndef BH_POLICY_BUILD_H
#define BH_POLICY_BUILD_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/policy.h"

/*
 * One item of from/to in use; equal items of different policies are one. Or the pods that call a port by
 * a name in use: what an egress rule with that name allows is in their classes (names.c). Or the addresses of
 * which nobody can tell whether they are of another peer set, which some rule does not accept (claims.c).
 */
struct peer_set {
	struct hash128 hash;
	const struct peer
		*peer;	/* borrowed from one of the policies that name it; NULL: `named`, or perhaps */
	const char *ns; /* that the pods must be in; NULL: `namespaces` says, or a block */
	struct named_port named; /* name "": of those that are perhaps in another one */
	uint32_t perhaps; /* the peer set of those that are perhaps in this one; PEER_NONE: no rule minds */
	bool by_name;	  /* such a rule, of egress, has ports by name */
};

struct peer_ref {
	struct hash128 hash;
	uint32_t index; /* into build.peer_sets, once these are sorted */
};

/* One rule of a direction that its policy judges, understood or denying all. */
struct rule_use {
	struct hash128 hash; /* of its name */
	uint32_t rule;	     /* index + 1 into tables.rules, once these are sorted */
	enum rule_action action;
	bool any_peer, all_ports, log;
	VEC(struct peer_ref) peers;    /* sorted by hash, no duplicates */
	VEC(struct table_range) ports; /* of that rule; disjoint, ascending, not even adjacent */
	VEC(struct named_port) names;  /* port 0; sorted, no duplicates */
};

struct policy_use {
	bool used; /* selects a pod of this node */
	bool has_cidr;
	bool refuses[DIR_MAX];		     /* some rule does not accept */
	struct hash128 hash;		     /* of all that decides what it means */
	VEC(struct rule_use) rules[DIR_MAX]; /* in the policy's order */
};

/* One endpoint with an interface. */
struct subject {
	struct table_endpoint ep;
	bool known;			 /* its pod is a subject; else isolated by ignorance */
	bool audited;			 /* it is denied nothing by policy */
	const struct named_ports *ports; /* of its pod */
	VEC(uint32_t) policies; /* that select it: indexes into model.policies, first to decide first */
	struct hash128 set;
};

/* Ascending indexes into build.peer_sets: a slice of build.lists. */
struct list {
	uint32_t first, n;
};

/* An address that pods claim. */
struct pod_addr {
	struct addr addr;
	struct list peers; /* by selectors; none: nobody's peer, but a pod's */
	bool is_sole;	   /* nobody but one known pod claims it */
};

/* One thing that must be allowed for a port of a Service to be. */
struct need {
	uint32_t port;	 /* of the Service: BH_PORT() */
	bool is_node;	 /* is allowed, as the programs let every pod reach its node */
	bool is_unknown; /* there is nobody, or somebody we cannot tell: is not allowed */
	uint32_t class;	 /* else: of the backend */
	uint32_t at;	 /* its port: BH_PORT() */
};

/* A class and what is in it, by the same index as tables.classes. */
struct class_use {
	struct hash128 hash;
	struct list peers;  /* of a Service: by address; for ingress alone */
	bool is_service;    /* `needs` decide egress */
	bool beside;	    /* and what is no port of it is judged by the address: `block` */
	uint32_t block;	    /* of a Service: the class that its address would have without it */
	struct list needs;  /* slice of build.needs, by port, this node last */
	uint32_t was_index; /* services.c's own */
};

/* Some egress rule asks pods of this peer set what they call so. */
struct want {
	struct named_port key; /* port 0 */
	uint32_t peer;	       /* WANT_ANY: all pods */
};
#define WANT_ANY  UINT32_MAX
#define PEER_NONE UINT32_MAX

struct build {
	const struct model *model;
	struct tables *t;
	VEC(struct subject) subjects; /* by ifindex, no duplicates */
	struct policy_use *uses;      /* as many as model.policies, same indexes */
	size_t n_uses;
	VEC(struct peer_set) peer_sets; /* by hash: an index says the order, too */
	VEC(struct want) wants;		/* by key, peer */
	uint32_t cluster, world;	/* these peer sets; PEER_NONE: no rule names them */
	VEC(uint32_t) refused;		/* peer sets that have a `perhaps`; ascending */
	VEC(uint32_t) named;		/* peer sets of pods that call a port so, by name, protocol, port */
	const struct named_ports **set_ports; /* by set: what stands for the names of its ingress rules */
	VEC(uint32_t) lists;
	VEC(struct pod_addr) pod_addrs; /* by address, no duplicates */
	VEC(struct class_use) classes;
	VEC(struct need) needs;
};

/* All of it, for build.model; the tables are in build.t. Return: as policy_compile(). policy_build_done()
 * ends it in either case. */
int policy_build(struct build *b, struct bh_err *err);
void policy_build_done(struct build *b);

/* Whether the pod, which is in @ns, is subject to it. Those of a namespace reach its own pods only. */
bool policy_selects(const struct net_policy *np, const struct namespace *ns, const struct pod *p);

/* One of policy_subjects(), if nobody else has its interface; @ret: all zero, its policies are freed by the
 * caller. Return: 0, -E2BIG or -ENOMEM. */
int policy_subject(const struct build *b, const struct endpoint *e, struct subject *ret);

/* What its policy set is called, where policy_rules() saw all of these; else some other name. */
struct hash128 policy_set_hash(const struct build *b, const struct subject *s);
int policy_set_cmp(const void *a, const void *b); /* struct table_set by hash */

/* Each returns 0 or -errno; err names the object. */
int policy_subjects(struct build *b, struct bh_err *err);
int policy_rules(struct build *b);
int policy_sets(struct build *b);
int policy_locations(struct build *b);
int policy_services(struct build *b);
int policy_rows(struct build *b);

/* The classes have others' indexes: @now has, by index, what it is now. Tells all who hold one, and @t the
 * names. Return: 0 or -ENOMEM. */
int policy_renumber(struct build *b, struct tables *t, const uint32_t *now);

/* names.c. Before the peer sets are sorted, and after. */
int policy_name_sets(struct build *b);
int policy_name_wants(struct build *b);

/* Adds to the list at the end of build.lists the peer sets that the pod is in for its ports' names. */
int policy_name_members(struct build *b, const struct pod *p, struct list *list);

/* Whether policy_name_members() can tell: no pod had the ports, and a rule asks for them. */
bool policy_name_is_new(const struct build *b, const struct pod *p);

/* locations.c: the peers of an exact location, which hides the blocks from the look-up, so its class holds
 * them as well; but what is of the cluster is not of the world. @ret: at the end of build.lists; 0 or
 * -ENOMEM. */
int policy_exact_peers(struct build *b, struct list peers, struct list blocks, struct list *ret);

/* And what a class is called. */
struct hash128 policy_class_hash(const struct build *b, const uint32_t *peers, size_t n);
int policy_class_cmp(const void *a, const void *b); /* struct class_use by hash */

/* The first of build.named for that name and protocol, and how many there are; NULL: none. */
const uint32_t *policy_named(const struct build *b, const struct named_port *key, size_t *ret_n);

/* Brings a rule's ports into order, and what touches together. Return: how many remain. */
size_t policy_merge_ports(struct table_range *v, size_t n);

#define PORT_KEYS_LAST BH_PORT(UINT8_MAX, UINT16_MAX)

/* What a rule does, as a range says it until its tier is through; then no ACTION_PASS is left. */
enum { ACTION_PASS = 0x100 };

static inline uint32_t action_of(const struct rule_use *use)
{
	if (use->action == RULE_ACCEPT)
		return use->log ? BH_ALLOW | BH_LOG : BH_ALLOW;
	return use->action == RULE_DENY ? BH_DENY : ACTION_PASS;
}

static inline bool list_has(const struct build *b, struct list list, uint32_t peer)
{
	uint32_t i;

	for (i = 0; i < list.n; i++)
		if (b->lists.v[list.first + i] == peer)
			return true;
	return false;
}

static inline bool peer_set_is_perhaps(const struct peer_set *s)
{
	return !s->peer && !*s->named.name;
}

static inline bool peer_set_is(const struct peer_set *s, enum peer_kind kind)
{
	return s->peer && s->peer->kind == kind;
}

/* Whether pods are in it by their labels: then they may have names for their ports. */
static inline bool peer_set_is_pods(const struct peer_set *s)
{
	return !s->peer || s->peer->kind == PEER_PODS;
}

/* Whether the peer may be found by the longest prefix alone. */
static inline bool peer_has_blocks(const struct peer *p)
{
	return p->kind == PEER_BLOCK || p->kind == PEER_WORLD || p->kind == PEER_CLUSTER;
}

/* A pod that no policy may see: it is the node, or its addresses may be another's by now. */
static inline bool pod_is_out(const struct pod *p)
{
	return p->host_network || p->ended;
}

#endif
