/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods with the same two policy sets differ alike, and so do addresses with the same two classes: each pair
 * of sets is held against each pair of classes once, and what comes out the same is one outcome.
 */
#include "policy/compare.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "policy/build.h"
#include "policy/order.h"
#include "util/scope.h"

/* ---- two rows ------------------------------------------------------------------------------- */

/* What holds at a port, and up to where. */
struct part {
	uint32_t last;
	uint32_t level, rule;
};

static struct part part_at(const struct tables *t, const struct table_row *row, uint32_t *at, uint32_t port)
{
	const struct table_range *v = t->ranges.v + row->first;

	while (*at < row->n && v[*at].last < port)
		++*at;
	if (*at == row->n)
		return (struct part){ PORT_KEYS_LAST, level_of_action(row->action), row->rule };
	if (port < v[*at].first)
		return (struct part){ v[*at].first - 1, level_of_action(row->action), row->rule };
	return (struct part){ v[*at].last, level_of_action(v[*at].action), v[*at].rule };
}

static bool goes_on(const struct difference *d, const struct difference *next)
{
	return d->last + 1 == next->first && d->was == next->was && d->is == next->is &&
	       d->was_rule == next->was_rule && d->is_rule == next->is_rule;
}

static int add_difference(difference_vec *ret, size_t from, const struct difference *d)
{
	struct difference *slot = ret->n > from ? &ret->v[ret->n - 1] : NULL;

	if (slot && goes_on(slot, d)) {
		slot->last = d->last;
		return 0;
	}
	slot = vec_add(ret);
	if (!slot)
		return -ENOMEM;
	*slot = *d;
	return 0;
}

int compare_rows(const struct tables *was, const struct table_row *x, const struct tables *is,
		 const struct table_row *y, difference_vec *ret)
{
	const size_t from = ret->n;
	uint32_t port = 0, i = 0, k = 0;
	int r = 0;

	for (;;) {
		const struct part a = part_at(was, x, &i, port), b = part_at(is, y, &k, port);
		const struct difference d = { port,    a.last < b.last ? a.last : b.last,
					      a.level, b.level,
					      a.rule,  b.rule };

		if (d.was != d.is)
			r = add_difference(ret, from, &d);
		if (r < 0 || d.last >= PORT_KEYS_LAST)
			return r;
		port = d.last + 1;
	}
}

/* ---- pods ----------------------------------------------------------------------------------- */

/* Endpoints with the same two sets, and addresses of the same families. */
struct pod_group {
	int32_t was, is;
	bool families[2];  /* [0]: IPv6, [1]: IPv4 */
	uint32_t first, n; /* slice of comparison.pods */
};

struct pod_key {
	struct pod_group group;
	uint32_t endpoint;
};

/* Remotes with the same two classes, of one family. */
struct remote_group {
	bool v4;
	uint32_t was, is;
	uint32_t first, n; /* slice of comparison.remotes */
	/* Of the (set pair, direction) at hand: slice of comparison.differences, and its name. */
	size_t v, n_v;
	struct hash128 how;
};

struct comparison {
	const struct tables *was, *is;
	VEC(struct pod_group) groups;
	VEC(uint32_t) pods;
	VEC(struct remote) remotes;
	VEC(struct remote_group) remote_groups;
	difference_vec differences;
	VEC(const struct remote_group *) found; /* that differ */
	VEC(const struct remote *) peers;
	uint32_t dir; /* at hand */
};

static int pod_key_cmp(const void *a, const void *b)
{
	const struct pod_key *x = a, *y = b;
	int r = policy_order((uint32_t)x->group.was, (uint32_t)y->group.was);

	r = r ? r : policy_order((uint32_t)x->group.is, (uint32_t)y->group.is);
	r = r ? r : (int)x->group.families[0] - (int)y->group.families[0];
	r = r ? r : (int)x->group.families[1] - (int)y->group.families[1];
	return r;
}

static int pod_key_order(const void *a, const void *b)
{
	const int r = pod_key_cmp(a, b);

	return r ? r
		 : policy_order(((const struct pod_key *)a)->endpoint, ((const struct pod_key *)b)->endpoint);
}

static struct pod_key key_of(const struct comparison *c, uint32_t i)
{
	const struct table_endpoint *ep = &c->was->endpoints.v[i];
	struct pod_key ret = { .group = { .was = ep->set, .is = c->is->endpoints.v[i].set }, .endpoint = i };
	uint8_t k;

	for (k = 0; k < ep->addrs; k++)
		if (!addr_is_link_local(&ep->addr[k]))
			ret.group.families[addr_is_v4(&ep->addr[k])] = true;
	return ret;
}

static int add_pod(struct comparison *c, const struct pod_key *key, bool new)
{
	struct pod_group *g = new ? vec_add(&c->groups) : &c->groups.v[c->groups.n - 1];
	uint32_t *slot = vec_add(&c->pods);

	if (!g || !slot)
		return -ENOMEM;
	if (new) {
		*g = key->group;
		g->first = (uint32_t)c->pods.n - 1;
	}
	g->n++;
	*slot = key->endpoint;
	return 0;
}

