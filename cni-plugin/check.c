/* SPDX-License-Identifier: Apache-2.0 */
/* CHECK: is it as ADD left it? STATUS: would ADD work? Neither changes anything. */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "attach.h"
#include "command.h"
#include "result.h"
#include "util/scope.h"

#define CHECK_AGAIN_MS 50

/* ---- CHECK ------------------------------------------------------------------------------ */

static int check_programs(const struct call *c, const struct api_endpoint *e, struct bh_err *err)
{
	const struct hook h = hook_of(c, &e->e->key, e->e->ifindex);
	struct sandbox s = { 0 };
	struct bh_err why = { "" };
	int code = sandbox_find(c->env, &s, err);

	if (code)
		return code;
	if (s.ifindex != e->e->ifindex)
		return bh_err_set(err, CNI_DIFFERS, "the other end of '%s' is interface %u, ADD knew %u",
				  c->env->ifname, s.ifindex, e->e->ifindex);
	if (e->unprotected)
		return bh_err_set(err, CNI_DIFFERS,
				  "pod %s/%s runs unprotected since failMode open let it start", e->e->ns,
				  e->e->pod);
	if (hook_check(&h, &why) != 1)
		return bh_err_set(err, CNI_DIFFERS, "%s", why.msg);
	return 0;
}

static bool holds(const struct addr *list, size_t n, const struct addr *a)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!addr_cmp(&list[i], a))
			return true;
	return false;
}

/* Link-local ones are the kernel's, not prevResult's. One more than at ADD is a later plugin's, which the
 * spec lets it have: the programs drop what comes from it. */
static int check_addrs(struct call *c, const struct endpoint *e, struct bh_err *err)
{
	struct addr addrs[BH_EP_ADDRS];
	char text[ADDR_TEXT];
	size_t i, n = 0;
	const int code = result_addrs(c->conf, c->env->ifname, addrs, BH_EP_ADDRS, &n, err);

	if (code)
		return code;
	for (i = 0; i < n; i++)
		if (!holds(e->addrs.v, e->addrs.n, &addrs[i]))
			note(c, "prevResult has address %s, ADD did not: the pod cannot use it, ignoring",
			     addr_text(&addrs[i], text));
	for (i = 0; i < e->addrs.n; i++)
		if (!addr_is_link_local(&e->addrs.v[i]) && !holds(addrs, n, &e->addrs.v[i]))
			return bh_err_set(err, CNI_DIFFERS, "ADD had address %s, prevResult has not",
					  addr_text(&e->addrs.v[i], text));
	return 0;
}

/* The pinned programs go on enforcing what was in force last, so that an agent that is away is no
 * fault of this container's; a failed CHECK may cost the pod its life. */
static int check_agent(struct call *c, const struct endpoint *e, struct bh_err *err)
{
	struct bh_err why = { "" };
	int r = ask_owner(c, "check", e, left_ms(c), &why);

	/* Just after an ADD by failMode, or after the agent's start, what it waits for is on its way. */
	while (r == CNI_TRY_AGAIN && left_ms(c) > CHECK_AGAIN_MS) {
		(void)usleep(CHECK_AGAIN_MS * 1000);
		r = ask_owner(c, "check", e, left_ms(c), &why);
	}
	if (r > 0)
		return bh_err_set(err, r == CNI_TRY_AGAIN ? CNI_TRY_AGAIN : CNI_DIFFERS, "%s", why.msg);
	if (r < 0)
		note(c, "%s, ignoring: the programs are in place", why.msg);
	return 0;
}

int cmd_check(struct call *c, struct bh_err *err)
{
	const struct hash128 key = api_endpoint_key(c->conf->name, c->env->container, c->env->ifname);
	struct api_endpoint e = { 0 };
	struct bh_err why = { "" };
	int code;

	if (!c->conf->prev)
		return bh_err_set(err, CNI_BAD_CONFIG, "prevResult: missing");
	if (api_endpoint_load(c->conf->run_dir, &key, &e, &why) < 0)
		return bh_err_set(err, CNI_DIFFERS,
				  "interface '%s' of container %.16s is not attached: %.128s", c->env->ifname,
				  c->env->container, why.msg);
	code = check_programs(c, &e, err);
	if (!code)
		code = check_addrs(c, e.e, err);
	if (!code)
		code = check_agent(c, e.e, err);
	endpoint_free(e.e);
	return code;
}

/* ---- STATUS ----------------------------------------------------------------------------- */

/*
 * Only what makes every ADD fail and does not pass by itself counts: a runtime takes a node with a bad
 * STATUS out of service. So an agent that restarts is no reason: ADDs are told to try again until it is back.
 */
int cmd_status(struct call *c, struct bh_err *err)
{
	const struct netconf *n = c->conf;
	struct bh_err why = { "" };

	if (n->fail_mode == FAIL_OPEN ||
	    (n->fail_open_namespaces && json_object_array_length(n->fail_open_namespaces)) ||
	    api_open_read(n->run_dir, NULL, NULL) > 0)
		return 0;
	if (hook_ready(n->pin_dir, &why) < 0)
		return bh_err_set(err, CNI_UNAVAILABLE, "%s", why.msg);
	return 0;
}
