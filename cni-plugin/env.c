/* SPDX-License-Identifier: Apache-2.0 */
/* The CNI_* environment: present, well formed, and CNI_ARGS taken apart. */
#include "netconf.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/scope.h"

#define IFNAME_MAX 15

static bool one_of(const char *text, const char *const *list, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!strcmp(text, list[i]))
			return true;
	return false;
}

/* CNI spec 1.1.0, "Parameters": CNI_CONTAINERID. */
static bool is_container(const char *text)
{
	const char *p;

	for (p = text; *p; p++)
		if (!isalnum((unsigned char)*p) && (p == text || !strchr("_.-", *p)))
			return false;
	return p != text;
}

/* As the kernel's dev_valid_name(). */
static bool is_ifname(const char *text)
{
	const char *p;

	for (p = text; *p; p++)
		if (*p == '/' || *p == ':' || isspace((unsigned char)*p))
			return false;
	return p != text && p - text <= IFNAME_MAX && strcmp(text, ".") && strcmp(text, "..");
}

/* An RFC 1123 subdomain: what the API server accepts for a pod; namespaces are narrower still. */
static bool is_kube_name(const char *text)
{
	const char *p;

	for (p = text; *p; p++)
		if (!islower((unsigned char)*p) && !isdigit((unsigned char)*p) &&
		    (p == text || !p[1] || (*p != '-' && *p != '.')))
			return false;
	return p != text;
}

/* @value has @len bytes. Return: 0 or CNI_BAD_ENV. */
static int keep_arg(const char *name, const char *value, size_t len, char ret[NAME_BYTES], struct bh_err *err)
{
	if (len >= NAME_BYTES)
		return bh_err_set(err, CNI_BAD_ENV, "CNI_ARGS: %s has over %d bytes", name, NAME_BYTES - 1);
	memcpy(ret, value, len);
	ret[len] = '\0';
	return 0;
}

static int take_arg(const char *arg, size_t len, struct env *ret, struct bh_err *err)
{
	const struct {
		const char *name;
		char *at;
	} known[] = {
		{ "K8S_POD_NAMESPACE", ret->pod_ns },
		{ "K8S_POD_NAME", ret->pod_name },
		{ "K8S_POD_UID", ret->pod_uid },
	};
	const char *eq = memchr(arg, '=', len);
	size_t i;

	if (!eq)
		return bh_err_set(err, CNI_BAD_ENV, "CNI_ARGS: '%.*s' is not KEY=VALUE",
				  len > 64 ? 64 : (int)len, arg);
	for (i = 0; i < ARRAY_SIZE(known); i++) {
		const char *name = known[i].name;

		if ((size_t)(eq - arg) == strlen(name) && !strncmp(arg, name, strlen(name)))
			return keep_arg(name, eq + 1, len - (size_t)(eq + 1 - arg), known[i].at, err);
	}
	return 0;
}

static int take_args(const char *args, struct env *ret, struct bh_err *err)
{
	int r = 0;

	while (*args && !r) {
		const size_t len = strcspn(args, ";");

		if (len)
			r = take_arg(args, len, ret, err);
		args += len + (args[len] == ';');
	}
	return r;
}

/* Go's strconv.ParseBool, which the reference implementation asks. */
static bool is_true(const char *text)
{
	static const char *const words[] = { "1", "t", "T", "true", "TRUE", "True" };

	return one_of(text, words, ARRAY_SIZE(words));
}

static const char *value_of(const char *name)
{
	const char *value = getenv(name);

	return value ? value : "";
}

static int check_missing(unsigned int needs, const struct env *e, struct bh_err *err)
{
	const struct {
		unsigned int need;
		const char *value, *name;
	} rows[] = {
		{ NEED_CONTAINER, e->container, "CNI_CONTAINERID" },
		{ NEED_NETNS, e->netns, "CNI_NETNS" },
		{ NEED_IFNAME, e->ifname, "CNI_IFNAME" },
		{ NEED_POD, e->pod_ns, "K8S_POD_NAMESPACE (in CNI_ARGS)" },
		{ NEED_POD, e->pod_name, "K8S_POD_NAME (in CNI_ARGS)" },
	};
	char list[160] = "";
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!(needs & rows[i].need) || rows[i].value[0])
			continue;
		(void)snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s", list[0] ? ", " : "",
			       rows[i].name);
	}
	return list[0] ? bh_err_set(err, CNI_BAD_ENV, "missing in the environment: %s", list) : 0;
}

static int check_shape(const struct env *e, struct bh_err *err)
{
	if (e->container[0] && !is_container(e->container))
		return bh_err_set(err, CNI_BAD_ENV, "CNI_CONTAINERID: '%.64s' is no container id",
				  e->container);
	if (e->ifname[0] && !is_ifname(e->ifname))
		return bh_err_set(err, CNI_BAD_ENV, "CNI_IFNAME: '%.32s' is no interface name", e->ifname);
	if (e->pod_ns[0] && !is_kube_name(e->pod_ns))
		return bh_err_set(err, CNI_BAD_ENV, "CNI_ARGS: K8S_POD_NAMESPACE '%.64s' is no name",
				  e->pod_ns);
	if (e->pod_name[0] && !is_kube_name(e->pod_name))
		return bh_err_set(err, CNI_BAD_ENV, "CNI_ARGS: K8S_POD_NAME '%.64s' is no name", e->pod_name);
	return 0;
}

int env_read(unsigned int needs, struct env *ret, struct bh_err *err)
{
	struct env e = {
		.container = value_of("CNI_CONTAINERID"),
		.netns = value_of("CNI_NETNS"),
		.ifname = value_of("CNI_IFNAME"),
		.netns_override = is_true(value_of("CNI_NETNS_OVERRIDE")),
	};
	int code = needs & NEED_POD ? take_args(value_of("CNI_ARGS"), &e, err) : 0;

	if (!code)
		code = check_missing(needs, &e, err);
	if (!code)
		code = check_shape(&e, err);
	if (!code)
		*ret = e;
	return code;
}
