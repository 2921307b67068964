/* SPDX-License-Identifier: Apache-2.0 */
/* The closest rules that were looked for, and how long that took. */
#include "why.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "behind.h"
#include "closest.h"
#include "query.h"
#include "util/hash.h"

/* What an answer depends on, beside the model. */
struct question {
	struct hash128 pod;
	struct addr remote;
	uint32_t dir, port, audited;
};

struct answer {
	bool set;
	uint64_t change;
	struct hash128 question;
	struct json_object *closest; /* NULL: none is near */
};

struct why {
	uint64_t (*now_ns)(void);
	uint64_t seen_ns; /* the time of the last question */
	int64_t left_ns;  /* what could be spent then; below 0: too much has been */
	struct answer kept[WHY_KEPT];
};

struct why *why_new(uint64_t (*now_ns)(void))
{
	struct why *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->now_ns = now_ns;
	w->seen_ns = now_ns();
	w->left_ns = WHY_BURST_NS;
	return w;
}

void why_free(struct why *w)
{
	size_t i;

	for (i = 0; w && i < WHY_KEPT; i++)
		json_object_put(w->kept[i].closest);
	free(w);
}

bool why_flow(const struct bh_query *asked, const struct behind *b, struct near_flow *ret)
{
	if ((asked->reason != BH_DENIED && asked->reason != BH_AUDITED) || (b->service && !b->n))
		return false;
	*ret = (struct near_flow){ .dir = asked->dir,
				   .port = query_key(asked),
				   .audited = asked->reason == BH_AUDITED };
	memcpy(ret->remote.b, &asked->remote, sizeof(ret->remote.b));
	if (b->n) {
		ret->remote = b->at[0].addr;
		ret->port = BH_PORT(asked->proto, b->at[0].port);
	}
	return true;
}

static struct hash128 hash_of(const struct near_flow *f)
{
	const char *const pod[] = { f->pod->ns, f->pod->name };
	struct question q;

	memset(&q, 0, sizeof(q)); /* each byte is hashed */
	q.pod = hash128_of_texts(pod, 2);
	q.remote = f->remote;
	q.dir = f->dir;
	q.port = f->port;
	q.audited = f->audited;
	return hash128_of(&q, sizeof(q));
}

/* A search may take more than is left: later ones wait for that. */
static bool may_spend(struct why *w)
{
	const uint64_t now = w->now_ns();

	w->left_ns += (int64_t)((now - w->seen_ns) / WHY_SHARE);
	if (w->left_ns > WHY_BURST_NS)
		w->left_ns = WHY_BURST_NS;
	w->seen_ns = now;
	return w->left_ns > 0;
}

static void spend(struct why *w)
{
	const uint64_t now = w->now_ns();

	w->left_ns -= (int64_t)(now - w->seen_ns);
	w->seen_ns = now;
}

bool why_closest(struct why *w, const struct model *m, uint64_t change, const struct near_flow *f,
		 struct json_object **ret)
{
	const struct hash128 question = hash_of(f);
	struct answer *a;
	size_t at;

	memcpy(&at, &question, sizeof(at));
	a = &w->kept[at % WHY_KEPT];
	if (!a->set || a->change != change || hash128_cmp(&a->question, &question)) {
		if (!may_spend(w))
			return false;
		json_object_put(a->closest);
		*a = (struct answer){ true, change, question, closest_rule(m, f) };
		spend(w);
	}
	*ret = json_object_get(a->closest);
	return true;
}
