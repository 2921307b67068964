/* SPDX-License-Identifier: Apache-2.0 */
/* What containers call their ports. */
#include "model/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/intern.h"
#include "util/scope.h"

bool port_name_is_valid(const char *name)
{
	bool letter = false;
	size_t i;

	for (i = 0; name[i]; i++) {
		const bool alpha = name[i] >= 'a' && name[i] <= 'z';

		if (i == PORT_NAME_MAX)
			return false;
		if (!alpha && !(name[i] >= '0' && name[i] <= '9') &&
		    (name[i] != '-' || !i || name[i - 1] == '-' || !name[i + 1]))
			return false;
		letter |= alpha;
	}
	return letter;
}

/* By name and protocol. */
static int key_cmp(const struct named_port *x, const struct named_port *y)
{
	const int r = memcmp(x->name, y->name, sizeof(x->name));

	return r ? r : (int)x->proto - (int)y->proto;
}

int named_port_cmp(const void *a, const void *b)
{
	const struct named_port *x = a, *y = b;
	const int r = key_cmp(x, y);

	return r ? r : (int)x->port - (int)y->port;
}

const struct named_port *named_ports_find(const struct named_port *v, size_t n, const struct named_port *key,
					  size_t *ret_n)
{
	size_t lo = 0, hi = n, end;

	while (lo < hi) {
		const size_t mid = lo + (hi - lo) / 2;

		if (key_cmp(&v[mid], key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (end = lo; end < n && !key_cmp(&v[end], key); end++)
		;
	*ret_n = end - lo;
	return end > lo ? &v[lo] : NULL;
}

int pod_set_ports(struct pod *p, struct named_port *v, size_t n)
{
	auto_free struct named_ports *draft = malloc(sizeof(*draft) + n * sizeof(*v));
	const struct named_ports *set = NULL;
	size_t i, kept = 0;

	if (!draft)
		return -ENOMEM;
	if (n)
		qsort(v, n, sizeof(*v), named_port_cmp);
	for (i = 0; i < n; i++)
		if (!kept || named_port_cmp(&draft->at[kept - 1], &v[i]))
			draft->at[kept++] = v[i];
	draft->n = kept;
	if (kept) {
		set = intern(draft, sizeof(*draft) + kept * sizeof(*v));
		if (!set)
			return -ENOMEM;
	}
	intern_drop(p->ports);
	p->ports = set;
	return 0;
}
