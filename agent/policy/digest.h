/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Naming content: every text goes in with its length and every list with its count, so that two
 * different contents never give the same bytes; the kind comes first, so that two kinds never do.
 * Integers are little-endian: all nodes of a cluster give the same names.
 */
#ifndef BH_POLICY_DIGEST_H
#define BH_POLICY_DIGEST_H

#include <stdint.h>

#include "util/addr.h"
#include "util/hash.h"

enum digest_kind {
	DIGEST_REQUIREMENT = 1,
	DIGEST_SELECTOR,
	DIGEST_PODS,  /* a peer set of pods */
	DIGEST_BLOCK, /* a peer set of addresses */
	DIGEST_RULE,
	DIGEST_POLICY,
	DIGEST_SET,
	DIGEST_CLASS,
	DIGEST_SERVICE, /* a class, too */
	DIGEST_NAMED,	/* a peer set of pods that call a port so */
	DIGEST_ENTITY,	/* a peer set of what is not selected by labels or block */
	DIGEST_PERHAPS, /* a peer set of addresses that are perhaps in another one */
	DIGEST_BESIDE,	/* a class: as SERVICE, of an address that is somebody's without it */
};

void policy_digest_init(struct sha256 *s, enum digest_kind kind);
void policy_digest_u32(struct sha256 *s, uint32_t v);
void policy_digest_text(struct sha256 *s, const char *text);
void policy_digest_cidr(struct sha256 *s, const struct cidr *c);
struct hash128 policy_digest_end(struct sha256 *s);

#endif