/* Who is isolated for want of a name is that whatever the policies say. */
static int group_pods(struct comparison *c)
{
	auto_free struct pod_key *keys = calloc(c->was->endpoints.n + 1, sizeof(*keys));
	size_t n = 0;
	uint32_t i;
	int r = 0;

	if (!keys)
		return -ENOMEM;
	for (i = 0; i < c->was->endpoints.n; i++)
		if (c->was->endpoints.v[i].set >= 0)
			keys[n++] = key_of(c, i);
	qsort(keys, n, sizeof(*keys), pod_key_order);
	for (i = 0; !r && i < n; i++)
		r = add_pod(c, &keys[i], !i || pod_key_cmp(&keys[i - 1], &keys[i]));
	return r;
}

/* ---- remotes -------------------------------------------------------------------------------- */

static int add_remote(struct comparison *c, const struct cidr *cidr, bool is_block)
{
	struct remote *slot = vec_add(&c->remotes);

	if (!slot)
		return -ENOMEM;
	slot->cidr = *cidr;
	slot->is_block = is_block;
	return 0;
}

static int add_addrs(struct comparison *c, const struct addr *v, size_t n)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < n; i++)
		if (!addr_is_link_local(&v[i]))
			r = add_remote(c, &(struct cidr){ v[i], 128 }, false);
	return r;
}

static int add_locations(struct comparison *c, const struct tables *t)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < t->locations.n; i++)
		r = add_remote(c, &t->locations.v[i].cidr, t->locations.v[i].is_block);
	return r;
}

/* Everybody who is in no block, too. */
static int add_everybody(struct comparison *c)
{
	static const struct cidr all[] = {
		{ .addr.b = { [10] = 0xff, [11] = 0xff }, .len = 96 },
		{ .len = 0 },
	};
	const int r = add_remote(c, &all[0], true);

	return r ? r : add_remote(c, &all[1], true);
}

static int add_pods(struct comparison *c, const struct model *m)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < m->pods.n; i++)
		if (!pod_is_out(m->pods.v[i]))
			r = add_addrs(c, m->pods.v[i]->addrs.v, m->pods.v[i]->addrs.n);
	for (i = 0; !r && i < m->endpoints.n; i++)
		r = add_addrs(c, m->endpoints.v[i]->addrs.v, m->endpoints.v[i]->addrs.n);
	return r;
}

static int remote_cmp(const void *a, const void *b)
{
	const struct remote *x = a, *y = b;

	if (x->is_block != y->is_block)
		return x->is_block ? 1 : -1;
	return cidr_cmp(&x->cidr, &y->cidr);
}

static int by_classes(const void *a, const void *b)
{
	const struct remote *x = a, *y = b;
	int r = (int)addr_is_v4(&y->cidr.addr) - (int)addr_is_v4(&x->cidr.addr);

	r = r ? r : policy_order(x->was, y->was);
	r = r ? r : policy_order(x->is, y->is);
	return r;
}

static int by_classes_order(const void *a, const void *b)
{
	const int r = by_classes(a, b);

	return r ? r : remote_cmp(a, b);
}

/* Of a block: the class of its addresses that are in no longer one. */
static uint32_t class_of(const struct tables *t, const struct remote *remote)
{
	struct table_location key = { .is_block = true };
	const struct table_location *at = NULL;
	int len;

	if (!remote->is_block)
		return tables_class(t, &remote->cidr.addr, NULL);
	for (len = remote->cidr.len; !at && len >= policy_shortest(&remote->cidr.addr); len--) {
		key.cidr = policy_cidr_of(&remote->cidr.addr, (unsigned int)len);
		at = vec_find(&t->locations, &key, policy_location_cmp);
	}
	return at ? at->class : BH_CLASS_NONE;
}

/* Every pod may reach its own node, and that one its pods. */
static bool is_node(const struct model *m, const struct remote *remote)
{
	return !remote->is_block && vec_find(&m->node_addrs, &remote->cidr.addr, addr_cmp);
}

static void classify(struct comparison *c, const struct model *m)
{
	size_t i, kept = 0;

	vec_sort(&c->remotes, remote_cmp);
	for (i = 0; i < c->remotes.n; i++) {
		struct remote *remote = &c->remotes.v[i];

		if ((kept && !remote_cmp(&c->remotes.v[kept - 1], remote)) || is_node(m, remote))
			continue;
		remote->was = class_of(c->was, remote);
		remote->is = class_of(c->is, remote);
		c->remotes.v[kept++] = *remote;
	}
	c->remotes.n = kept;
	vec_sort(&c->remotes, by_classes_order);
}

static int group_remotes(struct comparison *c)
{
	struct remote_group *g = NULL;
	uint32_t i;

	for (i = 0; i < c->remotes.n; i++) {
		const struct remote *remote = &c->remotes.v[i];

		if (!i || by_classes(remote - 1, remote)) {
			g = vec_add(&c->remote_groups);
			if (!g)
				return -ENOMEM;
			*g = (struct remote_group){ .v4 = addr_is_v4(&remote->cidr.addr),
						    .was = remote->was,
						    .is = remote->is,
						    .first = i };
		}
		g->n++;
	}
	return 0;
}

