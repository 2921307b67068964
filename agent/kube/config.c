/* SPDX-License-Identifier: Apache-2.0 */
/* The service account of a pod, kubeconfig files, and the credentials that both name. */
#include "kube/config.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kube/manifest.h"
#include "kube/value.h"
#include "util/base64.h"
#include "util/buf.h"
#include "util/scope.h"

#define ACCOUNT_DIR "/var/run/secrets/kubernetes.io/serviceaccount" /* where the kubelet mounts it */

void kube_config_done(struct kube_config *c)
{
	free(c->server);
	free(c->ca);
	free(c->ca_file);
	free(c->token);
	free(c->token_file);
	free(c->cert);
	free(c->cert_file);
	free(c->key);
	free(c->key_file);
	*c = (struct kube_config){};
}

/* ---- in the cluster ----------------------------------------------------------------------- */

int kube_config_in_cluster(struct kube_config *ret, struct bh_err *err)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST"), *port = getenv("KUBERNETES_SERVICE_PORT");
	const bool v6 = host && strchr(host, ':');
	struct kube_config c = {};

	if (!host || !*host || !port || !*port)
		return bh_err_set(
			err, -ENOENT,
			"not in a pod (KUBERNETES_SERVICE_HOST and _PORT are not set): give --kubeconfig");
	c.ca_file = strdup(ACCOUNT_DIR "/ca.crt");
	c.token_file = strdup(ACCOUNT_DIR "/token");
	if (!c.ca_file || !c.token_file ||
	    asprintf(&c.server, "https://%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "", port) < 0) {
		kube_config_done(&c);
		return bh_err_set(err, -ENOMEM, "no memory");
	}
	*ret = c;
	return 0;
}

/* ---- kubeconfig --------------------------------------------------------------------------- */

/* The value of the list's element with that name: {name, NAME: {...}}. */
static struct json_object *named(struct json_object *root, const char *list, const char *name,
				 const char *what)
{
	struct json_object *all = value_get(root, list);
	size_t i;

	for (i = 0; name && i < value_length(all); i++) {
		const char *own = value_text(value_get(value_at(all, i), "name"));

		if (own && !strcmp(own, name))
			return value_get(value_at(all, i), what);
	}
	return NULL;
}

static int copy_text(struct json_object *o, const char *field, char **ret, struct bh_err *err)
{
	struct json_object *value = value_get(o, field);
	const char *text = value_text(value);

	if (!value)
		return 0;
	if (!text)
		return bh_err_set(err, -EINVAL, "%s is %s, not a text", field, value_type(value));
	if (!*text)
		return 0;
	*ret = strdup(text);
	return *ret ? 0 : bh_err_set(err, -ENOMEM, "no memory");
}

static int copy_path(struct json_object *o, const char *field, const char *path, char **ret,
		     struct bh_err *err)
{
	const char *slash = strrchr(path, '/');
	auto_free char *name = NULL;
	int r = copy_text(o, field, &name, err);

	if (r < 0 || !name)
		return r;
	if (*name == '/' || !slash)
		*ret = TAKE_PTR(name);
	else if (asprintf(ret, "%.*s/%s", (int)(slash - path), path, name) < 0)
		return bh_err_set(err, -ENOMEM, "no memory");
	return 0;
}

static int copy_data(struct json_object *o, const char *field, char **ret, struct bh_err *err)
{
	auto_free char *text = NULL;
	int r = copy_text(o, field, &text, err);

	if (r < 0 || !text)
		return r;
	r = base64_decode_text(text, ret);
	return r < 0 ? bh_err_set(err, r, "%s is not base 64", field) : 0;
}

static int refuse(struct json_object *o, const char *const *fields, struct bh_err *err)
{
	for (; *fields; fields++) {
		struct json_object *value = value_get(o, *fields);

		if (value &&
		    (!json_object_is_type(value, json_type_boolean) || json_object_get_boolean(value)))
			return bh_err_set(err, -EINVAL, "%s is not supported", *fields);
	}
	return 0;
}

static int read_cluster(struct json_object *o, const char *path, struct kube_config *c, struct bh_err *err)
{
	static const char *const refused[] = { "insecure-skip-tls-verify", "proxy-url", "tls-server-name",
					       NULL };
	size_t n;
	int r = refuse(o, refused, err);

	if (!r)
		r = copy_text(o, "server", &c->server, err);
	if (!r)
		r = copy_data(o, "certificate-authority-data", &c->ca, err);
	if (!r && !c->ca)
		r = copy_path(o, "certificate-authority", path, &c->ca_file, err);
	if (r < 0)
		return r;
	if (!c->server || strncmp(c->server, "https://", 8))
		return bh_err_set(err, -EINVAL, "server '%s' is not https://", c->server ? c->server : "");
	if (!c->ca && !c->ca_file)
		return bh_err_set(err, -EINVAL, "certificate-authority is missing");
	for (n = strlen(c->server); n && c->server[n - 1] == '/'; n--)
		c->server[n - 1] = '\0';
	return 0;
}

