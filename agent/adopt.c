/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the interfaces of pods that no ADD told of, and the flows that they have. */
#include "adopt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "conntrack.h"
#include "endpoints.h"
#include "event.h"
#include "match.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/scope.h"

#define MISSING_MS 10000 /* between the end of a sandbox and that of its Pod there is no veth */

enum lack { LACK_VETH, LACK_SHARED, LACK_OTHERS, LACK_OTHER };

static const struct {
	const char *reason, *detail;
} lacks[] = {
	[LACK_VETH] = { "no-veth", "no veth of this node leads to any of its addresses" },
	[LACK_SHARED] = { "ambiguous", "one of its addresses is on several interfaces" },
	[LACK_OTHERS] = { "ambiguous", "its interface has an address of another pod, too" },
	[LACK_OTHER] = { "not-taken-in", "see the agent's log" },
};

/* A pod that could not be taken in, since when, and whether it was said. */
struct note {
	char *ns, *name;
	enum lack why;
	uint64_t since_ns;
	bool told, still;
};

struct adopt {
	VEC(struct note) notes;
	stray_vec strays;
	char trouble[256]; /* last said about veths that could not be looked at */
};

int adopt_new(struct agent *a)
{
	a->adopt = calloc(1, sizeof(*a->adopt));
	return a->adopt ? 0 : -ENOMEM;
}

static void drop_note(struct adopt *ad, size_t i)
{
	free(ad->notes.v[i].ns);
	free(ad->notes.v[i].name);
	ad->notes.v[i] = ad->notes.v[--ad->notes.n];
}

static void drop_stray(stray_vec *strays)
{
	vec_done(&strays->v[strays->n - 1].addrs);
	strays->n--;
}

void adopt_free(struct agent *a)
{
	if (!a->adopt)
		return;
	while (a->adopt->notes.n)
		drop_note(a->adopt, 0);
	vec_done(&a->adopt->notes);
	while (a->adopt->strays.n)
		drop_stray(&a->adopt->strays);
	vec_done(&a->adopt->strays);
	free(TAKE_PTR(a->adopt));
}

/* ---- pods ---------------------------------------------------------------------------------- */

/* Manifests may say no node: such a pod is here if a veth of this node leads to it. */
static bool is_local(const struct agent *a, const struct pod *p)
{
	if (p->host_network || p->ended || !p->addrs.n)
		return false;
	return !strcmp(p->node, a->opt.node_name) || (a->opt.source_dir && !p->node[0]);
}

static int by_address(const void *x, const void *y)
{
	const uintptr_t a = (uintptr_t) * (const struct pod *const *)x,
			b = (uintptr_t) * (const struct pod *const *)y;

	return (a > b) - (a < b);
}

/* Pods that have an endpoint, sorted by where they are in memory. */
static int owners(const struct agent *a, pod_vec *ret)
{
	size_t i;

	for (i = 0; i < a->model->endpoints.n; i++) {
		const struct pod *p = model_endpoint_pod(a->model, a->model->endpoints.v[i]);
		const struct pod **slot = p ? vec_add(ret) : NULL;

		if (p && !slot)
			return -ENOMEM;
		if (slot)
			*slot = p;
	}
	vec_sort(ret, by_address);
	return 0;
}

/* @ret: the pods that may be on this node and have no endpoint. */
static int bare_pods(const struct agent *a, const pod_vec *with, pod_vec *ret)
{
	size_t i;

	for (i = 0; i < a->model->pods.n; i++) {
		const struct pod *p = a->model->pods.v[i], **slot;

		if (!is_local(a, p) || vec_find(with, &p, by_address))
			continue;
		slot = vec_add(ret);
		if (!slot)
			return -ENOMEM;
		*slot = p;
	}
	return 0;
}

/* ---- veths --------------------------------------------------------------------------------- */

static bool is_known(const struct agent *a, uint32_t ifindex)
{
	size_t i;

	for (i = 0; i < a->model->endpoints.n; i++)
		if (a->model->endpoints.v[i]->ifindex == ifindex)
			return true;
	return endpoints_is_leaving(a, ifindex);
}

/* How many addresses an interface has is the pod's business, if it may set them: kept are those that tell
 * whose it is, and as many of the link's own as an endpoint takes. */
struct look {
	const addr_vec *told; /* of the pods that have no endpoint; sorted */
	addr_vec *kept;
	size_t links;
};

