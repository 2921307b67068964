/* SPDX-License-Identifier: Apache-2.0 */
/* Differences, ratios, targets, and what to do about those that are missed. */
#include "ctl/judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ENOUGH 1000 /* packets; of fewer a ratio says nothing */

#define HIT_RATE     0.99
#define CORE_PACKETS 100000.0
#define HOT_NS	     10000.0
#define COLD_NS	     50000.0
#define CPU	     0.05

const char *perf_time_text(double ns, char ret[24])
{
	if (ns < 1000)
		(void)snprintf(ret, 24, "%.0f ns", ns);
	else if (ns < 1e6)
		(void)snprintf(ret, 24, "%.1f us", ns / 1e3);
	else
		(void)snprintf(ret, 24, "%.1f ms", ns / 1e6);
	return ret;
}

/* ---- spans -------------------------------------------------------------------------------- */

static double ratio(double part, double whole)
{
	return whole > 0 ? part / whole : -1;
}

/* By test runs: allowed and denied first packets each have a cost. */
static double estimated_ns(const struct perf_span *p, const struct perf_setup *s)
{
	const double cold = (double)(p->allowed - p->hits);

	return (double)p->hits * s->hot_ns + cold * s->allowed_ns + (double)p->denied * s->denied_ns;
}

/* What the programs took, of all packets on the node: statistics know no pod. */
static void add_cost(struct perf_span *p, double runs, double run_ns, const struct perf_setup *s)
{
	const double cold = runs - (double)p->hits;

	p->packet_ns = p->cold_ns = -1;
	if (s->run_stats && runs > 0)
		p->packet_ns = run_ns / runs;
	else if (s->cost && p->packets)
		p->packet_ns = estimated_ns(p, s) / (double)p->packets;
	/* Only where they are a good part: the rest is the difference of two large numbers. */
	if (s->run_stats && s->cost && !s->one && cold >= ENOUGH && cold > runs / 20)
		p->cold_ns = (run_ns - (double)p->hits * s->hot_ns) / cold;
	if (p->packet_ns < 0)
		return;
	p->core_packets = p->packet_ns > 0 ? 1e9 / p->packet_ns : -1;
	p->core = (double)p->packets * p->packet_ns / 1e9 / p->seconds;
	p->node = p->core / (double)(s->cpus ? s->cpus : 1);
}

struct perf_span perf_between(const struct perf_sample *from, const struct perf_sample *to,
			      const struct perf_setup *s)
{
	struct perf_span p = { .seconds = (to->at_ms - from->at_ms) / 1000,
			       .hits = to->hits - from->hits,
			       .allowed = to->allowed - from->allowed,
			       .denied = to->denied - from->denied,
			       .opened = to->opened - from->opened,
			       .redecided = to->redecided - from->redecided,
			       .evicted = to->evicted - from->evicted,
			       .sessions = to->sessions,
			       .node = -1,
			       .core = -1,
			       .core_packets = -1 };

	p.packets = p.allowed + p.denied;
	p.packets_s = ratio((double)p.packets, p.seconds);
	p.hit_rate = ratio((double)p.hits, (double)p.allowed);
	add_cost(&p, (double)(to->runs - from->runs), (double)(to->run_ns - from->run_ns), s);
	return p;
}

/* ---- verdicts ----------------------------------------------------------------------------- */

