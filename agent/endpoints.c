/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints as the agent keeps them: records, state files, programs. */
#include "endpoints.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "endpoints_internal.h"
#include "names.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/scope.h"

#define HALF_PIN_S 10	 /* longer than any call of the plugin is at work on a pin */
#define DELETED_MS 60000 /* how long a state file may outlive its DEL without being believed */

const char *endpoints_text(const struct endpoint *e, char ret[ENDPOINT_TEXT])
{
	(void)snprintf(ret, ENDPOINT_TEXT, "pod '%s/%s' (%s, container %.12s, interface %u)", e->ns, e->pod,
		       e->ifname, e->container, e->ifindex);
	return ret;
}

/* ---- records ------------------------------------------------------------------------------ */

struct endpoint_record *endpoints_find(const struct agent *a, const struct hash128 *key)
{
	size_t i;

	for (i = 0; i < a->endpoints->records.n; i++)
		if (!hash128_cmp(&a->endpoints->records.v[i].key, key))
			return &a->endpoints->records.v[i];
	return NULL;
}

const struct healed *endpoints_healed(const struct agent *a)
{
	return &a->endpoints->healed;
}

size_t endpoints_displaced(const struct agent *a)
{
	size_t i, n = 0;

	for (i = 0; i < a->endpoints->records.n; i++)
		n += a->endpoints->records.v[i].displaced;
	return n;
}

const struct endpoint_record *endpoints_record(const struct agent *a, const struct hash128 *key)
{
	return endpoints_find(a, key);
}

size_t endpoints_bare(const struct agent *a)
{
	size_t i, n = 0;

	for (i = 0; i < a->endpoints->records.n; i++)
		n += a->endpoints->records.v[i].unprotected || a->endpoints->records.v[i].broken;
	return n;
}

bool endpoints_seen(const struct agent *a)
{
	return a->endpoints->swept;
}

static int put_record(struct agent *a, const struct api_endpoint *e)
{
	struct endpoint_record *r = endpoints_find(a, &e->e->key);

	if (!r)
		r = vec_add(&a->endpoints->records);
	if (!r)
		return -ENOMEM;
	*r = (struct endpoint_record){
		.key = e->e->key,
		.adopted = e->adopted,
		.unprotected = e->unprotected,
		.waits = e->unprotected,
	};
	e->e->grace = e->unprotected;
	memcpy(r->attach, e->attach, sizeof(r->attach));
	return 0;
}

static void del_record(struct agent *a, const struct hash128 *key)
{
	struct endpoint_record *r = endpoints_find(a, key);

	if (r)
		*r = a->endpoints->records.v[--a->endpoints->records.n];
}

int endpoints_new(struct agent *a)
{
	a->endpoints = calloc(1, sizeof(*a->endpoints));
	if (!a->endpoints)
		return -ENOMEM;
	a->endpoints->sweep = (struct loop_timer){ .fn = hooks_on_sweep, .ctx = a };
	return 0;
}

void endpoints_free(struct agent *a)
{
	if (!a->endpoints)
		return;
	loop_timer_unset(a->loop, &a->endpoints->sweep);
	vec_done(&a->endpoints->records);
	vec_done(&a->endpoints->deleted);
	free(TAKE_PTR(a->endpoints));
}

/* ---- coming and going --------------------------------------------------------------------- */

static struct endpoint *by_ifindex(const struct agent *a, uint32_t ifindex)
{
	size_t i;

	for (i = 0; i < a->model->endpoints.n; i++)
		if (a->model->endpoints.v[i]->ifindex == ifindex)
			return a->model->endpoints.v[i];
	return NULL;
}

static void forget(struct agent *a, struct endpoint *e)
{
	const struct hash128 key = e->key;

	reconcile_changed(a->reconcile, CHANGE_POD, "pod '%s/%s' gone", e->ns, e->pod);
	names_stale(a->names);
	del_record(a, &key);
	(void)model_del_endpoint(a->model, &key);
}

/* Also what it left on disk and on bpffs: a restart would believe it. While a call of the plugin is under way
 * for it, that one does it. By its pins alone: the interface may be another's by now. */