static int keep_addr(void *ctx, const struct addr *a)
{
	struct look *l = ctx;
	struct addr *slot;
	size_t i;

	for (i = 0; i < l->kept->n; i++)
		if (!addr_cmp(&l->kept->v[i], a))
			return 0;
	if (!addr_is_link_local(a) ? !vec_find(l->told, a, addr_cmp) : l->links++ >= BH_EP_ADDRS)
		return 0;
	slot = vec_add(l->kept);
	if (!slot)
		return -ENOMEM;
	*slot = *a;
	return 0;
}

static int look_at(int nl, const struct nl_link *host, const addr_vec *told, struct stray *ret,
		   struct bh_err *err)
{
	struct look l = { .told = told, .kept = &ret->addrs };
	const int r = nl_link_in(nl, host->peer_nsid, host->peer, &ret->pod, err);

	ret->host = *host;
	return r < 0 ? r : nl_each_addr_in(nl, host->peer_nsid, host->peer, keep_addr, &l, err);
}

/* What vanishes while we look is no trouble; all else is said once. */
static void note_trouble(struct adopt *ad, const struct nl_link *host, int r, const struct bh_err *err)
{
	char text[sizeof(ad->trouble)];

	if (r == -ENODEV || r == -EINVAL)
		return;
	(void)snprintf(text, sizeof(text), "other end of interface '%s': %.180s", host->name, err->msg);
	if (strcmp(text, ad->trouble))
		log_warn("%s, ignoring it", text);
	memcpy(ad->trouble, text, sizeof(text));
}

static int find_strays(struct agent *a, const addr_vec *told, struct bh_err *err)
{
	struct adopt *ad = a->adopt;
	nl_link_vec veths = {};
	auto_fd int nl = nl_open();
	int r = nl < 0 ? bh_err_errno(err, nl, "cannot open an rtnetlink socket") : nl_veths(nl, &veths, err);
	size_t i;

	while (ad->strays.n)
		drop_stray(&ad->strays);
	for (i = 0; !r && i < veths.n; i++) {
		struct stray *s = is_known(a, veths.v[i].ifindex) ? NULL : vec_add(&ad->strays);
		struct bh_err why = { "no memory" };
		int one = s ? look_at(nl, &veths.v[i], told, s, &why) : 0;

		if (one < 0) {
			note_trouble(ad, &veths.v[i], one, &why);
			drop_stray(&ad->strays);
		}
	}
	vec_done(&veths);
	return r;
}

/* ---- taking in ------------------------------------------------------------------------------ */

static bool set(char **at, const char *text)
{
	*at = strdup(text);
	return *at;
}

/* A container's id is not known here: the Pod's UID stands for it, or its name where it has none. */
static bool name_owner(struct endpoint *e, const struct pod *p, const struct stray *s)
{
	char id[600];

	(void)snprintf(id, sizeof(id), "%s/%s", p->ns, p->name);
	return set(&e->network, API_ADOPTED) && set(&e->container, p->uid[0] ? p->uid : id) &&
	       set(&e->ifname, s->pod.name) && set(&e->netns, "") && set(&e->ns, p->ns) &&
	       set(&e->pod, p->name) && set(&e->uid, p->uid);
}

static bool add_addr(struct endpoint *e, const struct addr *a)
{
	struct addr *slot = e->addrs.n < BH_EP_ADDRS ? vec_add(&e->addrs) : NULL;

	if (slot)
		*slot = *a;
	return slot || e->addrs.n == BH_EP_ADDRS;
}

static bool take_addrs(struct endpoint *e, const struct pod *p, const struct stray *s)
{
	bool ok = true;
	size_t i;

	for (i = 0; ok && i < p->addrs.n; i++)
		if (match_holds(s, &p->addrs.v[i]))
			ok = add_addr(e, &p->addrs.v[i]);
	for (i = 0; ok && i < s->addrs.n; i++)
		if (addr_is_link_local(&s->addrs.v[i]))
			ok = add_addr(e, &s->addrs.v[i]);
	return ok;
}

/* A pod that may set addresses can give itself another's, a node's too: only what the API confirms, and what
 * means nobody beyond the link, is its own. */
static struct endpoint *endpoint_of(const struct pod *p, const struct stray *s)
{
	struct endpoint *e = endpoint_new();

	if (!e || !name_owner(e, p, s) || !take_addrs(e, p, s)) {
		endpoint_free(e);
		return NULL;
	}
	e->key = api_endpoint_key(e->network, e->container, e->ifname);
	e->ifindex = s->host.ifindex;
	e->peer = s->host.peer;
	e->nsid = s->host.peer_nsid;
	memcpy(e->mac, s->pod.mac, sizeof(e->mac));
	return e;
}

