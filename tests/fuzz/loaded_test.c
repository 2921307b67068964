// SPDX-License-Identifier: Apache-2.0
/*
 * The fuzzer's frames through the loaded programs: what clang made of bpf/parse.h and bpf/identity.h for BPF,
 * behind the kernel's skb, says of each frame what they say natively. Seen by the reason that is counted, the
 * verdict, the flow in the event, the key of the session, and whether a session of the other side still
 * speaks for the frame (a first SYN has it not). Each frame once more with few bytes linear. Needs root.
 *   loaded_test FOLDER
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/pkt_cls.h>

#include "../bpf/world.h"
#include "native.h"
#include "policy.skel.h"

#define ELSEWHERE 7

static int passed, failed, refused, paged;

#define REASON_TEXT(name, action, text) text,
static const char *const reason_text[] = { BH_REASONS(REASON_TEXT) };
#define REASON_ACTION(name, action, text) BH_##action,
static const enum bh_action reason_action[] = { BH_REASONS(REASON_ACTION) };

struct run {
	const char *file;
	const struct frame *frame;
	enum bh_dir dir;
	enum ep ep;
	enum set set;
	struct bh_endpoint endpoint;
	struct bh_pkt p; /* as parsed natively */
	enum bh_reason kind, want;
	int wrong;
};

static void __attribute__((format(printf, 2, 3))) wrong(struct run *run, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf("FAIL %s (%s, %s, %s): ", run->file, run->dir == BH_EGRESS ? "from_pod" : "to_pod",
	       run->ep == E_PLAIN ? "own addresses" : "forwards", run->set == S_OPEN ? "open" : "shut");
	vprintf(format, args);
	printf("\n");
	va_end(args);
	run->wrong++;
}

/* ---- what must come of it --------------------------------------------------------------- */

static bool is_settled(const struct run *run)
{
	if (run->kind == BH_VLAN)
		return run->dir == BH_EGRESS && run->ep == E_PLAIN;
	if ((run->kind == BH_EXT_HEADER || run->kind == BH_FRAGMENT_TINY) && run->p.bits & BH_PKT_HIDDEN)
		return run->dir == BH_EGRESS;
	return run->kind == BH_NEIGHBOUR || run->kind == BH_MALFORMED || run->kind == BH_SOURCE_ROUTE ||
	       (run->kind >= BH_SPOOFED_MAC && run->kind <= BH_NOT_OURS_ADDR);
}

/* To an address of the node, and not to one of its hostPorts: see world.c. */
static bool is_host(const struct run *run)
{
	const struct bh_flow6 *f = &run->p.flow;
	const struct bh_addr node[] = { peer_addr(P_NODE, 4), peer_addr(P_NODE, 6), peer_addr(P_NODE_WEB, 4),
					peer_addr(P_NODE_WEB, 6) };
	const uint32_t port = BH_PORT(f->proto, ntohs(f->rport));
	size_t i;

	if (run->dir == BH_INGRESS || run->p.bits & BH_PKT_HIDDEN || port == BH_PORT(IPPROTO_TCP, 30080) ||
	    port == BH_PORT(IPPROTO_UDP, 30053) || port == BH_PORT(IPPROTO_SCTP, 30090))
		return false;
	for (i = 0; run->p.family && i < sizeof(node) / sizeof(*node); i++)
		if (!memcmp(&node[i], &f->remote, sizeof(*node)))
			return true;
	return false;
}

static enum bh_reason wanted(const struct run *run)
{
	if (is_settled(run))
		return run->kind;
	if (is_host(run))
		return BH_HOST;
	if (run->set == S_OPEN)
		return run->kind == BH_POLICY ? BH_POLICY : BH_OPEN;
	if (run->kind != BH_POLICY)
		return run->kind;
	return run->p.bits & BH_PKT_OPENS ? BH_DENIED : BH_NO_SESSION;
}

/* ---- what came of it -------------------------------------------------------------------- */

/* Runs it. Return: the one reason that was counted; BH_REASON_MAX: none or several; -1: the kernel has no
 * such test run. */
static int counted(struct run *run, uint32_t linear)
{
	const struct counts before = world_counts();
	const int got = world_run(run->dir, run->frame, ELSEWHERE, linear, 1);
	const struct counts after = world_counts();
	int i, n = 0, reason = BH_REASON_MAX;

	if (got <= -1000)
		return -1;
	for (i = 0; i < BH_REASON_MAX * 2; i++) {
		const uint64_t more = after.stat[i].packets - before.stat[i].packets;

		n += (int)more;
		if (more && i % 2 == (int)run->dir)
			reason = i / 2;
	}
	if (n != 1 || reason == BH_REASON_MAX)
		return BH_REASON_MAX;
	if (got != (reason_action[reason] == BH_ALLOW ? TC_ACT_UNSPEC : TC_ACT_SHOT))
		wrong(run, "verdict %d with %s", got, reason_text[reason]);
	return reason;
}

static const char *text_of(int reason)
{
	return reason >= 0 && reason < BH_REASON_MAX ? reason_text[reason] : "nothing, or several reasons";
}

