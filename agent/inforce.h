/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One result of the compiler, kept for as long as somebody asks about it: the tables, and the names
 * of the policies that their sets point at, which the model may have dropped by then.
 */
#ifndef BH_INFORCE_H
#define BH_INFORCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/model.h"
#include "policy/compiler.h"
#include "policy/interest.h"
#include "policy/policy.h"
#include "util/err.h"
#include "util/vec.h"

struct inforce_policy {
	enum policy_kind kind;
	char *ns, *name;
	char *text; /* net_policy_text() */
	bool isolates[DIR_MAX], judges[DIR_MAX];
	uint64_t generation; /* metadata.generation that was compiled; 0: the source has none */
	struct hash128 content;
};

struct inforce {
	unsigned int refs;
	struct tables *tables;
	struct interest *interest;	     /* what they were made from */
	VEC(struct inforce_policy) policies; /* as model.policies was: table_set.policies are indexes */
	unsigned int *sharers;		     /* of `policies`, beside this one; NULL: none */
	uint64_t seq[POLICY_KINDS];	     /* of model.versions then */
};

/*
 * Compiles; the result has one reference. @last: what was compiled before, NULL if nothing was: what is known
 * to be the same is taken over. @policies: one may have changed since. Return: as policy_compile().
 */
int inforce_compile(struct compiler *c, struct inforce *last, bool policies, struct inforce **ret,
		    struct bh_err *err);

/* Once, of a model that nobody compiles again and again; it knows nothing of what mattered. Return: likewise.
 */
int inforce_once(const struct model *m, struct inforce **ret, struct bh_err *err);

struct inforce *inforce_ref(struct inforce *f);
void inforce_unref(struct inforce *f); /* the last one frees; NULL is fine */

/* Borrowed, NULL if not there. */
const struct table_endpoint *inforce_endpoint(const struct inforce *f, const struct hash128 *key);
const struct table_endpoint *inforce_ifindex(const struct inforce *f, uint32_t ifindex);
const char *inforce_rule(const struct inforce *f, const struct hash128 *hash);

/* The name of a rule as tables hold it (index + 1); NULL for 0. */
const char *inforce_rule_at(const struct inforce *f, uint32_t rule);

/* The policy that decides `port` (BH_PORT()) in @row; fills action and rule. */
void inforce_decide(const struct inforce *f, const struct table_row *row, uint32_t port, uint32_t *ret_action,
		    uint32_t *ret_rule);

/* Calls @each with the name of every policy that judges @ep in @dir (enum bh_dir), first to decide first; of
 * those alone that isolate it, if @isolating. */
void inforce_policies(const struct inforce *f, const struct table_endpoint *ep, uint32_t dir, bool isolating,
		      void (*each)(void *ctx, const char *policy), void *ctx);

/* metadata.generation, as it is in force, of the policy of @ep that has the name @text (as above) or a rule
 * of that name; 0: there is none, or the source has none. */
uint64_t inforce_generation(const struct inforce *f, const struct table_endpoint *ep, const char *text);

/* For how many pods of this node the policy is in force. */
size_t inforce_pods(const struct inforce *f, const struct net_policy *p);

/* How many policies came, went, or say something else, from @old to @now; the first one is written to
 * @ret_first, NULL if there is none. */
size_t inforce_changes(const struct inforce *old, const struct inforce *now,
		       const struct inforce_policy **ret_first);

#endif
