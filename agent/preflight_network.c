/* SPDX-License-Identifier: Apache-2.0 */
/* The node's CNI configuration, its interfaces, others' pins and tables: what is there. */
#include <dirent.h>
#include <errno.h>
#include <json-c/json.h>
#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "chain/target.h"
#include "hook/netlink.h"
#include "kube/value.h"
#include "netfilter.h"
#include "preflight.h"
#include "util/scope.h"

static bool starts(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

/* ---- the configuration ---------------------------------------------------------------------- */

static void see_plugins(const struct target *t, struct preflight_seen *s)
{
	struct json_object *all = value_get(t->conf.root, "plugins");
	size_t i;

	for (i = 0; i < value_length(all); i++) {
		const char *type = value_text(value_get(value_at(all, i), "type"));

		if (!type)
			continue;
		s->bandwidth |= !strcmp(type, "bandwidth");
		s->cilium_chained |= i && !strcmp(type, "cilium-cni");
	}
}

/* ---- interfaces ----------------------------------------------------------------------------- */

static void see_kind(const struct nl_link *link, struct preflight_seen *s)
{
	char *const found = !strcmp(link->kind, "netkit")    ? s->netkit
			    : !strcmp(link->kind, "ipvlan")  ? s->ipvlan
			    : !strcmp(link->kind, "macvlan") ? s->macvlan
							     : NULL;

	if (found && !*found)
		memcpy(found, link->name, sizeof(link->name));
}

static void see_name(const char *name, struct preflight_seen *s)
{
	s->cilium |= !strcmp(name, "cilium_host");
	s->calico_bpf |= !strcmp(name, "bpfin.cali");
	s->calico |= starts(name, "cali") || !strcmp(name, "vxlan.calico");
	s->antrea |= starts(name, "antrea-");
	s->ovn |= !strcmp(name, "ovn-k8s-mp0");
	s->weave |= !strcmp(name, "weave");
}

static int see_links(struct preflight_seen *s, struct bh_err *err)
{
	struct if_nameindex *all = if_nameindex(), *i;
	auto_fd int nl = nl_open();
	struct nl_link link;
	struct bh_err why;

	if (!all || nl < 0) {
		if_freenameindex(all);
		return bh_err_errno(err, nl < 0 ? nl : -errno, "cannot list interfaces");
	}
	for (i = all; i->if_index; i++) {
		see_name(i->if_name, s);
		if (!nl_link_by_index(nl, i->if_index, &link, &why)) /* else it has just gone */
			see_kind(&link, s);
	}
	if_freenameindex(all);
	return 0;
}

/* ---- pins ----------------------------------------------------------------------------------- */

/* bpf_tc's and iproute2's place, where Cilium and Calico pin their maps; AWS' SDK has one of its own. */
static void see_pins(const char *bpffs, struct preflight_seen *s)
{
	const struct dirent *entry;
	struct stat st;
	char path[512];
	DIR *d;

	(void)snprintf(path, sizeof(path), "%s/globals/aws", bpffs);
	s->aws |= !stat(path, &st);
	(void)snprintf(path, sizeof(path), "%s/cilium", bpffs);
	s->cilium |= !stat(path, &st);
	(void)snprintf(path, sizeof(path), "%s/tc/globals", bpffs);
	d = opendir(path);
	while (d && (entry = readdir(d))) {
		s->cilium |= starts(entry->d_name, "cilium_");
		s->calico_bpf |= starts(entry->d_name, "cali_");
	}
	if (d)
		(void)closedir(d);
}

/* ---- tables --------------------------------------------------------------------------------- */

static void on_table(void *ctx, const char *name)
{
	struct preflight_seen *s = ctx;

	s->kube_network_policies |=
		!strcmp(name, "kube-network-policies") || !strcmp(name, "kindnet-network-policies");
}

static void on_set(void *ctx, const char *name)
{
	struct preflight_seen *s = ctx;

	s->kube_router |= starts(name, "KUBE-SRC-") || starts(name, "KUBE-DST-");
	s->weave |= starts(name, "weave-");
	s->calico |= starts(name, "cali40") || starts(name, "cali60");
}

static int see_tables(struct preflight_seen *s, struct bh_err *err)
{
	const struct netfilter_names tables = { .subsystem = NFNL_SUBSYS_NFTABLES,
						.command = NFT_MSG_GETTABLE,
						.attribute = NFTA_TABLE_NAME };
	const struct netfilter_names sets = { .subsystem = NFNL_SUBSYS_IPSET,
					      .command = IPSET_CMD_LIST,
					      .attribute = IPSET_ATTR_SETNAME,
					      .protocol = IPSET_PROTOCOL };
	struct stat st;
	int r = netfilter_each(&tables, on_table, s, err);

	/* Asking would load the module, and without it there are none. */
	return r < 0 || stat("/sys/module/ip_set", &st) < 0 ? r : netfilter_each(&sets, on_set, s, err);
}

/* ---- the whole ------------------------------------------------------------------------------ */

static void see_configuration(const struct preflight *p, struct target *t, char file[PATH_MAX],
			      struct preflight_seen *s, struct bh_err *err)
{
	auto_dir struct dir dir = DIR_INIT;
	int r = dir_open(p->conf_dir, &dir, err);

	if (!r)
		r = target_read(&dir, t, err);
	if (r < 0 || !t->conf.main_type) {
		s->trouble = r < 0 ? err->msg : "the configuration names no plugin";
		return;
	}
	(void)snprintf(file, PATH_MAX, "%s/%s", p->conf_dir, t->found.name);
	s->file = file;
	s->main_type = t->conf.main_type;
	see_plugins(t, s);
}

void preflight_network(struct preflight *p)
{
	auto_target struct target t = TARGET_INIT;
	struct preflight_seen seen = {};
	char file[PATH_MAX], bpffs[256];
	struct bh_err err, why;

	see_configuration(p, &t, file, &seen, &err);
	if (see_links(&seen, &why) < 0)
		preflight_say(p, PREFLIGHT_WARN, "interfaces", "%s, so not all is recognised", why.msg);
	(void)snprintf(bpffs, sizeof(bpffs), "%.*s", (int)(strrchr(p->pin_dir, '/') - p->pin_dir),
		       p->pin_dir);
	see_pins(bpffs, &seen);
	if (see_tables(&seen, &why) < 0)
		preflight_say(p, PREFLIGHT_WARN, "enforcers", "%s, so not all are recognised", why.msg);
	preflight_judge(p, &seen);
}