void endpoints_drop(struct agent *a, struct endpoint *e, bool detach, const char *why)
{
	const struct hook h = { .pin_dir = a->opt.pin_dir, .key = e->key };
	const struct hash128 key = e->key;
	auto_fd int held = api_lock_key(a->opt.run_dir, &key, 0, NULL);
	char text[ENDPOINT_TEXT];
	struct bh_err err;
	int r = 0;

	log_of(LOG_INFO, LOG_POD(e->ns, e->pod), "%s: %s, dropped", endpoints_text(e, text), why);
	forget(a, e);
	if (held == -ETIMEDOUT)
		return;
	if (detach)
		r = hook_detach(&h, &err);
	if (!r)
		r = api_endpoint_remove(a->opt.run_dir, &key, &err);
	if (r < 0)
		log_warn("what it left: %s, ignoring", err.msg);
}

static void forget_deleted(struct agent *a, const struct hash128 *key)
{
	const uint64_t now = clock_ns();
	size_t i = 0;

	while (i < a->endpoints->deleted.n) {
		struct deleted *d = &a->endpoints->deleted.v[i];

		if (now - d->at_ns > DELETED_MS * 1000000ull || (key && !hash128_cmp(&d->key, key)))
			*d = a->endpoints->deleted.v[--a->endpoints->deleted.n];
		else
			i++;
	}
}

static bool was_deleted(const struct agent *a, const struct hash128 *key)
{
	size_t i;

	for (i = 0; i < a->endpoints->deleted.n; i++)
		if (!hash128_cmp(&a->endpoints->deleted.v[i].key, key))
			return true;
	return false;
}

bool endpoints_is_leaving(const struct agent *a, uint32_t ifindex)
{
	size_t i;

	for (i = 0; i < a->endpoints->deleted.n; i++)
		if (a->endpoints->deleted.v[i].ifindex == ifindex)
			return clock_ns() - a->endpoints->deleted.v[i].at_ns < DELETED_MS * 1000000ull;
	return false;
}

static int check_endpoint(const struct endpoint *e, struct bh_err *err)
{
	char text[ENDPOINT_TEXT];

	if (!e->ifindex)
		return bh_err_set(err, -EINVAL, "%s: ifindex is 0", endpoints_text(e, text));
	if (e->addrs.n > BH_EP_ADDRS)
		return bh_err_set(err, -EINVAL, "%s: %zu addresses, over %d", endpoints_text(e, text),
				  e->addrs.n, BH_EP_ADDRS);
	return 0;
}

int endpoints_put(struct agent *a, struct api_endpoint *take, struct bh_err *err)
{
	struct endpoint *e = take->e, *other = by_ifindex(a, e->ifindex);
	int r = check_endpoint(e, err);

	if (!r && put_record(a, take) < 0)
		r = bh_err_set(err, -ENOMEM, "no memory for one more pod");
	take->e = NULL;
	if (r < 0) {
		endpoint_free(e);
		return r;
	}
	if (other && hash128_cmp(&other->key, &e->key))
		endpoints_drop(a, other, true, "another container has its interface now");
	endpoints_drop_twins(a, e);
	forget_deleted(a, &e->key);
	names_stale(a->names);
	reconcile_changed(a->reconcile, CHANGE_POD, "pod '%s/%s' here", e->ns, e->pod);
	r = model_put_endpoint(a->model, e);
	return r < 0 ? bh_err_set(err, r, "no memory for one more pod") : 0;
}

int endpoints_adopt(struct agent *a, struct api_endpoint *take, struct bh_err *err)
{
	const struct hash128 key = take->e->key;
	const int r = endpoints_put(a, take, err);
	char text[ENDPOINT_TEXT];
	struct endpoint *e;

	if (r < 0)
		return r;
	e = model_endpoint(a->model, &key);
	log_of(LOG_INFO, LOG_POD(e->ns, e->pod), "%s: was there before us, taken in",
	       endpoints_text(e, text));
	a->endpoints->healed.adopted++;
	endpoints_save(a, e);
	return 0;
}

