/* SPDX-License-Identifier: Apache-2.0 */
/* What perf makes of counters: differences, ratios, verdicts and advice. */
#include "ctl/judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "util/scope.h"

static const struct perf_setup by_stats = { .cpus = 2,
					    .run_stats = true,
					    .jited = true,
					    .cost = true,
					    .hot_ns = 50,
					    .allowed_ns = 400,
					    .denied_ns = 300 };

static const struct perf_sample from = {
	.at_ms = 1000, .hits = 100, .allowed = 200, .denied = 50, .opened = 90, .runs = 300, .run_ns = 90000
};

/* 1,000,000 packets in two seconds, 100 ns each, nearly all of them of live sessions. */
static struct perf_sample good(void)
{
	struct perf_sample to = from;

	to.at_ms += 2000;
	to.hits += 985000;
	to.allowed += 990000;
	to.denied += 10000;
	to.opened += 4000;
	to.runs += 1000000;
	to.run_ns += 100000000;
	to.sessions = 77;
	return to;
}

static void assert_near(double is, double want)
{
	if (!(fabs(is - want) <= fabs(want) * 1e-9))
		fail_msg("is %g, should be %g", is, want);
}

static void judge(const struct perf_sample *to, const struct perf_setup *s,
		  struct perf_verdict ret[PERF_TARGETS])
{
	const struct perf_span p = perf_between(&from, to, s);

	perf_judge(&p, s, ret);
}

static void differences_and_ratios(void **state)
{
	const struct perf_sample to = good();
	const struct perf_span p = perf_between(&from, &to, &by_stats);

	(void)state;
	assert_near(p.seconds, 2);
	assert_int_equal(p.packets, 1000000);
	assert_int_equal(p.sessions, 77);
	assert_near(p.packets_s, 500000);
	assert_near(p.hit_rate, 985.0 / 990);
	assert_near(p.packet_ns, 100);
	assert_near(p.core, 0.05);
	assert_near(p.node, 0.025);
	assert_near(p.core_packets, 1e7);
	assert_true(p.cold_ns < 0); /* too few to be told from the statistics */
}

/* 40 % of the packets are cold: what the hot ones do not explain is theirs. */
static void cold_ones_in_the_statistics(void **state)
{
	struct perf_setup one = by_stats;
	struct perf_sample to = good();
	struct perf_span p;

	(void)state;
	to.hits = from.hits + 600000;
	p = perf_between(&from, &to, &by_stats);
	assert_near(p.cold_ns, (100000000 - 600000 * 50) / 400000.0);
	one.one = true; /* the others' packets are in the statistics, too */
	p = perf_between(&from, &to, &one);
	assert_true(p.cold_ns < 0);
	assert_near(p.packet_ns, 100);
}

static void without_statistics(void **state)
{
	struct perf_setup s = by_stats;
	const struct perf_sample to = good();
	struct perf_span p;

	(void)state;
	s.run_stats = false;
	p = perf_between(&from, &to, &s);
	assert_near(p.packet_ns, (985000 * 50 + 5000 * 400 + 10000 * 300) / 1e6);
	s.cost = false;
	p = perf_between(&from, &to, &s);
	assert_true(p.packet_ns < 0 && p.node < 0 && p.core_packets < 0);
}

static void nothing_went_through(void **state)
{
	struct perf_verdict v[PERF_TARGETS];
	struct perf_sample to = from;
	struct perf_span p;

	(void)state;
	to.at_ms += 1000;
	p = perf_between(&from, &to, &by_stats);
	assert_true(p.hit_rate < 0 && p.packet_ns < 0);
	judge(&to, &by_stats, v);
	assert_false(v[PERF_HIT_RATE].known || v[PERF_CORE].known || v[PERF_CPU].known);
	assert_true(v[PERF_HOT].met && v[PERF_COLD].met);
}

static void all_targets_met(void **state)
{
	const struct perf_sample to = good();
	struct perf_verdict v[PERF_TARGETS];
	size_t i;

	(void)state;
	judge(&to, &by_stats, v);
	for (i = 0; i < PERF_TARGETS; i++) {
		assert_true(v[i].known && v[i].met);
		assert_string_equal(v[i].advice, "");
	}
	assert_string_equal(v[PERF_HIT_RATE].value, "99.49 %");
	assert_string_equal(v[PERF_HOT].value, "50 ns");
	assert_string_equal(v[PERF_COLD].value, "400 ns");
	assert_string_equal(v[PERF_CPU].value, "2.50 % (5.00 % of one core)");
}

static void assert_missed(const struct perf_verdict *v, const char *advice)
{
	assert_true(v->known);
	assert_false(v->met);
	if (!strstr(v->advice, advice))
		fail_msg("%s: '%s' lacks '%s'", v->name, v->advice, advice);
}

/* The same rate, by four causes. */
static void why_the_hit_rate_is_low(void **state)
{
	struct perf_sample to = good();
	struct perf_verdict v[PERF_TARGETS];

	(void)state;
	to.hits = from.hits + 900000;
	to.opened = from.opened;
	judge(&to, &by_stats, v);
	assert_missed(&v[PERF_HIT_RATE], "belong to no flow");
	to.opened = from.opened + 90000;
	judge(&to, &by_stats, v);
	assert_missed(&v[PERF_HIT_RATE], "the flows are short");
	to.redecided = from.redecided + 80000;
	judge(&to, &by_stats, v);
	assert_missed(&v[PERF_HIT_RATE], "decided afresh");
	to.evicted = from.evicted + 70000;
	judge(&to, &by_stats, v);
	assert_missed(&v[PERF_HIT_RATE], "--sessions");
}

static void why_it_costs_so_much(void **state)
{
	struct perf_setup slow = by_stats;
	struct perf_sample to = good();
	struct perf_verdict v[PERF_TARGETS];

	(void)state;
	to.run_ns = from.run_ns + 20000000000;
	slow.hot_ns = 12000;
	slow.allowed_ns = 60000;
	judge(&to, &slow, v);
	assert_missed(&v[PERF_CORE], "the machine is slow");
	assert_missed(&v[PERF_HOT], "the machine is slow");
	assert_missed(&v[PERF_COLD], "the machine is slow");
	assert_missed(&v[PERF_CPU], "--pod");
	slow.jited = false;
	to.denied += 2000000;
	judge(&to, &slow, v);
	assert_missed(&v[PERF_HOT], "bpf_jit_enable");
	assert_missed(&v[PERF_CPU], "were denied");
}

static void times(void **state)
{
	char text[24];

	(void)state;
	assert_string_equal(perf_time_text(78.4, text), "78 ns");
	assert_string_equal(perf_time_text(4210, text), "4.2 us");
	assert_string_equal(perf_time_text(2.5e6, text), "2.5 ms");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(differences_and_ratios), cmocka_unit_test(cold_ones_in_the_statistics),
		cmocka_unit_test(without_statistics),	  cmocka_unit_test(nothing_went_through),
		cmocka_unit_test(all_targets_met),	  cmocka_unit_test(why_the_hit_rate_is_low),
		cmocka_unit_test(why_it_costs_so_much),	  cmocka_unit_test(times),
	};

	return cmocka_run_group_tests_name("ctl/judge", tests, NULL, NULL);
}
