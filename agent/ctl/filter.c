/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "ctl/ctl.h"
#include "util/date.h"
#include "util/scope.h"

#define DIGITS "0123456789"
#define NAME   "abcdefghijklmnopqrstuvwxyz0123456789.-"

/* ---- reading ------------------------------------------------------------------------------ */

static int64_t unit_of(const char *text)
{
	static const struct {
		const char *name;
		int64_t seconds;
	} units[] = { { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 } };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(units); i++)
		if (!strcmp(text, units[i].name))
			return units[i].seconds;
	return 0;
}

/* "2026-01-31T12:00:00Z", with or without parts of a second. */
static bool is_time(const char *text)
{
	struct tm tm;
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);

	if (end && *end == '.')
		end += 1 + strspn(end + 1, DIGITS);
	return end && !strcmp(end, "Z") && strlen(text) < 32;
}

int filter_since(const char *text, int64_t now_s, char ret[32], struct bh_err *err)
{
	const size_t digits = strspn(text, DIGITS);
	const int64_t unit = unit_of(text + digits);
	char since[DATE_TEXT];
	time_t at;

	if (is_time(text)) { /* without the Z it sorts before all that have it as their beginning */
		(void)snprintf(ret, 32, "%.*s", (int)strlen(text) - 1, text);
		return 0;
	}
	if (!digits || digits > 6 || !unit)
		return bh_err_set(
			err, -EINVAL,
			"--since '%.40s': neither 90s, 5m, 2h or 7d ago, nor a time as 2026-01-31T12:00:00Z",
			text);
	at = (time_t)(now_s - strtoll(text, NULL, 10) * unit);
	if (!*date_text(at, 0, 0, since))
		return bh_err_set(err, -EINVAL, "--since '%.40s': too long ago", text);
	(void)snprintf(ret, 32, "%.*s", (int)strlen(since) - 1, since);
	return 0;
}

static const char *proto_of(const char *text)
{
	static const char *const protos[] = { "TCP", "UDP", "SCTP", "ICMP", "ICMPv6" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(protos); i++)
		if (!strcasecmp(text, protos[i]))
			return protos[i];
	return NULL;
}

/* "443", "53/udp", "icmp" */
static int read_port(const char *text, struct filter *f, struct bh_err *err)
{
	const size_t digits = strspn(text, DIGITS);
	const unsigned long port = digits < 6 ? strtoul(text, NULL, 10) : 0;
	const bool alone = digits && !text[digits];
	const char *proto = digits && text[digits] == '/' ? text + digits + 1 : text;

	proto = alone ? "" : proto_of(proto);
	if (!proto || (digits && (!port || port > UINT16_MAX)))
		return bh_err_set(err, -EINVAL, "--port '%.40s': not as 443, 53/udp or icmp", text);
	f->port = (unsigned int)port;
	(void)snprintf(f->proto, sizeof(f->proto), "%s", proto);
	return 0;
}

static bool is_word(const char *text, size_t len)
{
	return len && strspn(text, NAME) >= len;
}

/* "10.0.0.999": Kubernetes would take it for a name, and nobody means one. */
static bool has_four_numbers(const char *text)
{
	int len = 0;

	(void)sscanf(text, "%*u.%*u.%*u.%*u%n", &len);
	return len && !text[len];
}

/* "shop/web", "web" */
static bool is_pods_name(const char *text)
{
	const char *slash = strchr(text, '/'), *name = slash ? slash + 1 : text;

	return is_word(name, strlen(name)) && (!slash || is_word(text, (size_t)(slash - text))) &&
	       !has_four_numbers(text);
}

/* "node 'n1'", "service 'shop/db'", "interface 7": as flows themselves call what is no pod. */
static bool is_called_so(const char *text)
{
	static const char *const kinds[] = { "node '", "service '", "interface " };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strncmp(text, kinds[i], strlen(kinds[i])))
			return true;
	return false;
}

/* What has a length or a colon is no name. */
static int read_end(const char *option, const char *text, struct filter_end *ret, struct bh_err *err)
{
	const char *slash = strchr(text, '/');
	const bool has_length =
		slash && slash[1] && !slash[1 + strspn(slash + 1, DIGITS)] && strpbrk(text, ".:");
	struct filter_end end = { .name = text, .is_block = true };
	struct addr addr;

	if (!addr_parse(text, &addr))
		end.block = (struct cidr){ .addr = addr, .len = 128 };
	else if (cidr_parse(text, &end.block) < 0)
		end.is_block = false;
	if (!end.is_block && (has_length || strchr(text, ':')))
		return bh_err_set(err, -EINVAL, "%s '%.60s': no address and no block of them", option, text);
	if (!end.is_block && !is_pods_name(text) && !is_called_so(text))
		return bh_err_set(err, -EINVAL,
				  "%s '%.60s': no NAMESPACE/NAME, no NAME, no address and no block of them",
				  option, text);
	*ret = end;
	return 0;
}