static bool take_in(struct agent *a, const struct pod *p, const struct stray *s)
{
	struct api_endpoint take = { .unprotected = true, .adopted = true };
	struct bh_err err = { "no memory" };

	take.e = endpoint_of(p, s);
	if (take.e && !endpoints_adopt(a, &take, &err))
		return true;
	log_of(LOG_ERROR, LOG_POD(p->ns, p->name), "pod '%s/%s': cannot be taken in: %s, retrying", p->ns,
	       p->name, err.msg);
	return false;
}

/* ---- what is lacking ------------------------------------------------------------------------ */

static struct note *note_of(struct adopt *ad, const struct pod *p)
{
	struct note *n;
	size_t i;

	for (i = 0; i < ad->notes.n; i++)
		if (!strcmp(ad->notes.v[i].ns, p->ns) && !strcmp(ad->notes.v[i].name, p->name))
			return &ad->notes.v[i];
	n = vec_add(&ad->notes);
	if (!n)
		return NULL;
	n->since_ns = clock_ns();
	if (set(&n->ns, p->ns) && set(&n->name, p->name))
		return n;
	drop_note(ad, ad->notes.n - 1);
	return NULL;
}

static bool is_due(const struct note *n)
{
	return n->why != LACK_VETH || clock_ns() - n->since_ns > MISSING_MS * 1000000ull;
}

static void note_lack(struct agent *a, const struct pod *p, enum lack why)
{
	const struct event_object about = { "Pod", p->ns, p->name, p->uid };
	struct note *n = note_of(a->adopt, p);

	if (!n)
		return;
	n->told &= n->why == why;
	n->why = why;
	n->still = true;
	if (n->told || !is_due(n))
		return;
	n->told = true;
	event_tell(a, true, "PodUnprotected", &about, "runs WITHOUT our programs: %s", lacks[why].detail);
}

static void forget_old(struct adopt *ad)
{
	size_t i = 0;

	while (i < ad->notes.n) {
		if (!ad->notes.v[i].still)
			drop_note(ad, i);
		else
			ad->notes.v[i++].still = false;
	}
}

void adopt_each_lack(const struct agent *a, void (*each)(void *ctx, const struct adopt_lack *l), void *ctx)
{
	size_t i;

	for (i = 0; i < a->adopt->notes.n; i++) {
		const struct note *n = &a->adopt->notes.v[i];
		const struct adopt_lack l = { n->ns, n->name, lacks[n->why].reason, lacks[n->why].detail };

		if (is_due(n))
			each(ctx, &l);
	}
}

/* ---- one look ------------------------------------------------------------------------------- */

/* Two interfaces with addresses of one pod are two endpoints. A pod of the manifests may be
 * anywhere, and nothing is said of one without a veth. */
static void try_pod(struct agent *a, const struct pod *p, const pod_vec *bare, size_t *room)
{
	static const enum lack because[] = {
		[MATCH_NONE] = LACK_VETH, [MATCH_SHARED] = LACK_SHARED, [MATCH_OTHERS] = LACK_OTHERS
	};
	size_t i, n;
	const enum match m = match_pod(p, bare, &a->adopt->strays, room, &n);

	if (m != MATCH_FOUND && (m != MATCH_NONE || !a->opt.source_dir))
		note_lack(a, p, because[m]);
	for (i = 0; i < n; i++)
		if (!take_in(a, p, &a->adopt->strays.v[room[i]]))
			note_lack(a, p, LACK_OTHER);
}

static void try_all(struct agent *a, const pod_vec *bare)
{
	auto_free size_t *room = calloc(a->adopt->strays.n + 1, sizeof(*room));
	size_t i;

	for (i = 0; room && i < bare->n; i++)
		try_pod(a, bare->v[i], bare, room);
}

/* Sorted. */
static int addrs_of(const pod_vec *pods, addr_vec *ret)
{
	struct addr *slot;
	size_t i, k;

	for (i = 0; i < pods->n; i++)
		for (k = 0; k < pods->v[i]->addrs.n; k++) {
			slot = vec_add(ret);
			if (!slot)
				return -ENOMEM;
			*slot = pods->v[i]->addrs.v[k];
		}
	vec_sort(ret, addr_cmp);
	return 0;
}

