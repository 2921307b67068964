/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/who.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "util/addr.h"
#include "util/scope.h"

#define RANDOM	 "bcdfghjklmnpqrstvwxz2456789" /* k8s.io/apimachinery/pkg/util/rand */
#define RANDOM_N 5			       /* apiserver/pkg/storage/names */
#define HASH_MIN 6			       /* an FNV of 32 bits in decimal digits, spelled in RANDOM */
#define HASH_MAX 10

/* ---- pods --------------------------------------------------------------------------------- */

/* What is behind the last dash of @name's first @len bytes; NULL: there is none, or nothing before it. */
static const char *last_part(const char *name, size_t len, size_t *ret_len)
{
	size_t at = len;

	while (at && name[at - 1] != '-')
		at--;
	*ret_len = len - at;
	return at > 1 && *ret_len ? name + at : NULL;
}

static bool all_of(const char *s, size_t len, const char *set)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (!strchr(set, s[i]))
			return false;
	return true;
}

/* Return: how much of the name is the workload's. */
static size_t strip(const char *name, const char **ret_kind)
{
	static const char digits[] = "0123456789";
	size_t len = strlen(name), n;
	const char *part = last_part(name, len, &n);

	*ret_kind = "Pod";
	if (!part)
		return len;
	if (n == RANDOM_N && all_of(part, n, RANDOM)) {
		*ret_kind = "Set";
		len = (size_t)(part - name) - 1;
		part = last_part(name, len, &n);
		if (!part || n < HASH_MIN || n > HASH_MAX)
			return len;
		if (all_of(part, n, digits))
			*ret_kind = "CronJob";
		else if (all_of(part, n, RANDOM))
			*ret_kind = "Deployment";
		else
			return len;
		return (size_t)(part - name) - 1;
	}
	if (n > 4 || !all_of(part, n, digits))
		return len;
	*ret_kind = "StatefulSet";
	return (size_t)(part - name) - 1;
}

/* ---- the outside -------------------------------------------------------------------------- */

/* Not routed in the Internet: RFC 1918, 6598, 3927, 4193, 4291. */
static bool is_private(const struct addr *a)
{
	static const char *const blocks[] = { "10.0.0.0/8",    "172.16.0.0/12",	 "192.168.0.0/16",
					      "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8",
					      "fc00::/7",      "fe80::/10" };
	struct cidr c;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(blocks); i++)
		if (!cidr_parse(blocks[i], &c) && cidr_holds(&c, a))
			return true;
	return false;
}

static void outside(const char *text, struct who *ret)
{
	struct cidr block;
	struct addr a;
	char whole[ADDR_TEXT + 8], name[ADDR_TEXT];

	ret->kind = "World";
	(void)snprintf(ret->name, sizeof(ret->name), "World");
	if (addr_parse(text, &a) < 0 || !is_private(&a))
		return;
	(void)snprintf(whole, sizeof(whole), "%s/%d", addr_text(&a, name), addr_is_v4(&a) ? 24 : 64);
	if (cidr_parse(whole, &block) < 0)
		return;
	ret->kind = "CIDR";
	(void)snprintf(ret->name, sizeof(ret->name), "%s", cidr_text(&block, name));
}

/* ---- both --------------------------------------------------------------------------------- */

/* "service 'shop/web'" -> shop, web. */
static bool quoted(const char *name, const char *word, const char **ret, size_t *ret_len)
{
	const size_t len = strlen(word);

	if (strncmp(name, word, len) || name[len] != ' ' || name[len + 1] != '\'')
		return false;
	*ret = name + len + 2;
	*ret_len = strcspn(*ret, "'");
	return true;
}

static void set_names(struct who *ret, const char *text, size_t len)
{
	const char *slash = memchr(text, '/', len);
	const size_t ns = slash ? (size_t)(slash - text) : 0;

	(void)snprintf(ret->ns, sizeof(ret->ns), "%.*s", (int)ns, text);
	if (slash)
		(void)snprintf(ret->name, sizeof(ret->name), "%.*s", (int)(len - ns - 1), slash + 1);
	else
		(void)snprintf(ret->name, sizeof(ret->name), "%.*s", (int)len, text);
}

void who_is(const char *name, const char *node, const char *addr, struct who *ret)
{
	const char *text;
	size_t len;

	*ret = (struct who){ 0 };
	if (quoted(name, "service", &text, &len)) {
		ret->kind = "Service";
		set_names(ret, text, len);
	} else if (quoted(name, "node", &text, &len)) {
		ret->kind = "Host";
		set_names(ret, text, len);
	} else if (!strcmp(name, "node")) {
		ret->kind = "Host";
		(void)snprintf(ret->name, sizeof(ret->name), "%s", *node ? node : "this node");
	} else if (strchr(name, '/')) {
		ret->is_pod = true;
		set_names(ret, name, strlen(name));
		ret->name[strip(ret->name, &ret->kind)] = '\0';
	} else {
		outside(addr, ret);
	}
}

const char *who_id(const struct who *w, char ret[WHO_ID])
{
	const bool plain = w->is_pod || !strcmp(w->kind, "World");

	(void)snprintf(ret, WHO_ID, "%s%s%s%s%s", plain ? "" : w->kind, plain ? "" : " ", w->ns,
		       *w->ns ? "/" : "", w->name);
	return ret;
}
