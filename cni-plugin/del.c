/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DEL and GC: whatever of an attachment is still there goes. A chained plugin is asked first, and an
 * error of ours would keep the main plugin from freeing the pod's addresses: so DEL reports nothing
 * that is missing, and notes what it could not remove (the veth and its programs go with the pod).
 */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "attach.h"
#include "command.h"
#include "util/scope.h"

#define LOCK_WAIT_MS 11000 /* longer than any ADD takes (timeoutMs) */

/* ---- one attachment --------------------------------------------------------------------- */

struct rival {
	const struct hash128 *key;
	uint32_t ifindex;
	bool found;
};

static void look_for_rival(void *ctx, const struct api_endpoint *e, const struct bh_err *bad)
{
	struct rival *r = ctx;

	(void)bad;
	if (e && e->e->ifindex == r->ifindex && hash128_cmp(&e->e->key, r->key))
		r->found = true;
}

/* A clsact filter does not know its owner: the records do. */
static bool is_anothers(const struct call *c, const struct hash128 *key, uint32_t ifindex)
{
	struct rival r = { .key = key, .ifindex = ifindex };

	(void)api_endpoint_each(c->conf->run_dir, look_for_rival, &r, NULL);
	return r.found;
}

/* Without a record the veth is found through the sandbox, if that is still there. */
static uint32_t find_ifindex(const struct call *c)
{
	struct sandbox s = { 0 };

	if (!c->env->netns[0] || !c->env->ifname[0])
		return 0;
	return sandbox_find(c->env, &s, NULL) ? 0 : s.ifindex;
}

/* Links are found by their pins; only filters need the interface. */
static uint32_t filters_at(const struct call *c, const struct api_endpoint *e, bool search)
{
	if (e)
		return strcmp(e->attach, "tcx") ? e->e->ifindex : 0;
	return search ? find_ifindex(c) : 0;
}

static int detach(struct call *c, const struct hash128 *key, uint32_t ifindex, struct bh_err *err)
{
	struct hook h = hook_of(c, key, ifindex);
	auto_fd int held = -1;
	struct bh_err why;

	if (ifindex) {
		held = api_lock_ifindex(c->conf->run_dir, ifindex, LOCK_WAIT_MS, &why);
		if (held < 0 && held != -ENOENT)
			note(c, "%s, going on", why.msg);
		if (is_anothers(c, key, ifindex))
			h.ifindex = 0;
	}
	return hook_detach(&h, err);
}

/* The first failure is reported, and the rest done all the same. */
static int remove_one(struct call *c, const struct endpoint *owner, const struct api_endpoint *e, bool search,
		      struct bh_err *err)
{
	struct bh_err why = { "" };
	int first, r;

	first = detach(c, &owner->key, filters_at(c, e, search), err);
	r = api_endpoint_remove(c->conf->run_dir, &owner->key, first < 0 ? NULL : err);
	first = first < 0 ? first : r;
	r = ask_owner(c, "del", owner, DEL_AGENT_MS, &why);
	if (r && !is_nobody(r))
		note(c, "%s, ignoring", why.msg);
	return first;
}

/* ---- DEL -------------------------------------------------------------------------------- */

static void drop_endpoint(struct endpoint **e)
{
	endpoint_free(*e);
}

#define auto_endpoint __attribute__((cleanup(drop_endpoint)))

static struct endpoint *owner_of(const struct call *c)
{
	auto_endpoint struct endpoint *e = endpoint_new();

	if (!e)
		return NULL;
	free(e->network);
	free(e->container);
	free(e->ifname);
	e->network = strdup(c->conf->name);
	e->container = strdup(c->env->container);
	e->ifname = strdup(c->env->ifname);
	if (!e->network || !e->container || !e->ifname)
		return NULL;
	e->key = api_endpoint_key(e->network, e->container, e->ifname);
	return TAKE_PTR(e);
}

/* Without the directory there is nothing that two calls could fight over. */
static int lock_if_any(struct call *c, const struct hash128 *key)
{
	struct bh_err why;
	const int fd = api_lock_key(c->conf->run_dir, key, LOCK_WAIT_MS, &why);

	if (fd < 0 && fd != -ENOENT)
		note(c, "%s, going on", why.msg);
	return fd;
}