bool endpoints_del(struct agent *a, const struct hash128 *key)
{
	struct endpoint *e = model_endpoint(a->model, key);
	struct deleted *d;

	forget_deleted(a, key);
	d = vec_add(&a->endpoints->deleted);
	if (d)
		*d = (struct deleted){ .key = *key, .ifindex = e ? e->ifindex : 0, .at_ns = clock_ns() };
	if (e)
		endpoints_drop(a, e, true, "its container was deleted");
	return e;
}

/* Asked again: by the time the message is read, the index may be another's. */
void endpoints_link_gone(struct agent *a, uint32_t ifindex)
{
	struct endpoint *e = by_ifindex(a, ifindex);

	if (e)
		(void)endpoints_check_link(a, e);
}

void endpoints_check_links(struct agent *a)
{
	size_t i = a->model->endpoints.n;

	while (i--) /* from the end: it may take one out */
		(void)endpoints_check_link(a, a->model->endpoints.v[i]);
}

static const char *what_is_unknown(const struct model *m, const struct endpoint *e)
{
	const struct pod *p = model_pod(m, e->ns, e->pod);
	const struct namespace *ns = model_namespace(m, e->ns);

	if (!ns)
		return "its Namespace is not known";
	if (ns->partial)
		return "its Namespace has too many labels";
	if (p && p->partial)
		return "its Pod has too many labels or ports";
	return p ? "its Pod with this UID is not known" : "its Pod is not known";
}

void endpoints_tell_unknown(struct agent *a)
{
	const struct inforce *f = reconcile_inforce(a->reconcile);
	size_t i;

	for (i = 0; i < a->endpoints->records.n; i++) {
		struct endpoint_record *r = &a->endpoints->records.v[i];
		const struct endpoint *e = model_endpoint(a->model, &r->key);
		const struct table_endpoint *ep = inforce_endpoint(f, &r->key);
		const bool unknown = e && ep && ep->set < 0;

		if (unknown && !r->unknown)
			log_of(LOG_WARN, LOG_POD(e->ns, e->pod), "pod '%s/%s': %s, isolated until it is",
			       e->ns, e->pod, what_is_unknown(a->model, e));
		r->unknown = unknown;
	}
}

/* ---- state files -------------------------------------------------------------------------- */

/*
 * What a record says has ended while nobody looked. Of two with one address the later interface counts (the
 * kernel counts indexes up), of two with one interface the one that an ADD made.
 */
static bool is_over(const struct agent *a, const struct api_endpoint *seen, struct bh_err *err)
{
	const struct endpoint *twin = endpoints_twin(a, seen->e), *same = by_ifindex(a, seen->e->ifindex);
	const int link = endpoints_link(a, seen->e, err);

	if (link == LINK_GONE)
		return bh_err_set(err, true, "its interface is gone");
	if (link == LINK_ANOTHER)
		return bh_err_set(err, true, "its interface is another one now");
	if (seen->adopted && same)
		return bh_err_set(err, true, "the interface has an owner by now");
	if (twin && twin->ifindex > seen->e->ifindex)
		return bh_err_set(err, true, "its address is that of pod '%s/%s' now", twin->ns, twin->pod);
	return false;
}

static void load_one(void *ctx, const struct api_endpoint *seen, const struct bh_err *bad)
{
	struct agent *a = ctx;
	struct api_endpoint own = {};
	struct bh_err err;
	char text[ENDPOINT_TEXT];
	int r;

	if (!seen) {
		log_error("%s; skipped, its pod has only what host traffic it needs", bad->msg);
		return;
	}
	if (model_endpoint(a->model, &seen->e->key) || was_deleted(a, &seen->e->key))
		return;
	if (is_over(a, seen, &err)) {
		log_of(LOG_INFO, LOG_POD(seen->e->ns, seen->e->pod), "%s: %s, its record is removed",
		       endpoints_text(seen->e, text), err.msg);
		(void)api_endpoint_remove(a->opt.run_dir, &seen->e->key, NULL);
		return;
	}
	r = api_endpoint_load(a->opt.run_dir, &seen->e->key, &own, &err);
	if (!r)
		r = endpoints_put(a, &own, &err);
	if (r < 0)
		log_of(LOG_ERROR, LOG_POD(seen->e->ns, seen->e->pod), "%s; skipped", err.msg);
	else
		log_of(LOG_INFO, LOG_POD(seen->e->ns, seen->e->pod), "%s: taken in from its state file",
		       endpoints_text(seen->e, text));
}

