/* SPDX-License-Identifier: Apache-2.0 */
/* Pods and veths, by address. What is not certain is not guessed. */
#include "match.h"

bool match_holds(const struct stray *s, const struct addr *a)
{
	size_t i;

	for (i = 0; i < s->addrs.n; i++)
		if (!addr_cmp(&s->addrs.v[i], a))
			return true;
	return false;
}

static bool is_of(const struct stray *s, const struct pod *p)
{
	size_t i;

	for (i = 0; i < p->addrs.n; i++)
		if (match_holds(s, &p->addrs.v[i]))
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

static bool is_purely_of(const struct stray *s, const struct pod *p, const pod_vec *local)
{
	return is_of(s, p) && !is_of_another(s, p, local);
}

/* Whoever may set addresses can put another pod's on its own interface. Where there is one that has that
 * pod's alone, the mixed one says nothing of it. */
static bool is_claimed(const struct stray *s, const struct pod *p, const pod_vec *local,
		       const stray_vec *strays)
{
	size_t k;

	if (!is_of(s, p))
		return false;
	for (k = 0; is_of_another(s, p, local) && k < strays->n; k++)
		if (is_purely_of(&strays->v[k], p, local))
			return false;
	return true;
}

static bool is_claimed_by_another(const struct stray *s, const struct pod *p, const pod_vec *local,
				  const stray_vec *strays)
{
	size_t i;

	for (i = 0; i < local->n; i++)
		if (local->v[i] != p && is_claimed(s, local->v[i], local, strays))
			return true;
	return false;
}

static bool is_shared(const struct pod *p, const stray_vec *strays, const size_t *at, size_t at_n)
{
	size_t i, k, n;

	for (i = 0; i < p->addrs.n; i++) {
		for (k = 0, n = 0; k < at_n; k++)
			n += match_holds(&strays->v[at[k]], &p->addrs.v[i]);
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
	for (k = 0; k < strays->n; k++)
		if (is_claimed(&strays->v[k], p, local, strays))
			ret[n++] = k;
	if (is_shared(p, strays, ret, n))
		return MATCH_SHARED;
	for (k = 0; k < n; k++)
		if (is_claimed_by_another(&strays->v[ret[k]], p, local, strays))
			return MATCH_OTHERS;
	*ret_n = n;
	return n ? MATCH_FOUND : MATCH_NONE;
}