static void check_event(struct run *run)
{
	struct bh_flow6 want = run->p.flow;
	struct bh_event e = { 0 };
	const bool silent = reason_action[run->want] == BH_ALLOW ||
			    (run->want >= BH_SPOOFED_MAC && run->want <= BH_NOT_OURS_ADDR);
	const int n = world_events(&e);

	if (n != !silent)
		wrong(run, "%d events", n);
	if (n != 1)
		return;
	if (run->want == BH_MALFORMED)
		want = (struct bh_flow6){ 0 };
	if (memcmp(&e.local, &want.local, sizeof(e.local)) ||
	    memcmp(&e.remote, &want.remote, sizeof(e.remote)) || e.lport != want.lport ||
	    e.rport != want.rport || e.proto != want.proto)
		wrong(run, "event: another flow: ports %u %u and not %u %u, protocol %u and not %u",
		      ntohs(e.lport), ntohs(e.rport), ntohs(want.lport), ntohs(want.rport), e.proto,
		      want.proto);
	if (e.reason != run->want || e.len != run->frame->len)
		wrong(run, "event: %s, %u bytes", text_of(e.reason), e.len);
}

/* A session that the far end opened speaks for every packet but a first SYN. */
static void check_syn(struct run *run, const struct bh_flow6 *flow, struct bh_session *s)
{
	const int want = run->p.bits & BH_PKT_SYN ? (int)run->want : BH_SESSION;
	int got;

	s->word ^= (uint64_t)BH_SESS_OPENER << BH_SESS_FIXED_SHIFT;
	s->state = BH_NEW;
	world_clear();
	world_session_put(flow, s);
	got = counted(run, 0);
	if (got != want)
		wrong(run, "with a session of the far end: %s, not %s", text_of(got), text_of(want));
}

static void check_session(struct run *run)
{
	const bool allowed = run->kind == BH_POLICY && reason_action[run->want] == BH_ALLOW;
	struct bh_flow6 flow = run->p.flow;
	struct bh_session s;

	flow.ifindex = IFINDEX;
	if (world_sessions() != allowed)
		wrong(run, "%d sessions", world_sessions());
	else if (allowed && !world_session(&flow, &s))
		wrong(run, "a session of another flow");
	else if (allowed && run->want == BH_POLICY)
		check_syn(run, &flow, &s);
}

/* Few bytes outside pages: the programs pull the rest, and say the same. */
static void check_paged(struct run *run)
{
	const uint32_t l3 = ETH_HLEN + (run->p.family == 6 ? 40 : 20), more = run->frame->len % 21;
	int got;

	if (run->frame->len <= l3 + more || !run->p.family)
		return;
	world_clear();
	got = counted(run, l3 + more);
	if (got < 0)
		return;
	paged++;
	if (got != (int)run->want)
		wrong(run, "of which %u bytes are linear: %s, not %s", l3 + more, text_of(got),
		      text_of(run->want));
}

static void run_frame(struct run *run)
{
	const struct frame *f = run->frame;
	int got;

	run->p = native_parse(f->data, f->len, f->len, run->dir);
	run->kind = identity_packet((struct cursor){ f->data, f->data + f->len }, f->len, &run->p,
				    &run->endpoint, run->dir);
	run->want = wanted(run);
	world_clear();
	got = counted(run, 0);
	if (got < 0) {
		if (f->len >= ETH_HLEN + 40)
			wrong(run, "the kernel refuses it");
		refused++;
		return;
	}
	if (got != (int)run->want)
		wrong(run, "%s, not %s", text_of(got), text_of(run->want));
	check_event(run);
	check_session(run);
	check_paged(run);
}

/* ---- the corpus ------------------------------------------------------------------------- */

static void read_frame(const char *dir, const char *name, struct frame *ret)
{
	char path[512];
	FILE *in;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	in = fopen(path, "r");
	if (!in)
		err(1, "cannot read '%s'", path);
	ret->len = (uint32_t)fread(ret->data, 1, sizeof(ret->data), in);
	(void)fclose(in);
}

static void run_file(const char *dir, const char *name)
{
	static const struct {
		enum ep ep;
		enum set set;
	} worlds[] = {
		{ E_PLAIN, S_SHUT }, { E_PLAIN, S_OPEN }, { E_FORWARDS, S_SHUT }, { E_FORWARDS, S_OPEN }
	};
	const uint32_t slot = IFINDEX;
	struct frame f = { 0 };
	struct run run = { .file = name, .frame = &f };
	size_t i;

	read_frame(dir, name, &f);
	for (i = 0; i < sizeof(worlds) / sizeof(*worlds); i++) {
		run.ep = worlds[i].ep;
		run.set = worlds[i].set;
		world_endpoint(run.ep, run.set);
		if (bpf_map_lookup_elem(bpf_map__fd(bpf->maps.bh_endpoints), &slot, &run.endpoint))
			err(1, "cannot read the endpoint");
		for (run.dir = BH_INGRESS; run.dir <= BH_EGRESS; run.dir++)
			run_frame(&run);
	}
	passed += !run.wrong;
	failed += !!run.wrong;
}

int main(int argc, char **argv)
{
	struct dirent *e;
	DIR *d;

	if (argc != 2)
		errx(1, "usage: loaded_test FOLDER");
	d = opendir(argv[1]);
	if (!d)
		err(1, "cannot read '%s'", argv[1]);
	world_load();
	while ((e = readdir(d)))
		if (e->d_name[0] != '.')
			run_file(argv[1], e->d_name);
	(void)closedir(d);
	world_unload();
	printf("loaded: %d frames, %d runs refused by the kernel (too short), %d paged\n", passed + failed,
	       refused, paged);
	printf("%d passed, %d failed\n", passed, failed);
	return failed != 0 || !passed;
}
