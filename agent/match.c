/* SPDX-License-Identifier: Apache-2.0 */
/* Pods and veths, by address. What is not certain is not guessed. */
#include "match.h"

static bool holds(const struct addr *list, size_t n, const struct addr *a)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!addr_cmp(&list[i], a))
			return true;
	return false;
}

static bool is_of(const struct stray *s, const struct pod *p)
{
	size_t i;

	for (i = 0; i < p->addrs.n; i++)
		if (holds(s->addrs, s->n, &p->addrs.v[i]))
			return true;
	return false;
}

static bool is_of_another(const struct stray *s, const struct pod *p, const pod_vec *local)
{
	size_t i;

	for (i = 0; i < local->n; i++)
		if (local->v[i] != p && is_of(s, local->v[i]))
			return true;
	return false;
}

static bool is_shared(const struct pod *p, const stray_vec *strays)
{
	size_t i, k, n;

	for (i = 0; i < p->addrs.n; i++) {
		for (k = 0, n = 0; k < strays->n; k++)
			n += holds(strays->v[k].addrs, strays->v[k].n, &p->addrs.v[i]);
		if (n > 1)
			return true;
	}
	return false;
}

enum match match_pod(const struct pod *p, const pod_vec *local, const stray_vec *strays, size_t *ret,
		     size_t *ret_n)
{
	size_t k, n = 0;

	*ret_n = 0;
	if (is_shared(p, strays))
		return MATCH_SHARED;
	for (k = 0; k < strays->n; k++) {
		if (!is_of(&strays->v[k], p))
			continue;
		if (is_of_another(&strays->v[k], p, local))
			return MATCH_OTHERS;
		ret[n++] = k;
	}
	*ret_n = n;
	return n ? MATCH_FOUND : MATCH_NONE;
}
