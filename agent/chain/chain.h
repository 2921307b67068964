/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bulkhead's place in the node's CNI chain: installs the plugin, puts its entry into the network
 * configuration that the runtime loads, keeps it there while others rewrite that file, and takes it out
 * again. Knows files, JSON and the agent's loop; no policy, no BPF.
 *
 * Nothing is written when nothing changes; every file changes by rename, from a name in the same
 * directory that no runtime loads. The plugin's binary is there before the entry, and stays after it.
 */
#ifndef BH_CHAIN_CHAIN_H
#define BH_CHAIN_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

#define CHAIN_BIN_DIR	"/opt/cni/bin"	   /* default */
#define CHAIN_CONF_DIR	"/etc/cni/net.d"   /* usual */
#define CHAIN_PLUGIN	"bulkhead"	   /* type of the entry, name of the binary */
#define CHAIN_DROP_IN	"90-bulkhead.conf" /* in CONF_DIR/NETWORK */
#define CHAIN_RELOAD_MS 1000 /* so long a runtime may take to read a changed file; see docs/cni.md */

enum chain_mode {
	CHAIN_PATCH,	    /* an entry in the list that the runtime loads: every runtime */
	CHAIN_DROP_IN_FILE, /* a file beside it: only where the runtime's libcni is 1.3 or newer */
};

int chain_mode_parse(const char *text, enum chain_mode *ret); /* "auto" is patch; 0 or -EINVAL */

struct chain_options {
	const char *conf_dir, *bin_dir;
	const char *plugin;	 /* the binary to install; NULL: CHAIN_PLUGIN beside our own executable */
	const char *plugin_conf; /* JSON object with further keys of the entry; NULL: none */
	const char *run_dir, *pin_dir; /* where they are not the plugin's defaults the entry names them */
	enum chain_mode mode;
};

/* Checks all of it and reads no directory. Return: 0, -EINVAL with option and key named, -ENOMEM. */
int chain_options_check(const struct chain_options *opt, struct bh_err *err);

/* ---- how it is ---------------------------------------------------------------------------- */

enum chain_support {
	CHAIN_SUPPORTED,
	CHAIN_UNKNOWN, /* chained all the same: the plugin looks at each interface itself */
	CHAIN_REFUSED, /* never chained */
};

/* A main plugin by its type, as "bridge" or "cilium-cni". *ret_why: "" or one sentence, static. */
enum chain_support chain_support_of(const char *type, const char **ret_why);

struct chain_status {
	bool chained;	    /* the file that the runtime loads has our entry, last and as it should be, and
			     * the plugin is installed */
	char file[512];	    /* path of what the runtime loads; "" if there is none */
	char network[128];  /* its name */
	char main_type[64]; /* its first plugin, "" if not known */
	enum chain_support support;
	char why[256];	    /* not chained: the reason, a sentence with the file in it; "" if chained */
	uint64_t writes;    /* of configuration files, since the start */
	uint64_t taken_out; /* times that somebody took us out */
	int64_t taken_ms;   /* when last, by clock_ms(); 0: never */
};

/* ---- once, by hand ------------------------------------------------------------------------ */

/* Looks, changes nothing. Return: 0 (read @ret), or -errno if it could not look. */
int chain_look(const struct chain_options *opt, struct chain_status *ret, struct bh_err *err);

/* Binary, then entry. Return: 1 something was changed, 0 all was there, -ENOENT no network configuration
 * yet, -EOPNOTSUPP it is refused, -EINVAL it cannot be understood (file and position are named), -errno. */
int chain_install(const struct chain_options *opt, struct bh_err *err);

/* The entry out of every file in the directory that has it; the binary stays. The runtime needs up to
 * CHAIN_RELOAD_MS to notice. Return: 1 something was changed, 0 there was nothing, or the first -errno. */
int chain_remove(const struct chain_options *opt, struct bh_err *err);

/* ---- and for good ------------------------------------------------------------------------- */

struct loop;
struct chain;

struct chain_hooks {
	/* Something that people should hear of, once: @reason is an Event's. */
	void (*tell)(void *ctx, bool warning, const char *reason, const char *text);
	void *ctx;
};

/* Installs and follows, from the next turn of the loop on. @opt is borrowed for good. What fails is tried
 * again and told; only no memory and no inotify make this fail. */
int chain_new(struct loop *loop, const struct chain_options *opt, const struct chain_hooks *hooks,
	      struct chain **ret, struct bh_err *err);
void chain_free(struct chain *c); /* stops following; stays in the chain */

/* Uninstall: stops following and takes us out, at once. As chain_remove(); may be called again after a
 * failure. */
int chain_leave(struct chain *c, struct bh_err *err);

/* As seen last. A chain that has been left says so in `why`. */
void chain_status(const struct chain *c, struct chain_status *ret);

#endif
