/* SPDX-License-Identifier: Apache-2.0 */
/* What other networks on a node mean for ours: the words, from what was seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "preflight.h"

static char said[4096];

static void note(void *ctx, enum preflight_level level, const char *check, const char *text)
{
	static const char *const names[] = { "OK", "WARN", "FAIL" };
	const size_t len = strlen(said);

	(void)ctx;
	(void)snprintf(said + len, sizeof(said) - len, "%s %s: %s\n", names[level], check, text);
}

static enum preflight_level judge(const struct preflight_seen *seen, bool no_tcx)
{
	struct preflight p = { .say = note, .no_tcx = no_tcx };

	said[0] = '\0';
	preflight_judge(&p, seen);
	return p.worst;
}

static void assert_says(const char *text)
{
	if (!strstr(said, text))
		fail_msg("'%s' is not in:\n%s", text, said);
}

static void assert_silent(const char *text)
{
	if (strstr(said, text))
		fail_msg("'%s' is in:\n%s", text, said);
}

static struct preflight_seen with(const char *main_type)
{
	return (struct preflight_seen){ .file = "/conf/10-net.conflist", .main_type = main_type };
}

static void all_is_well(void **state)
{
	struct preflight_seen s = with("bridge");

	(void)state;
	s.bandwidth = true;
	assert_int_equal(judge(&s, false), PREFLIGHT_OK);
	assert_says("OK main CNI: 'bridge' (/conf/10-net.conflist)\n");
	assert_says("OK enforcers: ");
	assert_silent("bandwidth");
}

static void nothing_is_there_yet(void **state)
{
	const struct preflight_seen s = { .trouble = "no network configuration in '/conf' yet" };

	(void)state;
	assert_int_equal(judge(&s, false), PREFLIGHT_WARN);
	assert_says("WARN main CNI: no network configuration in '/conf' yet; judged when it is there");
}

static void one_that_nobody_knows(void **state)
{
	const struct preflight_seen s = with("acme-net");

	(void)state;
	assert_int_equal(judge(&s, false), PREFLIGHT_WARN);
	assert_says("WARN main CNI: 'acme-net' (/conf/10-net.conflist): not known");
}

/* By the name of what is in the way, and the setting where there is one. */
static void refused(void **state)
{
	static const char *const cases[][2] = {
		{ "cilium-cni", "bpf.hostLegacyRouting" },
		{ "netkit", "netkit" },
		{ "ipvlan", "ipvlan" },
		{ "macvlan", "macvlan" },
		{ "sriov", "SR-IOV" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct preflight_seen s = with(cases[i][0]);

		assert_int_equal(judge(&s, false), PREFLIGHT_FAIL);
		assert_says("FAIL main CNI: '");
		assert_says(cases[i][1]);
	}
}

/* As a runtime's package leaves it: whoever brings the network comes later, as we may. */
static void loopback_alone(void **state)
{
	const struct preflight_seen s = with("loopback");

	(void)state;
	assert_int_equal(judge(&s, false), PREFLIGHT_WARN);
	assert_says("WARN main CNI: 'loopback'");
	assert_says("the main plugin has not come yet");
}

static void calico_with_and_without_its_programs(void **state)
{
	struct preflight_seen s = with("calico");

	(void)state;
	s.calico = true;
	assert_int_equal(judge(&s, false), PREFLIGHT_WARN);
	assert_says("OK main CNI: 'calico'");
	assert_says("WARN enforcers: Calico (felix)");
	s.calico_bpf = true;
	assert_int_equal(judge(&s, false), PREFLIGHT_FAIL);
	assert_says("FAIL main CNI: Calico's eBPF data plane is on");
	assert_says("bpfEnabled: false");
	assert_silent("OK main CNI");
}

/* Whose main plugin is refused is not pointed out once more. */
static void cilium_in_either_place(void **state)
{
	struct preflight_seen s = with("cilium-cni");

	(void)state;
	s.cilium = true;
	(void)judge(&s, false);
	assert_silent("enforcers");
	s = with("aws-cni");
	s.cilium_chained = true;
	assert_int_equal(judge(&s, false), PREFLIGHT_WARN);
	assert_says("WARN enforcers: Cilium is at work here");
}

static void each_enforcer_has_its_name(void **state)
{
	struct preflight_seen s = with("bridge");

	(void)state;
	s.aws = s.kube_router = s.kube_network_policies = s.antrea = s.ovn = s.weave = true;
	assert_int_equal(judge(&s, false), PREFLIGHT_WARN);
	assert_says("AWS network policy agent");
	assert_says("kube-router");
	assert_says("kube-network-policies");
	assert_says("Antrea");
	assert_says("OVN-Kubernetes");
	assert_says("Weave");
	assert_says("what both allow");
	assert_silent("OK enforcers");
	assert_silent("Calico");
	assert_silent("Cilium");
}

static void other_interfaces(void **state)
{
	struct preflight_seen s = with("bridge");

	(void)state;
	strcpy(s.netkit, "nk0");
	strcpy(s.ipvlan, "ipvl0");
	strcpy(s.macvlan, "macvtap9");
	assert_int_equal(judge(&s, false), PREFLIGHT_WARN);
	assert_says("'nk0' is of kind netkit");
	assert_says("'ipvl0' is of kind ipvlan");
	assert_says("'macvtap9' is of kind macvlan");
}

static void bandwidth_where_clsact_must_go(void **state)
{
	struct preflight_seen s = with("bridge");

	(void)state;
	assert_int_equal(judge(&s, true), PREFLIGHT_OK);
	s.bandwidth = true;
	assert_int_equal(judge(&s, true), PREFLIGHT_WARN);
	assert_says("WARN bandwidth: ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_is_well),
		cmocka_unit_test(nothing_is_there_yet),
		cmocka_unit_test(one_that_nobody_knows),
		cmocka_unit_test(refused),
		cmocka_unit_test(loopback_alone),
		cmocka_unit_test(calico_with_and_without_its_programs),
		cmocka_unit_test(cilium_in_either_place),
		cmocka_unit_test(each_enforcer_has_its_name),
		cmocka_unit_test(other_interfaces),
		cmocka_unit_test(bandwidth_where_clsact_must_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
