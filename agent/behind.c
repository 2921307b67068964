/* SPDX-License-Identifier: Apache-2.0 */
/* The backends of a Service, judged one by one from the tables. */
#include "behind.h"

#include <arpa/inet.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "jsonx.h"
#include "meant.h"

static bool has_addr(const struct addr *v, size_t n, const struct addr *a)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!addr_cmp(&v[i], a))
			return true;
	return false;
}

static bool stands_for(const struct service *s, const struct addr *a)
{
	return has_addr(s->addrs.v, s->addrs.n, a) || has_addr(s->balancers.v, s->balancers.n, a) ||
	       has_addr(s->externals.v, s->externals.n, a);
}

/* The port by which the Service is reached at this address; NULL: none. */
static const struct service_port *port_of(const struct service *s, const struct addr *a, bool node,
					  const struct bh_query *q)
{
	const uint16_t port = ntohs(q->rport);
	const bool own = stands_for(s, a);
	size_t i;

	for (i = 0; i < s->ports.n; i++) {
		const struct service_port *p = &s->ports.v[i];

		if (p->proto == q->proto && ((own && p->port == port) || (node && p->node_port == port)))
			return p;
	}
	return NULL;
}

struct asking {
	const struct inforce *f;
	const struct table_endpoint *ep;
	const struct bh_query *q;
	const char *node; /* only who is there; NULL: all */
};

static void add_denied(const struct asking *a, const struct addr *backend, uint16_t port, struct behind *ret)
{
	struct bh_query asked = *a->q;
	struct meant m;

	memcpy(&asked.remote, backend->b, sizeof(asked.remote));
	asked.rport = htons(port);
	m = meant_by_tables(a->f, a->ep, &asked);
	if (m.allow || !m.sure)
		return;
	if (ret->n == BEHIND_MAX) {
		ret->more++;
		return;
	}
	ret->at[ret->n].addr = *backend;
	ret->at[ret->n++].port = port;
}

static void add_slice(const struct asking *a, const struct endpoint_slice *s, const struct service_port *p,
		      struct behind *ret)
{
	size_t i, k;

	for (i = 0; i < s->ports.n; i++) {
		if (s->ports.v[i].proto != p->proto || strcmp(s->ports.v[i].name, p->name))
			continue;
		for (k = 0; k < s->addrs.n; k++)
			if (!a->node || slice_is_on(s, k, a->node))
				add_denied(a, &s->addrs.v[k], s->ports.v[i].port, ret);
	}
}

void behind_of(const struct model *m, const struct inforce *f, const struct table_endpoint *ep,
	       const struct bh_query *q, struct behind *ret)
{
	struct asking a = { .f = f, .ep = ep, .q = q };
	const struct service_port *p = NULL;
	struct addr remote;
	bool node, v4;
	size_t i;

	*ret = (struct behind){};
	memcpy(remote.b, &q->remote, sizeof(remote.b));
	node = vec_find(&m->node_addrs, &remote, addr_cmp);
	v4 = addr_is_v4(&remote);
	for (i = 0; !p && i < m->services.n; i++) {
		p = port_of(m->services.v[i], &remote, node, q);
		ret->service = p ? m->services.v[i] : NULL;
	}
	if (p && ret->service->local && has_addr(ret->service->addrs.v, ret->service->addrs.n, &remote))
		a.node = m->node_name;
	for (i = 0; p && i < m->slices.n; i++) {
		const struct endpoint_slice *s = m->slices.v[i];

		if ((v4 ? s->v4 : s->v6) && !strcmp(s->ns, ret->service->ns) &&
		    !strcmp(s->service, ret->service->name))
			add_slice(&a, s, p, ret);
	}
}

/* "shop/db (10.0.0.9:8080)" */
static struct json_object *text_of(const struct addr *a, uint16_t port, struct names *names)
{
	char text[NAME_MAX_LEN + ADDR_TEXT + 16], name[NAME_MAX_LEN], addr[ADDR_TEXT];
	const bool v4 = addr_is_v4(a);

	(void)names_addr(names, a, name);
	(void)snprintf(text, sizeof(text), "%s%s%s%s%s:%u%s", name, *name ? " (" : "", v4 ? "" : "[",
		       addr_text(a, addr), v4 ? "" : "]", port, *name ? ")" : "");
	return json_object_new_string(text);
}

void behind_tell(const struct behind *b, struct names *names, struct json_object *o)
{
	struct json_object *list = json_object_new_array();
	char text[NAME_MAX_LEN];
	size_t i;

	if (b->service)
		(void)snprintf(text, sizeof(text), "%s/%s", b->service->ns, b->service->name);
	jx_add_str(o, "service", b->service ? text : NULL);
	for (i = 0; i < b->n; i++)
		(void)json_object_array_add(list, text_of(&b->at[i].addr, b->at[i].port, names));
	if (b->more) {
		(void)snprintf(text, sizeof(text), "%zu more", b->more);
		(void)json_object_array_add(list, json_object_new_string(text));
	}
	jx_add(o, "behind", list);
}
