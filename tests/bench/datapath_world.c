/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath_world.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "policy/delta.h"
#include "tests/unit/policy/world.h"
#include "util/buf.h"
#include "util/scope.h"

#define LIFE_S 86400

const uint8_t pod_mac[6] = { 0x02, 0x42, 0, 0, 0, 5 };

const char *peer_text(enum remote peer, int family)
{
	static const char *const text[][2] = {
		[A_POD] = { "10.64.0.0", "fd00:64::" },
		[IN_CIDR] = { "100.64.0.9", "2001:db8::9" },
		[STRANGER] = { "10.9.9.9", "fd00:9::9" },
	};

	return text[peer][family == 6];
}

/* ---- tables --------------------------------------------------------------------------------- */

static void put_pods(struct model *m, unsigned int n)
{
	char name[32], addrs[64];
	unsigned int i;

	for (i = 0; i < n; i++) {
		const uint32_t a = POD_PEER4 + i;

		(void)snprintf(name, sizeof(name), "shop/client-%u", i);
		(void)snprintf(addrs, sizeof(addrs), "%u.%u.%u.%u,fd00:64::%x:%x", a >> 24, a >> 16 & 0xff,
			       a >> 8 & 0xff, a & 0xff, i >> 16, i & 0xffff);
		/* so that the largest fit: those over 1,024 have no IPv6 address */
		if (i >= 1024)
			*strchr(addrs, ',') = '\0';
		w_pod(m, name, "app=web", addrs);
	}
}

/* All name the same clients and a port of their own among sixteen. */
static void put_policies(struct model *m, unsigned int n)
{
	char name[32], ports[32];
	struct net_policy *p;
	unsigned int i;

	for (i = 0; i < n; i++) {
		(void)snprintf(name, sizeof(name), "shop/clients-%u", i);
		(void)snprintf(ports, sizeof(ports), "tcp/%u,udp/53", PORT + i % 16);
		p = w_policy(m, name, "app=db", i ? "i" : "ie");
		w_rule(p, DIR_INGRESS, "pods(app=web)", ports);
		if (!i)
			w_rule(p, DIR_EGRESS, "pods(app=db)", NULL);
	}
}

static void put_rules(struct model *m, unsigned int n)
{
	struct net_policy *p = w_policy(m, "shop/ports", "app=db", "i");
	char port[32];
	unsigned int i;

	for (i = 0; i < n; i++) {
		(void)snprintf(port, sizeof(port), "tcp/%u", (PORT + i) % 65536);
		w_rule(p, DIR_INGRESS, "pods(app=web)", port);
	}
}

static void put_cidrs(struct model *m, unsigned int n)
{
	struct net_policy *p = w_policy(m, "shop/outside", "app=db", "i");
	char *peers = NULL, port[32];
	size_t len = 0;
	FILE *f = open_memstream(&peers, &len);
	unsigned int i;

	if (!f)
		err(1, "open_memstream");
	(void)fprintf(f, "2001:db8::/32");
	for (i = 0; i < n; i++) {
		const uint32_t a = CIDR_PEER4 + (i << CIDR_SHIFT);

		(void)fprintf(f, ";%u.%u.%u.0/24", a >> 24, a >> 16 & 0xff, a >> 8 & 0xff);
	}
	(void)fclose(f);
	(void)snprintf(port, sizeof(port), "tcp/%u-%u", PORT, PORT + 15);
	w_rule(p, DIR_INGRESS, peers, port);
	free(peers);
}

void world_compile(struct world *w)
{
	auto_model struct model *m = model_new();
	struct endpoint *e;

	w_namespace(m, "shop", "team=red");
	w_pod(m, "shop/db", "app=db", POD4 "," POD6);
	e = w_endpoint(m, "shop/db", IFINDEX, POD4 "," POD6 ",fe80::5");
	memcpy(e->mac, pod_mac, sizeof(e->mac));
	put_pods(m, w->content.pods);
	put_policies(m, w->content.policies);
	if (w->content.rules)
		put_rules(m, w->content.rules);
	if (w->content.cidrs)
		put_cidrs(m, w->content.cidrs);
	w->tables = w_compile(m);
}

/* ---- loading -------------------------------------------------------------------------------- */