/* Return: whether the directory is other than at the last look (a rename into it changes its time). */
static bool dir_changed(struct agent *a)
{
	char path[512];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s", a->opt.run_dir, API_ENDPOINTS);
	if (stat(path, &st) < 0 || !memcmp(&st.st_mtim, &a->endpoints->dir_changed, sizeof(st.st_mtim)))
		return false;
	a->endpoints->dir_changed = st.st_mtim;
	return true;
}

void endpoints_load(struct agent *a)
{
	struct bh_err err;

	(void)dir_changed(a); /* noted before it is read: what comes later is a change */
	if (api_endpoint_each(a->opt.run_dir, load_one, a, &err) < 0)
		log_error("state files under %s: %s, ignoring; pods that only these tell of stay closed",
			  a->opt.run_dir, err.msg);
}

void endpoints_save(struct agent *a, struct endpoint *e)
{
	const struct endpoint_record *r = endpoints_find(a, &e->key);
	struct api_endpoint out = { .e = e, .unprotected = r->unprotected, .adopted = r->adopted };
	struct bh_err err;
	char text[ENDPOINT_TEXT];

	memcpy(out.attach, r->attach, sizeof(out.attach));
	if (api_endpoint_save(a->opt.run_dir, &out, &err) < 0)
		log_of(LOG_WARN, LOG_POD(e->ns, e->pod), "%s: %s, ignoring", endpoints_text(e, text),
		       err.msg);
	(void)dir_changed(a);
}

/* ---- every other second ---------------------------------------------------------------------- */

static void end_graces(struct agent *a)
{
	const uint64_t now = clock_ns();
	size_t i;

	for (i = 0; i < a->endpoints->records.n; i++) {
		struct endpoint_record *r = &a->endpoints->records.v[i];
		struct endpoint *e = model_endpoint(a->model, &r->key);

		if (!e || !r->grace_end_ns || now < r->grace_end_ns)
			continue;
		r->grace_end_ns = 0;
		e->grace = false;
		(void)model_put_endpoint(a->model, e); /* the same again, so that the model knows of it */
		reconcile_changed(a->reconcile, CHANGE_POD, "pod '%s/%s' here for a while", e->ns, e->pod);
	}
}

/* A link outlives the interface that it hung on as long as it is pinned. */
static void sweep_pins(struct agent *a)
{
	struct bh_err err;
	const int n = hook_sweep_dead(a->opt.pin_dir, HALF_PIN_S, &err);

	if (n < 0)
		log_warn("links that hang nowhere: %s, retrying", err.msg);
	if (n > 0)
		log_info("links that hang nowhere: %d pins removed", n);
	a->endpoints->healed.pins += n > 0 ? (uint64_t)n : 0;
}

/* An ADD that found nobody listening left its record here (failMode isolate and open). */
void endpoints_tick(struct agent *a)
{
	if (dir_changed(a))
		endpoints_load(a);
	end_graces(a);
	endpoints_check_hooks(a);
	sweep_pins(a);
}

int endpoints_cmp_pod(const void *x, const void *y)
{
	const struct endpoint *a = *(struct endpoint *const *)x, *b = *(struct endpoint *const *)y;
	const int r = strcmp(a->ns, b->ns);

	return r ? r : strcmp(a->pod, b->pod);
}

const struct endpoint **endpoints_by_pod(const struct agent *a)
{
	const size_t n = a->model->endpoints.n;
	const struct endpoint **sorted = calloc(n + 1, sizeof(*sorted));
	size_t i;

	for (i = 0; sorted && i < n; i++)
		sorted[i] = a->model->endpoints.v[i];
	if (sorted)
		qsort(sorted, n, sizeof(*sorted), endpoints_cmp_pod);
	return sorted;
}