static int make_remotes(struct comparison *c, const struct model *m)
{
	int r = add_locations(c, c->was);

	if (!r)
		r = add_locations(c, c->is);
	if (!r)
		r = add_everybody(c);
	if (!r)
		r = add_pods(c, m);
	if (r < 0)
		return r;
	classify(c, m);
	return group_remotes(c);
}

/* ---- one pair of sets ----------------------------------------------------------------------- */

/* ICMP is of one family. */
static void drop_other_family(difference_vec *v, size_t from, bool v4)
{
	const uint32_t proto = v4 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	size_t i, kept = from;

	for (i = from; i < v->n; i++)
		if (v->v[i].first >> 16 != proto || v->v[i].last >> 16 != proto)
			v->v[kept++] = v->v[i];
	v->n = kept;
}

static int hold_against(struct comparison *c, const struct pod_group *g, struct remote_group *remotes)
{
	const struct table_row *x = tables_row(c->was, (uint32_t)g->was, remotes->was, c->dir);
	const struct table_row *y = tables_row(c->is, (uint32_t)g->is, remotes->is, c->dir);
	const struct remote_group **slot;
	int r;

	remotes->v = c->differences.n;
	r = compare_rows(c->was, x, c->is, y, &c->differences);
	drop_other_family(&c->differences, remotes->v, remotes->v4);
	remotes->n_v = c->differences.n - remotes->v;
	if (r < 0 || !remotes->n_v)
		return r;
	remotes->how = hash128_of(&c->differences.v[remotes->v], remotes->n_v * sizeof(*c->differences.v));
	slot = vec_add(&c->found);
	if (!slot)
		return -ENOMEM;
	*slot = remotes;
	return 0;
}

static int found_cmp(const void *a, const void *b)
{
	const struct remote_group *x = *(const struct remote_group *const *)a;
	const struct remote_group *y = *(const struct remote_group *const *)b;
	const int r = hash128_cmp(&x->how, &y->how);

	return r ? r : policy_order(x->first, y->first);
}

static int add_peers(struct comparison *c, const struct remote_group *g)
{
	const struct remote **slot;
	uint32_t i;

	for (i = 0; i < g->n; i++) {
		slot = vec_add(&c->peers);
		if (!slot)
			return -ENOMEM;
		*slot = &c->remotes.v[g->first + i];
	}
	return 0;
}

/* Of found[from..]: those that differ alike. *@ret_end: where they end. */
static int tell(struct comparison *c, const struct pod_group *g, size_t from, size_t *ret_end,
		void (*each)(void *ctx, const struct outcome *o), void *ctx)
{
	struct outcome o = { .dir = c->dir, .pods = &c->pods.v[g->first], .n_pods = g->n };
	size_t i;
	int r = 0;

	vec_clear(&c->peers);
	for (i = from; !r && i < c->found.n && !hash128_cmp(&c->found.v[from]->how, &c->found.v[i]->how); i++)
		r = add_peers(c, c->found.v[i]);
	*ret_end = i;
	o.peers = c->peers.v;
	o.n_peers = c->peers.n;
	o.v = &c->differences.v[c->found.v[from]->v];
	o.n = c->found.v[from]->n_v;
	if (!r)
		each(ctx, &o);
	return r;
}

/* The pods of one pair of policy sets, in the direction at hand. */
static int compare_group(struct comparison *c, const struct pod_group *g,
			 void (*each)(void *ctx, const struct outcome *o), void *ctx)
{
	size_t i;
	int r = 0;

	vec_clear(&c->differences);
	vec_clear(&c->found);
	for (i = 0; !r && i < c->remote_groups.n; i++)
		if (g->families[c->remote_groups.v[i].v4])
			r = hold_against(c, g, &c->remote_groups.v[i]);
	vec_sort(&c->found, found_cmp);
	for (i = 0; !r && i < c->found.n;)
		r = tell(c, g, i, &i, each, ctx);
	return r;
}

int comparison_run(struct comparison *c, void (*each)(void *ctx, const struct outcome *o), void *ctx)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < c->groups.n; i++)
		for (c->dir = 0; !r && c->dir < DIR_MAX; c->dir++)
			r = compare_group(c, &c->groups.v[i], each, ctx);
	return r;
}

/* ---- life ----------------------------------------------------------------------------------- */

int comparison_new(const struct model *m, const struct tables *was, const struct tables *is,
		   struct comparison **ret)
{
	struct comparison *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->was = was;
	c->is = is;
	r = group_pods(c);
	if (!r)
		r = make_remotes(c, m);
	if (r < 0)
		comparison_free(c);
	else
		*ret = c;
	return r;
}

void comparison_free(struct comparison *c)
{
	if (!c)
		return;
	vec_done(&c->groups);
	vec_done(&c->pods);
	vec_done(&c->remotes);
	vec_done(&c->remote_groups);
	vec_done(&c->differences);
	vec_done(&c->found);
	vec_done(&c->peers);
	free(c);
}
