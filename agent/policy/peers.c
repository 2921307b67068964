/* SPDX-License-Identifier: Apache-2.0 */
/* The names of peer sets: two texts that mean the same by their form (order, repetition) get the same one. */
#include "policy/peers.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/digest.h"
#include "util/scope.h"

static int text_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

size_t policy_unique(void *v, size_t n, size_t size, int (*cmp)(const void *, const void *))
{
	size_t i, kept = 0;
	char *at = v;

	if (n)
		qsort(v, n, size, cmp);
	for (i = 0; i < n; i++) {
		if (kept && !cmp(at + (kept - 1) * size, at + i * size))
			continue;
		memmove(at + kept * size, at + i * size, size);
		kept++;
	}
	return kept;
}

static int requirement_hash(const struct requirement *r, struct hash128 *ret)
{
	auto_free char **values = calloc(r->values.n + 1, sizeof(*values));
	struct sha256 s;
	size_t i, n;

	if (!values)
		return -ENOMEM;
	for (i = 0; i < r->values.n; i++)
		values[i] = r->values.v[i];
	n = policy_unique(values, r->values.n, sizeof(*values), text_cmp);
	policy_digest_init(&s, DIGEST_REQUIREMENT);
	policy_digest_text(&s, r->key);
	policy_digest_u32(&s, r->op);
	policy_digest_u32(&s, (uint32_t)n);
	for (i = 0; i < n; i++)
		policy_digest_text(&s, values[i]);
	*ret = policy_digest_end(&s);
	return 0;
}

/* @sel: NULL has a name of its own: "not used" is not "everything". */
static int selector_hash(const struct selector *sel, struct hash128 *ret)
{
	const size_t all = sel ? sel->at.n : 0;
	auto_free struct hash128 *reqs = calloc(all + 1, sizeof(*reqs));
	struct sha256 s;
	size_t i, n;
	int r;

	if (!reqs)
		return -ENOMEM;
	for (i = 0; i < all; i++) {
		r = requirement_hash(&sel->at.v[i], &reqs[i]);
		if (r < 0)
			return r;
	}
	n = policy_unique(reqs, all, sizeof(*reqs), hash128_cmp);
	policy_digest_init(&s, DIGEST_SELECTOR);
	policy_digest_u32(&s, sel != NULL);
	policy_digest_u32(&s, (uint32_t)n);
	sha256_add(&s, reqs, n * sizeof(*reqs));
	*ret = policy_digest_end(&s);
	return 0;
}

/* podSelector alone means the policy's own namespace, which is then part of the name. */
static int pods_hash(const struct peer *p, const char *ns, struct hash128 *ret)
{
	static const struct selector everything = {};
	struct hash128 pods, namespaces;
	struct sha256 s;
	int r;

	r = selector_hash(p->pods ? p->pods : &everything, &pods);
	if (r < 0)
		return r;
	r = selector_hash(p->namespaces, &namespaces);
	if (r < 0)
		return r;
	policy_digest_init(&s, DIGEST_PODS);
	policy_digest_text(&s, ns ? ns : "");
	sha256_add(&s, &pods, sizeof(pods));
	sha256_add(&s, &namespaces, sizeof(namespaces));
	*ret = policy_digest_end(&s);
	return 0;
}

static int block_hash(const struct peer *p, struct hash128 *ret)
{
	auto_free struct cidr *except = calloc(p->except.n + 1, sizeof(*except));
	struct sha256 s;
	size_t i, n;

	if (!except)
		return -ENOMEM;
	for (i = 0; i < p->except.n; i++)
		except[i] = p->except.v[i];
	n = policy_unique(except, p->except.n, sizeof(*except), cidr_cmp);
	policy_digest_init(&s, DIGEST_BLOCK);
	policy_digest_cidr(&s, &p->block);
	policy_digest_u32(&s, (uint32_t)n);
	for (i = 0; i < n; i++)
		policy_digest_cidr(&s, &except[i]);
	*ret = policy_digest_end(&s);
	return 0;
}

static int entity_hash(const struct peer *p, struct hash128 *ret)
{
	struct hash128 nodes;
	struct sha256 s;
	const int r = selector_hash(p->nodes, &nodes);

	policy_digest_init(&s, DIGEST_ENTITY);
	policy_digest_u32(&s, p->kind);
	sha256_add(&s, &nodes, sizeof(nodes));
	policy_digest_text(&s, p->service_ns ? p->service_ns : "");
	policy_digest_text(&s, p->service ? p->service : "");
	*ret = policy_digest_end(&s);
	return r;
}

int policy_peer_hash(const struct peer *p, const char *ns, struct hash128 *ret)
{
	if (p->kind == PEER_PODS) {
		assert(p->pods || p->namespaces);
		return pods_hash(p, ns, ret);
	}
	return p->kind == PEER_BLOCK ? block_hash(p, ret) : entity_hash(p, ret);
}

struct hash128 policy_perhaps_hash(const struct hash128 *hash)
{
	struct sha256 s;

	policy_digest_init(&s, DIGEST_PERHAPS);
	sha256_add(&s, hash, sizeof(*hash));
	return policy_digest_end(&s);
}