static int read_verdict(const char *text, struct bh_err *err)
{
	static const char *const verdicts[] = { "denied", "audited", "allowed" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(verdicts); i++)
		if (!strcmp(text, verdicts[i]))
			return 0;
	return bh_err_set(err, -EINVAL, "--verdict '%.40s': not one of denied, audited, allowed", text);
}

int filter_read(const struct ctl *c, struct filter *ret, struct bh_err *err)
{
	struct filter f = { .namespace = c->namespace, .verdict = c->verdict, .policy = c->policy };
	int r = c->verdict ? read_verdict(c->verdict, err) : 0;

	if (!r && c->pod)
		r = read_end("--pod", c->pod, &f.pod, err);
	if (!r && c->peer)
		r = read_end("--peer", c->peer, &f.peer, err);
	if (!r && c->port)
		r = read_port(c->port, &f, err);
	if (!r && c->since)
		r = filter_since(c->since, time(NULL), f.since, err);
	if (!r)
		*ret = f;
	return r;
}

/* ---- holding flows against it ------------------------------------------------------------- */

/* "shop/web" by its whole name or by what is behind the slash. */
static bool is_named(const char *name, const char *wanted)
{
	const char *slash = strchr(name, '/');

	return !strcmp(name, wanted) || (slash && !strchr(wanted, '/') && !strcmp(slash + 1, wanted));
}

static bool is_in(const char *name, const char *ns)
{
	const size_t len = strlen(ns);

	return !strncmp(name, ns, len) && name[len] == '/';
}

static bool is_end(const struct filter_end *end, struct json_object *item, const char *address,
		   const char *name)
{
	struct addr addr;

	if (!end->name)
		return true;
	if (!end->is_block)
		return is_named(ctl_str(item, name), end->name);
	return !addr_parse(ctl_str(item, address), &addr) && cidr_holds(&end->block, &addr);
}

/* One end is the pod, and the other one the peer. */
static bool ends_match(const struct filter *f, struct json_object *item)
{
	return (is_end(&f->pod, item, "src", "src_name") && is_end(&f->peer, item, "dst", "dst_name")) ||
	       (is_end(&f->pod, item, "dst", "dst_name") && is_end(&f->peer, item, "src", "src_name"));
}

static bool port_matches(const struct filter *f, struct json_object *item)
{
	return (!f->port || ctl_int(item, "dst_port") == f->port) &&
	       (!*f->proto || !strcasecmp(ctl_str(item, "proto"), f->proto));
}

/* One of the words of "csegpol incident-4711 ingress[0]", "shop/db ingress[0]", "segpol shop/clients". */
static bool has_word(const char *text, const char *policy)
{
	char word[300];

	while (text && *text) {
		const size_t len = strcspn(text, " ");

		(void)snprintf(word, sizeof(word), "%.*s", (int)len, text);
		if (is_named(word, policy))
			return true;
		text += len;
		text += strspn(text, " ");
	}
	return false;
}

static bool policy_matches(const struct filter *f, struct json_object *item)
{
	struct json_object *list = ctl_get(item, "policies");
	const size_t n = ctl_length(list);
	size_t i;

	if (!f->policy || has_word(ctl_str(item, "rule"), f->policy))
		return true;
	for (i = 0; i < n; i++)
		if (has_word(json_object_get_string(json_object_array_get_idx(list, i)), f->policy))
			return true;
	return false;
}

bool filter_takes(const struct filter *f, struct json_object *item)
{
	if (*f->since && strcmp(ctl_str(item, "time"), f->since) < 0)
		return false;
	if (ctl_get(item, "lost"))
		return true;
	if (f->verdict && strcmp(ctl_str(item, "verdict"), f->verdict))
		return false;
	if (f->namespace && !is_in(ctl_str(item, "src_name"), f->namespace) &&
	    !is_in(ctl_str(item, "dst_name"), f->namespace))
		return false;
	return ends_match(f, item) && port_matches(f, item) && policy_matches(f, item);
}