int cmd_del(struct call *c, struct bh_err *err)
{
	auto_endpoint struct endpoint *owner = owner_of(c);
	struct api_endpoint record = { 0 };
	auto_fd int held = -1;
	struct bh_err why = { "" };
	int r;

	if (!owner)
		return bh_err_set(err, CNI_IO, "out of memory");
	held = lock_if_any(c, &owner->key);
	r = api_endpoint_load(c->conf->run_dir, &owner->key, &record, &why);
	if (r < 0 && r != -ENOENT)
		note(c, "%s, removing it", why.msg);
	if (remove_one(c, owner, r ? NULL : &record, true, &why) < 0)
		note(c, "%s, ignoring", why.msg);
	endpoint_free(record.e);
	return 0;
}

/* ---- GC --------------------------------------------------------------------------------- */

struct sweep {
	struct call *c;
	VEC(struct hash128) valid;
	VEC(struct hash128) doomed;
	bool failed; /* out of memory: nothing is removed */
};

static bool remember(struct sweep *s, struct hash128 key, bool valid)
{
	struct hash128 *slot = valid ? vec_add(&s->valid) : vec_add(&s->doomed);

	if (slot)
		*slot = key;
	return slot;
}

static const char *text_of(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	(void)json_object_object_get_ex(o, key, &v);
	return json_object_is_type(v, json_type_string) ? json_object_get_string(v) : "";
}

/* Absent means "not known", null or [] "none is valid": CNI spec 1.1.0, "GC". *ret_there: not absent. */
static int take_list(struct sweep *s, const char *key, bool *ret_there, struct bh_err *err)
{
	struct json_object *list = NULL, *item;
	size_t i;

	if (!json_object_object_get_ex(s->c->conf->json, key, &list))
		return 0;
	*ret_there = true;
	if (list && !json_object_is_type(list, json_type_array))
		return bh_err_set(err, CNI_BAD_CONFIG, "%s: not a list", key);
	for (i = 0; list && i < json_object_array_length(list); i++) {
		item = json_object_array_get_idx(list, i);
		if (!text_of(item, "containerID")[0] || !text_of(item, "ifname")[0])
			return bh_err_set(err, CNI_BAD_CONFIG, "%s[%zu]: containerID or ifname missing", key,
					  i);
		if (!remember(s,
			      api_endpoint_key(s->c->conf->name, text_of(item, "containerID"),
					       text_of(item, "ifname")),
			      true))
			return bh_err_set(err, CNI_IO, "out of memory");
	}
	return 0;
}

static void doom(void *ctx, const struct api_endpoint *e, const struct bh_err *bad)
{
	struct sweep *s = ctx;

	if (!e) {
		note(s->c, "%s: whose it is cannot be told, leaving it", bad->msg);
		return;
	}
	if (strcmp(e->e->network, s->c->conf->name) || vec_find(&s->valid, &e->e->key, hash128_cmp))
		return;
	s->failed |= !remember(s, e->e->key, false);
}

static int remove_doomed(struct call *c, const struct hash128 *key, struct bh_err *err)
{
	struct api_endpoint record = { 0 };
	auto_fd int held = -1;
	int r;

	held = lock_if_any(c, key);
	r = api_endpoint_load(c->conf->run_dir, key, &record, err);
	if (!r)
		r = remove_one(c, record.e, &record, false, err);
	endpoint_free(record.e);
	return r == -ENOENT ? 0 : r;
}

static int sweep(struct sweep *s, struct bh_err *err)
{
	struct bh_err why = { "" };
	size_t i, failed = 0;
	int r;

	vec_sort(&s->valid, hash128_cmp);
	r = api_endpoint_each(s->c->conf->run_dir, doom, s, err);
	if (r < 0 || s->failed)
		return r < 0 ? CNI_IO : bh_err_set(err, CNI_IO, "out of memory");
	for (i = 0; i < s->doomed.n; i++) {
		if (remove_doomed(s->c, &s->doomed.v[i], &why) >= 0)
			continue;
		note(s->c, "%s", why.msg);
		failed++;
	}
	return failed ? bh_err_set(err, CNI_INCOMPLETE,
				   "%zu of %zu attachments not removed; the last: %.180s", failed,
				   s->doomed.n, why.msg)
		      : 0;
}

int cmd_gc(struct call *c, struct bh_err *err)
{
	struct sweep s = { .c = c };
	bool there = false;
	int code = take_list(&s, "cni.dev/valid-attachments", &there, err);

	if (!code)
		code = take_list(&s, "cni.dev/attachments", &there,
				 err); /* the key's name in older runtimes */
	if (!code && there)
		code = sweep(&s, err);
	vec_done(&s.valid);
	vec_done(&s.doomed);
	return code;
}
