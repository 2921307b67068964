/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/who.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "ctl/ctl.h"
#include "util/addr.h"
#include "util/scope.h"

#define RANDOM	 "bcdfghjklmnpqrstvwxz2456789" /* k8s.io/apimachinery/pkg/util/rand */
#define RANDOM_N 5			       /* apiserver/pkg/storage/names */
#define HASH_MIN 6			       /* an FNV of 32 bits in decimal digits, spelled in RANDOM */
#define HASH_MAX 10

#define GENERATED_MAX 63 /* of a name that was drawn */

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

/* ---- by labels ---------------------------------------------------------------------------- */

/* How much of @name is before @tail and five characters that were drawn; 0: it is not so made. Of a name of
 * 63 the end of the rest was cut off (apiserver/pkg/storage/names). */
static size_t before(const char *name, const char *tail)
{
	const size_t len = strlen(name), base = len > RANDOM_N ? len - RANDOM_N : 0;
	size_t n = strlen(tail);

	if (!all_of(name + base, len - base, RANDOM))
		return 0;
	for (;; n--) {
		if (base > n && !memcmp(name + base - n, tail, n))
			return base - n;
		if (!n || len != GENERATED_MAX)
			return 0;
	}
}

static size_t of_template(const char *name, const char *hash)
{
	char tail[80];

	if (!*hash || strlen(hash) > sizeof(tail) - 3)
		return 0;
	(void)snprintf(tail, sizeof(tail), "-%s-", hash);
	return before(name, tail);
}

/* "backup-28934520-x2v4z" of the Job "backup-28934520", which a CronJob made at that minute. */
static size_t of_job(const char *name, const char *job, const char **ret_kind)
{
	const size_t len = strlen(job);
	const char *part;
	size_t n;

	if (!len || strncmp(name, job, len) || name[len] != '-')
		return 0;
	part = last_part(job, len, &n);
	*ret_kind = "Job";
	if (!part || n < HASH_MIN || n > HASH_MAX || !all_of(part, n, "0123456789"))
		return len;
	*ret_kind = "CronJob";
	return len - n - 1;
}

/* Return: how much of the name is the owner's; 0: labels do not tell. */
static size_t owner(const char *name, struct json_object *labels, const char **ret_kind)
{
	static const char *const templates[][2] = { { "pod-template-hash", "Deployment" },
						    { "rollouts-pod-template-hash", "Rollout" } };
	size_t i, n = 0, len;

	if (!strcmp(ctl_str(labels, "statefulset.kubernetes.io/pod-name"), name) &&
	    last_part(name, strlen(name), &n)) {
		*ret_kind = "StatefulSet";
		return strlen(name) - n - 1;
	}
	len = of_job(name, ctl_str(labels, "batch.kubernetes.io/job-name"), ret_kind);
	if (!len)
		len = of_job(name, ctl_str(labels, "job-name"), ret_kind);
	for (i = 0; !len && i < ARRAY_SIZE(templates); i++) {
		*ret_kind = templates[i][1];
		len = of_template(name, ctl_str(labels, templates[i][0]));
	}
	if (!len && *ctl_str(labels, "controller-revision-hash")) {
		*ret_kind = "DaemonSet";
		len = before(name, "-");
	}
	return len;
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

void who_owns(const char *name, struct json_object *labels, struct who *ret)
{
	const char *slash = strchr(name, '/'), *kind;
	size_t len;

	who_is(name, "", "", ret);
	if (!ret->is_pod || !slash)
		return;
	len = owner(slash + 1, labels, &kind);
	if (!len || len >= sizeof(ret->name))
		return;
	ret->kind = kind;
	(void)snprintf(ret->name, sizeof(ret->name), "%.*s", (int)len, slash + 1);
}

const char *who_id(const struct who *w, char ret[WHO_ID])
{
	const bool plain = w->is_pod || !strcmp(w->kind, "World");

	(void)snprintf(ret, WHO_ID, "%s%s%s%s%s", plain ? "" : w->kind, plain ? "" : " ", w->ns,
		       *w->ns ? "/" : "", w->name);
	return ret;
}
