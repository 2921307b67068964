/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interfaces of this node's pods, as the agent keeps them: from state files at the start and from
 * ADD afterwards, until DEL or the end of the interface. Sees to it that the programs hang on each.
 */
#ifndef BH_ENDPOINTS_H
#define BH_ENDPOINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/api.h"
#include "util/hash.h"

struct agent;

/* What the model's endpoint does not say. */
struct endpoint_record {
	struct hash128 key;
	char attach[8];	  /* "tcx", "clsact", "" while not attached */
	bool adopted;	  /* found by adopt.c */
	bool unprotected; /* it ran without programs (failMode open, adoption), and they are not on yet */
	bool waits;	  /* for its policy to be in force: until then the programs would only cut it off */
	bool new_flows;	  /* its flows are to be looked for once more, when the programs hang */
	uint64_t grace_end_ns;	/* of its flows that nobody knows; 0: it has none, or not yet */
	bool displaced;		/* another program runs before ours; said so */
	unsigned int reclaims;	/* how often we went before it again, of late */
	uint64_t reclaim_at_ns; /* not before */
	bool broken;		/* programs are missing and could not be put back; said so */
	char why[128];		/* then */
	bool unknown;		/* its pod or namespace is not known; said so */
};

/* What was not as it should be, and was put right, since the start. */
struct healed {
	uint64_t adopted;    /* pods that no ADD told of */
	uint64_t hooks;	     /* programs were missing */
	uint64_t displaced;  /* another program had put itself before ours */
	uint64_t gone;	     /* interfaces that went without a DEL */
	uint64_t interfaces; /* indexes that are another interface's now */
	uint64_t addresses;  /* that are another endpoint's now */
	uint64_t pins;	     /* of links that hang nowhere any more */
};

int endpoints_new(struct agent *a); /* sets a->endpoints; 0 or -ENOMEM */
void endpoints_free(struct agent *a);

/* Takes in state files that are not known yet; at the start, and again when the directory changed. */
void endpoints_load(struct agent *a);

/* Return: 0, -EINVAL (err), -ENOMEM. @take->e is taken. An endpoint that claims the same interface
 * under another owner is dropped: an interface is born once. */
int endpoints_put(struct agent *a, struct api_endpoint *take, struct bh_err *err);
/* As endpoints_put(), and writes its record: for who has no plugin that does. */
int endpoints_adopt(struct agent *a, struct api_endpoint *take, struct bh_err *err);
bool endpoints_del(struct agent *a, const struct hash128 *key); /* whether there was one */

/* It has had its DEL a moment ago: the veth and the Pod may be there for a little longer. */
bool endpoints_is_leaving(const struct agent *a, uint32_t ifindex);

void endpoints_link_gone(struct agent *a, uint32_t ifindex);
void endpoints_check_links(struct agent *a); /* drops those whose interface is gone */

/* Says once of each pod that stays isolated why, so that who waits for it finds the reason. */
void endpoints_tell_unknown(struct agent *a);

/* Something new is in force: programs for those that ran without and waited for it, flows first. */
void endpoints_enforced(struct agent *a);

/* Looks at every interface, some ms in one turn of the loop, and puts back the programs where they are
 * missing or older than what is pinned (20 ms for one tcx link: the kernel waits for readers). */
void endpoints_check_hooks(struct agent *a);
/* The same for all of them at once. Return: how many are not as they should be now. */
size_t endpoints_replace_hooks(struct agent *a);
void endpoints_tick(struct agent *a);

/* The model's, by namespace and pod; free() the array. NULL: no memory. */
const struct endpoint **endpoints_by_pod(const struct agent *a);
int endpoints_cmp_pod(const void *x, const void *y); /* of what such an array has */

/* Borrowed; NULL if not known. */
const struct endpoint_record *endpoints_record(const struct agent *a, const struct hash128 *key);
size_t endpoints_bare(const struct agent *a); /* that run without the programs */
bool endpoints_seen(const struct agent *a);   /* whether every interface has been looked at once */
const struct healed *endpoints_healed(const struct agent *a);
size_t endpoints_displaced(const struct agent *a);

#endif