void adopt_tick(struct agent *a)
{
	pod_vec with = {}, bare = {};
	struct bh_err err = { "no memory" };
	addr_vec told = {};
	int r = owners(a, &with);

	if (!r)
		r = bare_pods(a, &with, &bare);
	if (!r)
		r = addrs_of(&bare, &told);
	if (!r && bare.n)
		r = find_strays(a, &told, &err);
	if (!r && bare.n)
		try_all(a, &bare);
	if (r < 0)
		log_error("looking for pods that nobody told us of: %s, retrying", err.msg);
	else
		forget_old(a->adopt);
	vec_done(&with);
	vec_done(&bare);
	vec_done(&told);
}

/* ---- flows ---------------------------------------------------------------------------------- */

/* An address of an endpoint whose flows are wanted. */
struct wanted {
	struct addr addr;
	uint32_t ifindex, born;
};

struct seeding {
	struct agent *a;
	VEC(struct wanted) wanted;
	size_t n;
	struct bh_err err;
	bool failed;
};

static int by_addr(const void *x, const void *y)
{
	return addr_cmp(&((const struct wanted *)x)->addr, &((const struct wanted *)y)->addr);
}

static uint32_t born_of(const struct actual *x, uint32_t ifindex)
{
	size_t i;

	for (i = 0; i < BH_EP_SLOTS; i++)
		if (x->endpoints[i].ifindex == ifindex)
			return x->endpoints[i].born;
	return 0;
}

static void want(struct seeding *s, const struct endpoint *e)
{
	const uint32_t born = born_of(reconcile_actual(s->a->reconcile), e->ifindex);
	struct wanted *w;
	size_t i;

	for (i = 0; i < e->addrs.n; i++) {
		w = vec_add(&s->wanted);
		if (w)
			*w = (struct wanted){ .addr = e->addrs.v[i], .ifindex = e->ifindex, .born = born };
	}
}

/* What is between the pod and this node itself needs no session: the node's exemption speaks for it. */
static bool is_with_node(const struct agent *a, const struct conntrack *c, const struct addr *remote)
{
	return conntrack_is_plain(c) && vec_find(&a->model->node_addrs, remote, addr_cmp);
}

static void seed(struct seeding *s, const struct wanted *w, const struct conntrack *c,
		 const struct conntrack_view *v)
{
	struct dp_seed seed = {
		.flow = { .ifindex = w->ifindex, .lport = v->lport, .rport = v->rport, .proto = c->proto },
		.epoch = w->born,
		.opener = v->opened ? BH_EGRESS : BH_INGRESS,
		.replied = c->replied,
	};

	memcpy(&seed.flow.local, &v->local, sizeof(seed.flow.local));
	memcpy(&seed.flow.remote, &v->remote, sizeof(seed.flow.remote));
	if (dp_session_seed(s->a->dp, &seed, &s->err) < 0)
		s->failed = true;
	else
		s->n++;
}

static void take_connection(void *ctx, const struct conntrack *c)
{
	const struct addr *const ends[] = { &c->orig.src, &c->reply.src };
	struct conntrack_view views[2];
	struct seeding *s = ctx;
	size_t i, k, n;

	for (i = 0; i < ARRAY_SIZE(ends); i++) {
		const struct wanted key = { .addr = *ends[i] }, *w = vec_find(&s->wanted, &key, by_addr);

		if (!w || (i && !addr_cmp(ends[0], ends[1])))
			continue;
		n = conntrack_views(c, ends[i], views);
		for (k = 0; k < n; k++)
			if (!is_with_node(s->a, c, &views[k].remote))
				seed(s, w, c, &views[k]);
	}
}

void adopt_flows(struct agent *a, const struct hash128 *keys, size_t n)
{
	struct seeding s = { .a = a };
	size_t i;
	int r;

	for (i = 0; i < n; i++) {
		const struct endpoint *e = model_endpoint(a->model, &keys[i]);

		if (e)
			want(&s, e);
	}
	vec_sort(&s.wanted, by_addr);
	dp_seeds_begin(a->dp);
	r = conntrack_each(take_connection, &s, &s.err);
	dp_seeds_end(a->dp);
	if (r < 0 || s.failed)
		log_warn(
			"flows of %zu pods that came before their programs: %s, they have 30 s to show themselves",
			n, s.err.msg);
	else
		log_info("flows of %zu pods that came before their programs: %zu from conntrack", n, s.n);
	vec_done(&s.wanted);
}