static int read_user(struct json_object *o, const char *path, struct kube_config *c, struct bh_err *err)
{
	static const char *const refused[] = { "exec", "auth-provider", "username", "as", NULL };
	int r = refuse(o, refused, err);

	if (!r)
		r = copy_path(o, "tokenFile", path, &c->token_file, err);
	if (!r && !c->token_file)
		r = copy_text(o, "token", &c->token, err);
	if (!r)
		r = copy_data(o, "client-certificate-data", &c->cert, err);
	if (!r && !c->cert)
		r = copy_path(o, "client-certificate", path, &c->cert_file, err);
	if (!r)
		r = copy_data(o, "client-key-data", &c->key, err);
	if (!r && !c->key)
		r = copy_path(o, "client-key", path, &c->key_file, err);
	if (r < 0)
		return r;
	if ((c->cert || c->cert_file) != (c->key || c->key_file))
		return bh_err_set(err, -EINVAL, "client-certificate and client-key go together");
	if (!c->token && !c->token_file && !c->cert && !c->cert_file)
		return bh_err_set(err, -EINVAL, "neither token nor client-certificate");
	return 0;
}

static int read_context(struct json_object *root, const char *path, struct kube_config *c, struct bh_err *err)
{
	const char *name = value_text(value_get(root, "current-context"));
	struct json_object *context = named(root, "contexts", name, "context");
	const char *cluster = value_text(value_get(context, "cluster"));
	const char *user = value_text(value_get(context, "user"));
	struct bh_err why;
	int r;

	if (!name || !context)
		return bh_err_set(err, -EINVAL, "%s: current-context '%s' is not among contexts", path,
				  name ? name : "");
	r = read_cluster(named(root, "clusters", cluster, "cluster"), path, c, &why);
	if (r < 0)
		return bh_err_set(err, r, "%s: clusters '%s': %s", path, cluster ? cluster : "", why.msg);
	r = read_user(named(root, "users", user, "user"), path, c, &why);
	return r < 0 ? bh_err_set(err, r, "%s: users '%s': %s", path, user ? user : "", why.msg) : 0;
}

static int read_file(const char *path, size_t max, struct buf *ret, struct bh_err *err)
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int r = fd < 0 ? -errno : 0;

	*ret = BUF_INIT(max);
	if (!r)
		r = buf_read(ret, fd);
	if (!r && !ret->len)
		return bh_err_set(err, -EINVAL, "%s: empty", path);
	if (!r && strlen(ret->data) != ret->len)
		return bh_err_set(err, -EINVAL, "%s: holds a NUL", path);
	return r == -E2BIG ? bh_err_set(err, r, "%s: larger than %zu bytes", path, max)
	       : r < 0	   ? bh_err_errno(err, r, "cannot read '%s'", path)
			   : 0;
}

int kube_config_load(const char *path, struct kube_config *ret, struct bh_err *err)
{
	auto_buf struct buf text = {};
	struct kube_config c = {};
	struct manifest m = {};
	int r;

	r = read_file(path, MANIFEST_BYTES_MAX, &text, err);
	if (!r)
		r = manifest_parse(path, text.data, text.len, &m, err);
	if (r < 0)
		return r;
	r = m.docs.n == 1 ? read_context(m.docs.v[0].root, path, &c, err)
			  : bh_err_set(err, -EINVAL, "%s: not one document", path);
	manifest_done(&m);
	if (r < 0) {
		kube_config_done(&c);
		return r;
	}
	*ret = c;
	return 0;
}

/* ---- credentials -------------------------------------------------------------------------- */

void kube_credentials_done(struct kube_credentials *c)
{
	free(c->ca);
	free(c->token);
	free(c->cert);
	free(c->key);
	*c = (struct kube_credentials){};
}

static int read_one(const char *text, const char *file, size_t max, char **ret, struct bh_err *err)
{
	auto_buf struct buf b = {};
	int r;

	if (text) {
		*ret = strdup(text);
		return *ret ? 0 : bh_err_set(err, -ENOMEM, "no memory");
	}
	if (!file)
		return 0;
	r = read_file(file, max, &b, err);
	if (!r)
		*ret = TAKE_PTR(b.data);
	return r;
}

/* What would end the header, and more: a token has one line. */
static int check_token(char *token, const char *file, struct bh_err *err)
{
	size_t n = strlen(token), i;

	while (n && (token[n - 1] == '\n' || token[n - 1] == '\r' || token[n - 1] == ' '))
		token[--n] = '\0';
	for (i = 0; i < n; i++)
		if (token[i] <= ' ' || token[i] > '~')
			return bh_err_set(err, -EINVAL, "%s: not a token", file ? file : "token");
	return n ? 0 : bh_err_set(err, -EINVAL, "%s: empty", file ? file : "token");
}

int kube_credentials_read(const struct kube_config *c, struct kube_credentials *ret, struct bh_err *err)
{
	struct kube_credentials k = {};
	int r;

	r = read_one(c->ca, c->ca_file, KUBE_PEM_MAX, &k.ca, err);
	if (!r)
		r = read_one(c->token, c->token_file, KUBE_TOKEN_MAX, &k.token, err);
	if (!r && k.token)
		r = check_token(k.token, c->token_file, err);
	if (!r)
		r = read_one(c->cert, c->cert_file, KUBE_PEM_MAX, &k.cert, err);
	if (!r)
		r = read_one(c->key, c->key_file, KUBE_PEM_MAX, &k.key, err);
	if (r < 0) {
		kube_credentials_done(&k);
		return r;
	}
	*ret = k;
	return 0;
}
