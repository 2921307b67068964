/* SPDX-License-Identifier: Apache-2.0 */
/* Hashing a policy: every text with its length, every list with its count (policy/digest.h). */
#include "content.h"

#include "policy/digest.h"

static void add_requirement(struct sha256 *s, const struct requirement *r)
{
	size_t i;

	policy_digest_text(s, r->key);
	policy_digest_u32(s, r->op);
	policy_digest_u32(s, (uint32_t)r->values.n);
	for (i = 0; i < r->values.n; i++)
		policy_digest_text(s, r->values.v[i]);
}

/* None is not the same as one that selects everything. */
static void add_selector(struct sha256 *s, const struct selector *sel)
{
	size_t i;

	policy_digest_u32(s, sel ? 1 + (uint32_t)sel->at.n : 0);
	for (i = 0; sel && i < sel->at.n; i++)
		add_requirement(s, &sel->at.v[i]);
}

static void add_peer(struct sha256 *s, const struct peer *p)
{
	size_t i;

	policy_digest_u32(s, p->kind);
	add_selector(s, p->pods);
	add_selector(s, p->namespaces);
	add_selector(s, p->nodes);
	policy_digest_cidr(s, &p->block);
	policy_digest_u32(s, (uint32_t)p->except.n);
	for (i = 0; i < p->except.n; i++)
		policy_digest_cidr(s, &p->except.v[i]);
	policy_digest_text(s, p->service_ns ? p->service_ns : "");
	policy_digest_text(s, p->service ? p->service : "");
}

static void add_rule(struct sha256 *s, const struct rule *r)
{
	size_t i;

	policy_digest_u32(s, r->action);
	policy_digest_u32(s, r->log);
	policy_digest_u32(s, r->name != NULL);
	policy_digest_text(s, r->name ? r->name : "");
	policy_digest_u32(s, r->unknown);
	policy_digest_u32(s, (uint32_t)r->peers.n);
	for (i = 0; i < r->peers.n; i++)
		add_peer(s, &r->peers.v[i]);
	policy_digest_u32(s, (uint32_t)r->ports.n);
	for (i = 0; i < r->ports.n; i++) {
		policy_digest_u32(s, r->ports.v[i].proto);
		policy_digest_u32(s, (uint32_t)r->ports.v[i].first << 16 | r->ports.v[i].last);
		policy_digest_text(s, r->ports.v[i].name);
	}
}

struct hash128 content_of_policy(const struct net_policy *p)
{
	struct sha256 s;
	size_t dir, i;

	policy_digest_init(&s, DIGEST_POLICY);
	policy_digest_u32(&s, p->tier);
	policy_digest_u32(&s, p->priority);
	policy_digest_u32(&s, p->audit);
	policy_digest_u32(&s, (uint32_t)p->expires);
	policy_digest_u32(&s, (uint32_t)((uint64_t)p->expires >> 32));
	add_selector(&s, p->namespaces);
	add_selector(&s, p->subject);
	for (dir = 0; dir < DIR_MAX; dir++) {
		policy_digest_u32(&s, p->isolates[dir]);
		policy_digest_u32(&s, (uint32_t)p->rules[dir].n);
		for (i = 0; i < p->rules[dir].n; i++)
			add_rule(&s, &p->rules[dir].v[i]);
	}
	return policy_digest_end(&s);
}
