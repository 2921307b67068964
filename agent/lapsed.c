/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints that are over although nobody said so: by their interfaces and by their addresses. */
#include <stdio.h>
#include <string.h>

#include "endpoints_internal.h"
#include "util/log.h"

int endpoints_link(const struct agent *a, const struct endpoint *e, struct bh_err *err)
{
	struct nl_link l;
	const int r = node_link(a->node, e->ifindex, &l, err);

	if (r <= 0)
		return r < 0 ? r : LINK_GONE;
	if (strcmp(l.kind, "veth") || (e->peer && (l.peer != e->peer || l.peer_nsid != e->nsid)))
		return LINK_ANOTHER;
	return LINK_SAME;
}

static void tell_gone(struct agent *a, struct endpoint *e)
{
	const struct event_object about = endpoints_pod(e);
	const struct hook pins = { .pin_dir = a->opt.pin_dir, .key = e->key };

	event_tell(a, false, "EndpointGone", &about,
		   "interface %u went without a DEL, and what was ours with it", e->ifindex);
	a->endpoints->healed.gone++;
	(void)hook_detach(&pins, NULL);
	endpoints_drop(a, e, false, "its interface is gone");
}

/*
 * Another one has the index: our programs are not on that, or it was moved and they still close it. A pod
 * that changes its own MAC address is no other: the programs drop what it sends, and nothing is believed
 * anew.
 */
static void tell_another(struct agent *a, struct endpoint *e)
{
	const struct event_object about = endpoints_pod(e);

	event_tell(a, true, "InterfaceReused", &about,
		   "interface %u is another one now, its endpoint is dropped", e->ifindex);
	a->endpoints->healed.interfaces++;
	endpoints_drop(a, e, false, "its interface is another one now");
}

bool endpoints_check_link(struct agent *a, struct endpoint *e)
{
	struct bh_err err;
	const int r = endpoints_link(a, e, &err);

	if (r == LINK_GONE)
		tell_gone(a, e);
	else if (r == LINK_ANOTHER)
		tell_another(a, e);
	else if (r < 0)
		log_of(LOG_WARN, LOG_POD(e->ns, e->pod), "pod '%s/%s' (interface %u): %s, kept as it is",
		       e->ns, e->pod, e->ifindex, err.msg);
	return r > 0;
}

/* Of one network, where addresses name one interface; who was adopted has them from the API, where they do
 * too. */
static bool share_address(const struct endpoint *x, const struct endpoint *y)
{
	size_t i, k;

	if (strcmp(x->network, y->network) && strcmp(x->network, API_ADOPTED) &&
	    strcmp(y->network, API_ADOPTED))
		return false;
	for (i = 0; i < x->addrs.n; i++)
		for (k = 0; k < y->addrs.n && !addr_is_link_local(&x->addrs.v[i]); k++)
			if (!addr_cmp(&x->addrs.v[i], &y->addrs.v[k]))
				return true;
	return false;
}

struct endpoint *endpoints_twin(const struct agent *a, const struct endpoint *e)
{
	size_t i;

	for (i = 0; i < a->model->endpoints.n; i++) {
		struct endpoint *o = a->model->endpoints.v[i];

		if (hash128_cmp(&o->key, &e->key) && share_address(o, e))
			return o;
	}
	return NULL;
}

/* The addresses were given away, so the sandbox that had them is over, whatever is left of it. */
void endpoints_drop_twins(struct agent *a, const struct endpoint *e)
{
	struct endpoint *o;

	while ((o = endpoints_twin(a, e))) {
		const struct event_object about = endpoints_pod(o);

		event_tell(
			a, true, "AddressReused", &about,
			"an address of interface %u is that of pod '%s/%s' now; what is left of it stays closed",
			o->ifindex, e->ns, e->pod);
		a->endpoints->healed.addresses++;
		endpoints_drop(a, o, false, "its address is another's now");
	}
}
