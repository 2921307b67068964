/* SPDX-License-Identifier: Apache-2.0 */
/* What an Event about a denied flow says, to each of its ends. The same words for the same thing: so it is
 * counted. */
#include "denied.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "agent.h"
#include "event.h"
#include "names.h"
#include "query.h"
#include "util/clock.h"

#define WHO_MAX (NAME_MAX_LEN + ADDR_TEXT)

struct end {
	const char *ns, *pod; /* NULL: it is no pod that we know */
	char who[WHO_MAX];    /* "shop/web (10.0.0.2)" */
};

static void read_end(const struct agent *a, const struct bh_addr *at, struct end *ret)
{
	char name[NAME_MAX_LEN], text[ADDR_TEXT];
	struct addr addr;

	memcpy(addr.b, at->w, sizeof(addr.b));
	(void)names_addr(a->names, &addr, name);
	(void)addr_text(&addr, text);
	(void)snprintf(ret->who, sizeof(ret->who), *name ? "%s (%s)" : "%s%s", *name ? name : "", text);
	if (!names_pod(a->names, &addr, &ret->ns, &ret->pod))
		ret->ns = ret->pod = NULL;
}

/* "policy 'shop/db' and 2 more", or who else it was. */
static const char *why(const struct bh_event *ev, const char *policies, const char *rule, char *ret,
		       size_t size)
{
	size_t n = 0;
	const char *p;

	for (p = policies; p && *p; p += strlen(p) + 1)
		n++;
	if (rule)
		(void)snprintf(ret, size, "rule '%s' denies it", rule);
	else if (n > 1)
		(void)snprintf(ret, size, "no rule of policy '%s' nor of %zu more allows it", policies,
			       n - 1);
	else if (n)
		(void)snprintf(ret, size, "no rule of policy '%s' allows it", policies);
	else
		(void)snprintf(ret, size, "%s", names_reason(ev->reason));
	return ret;
}

static void port_text(const struct bh_event *ev, char ret[32])
{
	char proto[8];

	(void)names_proto(ev->proto, proto);
	if (query_has_ports(ev->proto))
		(void)snprintf(ret, 32, "%s port %u", proto,
			       ntohs(ev->dir == BH_INGRESS ? ev->lport : ev->rport));
	else
		(void)snprintf(ret, 32, "%s", proto);
}

static void tell(struct agent *a, const struct end *about, const char *note)
{
	const struct event_object object = { .kind = "Pod", .ns = about->ns, .name = about->pod, .uid = "" };
	const char *const what[] = { about->ns, about->pod, note };
	struct hash128 pod_hash, what_hash;

	if (!about->pod)
		return;
	pod_hash = hash128_of_texts(what, 2);
	what_hash = hash128_of_texts(what, 3);
	if (denied_passes(&a->denied, &pod_hash, &what_hash, clock_ns()))
		event_post(a, true, "FlowDenied", &object, note);
}

/* The peer's name may be another tenant's: docs/operations.md says so where it says how to turn this on. */
void denied_tell(struct agent *a, const struct bh_event *ev, const char *policies, const char *rule)
{
	const bool in = ev->dir == BH_INGRESS;
	struct end local, remote;
	char port[32], reason[512], note[1024];

	if (names_reason_allows(ev->reason))
		return;
	read_end(a, &ev->local, &local);
	read_end(a, &ev->remote, &remote);
	port_text(ev, port);
	(void)why(ev, policies, rule, reason, sizeof(reason));
	(void)snprintf(note, sizeof(note), "%s %s %s was denied: %s (%s)", port, in ? "from" : "to",
		       remote.who, reason, in ? "ingress" : "egress");
	tell(a, &local, note);
	(void)snprintf(note, sizeof(note), "%s %s %s was denied there: %s (%s)", port, in ? "to" : "from",
		       local.who, reason, in ? "ingress" : "egress");
	tell(a, &remote, note);
}
