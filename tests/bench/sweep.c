/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent's sweep costs that looks for sessions that are over: 500,000 of IPv4 in twice as many lines,
 * every hundredth of them over. CPU time, median. Prints a JSON list; tests/bench/run makes the table.
 */
#include <arpa/inet.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../bpf/session.h"
#include "dataplane/lines.h"
#include "figures.h"

#define SESSIONS 500000u
#define SETS	 131072u
#define RUNS	 9
#define EVERY_MS 10000.0 /* agent/sessions.c */
#define LIFE	 1000u
#define NOW	 5000u

static void fill(const struct lines *l, struct bh_slice slice, const struct lines_owner *o)
{
	uint32_t i;

	for (i = 0; i < SESSIONS; i++) {
		const struct bh_session s = {
			.word = session_word(0, BH_INGRESS, o->born),
			.seen = NOW - (i % 100 ? 10 : LIFE + 1),
			.life = LIFE,
			.state = BH_ESTABLISHED,
		};
		const struct bh_flow6 f = {
			.local.w = { 0, 0, htonl(0xffff), htonl(0x0a000001) },
			.remote.w = { 0, 0, htonl(0xffff), htonl(0x0a010000 + i / 1000) },
			.lport = htons(80),
			.rport = htons((uint16_t)(1024 + i % 1000)),
			.proto = BH_PROTO_TCP,
		};

		(void)lines_put(l, slice, o, &f, &s);
	}
}

int main(void)
{
	const struct bh_slice slice = { 0, SETS - 1 };
	const struct lines_owner owner = { .ifindex = 1, .born = 1, .now = NOW };
	struct lines l = { .at = aligned_alloc(4096, SETS * sizeof(struct bh_set4)), .seed = 0x5eed };
	struct lines_use use = { 0 };
	struct lines_busy busy = { 0 };
	double ms[RUNS];
	uint64_t from;
	int i;

	if (!l.at)
		err(1, "no memory");
	for (i = 0; i < RUNS; i++) {
		lines_clear(&l, 0, SETS);
		fill(&l, slice, &owner);
		from = cpu_ns();
		use = lines_sweep(&l, slice, &owner, &busy);
		ms[i] = (double)(cpu_ns() - from) / 1e6;
	}
	if (use.live < SESSIONS * 98 / 100 || use.live > SESSIONS * 99 / 100)
		errx(1, "%u sessions are left", use.live);
	qsort(ms, RUNS, sizeof(*ms), cmp_double);
	printf("[{\"name\": \"500,000 sessions\", \"value\": %.1f, \"unit\": \"ms\"},\n", ms[RUNS / 2]);
	printf(" {\"name\": \"of one CPU, every 10 s\", \"value\": %.2f, \"unit\": \"%%\", \"goal\": 1, \"met\": %s}]\n",
	       ms[RUNS / 2] / EVERY_MS * 100, ms[RUNS / 2] / EVERY_MS < 0.01 ? "true" : "false");
	lines_busy_done(&busy);
	free(l.at);
	return 0;
}
