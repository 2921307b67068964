/* SPDX-License-Identifier: Apache-2.0 */
/* What endpoints.c (who is there), lapsed.c (who is not any more) and hooks.c (what hangs there) share. */
#ifndef BH_ENDPOINTS_INTERNAL_H
#define BH_ENDPOINTS_INTERNAL_H

#include <time.h>

#include "agent.h"
#include "endpoints.h"
#include "event.h"
#include "util/vec.h"

struct deleted {
	struct hash128 key;
	uint32_t ifindex; /* 0: not known */
	uint64_t at_ns;
};

struct endpoints {
	VEC(struct endpoint_record) records;
	VEC(struct deleted) deleted;
	struct timespec dir_changed;
	struct loop_timer sweep;
	size_t next; /* of the model's endpoints, for the sweep */
	bool swept;  /* once at least */
	struct healed healed;
};

struct endpoint_record *endpoints_find(const struct agent *a, const struct hash128 *key);

/* "pod 'shop/web' (eth0, container 0123456789ab, interface 7)", in a buffer of the caller's. */
#define ENDPOINT_TEXT 256
const char *endpoints_text(const struct endpoint *e, char ret[ENDPOINT_TEXT]);

static inline struct event_object endpoints_pod(const struct endpoint *e)
{
	return (struct event_object){ "Pod", e->ns, e->pod, e->uid };
}

/* Writes its record. */
void endpoints_save(struct agent *a, struct endpoint *e);

/* It is none of ours any more: out of the maps with the next plan, and its record goes. @detach: the programs
 * and their pins too; else an interface that is left stays closed, for without an entry nothing passes. */
void endpoints_drop(struct agent *a, struct endpoint *e, bool detach, const char *why);

/* Whether the interface is the one that the record was made for. Return: enum link_is, or -errno. */
enum link_is { LINK_SAME, LINK_GONE, LINK_ANOTHER };
int endpoints_link(const struct agent *a, const struct endpoint *e, struct bh_err *err);

/* Drops it if the interface is not that any more. Return: whether it did. */
bool endpoints_check_link(struct agent *a, struct endpoint *e);

/* Who else has an address of @e; NULL: nobody. */
struct endpoint *endpoints_twin(const struct agent *a, const struct endpoint *e);
/* Drops them: their addresses were given to @e. */
void endpoints_drop_twins(struct agent *a, const struct endpoint *e);

void hooks_on_sweep(void *ctx);

#endif
