/* SPDX-License-Identifier: Apache-2.0 */
#include "podcidrs.h"

#include <errno.h>
#include <string.h>

#define ALL_IPV4 96 /* as the length of a prefix of IPv6 */

/* cidr_parse() forgives bits behind the prefix; here they are a slip of the finger. */
static bool has_host_bits(const char *text, const struct cidr *c)
{
	char address[ADDR_TEXT];
	const size_t len = strcspn(text, "/");
	struct addr a;

	if (len >= sizeof(address))
		return true;
	memcpy(address, text, len);
	address[len] = '\0';
	return addr_parse(address, &a) < 0 || addr_cmp(&a, &c->addr);
}

int podcidrs_read(const char *text, struct podcidrs *ret, struct bh_err *err)
{
	char without[ADDR_TEXT];
	struct cidr c;

	if (cidr_parse(text, &c) < 0)
		return bh_err_set(err, -EINVAL, "--pod-cidr '%.60s': not a CIDR, as in 10.244.0.0/16", text);
	if (has_host_bits(text, &c))
		return bh_err_set(err, -EINVAL,
				  "--pod-cidr '%.60s': there are bits behind the prefix; '%s' has none", text,
				  cidr_text(&c, without));
	if (!c.len || (c.len == ALL_IPV4 && addr_is_v4(&c.addr)))
		return bh_err_set(err, -EINVAL, "--pod-cidr '%.60s': all there is cannot be the pods'", text);
	if (ret->n == PODCIDRS_MAX)
		return bh_err_set(err, -EINVAL, "--pod-cidr '%.60s': more than %u of them", text,
				  PODCIDRS_MAX);
	ret->at[ret->n++] = c;
	return 0;
}

size_t podcidrs_nodes(const struct model *m)
{
	size_t i, n = 0;

	for (i = 0; i < m->nodes.n; i++)
		n += m->nodes.v[i]->pods.n != 0;
	return n;
}

static bool rule_asks(const struct rule *rule)
{
	size_t i;

	for (i = 0; i < rule->peers.n; i++)
		if (rule->peers.v[i].kind == PEER_CLUSTER || rule->peers.v[i].kind == PEER_WORLD)
			return true;
	return false;
}

static bool asks(const struct net_policy *np)
{
	size_t dir, i;

	for (dir = 0; dir < DIR_MAX; dir++)
		for (i = 0; i < np->rules[dir].n; i++)
			if (rule_asks(&np->rules[dir].v[i]))
				return true;
	return false;
}

bool podcidrs_missed(const struct model *m)
{
	size_t i;

	if (m->pod_cidrs.n || podcidrs_nodes(m))
		return false;
	for (i = 0; i < m->policies.n; i++)
		if (asks(m->policies.v[i]))
			return true;
	return false;
}
