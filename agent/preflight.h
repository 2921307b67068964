/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether this node can be protected, before anything of it is touched: one sentence for each check. What can
 * be tried is tried, with things of our own that go again; what another network does is recognised.
 */
#ifndef BH_PREFLIGHT_H
#define BH_PREFLIGHT_H

#include <stdbool.h>

enum preflight_level { PREFLIGHT_OK, PREFLIGHT_WARN, PREFLIGHT_FAIL };

struct preflight {
	const char *conf_dir, *bin_dir; /* of CNI */
	const char *pin_dir, *run_dir;	/* ours */
	void (*say)(void *ctx, enum preflight_level level, const char *check, const char *text);
	void *ctx;
	enum preflight_level worst; /* said so far */
	bool no_tcx;		    /* known not to be there */
};

void preflight_say(struct preflight *p, enum preflight_level level, const char *check, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

void preflight_system(struct preflight *p);  /* of the next one, what needs no trial */
void preflight_kernel(struct preflight *p);  /* BTF, bpffs, capabilities, our programs, how they hang */
void preflight_files(struct preflight *p);   /* the directories that are written to */
void preflight_network(struct preflight *p); /* who else is at work here; after preflight_kernel() */

/* What preflight_network() has seen. Names of interfaces: the first of its kind, "" for none. */
struct preflight_seen {
	const char *file, *main_type; /* the configuration that the runtime loads, and its first plugin */
	const char *trouble;	      /* why these two are not known; NULL: they are */
	bool bandwidth;		      /* is in the chain */
	bool cilium_chained;	      /* the same, behind another main plugin */
	char netkit[16], ipvlan[16], macvlan[16];
	bool cilium, calico, calico_bpf, aws, kube_router, kube_network_policies, antrea, ovn, weave;
};

/* Pure. */
void preflight_judge(struct preflight *p, const struct preflight_seen *seen);

#endif
