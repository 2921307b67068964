/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ADD: programs on the veth first, then the record, then the agent's word that the pod's policy is in
 * force. failMode says what holds when that word does not come.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "attach.h"
#include "command.h"
#include "result.h"
#include "util/scope.h"

#define LATE_MS 100 /* for telling a silent agent: it finds the request when it wakes up */

struct addition {
	struct call *c;
	struct api_endpoint record, before;
	bool had;    /* there was an attachment of this owner: a repeated ADD, which must not undo it */
	bool unread; /* its record could not be read, so that `before` is empty */
	bool attached;
	bool reached; /* the agent listens, so that it may know of this endpoint by now */
};

static void addition_done(struct addition *a)
{
	endpoint_free(a->record.e);
	endpoint_free(a->before.e);
}

/* ---- the record ------------------------------------------------------------------------- */

static bool set(char **at, const char *text)
{
	free(*at);
	*at = strdup(text);
	return *at;
}

static int make_record(struct addition *a, struct bh_err *err)
{
	const struct env *env = a->c->env;
	struct endpoint *e = endpoint_new();

	a->record.e = e;
	if (!e || !set(&e->network, a->c->conf->name) || !set(&e->container, env->container) ||
	    !set(&e->ifname, env->ifname) || !set(&e->netns, env->netns) || !set(&e->ns, env->pod_ns) ||
	    !set(&e->pod, env->pod_name) || !set(&e->uid, env->pod_uid))
		return bh_err_set(err, CNI_IO, "out of memory");
	e->key = api_endpoint_key(e->network, e->container, e->ifname);
	return 0;
}

static int keep_addr(struct endpoint *e, const struct addr *a, struct bh_err *err)
{
	struct addr *slot;
	size_t i;

	for (i = 0; i < e->addrs.n; i++)
		if (!addr_cmp(&e->addrs.v[i], a))
			return 0;
	if (e->addrs.n == BH_EP_ADDRS)
		return bh_err_set(err, CNI_BAD_CONFIG,
				  "interface '%s' has over %d addresses, link-local ones included", e->ifname,
				  BH_EP_ADDRS);
	slot = vec_add(&e->addrs);
	if (!slot)
		return bh_err_set(err, CNI_IO, "out of memory");
	*slot = *a;
	return 0;
}

static int describe(struct addition *a, struct bh_err *err)
{
	struct endpoint *e = a->record.e;
	struct addr addrs[BH_EP_ADDRS];
	struct sandbox s = { 0 };
	size_t i, n = 0;
	int code = sandbox_find(a->c->env, &s, err);

	if (!code)
		code = result_addrs(a->c->conf, a->c->env->ifname, addrs, BH_EP_ADDRS, &n, err);
	for (i = 0; !code && i < n; i++)
		code = keep_addr(e, &addrs[i], err);
	for (i = 0; !code && i < s.n; i++)
		code = keep_addr(e, &s.link_local[i], err);
	e->ifindex = s.ifindex;
	e->peer = s.peer;
	e->nsid = s.nsid;
	memcpy(e->mac, s.mac, sizeof(e->mac));
	return code;
}

static int save(const struct addition *a, struct bh_err *err)
{
	return api_endpoint_save(a->c->conf->run_dir, &a->record, err) < 0 ? CNI_IO : 0;
}

/* ---- undoing, and failMode -------------------------------------------------------------- */

/* What was there before this call stays: taking the programs off a running pod is no way to fail. */
static void undo(struct addition *a)
{
	const struct hook h = hook_of(a->c, &a->record.e->key, a->record.e->ifindex);
	struct bh_err why;

	if (a->had) {
		if (!a->unread && api_endpoint_save(a->c->conf->run_dir, &a->before, &why) < 0)
			note(a->c, "%s", why.msg);
		return;
	}
	if (a->attached && hook_detach(&h, &why) < 0)
		note(a->c, "cannot detach: %s", why.msg);
	if (api_endpoint_remove(a->c->conf->run_dir, &a->record.e->key, &why) < 0)
		note(a->c, "%s", why.msg);
	if (a->reached)
		(void)ask_owner(a->c, "del", a->record.e, LATE_MS, NULL);
}

/* The emergency switch: as if we were not there. */
static bool node_is_open(const struct addition *a)
{
	return api_open_read(a->c->conf->run_dir, NULL, NULL) > 0;
}

/* Succeeds without programs. The record tells the agent to attach when it comes; one that only was
 * too slow is told at once. */
static int go_open(struct addition *a, const char *cause, const char *why, struct bh_err *err)
{
	const struct hook h = hook_of(a->c, &a->record.e->key, a->record.e->ifindex);
	struct bh_err detach;
	int code;

	if (a->had && !a->unread && !a->before.unprotected) {
		note(a->c, "pod %s/%s keeps the programs it had: %s", a->record.e->ns, a->record.e->pod, why);
		return 0;
	}
	if (a->attached && hook_detach(&h, &detach) < 0)
		return bh_err_set(err, CNI_CANNOT_ATTACH, "%s: cannot detach: %s", cause, detach.msg);
	a->attached = false;
	a->record.attach[0] = '\0';
	a->record.unprotected = true;
	code = save(a, err);
	if (code)
		return code;
	if (a->reached)
		(void)ask_add(a->c, &a->record, LATE_MS, NULL);
	note(a->c, "pod %s/%s starts UNPROTECTED (%s): %s", a->record.e->ns, a->record.e->pod, cause, why);
	return 0;
}

