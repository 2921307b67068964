/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints as the agent keeps them: records, state files, programs. */
#include "endpoints.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "adopt.h"
#include "agent.h"
#include "names.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/scope.h"

#define SWEEP_NS   5000000 /* one turn's share of a sweep */
#define GRACE_MS   30000 /* for the flows of a pod that was there before its programs: docs/architecture.md */
#define DELETED_MS 60000 /* how long a state file may outlive its DEL without being believed */

struct deleted {
	struct hash128 key;
	uint64_t at_ns;
};

struct endpoints {
	VEC(struct endpoint_record) records;
	VEC(struct deleted) deleted;
	struct timespec dir_changed;
	struct loop_timer sweep;
	size_t next; /* of the model's endpoints, for the sweep */
	bool swept;  /* once at least */
};

/* "shop/web (eth0, container 0123456789ab)", in a buffer of the caller's. */
#define TEXT_MAX 256
static const char *text_of(const struct endpoint *e, char *ret)
{
	(void)snprintf(ret, TEXT_MAX, "pod '%s/%s' (%s, container %.12s, interface %u)", e->ns, e->pod,
		       e->ifname, e->container, e->ifindex);
	return ret;
}

/* ---- records ------------------------------------------------------------------------------ */

static struct endpoint_record *record(const struct agent *a, const struct hash128 *key)
{
	size_t i;

	for (i = 0; i < a->endpoints->records.n; i++)
		if (!hash128_cmp(&a->endpoints->records.v[i].key, key))
			return &a->endpoints->records.v[i];
	return NULL;
}

const struct endpoint_record *endpoints_record(const struct agent *a, const struct hash128 *key)
{
	return record(a, key);
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
	struct endpoint_record *r = record(a, &e->e->key);

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
	struct endpoint_record *r = record(a, key);

	if (r)
		*r = a->endpoints->records.v[--a->endpoints->records.n];
}

static void on_sweep(void *ctx);

