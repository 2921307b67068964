/* SPDX-License-Identifier: Apache-2.0 */
/* What other networks mean for ours: no look at the node, just the words. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "chain/chain.h"
#include "preflight.h"
#include "util/err.h"
#include "util/scope.h"

void preflight_say(struct preflight *p, enum preflight_level level, const char *check, const char *fmt, ...)
{
	char text[768];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	bh_text_clean(text);
	if (level > p->worst)
		p->worst = level;
	p->say(p->ctx, level, check, text);
}

/* Supported as a plugin, and its network has a mode that is not. */
static bool refused_by_mode(struct preflight *p, const struct preflight_seen *s)
{
	const bool calico = !strcmp(s->main_type, "calico") && s->calico_bpf;

	if (calico)
		preflight_say(
			p, PREFLIGHT_FAIL, "main CNI",
			"Calico's eBPF data plane is on: it hands packets over before our programs see them; "
			"set bpfEnabled: false in its FelixConfiguration");
	return calico;
}

static void judge_main(struct preflight *p, const struct preflight_seen *s)
{
	enum chain_support support;
	const char *why;

	if (s->trouble) {
		preflight_say(p, PREFLIGHT_WARN, "main CNI", "%s; judged when it is there", s->trouble);
		return;
	}
	support = chain_support_of(s->main_type, &why);
	/* That one alone is as if there were none yet. */
	if (support == CHAIN_REFUSED && strcmp(s->main_type, "loopback"))
		preflight_say(p, PREFLIGHT_FAIL, "main CNI", "'%s' (%s) cannot be enforced: %s", s->main_type,
			      s->file, why);
	else if (!refused_by_mode(p, s))
		preflight_say(p, support == CHAIN_SUPPORTED ? PREFLIGHT_OK : PREFLIGHT_WARN, "main CNI",
			      "'%s' (%s)%s%s", s->main_type, s->file, *why ? ": " : "", why);
}

/* Another network beside the one of the configuration: its pods are not ours to protect. */
static void judge_kinds(struct preflight *p, const struct preflight_seen *s)
{
	const struct {
		const char *kind, *name;
	} kinds[] = { { "netkit", s->netkit }, { "ipvlan", s->ipvlan }, { "macvlan", s->macvlan } };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (*kinds[i].name)
			preflight_say(
				p, PREFLIGHT_WARN, "interfaces",
				"'%s' is of kind %s: a pod behind such an interface cannot be protected, "
				"and its ADD is refused",
				kinds[i].name, kinds[i].kind);
}

static void judge_others(struct preflight *p, const struct preflight_seen *s)
{
	const bool cilium_is_main = s->main_type && !strcmp(s->main_type, "cilium-cni");
	const struct {
		bool there;
		const char *who;
	} others[] = {
		{ (s->cilium || s->cilium_chained) && !cilium_is_main, "Cilium" },
		{ s->calico || s->calico_bpf, "Calico (felix)" },
		{ s->aws, "the AWS network policy agent" },
		{ s->kube_router, "kube-router (also part of k3s and k0s)" },
		{ s->kube_network_policies, "kube-network-policies (also part of kindnet)" },
		{ s->antrea, "Antrea" },
		{ s->ovn, "OVN-Kubernetes" },
		{ s->weave, "Weave Net" },
	};
	bool any = cilium_is_main;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(others); i++) {
		if (!others[i].there)
			continue;
		any = true;
		preflight_say(
			p, PREFLIGHT_WARN, "enforcers",
			"%s is at work here, which enforces NetworkPolicy too: what passes is what both allow",
			others[i].who);
	}
	if (!any)
		preflight_say(p, PREFLIGHT_OK, "enforcers", "no other one of NetworkPolicy is known here");
}

void preflight_judge(struct preflight *p, const struct preflight_seen *s)
{
	judge_main(p, s);
	judge_kinds(p, s);
	if (s->bandwidth && p->no_tcx)
		preflight_say(
			p, PREFLIGHT_WARN, "bandwidth",
			"the bandwidth plugin is in the chain and this kernel has no tcx (Linux 6.6): the ADD of "
			"a pod with the annotation kubernetes.io/egress-bandwidth or ingress-bandwidth fails, "
			"because its interface has an ingress qdisc where clsact must go");
	judge_others(p, s);
}