/* @why: what the agent said or why it could not be asked. */
static int without_agent(struct addition *a, const char *why, struct bh_err *err)
{
	const enum fail_mode mode = netconf_fail_mode(a->c->conf, a->record.e->ns);

	if (mode == FAIL_OPEN)
		return go_open(a, "failMode open", why, err);
	if (node_is_open(a))
		return go_open(a, "this node is open", why, err);
	if (mode == FAIL_ISOLATE && a->attached) {
		note(a->c, "pod %s/%s starts isolated (failMode isolate): %s", a->record.e->ns,
		     a->record.e->pod, why);
		return 0;
	}
	return bh_err_set(err, CNI_TRY_AGAIN, "pod %.63s/%.63s: no policy in force: %s", a->record.e->ns,
			  a->record.e->pod, why);
}

/* ---- the steps -------------------------------------------------------------------------- */

static int attach(struct addition *a, struct bh_err *err)
{
	const struct hook h = hook_of(a->c, &a->record.e->key, a->record.e->ifindex);
	enum hook_mode way = HOOK_AUTO;
	const int r = hook_attach(&h, a->c->conf->attach, &way, err);

	if (r == -ENOENT)
		return CNI_TRY_AGAIN;
	if (r < 0)
		return CNI_CANNOT_ATTACH;
	a->attached = true;
	(void)snprintf(a->record.attach, sizeof(a->record.attach), "%s", hook_mode_text(way));
	return 0;
}

/* A DEL of before that the agent learned of only now would have taken the programs off again. */
static int still_there(const struct addition *a, struct bh_err *err)
{
	const struct hook h = hook_of(a->c, &a->record.e->key, a->record.e->ifindex);
	struct bh_err why = { "" };

	if (hook_check(&h, &why) == 1)
		return 0;
	return bh_err_set(err, CNI_TRY_AGAIN, "the programs were taken off meanwhile: %.180s", why.msg);
}

static int ask_agent(struct addition *a, struct bh_err *err)
{
	struct bh_err why = { "" };
	const int r = ask_add(a->c, &a->record, left_ms(a->c), &why);

	a->reached = !is_nobody(r);
	return r ? without_agent(a, why.msg, err) : still_there(a, err);
}

/* In one go: from then on the record says whose the interface is. */
static int attach_and_save(struct addition *a, struct bh_err *err)
{
	auto_fd int held = api_lock_ifindex(a->c->conf->run_dir, a->record.e->ifindex, left_ms(a->c), err);
	int code;

	if (held < 0)
		return held == -ETIMEDOUT ? CNI_TRY_AGAIN : CNI_IO;
	code = attach(a, err);
	return code ? code : save(a, err);
}

static int add_steps(struct addition *a, struct bh_err *err)
{
	struct bh_err why = { "" };
	const int code = attach_and_save(a, &why);

	if (code == CNI_TRY_AGAIN)
		return without_agent(a, why.msg, err);
	if (code == CNI_CANNOT_ATTACH && node_is_open(a))
		return go_open(a, "this node is open", why.msg, err);
	return code ? bh_err_set(err, code, "%s", why.msg) : ask_agent(a, err);
}

/* A record that cannot be read is none, unless the programs hang there. */
static bool had_before(struct addition *a, bool *ret_unread)
{
	const struct hook h = hook_of(a->c, &a->record.e->key, a->record.e->ifindex);
	const int r = api_endpoint_load(a->c->conf->run_dir, &a->record.e->key, &a->before, NULL);

	*ret_unread = r && r != -ENOENT && hook_check(&h, NULL) == 1;
	return !r || *ret_unread;
}

/* Holds the lock. */
static int add_locked(struct addition *a, struct buf *out, struct bh_err *err)
{
	int code, r;

	a->had = had_before(a, &a->unread);
	code = add_steps(a, err);
	if (!code) {
		r = result_print(a->c->out, out);
		if (r < 0)
			code = bh_err_set(err, CNI_IO, "cannot print the result: %s", strerror(-r));
	}
	if (code)
		undo(a);
	return code;
}

static int lock(const struct addition *a, struct bh_err *err)
{
	const char *dir = a->c->conf->run_dir;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return bh_err_errno(err, -errno, "cannot make %s", dir);
	return api_lock_key(dir, &a->record.e->key, left_ms(a->c), err);
}

int cmd_add(struct call *c, struct bh_err *err)
{
	struct addition a __attribute__((cleanup(addition_done))) = { .c = c };
	auto_buf struct buf out = BUF_INIT(2 * NETCONF_MAX);
	auto_fd int held = -1;
	int code;

	if (!c->conf->prev)
		return bh_err_set(
			err, CNI_BAD_CONFIG,
			"prevResult: missing; bulkhead follows the plugin that makes the interface");
	code = result_text(c->conf, &out, err);
	if (!code)
		code = make_record(&a, err);
	if (!code)
		code = describe(&a, err);
	if (code)
		return code;
	held = lock(&a, err);
	if (held < 0)
		return held == -ETIMEDOUT ? CNI_TRY_AGAIN : CNI_IO;
	return add_locked(&a, &out, err);
}
