/* SPDX-License-Identifier: Apache-2.0 */
/* What hook.c (on and off) and hook_check.c (looking, and going first again) share. */
#ifndef BH_HOOK_HOOK_INTERNAL_H
#define BH_HOOK_HOOK_INTERNAL_H

#include "hook/hook.h"
#include "hook/raw.h"

#define PATH_BYTES 256

/* The two ends of one attachment; [0] from_pod, [1] to_pod. */
struct side {
	const char *prog, *link; /* names of the pins; bpffs refuses dots */
	uint32_t attach_type;
	bool ingress; /* of the host veth, not of the pod */
};
#define SIDES 2
extern const struct side hook_sides[SIDES];

struct progs {
	int fd[SIDES];
};
#define PROGS_INIT ((struct progs){ { -1, -1 } })
#define auto_progs __attribute__((cleanup(hook_progs_close)))
void hook_progs_close(struct progs *p);
int hook_progs_open(const struct hook *h, struct progs *ret, struct bh_err *err); /* 0, -ENOENT, -errno */

int hook_link_dir(const struct hook *h, struct bh_err *err); /* makes it; 0 or -errno */
int hook_link_path(const struct hook *h, const struct side *s, char ret[PATH_BYTES]);
/* Return: a link descriptor, -ENOENT there is no such pin, or another -errno. */
int hook_link_open(const struct hook *h, const struct side *s, struct raw_link_info *ret, struct bh_err *err);
bool hook_hangs_on(const struct raw_link_info *i, const struct side *s, uint32_t ifindex);

#endif