int endpoints_new(struct agent *a)
{
	a->endpoints = calloc(1, sizeof(*a->endpoints));
	if (!a->endpoints)
		return -ENOMEM;
	a->endpoints->sweep = (struct loop_timer){ .fn = on_sweep, .ctx = a };
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

static void drop(struct agent *a, struct endpoint *e, const char *why)
{
	const struct hash128 key = e->key;
	char text[TEXT_MAX];

	log_info("%s: %s, dropped", text_of(e, text), why);
	reconcile_changed(a->reconcile, CHANGE_POD, "pod '%s/%s' gone", e->ns, e->pod);
	names_stale(a->names);
	del_record(a, &key);
	(void)model_del_endpoint(a->model, &key);
}

/* Also what it left on disk and on bpffs: a restart would believe it. While a call of the plugin is under way
 * for it, that one does it. @ifindex: 0 if that may be another's by now. */
static void drop_all(struct agent *a, struct endpoint *e, uint32_t ifindex, const char *why)
{
	const struct hook h = { .pin_dir = a->opt.pin_dir, .key = e->key, .ifindex = ifindex };
	const struct hash128 key = e->key;
	auto_fd int held = api_lock_key(a->opt.run_dir, &key, 0, NULL);
	struct bh_err err;

	drop(a, e, why);
	if (held == -ETIMEDOUT)
		return;
	if (hook_detach(&h, &err) < 0 || api_endpoint_remove(a->opt.run_dir, &key, &err) < 0)
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

static int check_endpoint(const struct endpoint *e, struct bh_err *err)
{
	char text[TEXT_MAX];

	if (!e->ifindex)
		return bh_err_set(err, -EINVAL, "%s: ifindex is 0", text_of(e, text));
	if (e->addrs.n > BH_EP_ADDRS)
		return bh_err_set(err, -EINVAL, "%s: %zu addresses, over %d", text_of(e, text), e->addrs.n,
				  BH_EP_ADDRS);
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
		drop_all(a, other, 0, "another container has its interface now");
	forget_deleted(a, &e->key);
	names_stale(a->names);
	reconcile_changed(a->reconcile, CHANGE_POD, "pod '%s/%s' here", e->ns, e->pod);
	r = model_put_endpoint(a->model, e);
	return r < 0 ? bh_err_set(err, r, "no memory for one more pod") : 0;
}

static void save(struct agent *a, struct endpoint *e, const struct endpoint_record *r);

int endpoints_adopt(struct agent *a, struct api_endpoint *take, struct bh_err *err)
{
	const struct hash128 key = take->e->key;
	const int r = endpoints_put(a, take, err);
	char text[TEXT_MAX];

	if (r < 0)
		return r;
	log_info("%s: was there before us, taken in", text_of(model_endpoint(a->model, &key), text));
	save(a, model_endpoint(a->model, &key), record(a, &key));
	return 0;
}

bool endpoints_del(struct agent *a, const struct hash128 *key)
{
	struct endpoint *e = model_endpoint(a->model, key);
	struct deleted *d;

	forget_deleted(a, key);
	d = vec_add(&a->endpoints->deleted);
	if (d)
		*d = (struct deleted){ .key = *key, .at_ns = clock_ns() };
	if (e)
		drop_all(a, e, 0, "its container was deleted");
	return e;
}

void endpoints_link_gone(struct agent *a, uint32_t ifindex)
{
	struct endpoint *e = by_ifindex(a, ifindex);

	if (e)
		drop_all(a, e, 0, "its interface is gone");
}

void endpoints_check_links(struct agent *a)
{
	struct bh_err err;
	size_t i = a->model->endpoints.n;

	while (i--) { /* from the end: drop() takes one out */
		struct endpoint *e = a->model->endpoints.v[i];
		const int r = node_has_link(a->node, e->ifindex, &err);

		if (!r)
			drop_all(a, e, 0, "its interface is gone");
		else if (r < 0)
			log_warn("interface %u: %s, kept", e->ifindex, err.msg);
	}
}

static const char *what_is_unknown(const struct model *m, const struct endpoint *e)
{
	if (!model_namespace(m, e->ns))
		return "its Namespace is not known";
	return model_pod(m, e->ns, e->pod) ? "its Pod with this UID is not known" : "its Pod is not known";
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
			log_warn("pod '%s/%s': %s, isolated until it is", e->ns, e->pod,
				 what_is_unknown(a->model, e));
		r->unknown = unknown;
	}
}

/* ---- state files -------------------------------------------------------------------------- */

static void load_one(void *ctx, const struct api_endpoint *seen, const struct bh_err *bad)
{
	struct agent *a = ctx;
	struct api_endpoint own = {};
	struct bh_err err;
	char text[TEXT_MAX];
	int r;

	if (!seen) {
		log_error("%s; skipped, its pod has only what host traffic it needs", bad->msg);
		return;
	}
	if (model_endpoint(a->model, &seen->e->key) || was_deleted(a, &seen->e->key))
		return;
	if (seen->adopted && by_ifindex(a, seen->e->ifindex)) {
		(void)api_endpoint_remove(a->opt.run_dir, &seen->e->key, NULL); /* its ADD has come since */
		return;
	}
	r = node_has_link(a->node, seen->e->ifindex, &err);
	if (!r)
		log_debug("%s: its interface is gone, not taken in", text_of(seen->e, text));
	if (r <= 0)
		return;
	r = api_endpoint_load(a->opt.run_dir, &seen->e->key, &own, &err);
	if (!r)
		r = endpoints_put(a, &own, &err);
	if (r < 0)
		log_error("%s; skipped", err.msg);
	else
		log_info("%s: taken in from its state file",
			 text_of(model_endpoint(a->model, &seen->e->key), text));
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
		log_error("state files: %s, ignoring", err.msg);
}

static void save(struct agent *a, struct endpoint *e, const struct endpoint_record *r)
{
	struct api_endpoint out = { .e = e, .unprotected = r->unprotected, .adopted = r->adopted };
	struct bh_err err;
	char text[TEXT_MAX];

	memcpy(out.attach, r->attach, sizeof(out.attach));
	if (api_endpoint_save(a->opt.run_dir, &out, &err) < 0)
		log_warn("%s: %s, ignoring", text_of(e, text), err.msg);
	(void)dir_changed(a);
}

/* ---- programs ----------------------------------------------------------------------------- */

/* As it was attached before, unless the administrator wants one way. */
static enum hook_mode mode_for(const struct agent *a, const struct endpoint_record *r)
{
	enum hook_mode mode = a->opt.attach;

	if (mode == HOOK_AUTO && r->attach[0])
		(void)hook_mode_parse(r->attach, &mode);
	return mode;
}

static void attached(struct agent *a, struct endpoint *e, struct endpoint_record *r, enum hook_mode mode,
		     const char *why)
{
	const bool changed = r->unprotected || strcmp(r->attach, hook_mode_text(mode));
	char text[TEXT_MAX];

	log_warn("%s: %s, programs attached (%s)", text_of(e, text),
		 r->unprotected ? "was running without protection" : why, hook_mode_text(mode));
	if (r->unprotected)
		r->grace_end_ns = clock_ns() + GRACE_MS * 1000000ull;
	r->unprotected = r->broken = false;
	(void)snprintf(r->attach, sizeof(r->attach), "%s", hook_mode_text(mode));
	if (changed)
		save(a, e, r);
}

/* @why: what is missing. */
static void attach(struct agent *a, struct endpoint *e, struct endpoint_record *r, const char *why)
{
	const struct hook h = { .pin_dir = a->opt.pin_dir, .key = e->key, .ifindex = e->ifindex };
	enum hook_mode mode = HOOK_AUTO;
	struct bh_err err = {};
	char text[TEXT_MAX];
	const int ret = hook_attach(&h, mode_for(a, r), &mode, &err);

	if (ret >= 0) {
		attached(a, e, r, mode, why);
		return;
	}
	if (!r->broken)
		log_error("%s: %s, cannot attach the programs: %s, retrying", text_of(e, text), why, err.msg);
	r->broken = true;
	(void)snprintf(r->why, sizeof(r->why), "%.127s", err.msg);
}

/* A DEL takes the record away: without it nothing may be put back, even if the DEL itself was missed. */
static bool has_record(const struct agent *a, const struct endpoint *e)
{
	struct api_endpoint on_disk = {};
	struct bh_err err;
	const int r = api_endpoint_load(a->opt.run_dir, &e->key, &on_disk, &err);

	endpoint_free(on_disk.e);
	return r != -ENOENT;
}

static void check_hook(struct agent *a, struct endpoint *e)
{
	const struct hook h = { .pin_dir = a->opt.pin_dir, .key = e->key, .ifindex = e->ifindex };
	struct endpoint_record *r = record(a, &e->key);
	struct bh_err err = { "its state file says so" };
	auto_fd int held = -1;

	if (!r || r->waits || (hook_check(&h, &err) == 1 && !r->unprotected && !r->broken))
		return;
	held = api_lock_key(a->opt.run_dir, &e->key, 0, NULL);
	if (held == -ETIMEDOUT)
		return; /* a call of the plugin is under way: what is missing may be its doing */
	if (has_record(a, e))
		attach(a, e, r, err.msg);
	else
		drop(a, e, "its programs and its record were taken away");
}

/* Those that have been taken in of late, and their flows: before the programs hang, and for what began while
 * they were put there once more. */
static void find_flows(struct agent *a, bool (*of)(struct agent *a, struct endpoint_record *r))
{
	VEC(struct hash128) keys = {};
	struct hash128 *slot;
	size_t i;

	for (i = 0; i < a->endpoints->records.n; i++) {
		if (!of(a, &a->endpoints->records.v[i]))
			continue;
		slot = vec_add(&keys);
		if (slot)
			*slot = a->endpoints->records.v[i].key;
	}
	if (keys.n)
		adopt_flows(a, keys.v, keys.n);
	vec_done(&keys);
}

static bool is_in_force(struct agent *a, struct endpoint_record *r)
{
	if (!r->waits || !inforce_endpoint(reconcile_inforce(a->reconcile), &r->key))
		return false;
	r->waits = false;
	r->new_flows = true;
	return true;
}

static bool has_new_flows(struct agent *a, struct endpoint_record *r)
{
	(void)a;
	if (!r->new_flows || r->waits || r->unprotected)
		return false;
	r->new_flows = false;
	return true;
}

static void on_sweep(void *ctx)
{
	struct agent *a = ctx;
	const uint64_t end_ns = clock_ns() + SWEEP_NS;

	while (a->endpoints->next < a->model->endpoints.n) {
		check_hook(a, a->model->endpoints.v[a->endpoints->next++]);
		if (clock_ns() < end_ns)
			continue;
		loop_timer_set(a->loop, &a->endpoints->sweep, 0);
		return;
	}
	a->endpoints->swept = true;
	find_flows(a, has_new_flows);
}

void endpoints_check_hooks(struct agent *a)
{
	if (a->endpoints->sweep.due_ns)
		return; /* the last one still goes on */
	a->endpoints->next = 0;
	on_sweep(a);
}

void endpoints_enforced(struct agent *a)
{
	size_t i, waiting = 0;

	for (i = 0; i < a->endpoints->records.n; i++)
		waiting += a->endpoints->records.v[i].waits;
	if (!waiting)
		return;
	find_flows(a, is_in_force);
	endpoints_check_hooks(a);
}

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
		reconcile_changed(a->reconcile, CHANGE_POD, "pod '%s/%s' here for a while", e->ns, e->pod);
	}
}

/* An ADD that found nobody listening left its record here (failMode isolate and open). */
void endpoints_tick(struct agent *a)
{
	if (dir_changed(a))
		endpoints_load(a);
	end_graces(a);
	endpoints_check_hooks(a);
}