static void publish(const struct world *w, struct actual *a)
{
	struct bh_err e = {};
	struct plan *plan;
	bool again;
	size_t i;

	do {
		if (delta_plan(w->tables, a, NULL, &plan, &e) < 0)
			errx(1, "%s: %s", w->name, e.msg);
		for (i = 0; i < plan->steps.n; i++)
			if (dp_step(w->dp, &plan->steps.v[i], &e) < 0 ||
			    actual_apply(a, &plan->steps.v[i]) < 0)
				errx(1, "%s: %s", w->name, e.msg);
		actual_sort(a);
		again = plan->again;
		plan_free(plan);
	} while (again);
}

int world_map(const struct world *w, const char *bpffs, const char *name)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s/%s", bpffs, w->name, name);
	fd = bpf_obj_get(path);
	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

/* All lines and not the few that a new pod gets, and no session ends before the run does. */
static void give_lines(const struct world *w, const char *bpffs)
{
	const int fd = world_map(w, bpffs, "bh_endpoints");
	const struct bh_slice all = { .base = 0, .mask = w->sessions / BH_WAYS - 1 };
	const uint32_t slot = (uint32_t)dp_slot(w->dp, IFINDEX);
	uint32_t seconds[BH_LIFE_MAX];
	struct bh_endpoint ep;
	int i;

	if (bpf_map_lookup_elem(fd, &slot, &ep))
		err(1, "%s: bh_endpoints", w->name);
	ep.slice[BH_V4] = ep.slice[BH_V6] = all;
	if (bpf_map_update_elem(fd, &slot, &ep, BPF_ANY))
		err(1, "%s: bh_endpoints", w->name);
	(void)close(fd);
	for (i = 0; i < BH_LIFE_MAX; i++)
		seconds[i] = LIFE_S;
	dp_set_lives(w->dp, seconds);
}

static struct bh_meta read_meta(const struct world *w)
{
	const uint32_t zero = 0;
	struct bh_meta meta;

	if (bpf_map_lookup_elem(w->meta, &zero, &meta))
		err(1, "%s: bh_meta", w->name);
	return meta;
}

void world_load(struct world *w, const char *bpffs)
{
	const struct dp_sizes sizes = { .sessions4 = w->sessions, .sessions6 = w->sessions };
	struct actual *a = NULL;
	struct bh_err e = {};
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", bpffs, w->name);
	if (dp_open(path, &sizes, &w->dp, &e) < 0 || dp_read(w->dp, &a, &e) < 0)
		errx(1, "%s: %s", w->name, e.msg);
	publish(w, a);
	actual_free(a);
	w->prog[BH_INGRESS] = dp_prog_fd(w->dp, BH_INGRESS);
	w->prog[BH_EGRESS] = dp_prog_fd(w->dp, BH_EGRESS);
	w->meta = world_map(w, bpffs, "bh_meta");
	w->seed = read_meta(w).seed;
	give_lines(w, bpffs);
}

void world_unload(struct world *w)
{
	dp_free(w->dp);
	w->dp = NULL;
	(void)close(w->meta);
}

/* ---- what the maps say ---------------------------------------------------------------------- */

void world_event_jiffies(const struct world *w, uint32_t jiffies)
{
	struct bh_meta meta = read_meta(w);
	const uint32_t zero = 0;

	meta.event_jiffies = jiffies;
	if (bpf_map_update_elem(w->meta, &zero, &meta, BPF_ANY))
		err(1, "bh_meta");
}

void world_stats(const struct world *w, struct bh_count *ret)
{
	struct bh_err e = {};

	if (dp_stats(w->dp, ret, &e) < 0)
		errx(1, "%s: %s", w->name, e.msg);
}

static void count_event(void *ctx, const struct bh_event *e)
{
	(void)e;
	++*(int *)ctx;
}

int world_events(const struct world *w)
{
	int n = 0;

	if (dp_events(w->dp, count_event, &n) < 0)
		errx(1, "%s: cannot read the events", w->name);
	return n;
}

static int tally_one(void *ctx, const struct dp_session *s)
{
	const bool v4 = !s->flow.remote.w[0] && !s->flow.remote.w[1] && s->flow.remote.w[2];
	const bool live = s->flow.lport == htons(PORT);
	struct tally *t = ctx;

	*(v4 ? &t->v4 : &t->v6) += 1;
	*(v4 ? &t->live4 : &t->live6) += live;
	return 0;
}

struct tally world_sessions(const struct world *w)
{
	struct tally t = { 0 };
	struct bh_err e = {};

	if (dp_sessions(w->dp, tally_one, &t, &e) < 0)
		errx(1, "%s: %s", w->name, e.msg);
	return t;
}
