/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a call brings: the environment (CNI_*) and the network configuration on stdin. Checked here,
 * so that nothing behind this header meets a name or number that it does not expect.
 *
 * Throughout the plugin a function that can fail for the runtime to see returns 0 or one of these
 * codes, and fills a message.
 */
#ifndef BH_CNI_NETCONF_H
#define BH_CNI_NETCONF_H

#include <stdbool.h>
#include <stddef.h>

#include "hook/hook.h"
#include "util/buf.h"
#include "util/err.h"

struct json_object;

/* CNI spec 1.1.0, "Error"; from 100 on they are ours. Code 3 tells the runtime that no DEL is needed,
 * so that it is never used. */
enum cni_code {
	CNI_BAD_VERSION = 1,
	CNI_BAD_ENV = 4,
	CNI_IO = 5,
	CNI_DECODE = 6,
	CNI_BAD_CONFIG = 7,
	CNI_BAD_NETNS = 8,
	CNI_TRY_AGAIN = 11,
	CNI_UNAVAILABLE = 50,	  /* STATUS */
	CNI_CANNOT_PROTECT = 100, /* no veth, or its other end is not in this namespace */
	CNI_CANNOT_ATTACH = 101,  /* the kernel refused */
	CNI_DIFFERS = 102,	  /* CHECK: not as ADD left it */
	CNI_INCOMPLETE = 103,	  /* GC: something could not be removed */
};

/* Ascending. */
enum cni_version { CNI_0_3_1, CNI_0_4_0, CNI_1_0_0, CNI_1_1_0, CNI_VERSIONS };
extern const char *const cni_versions[CNI_VERSIONS];
int cni_version_parse(const char *text, enum cni_version *ret); /* 0 or -EINVAL */

/* ---- environment ------------------------------------------------------------------------ */

#define NAME_BYTES 254 /* a Kubernetes name and its NUL (RFC 1123 subdomain) */

enum env_need {
	NEED_CONTAINER = 1,
	NEED_NETNS = 2,
	NEED_IFNAME = 4,
	NEED_POD = 8, /* K8S_POD_NAMESPACE and K8S_POD_NAME in CNI_ARGS */
};

struct env {
	const char *container, *netns, *ifname; /* "" where not given; borrowed from the environment */
	bool netns_override;			/* CNI_NETNS_OVERRIDE */
	char pod_ns[NAME_BYTES], pod_name[NAME_BYTES], pod_uid[NAME_BYTES];
};

/* Return: 0, or CNI_BAD_ENV with every missing name in one message. */
int env_read(unsigned int needs, struct env *ret, struct bh_err *err);

/* ---- stdin ------------------------------------------------------------------------------ */

#define NETCONF_MAX    (1u << 20) /* bytes of stdin */
#define NETCONF_DEPTH  64	  /* nesting of its JSON */
#define NETCONF_VALUES 32768	  /* in it: json-c takes up to 1 kB for one of three bytes */
#define DIR_BYTES      96	  /* a socket's path has 108 */

enum fail_mode { FAIL_CLOSED, FAIL_ISOLATE, FAIL_OPEN };

struct netconf {
	struct json_object *json; /* all of it; owns what is borrowed below */
	struct buf text;	  /* as it came */
	enum cni_version version;
	const char *name;
	char run_dir[DIR_BYTES], pin_dir[DIR_BYTES];
	enum fail_mode fail_mode;
	struct json_object *fail_open_namespaces; /* NULL, or a list of strings */
	enum hook_mode attach;
	int timeout_ms;
	struct json_object *prev; /* prevResult; NULL: none */
	size_t prev_at, prev_len; /* where it stands in text; length 0: not found there */
};

/* Return: 0, CNI_IO, or CNI_DECODE when there is too much of it. */
int netconf_read(int fd, struct buf *ret, struct bh_err *err);

/**
 * netconf_parse() - check the configuration.
 * @text:    taken, also on failure.
 * @lenient: DEL and GC: a wrong value in a key that they have no use for is ignored, because the
 *           configuration may have changed since ADD.
 * @ret:     netconf_done() it, also on failure; version is set as soon as it is known.
 *
 * Return: 0, CNI_DECODE, CNI_BAD_VERSION, CNI_BAD_CONFIG; the message names the key.
 */
int netconf_parse(struct buf *text, bool lenient, struct netconf *ret, struct bh_err *err);
void netconf_done(struct netconf *c);

/* What holds for pods of this namespace: fail_mode, or FAIL_OPEN for failOpenNamespaces. */
enum fail_mode netconf_fail_mode(const struct netconf *c, const char *pod_ns);

#endif