static void say(char *ret, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void say(char *ret, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(ret, size, fmt, ap);
	va_end(ap);
}

#define VALUE(v, ...)  say((v)->value, sizeof((v)->value), __VA_ARGS__)
#define ADVICE(v, ...) say((v)->advice, sizeof((v)->advice), __VA_ARGS__)

static void judge_hits(const struct perf_span *p, struct perf_verdict *v)
{
	const uint64_t missed = p->allowed - p->hits;

	*v = (struct perf_verdict){ .name = "hit_rate", .target = "> 99 %", .known = p->allowed >= ENOUGH };
	if (!v->known) {
		VALUE(v, "fewer than %d allowed packets", ENOUGH);
		return;
	}
	v->met = p->hit_rate > HIT_RATE;
	VALUE(v, "%.2f %%", p->hit_rate * 100);
	if (v->met)
		return;
	if (p->evicted * 2 > missed)
		ADVICE(v,
		       "sessions that were live had to make room (%llu): give the agent more with --sessions",
		       (unsigned long long)p->evicted);
	else if (p->redecided * 2 > missed)
		ADVICE(v,
		       "%llu packets were decided afresh because a policy, or the labels of somebody that it "
		       "names, had changed: look in the agent's log for what changes so often",
		       (unsigned long long)p->redecided);
	else if (p->opened * 2 > missed)
		ADVICE(v,
		       "%llu new flows for %llu packets: the flows are short. Let clients keep their "
		       "connections (HTTP keep-alive, connection pools, a DNS cache on the node)",
		       (unsigned long long)p->opened, (unsigned long long)p->allowed);
	else
		ADVICE(v,
		       "packets that belong to no flow (multicast, other protocols, fragments) are decided one "
		       "by one: 'bulkheadctl status' lists them by reason");
}

static void advise_cost(const struct perf_setup *s, struct perf_verdict *v)
{
	if (!s->jited)
		ADVICE(v, "the kernel interprets the programs: switch its compiler on "
			  "(sysctl net.core.bpf_jit_enable=1)");
	else
		ADVICE(v,
		       "the machine is slow or its cores are taken (steal time, SMT, a low clock): compare "
		       "with 'make bench' on it; other programs on the hooks are not in this figure");
}

static void judge_core(const struct perf_span *p, const struct perf_setup *s, struct perf_verdict *v)
{
	*v = (struct perf_verdict){ .name = "core_packets_s",
				    .target = "> 100,000 packets/s a core",
				    .known = p->core_packets > 0 && p->packets >= ENOUGH };
	if (!v->known) {
		VALUE(v, "%s", p->core_packets > 0 ? "too few packets" : "cost not known");
		return;
	}
	v->met = p->core_packets > CORE_PACKETS;
	VALUE(v, "%.0f", p->core_packets);
	if (!v->met)
		advise_cost(s, v);
}

static void judge_hot(const struct perf_setup *s, struct perf_verdict *v)
{
	char text[24];

	*v = (struct perf_verdict){ .name = "hot", .target = "< 10 us", .known = s->cost };
	VALUE(v, "%s", s->cost ? perf_time_text(s->hot_ns, text) : "not measured");
	v->met = s->cost && s->hot_ns < HOT_NS;
	if (v->known && !v->met)
		advise_cost(s, v);
}

static double greatest(double a, double b, double c)
{
	const double ab = a > b ? a : b;

	return ab > c ? ab : c;
}

static void judge_cold(const struct perf_span *p, const struct perf_setup *s, struct perf_verdict *v)
{
	const double most = greatest(s->allowed_ns, s->denied_ns, p->cold_ns);
	char text[24];

	*v = (struct perf_verdict){ .name = "cold", .target = "< 50 us", .known = s->cost };
	VALUE(v, "%s", s->cost ? perf_time_text(most, text) : "not measured");
	v->met = s->cost && most < COLD_NS;
	if (v->known && !v->met)
		advise_cost(s, v);
}

static void judge_cpu(const struct perf_span *p, struct perf_verdict *v)
{
	*v = (struct perf_verdict){ .name = "cpu", .target = "< 5 % of the node", .known = p->node >= 0 };
	if (!v->known) {
		VALUE(v, "cost not known");
		return;
	}
	v->met = p->node < CPU;
	VALUE(v, "%.2f %% (%.2f %% of one core)", p->node * 100, p->core * 100);
	if (v->met)
		return;
	if (p->denied > p->allowed)
		ADVICE(v,
		       "%llu of %llu packets were denied: 'bulkheadctl flows' names who sends them; stop it at "
		       "its source",
		       (unsigned long long)p->denied, (unsigned long long)p->packets);
	else
		ADVICE(v,
		       "%.0f packets/s at %.0f ns: see which pods they are of with --pod, spread them over "
		       "nodes, or let them send larger ones (MTU, GRO and GSO on the uplink)",
		       p->packets_s, p->packet_ns);
}

void perf_judge(const struct perf_span *all, const struct perf_setup *s,
		struct perf_verdict ret[PERF_TARGETS])
{
	judge_hits(all, &ret[PERF_HIT_RATE]);
	judge_core(all, s, &ret[PERF_CORE]);
	judge_hot(s, &ret[PERF_HOT]);
	judge_cold(all, s, &ret[PERF_COLD]);
	judge_cpu(all, &ret[PERF_CPU]);
}
