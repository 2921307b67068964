/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the API server is and who we are to it: the service account of a pod, or a kubeconfig. Files
 * named by either are read again for each request, because tokens and CAs are rotated under us.
 */
#ifndef BH_KUBE_CONFIG_H
#define BH_KUBE_CONFIG_H

#include "util/err.h"

#define KUBE_TOKEN_MAX 16384 /* bytes; those of service accounts have about 1 KiB */
#define KUBE_PEM_MAX   (1u << 20)

/* Of each credential at most one of text and file is set; cert and key go together. Owned. */
struct kube_config {
	char *server; /* "https://host:port", no slash at the end */
	char *ca, *ca_file;
	char *token, *token_file;
	char *cert, *cert_file, *key, *key_file;
};

/**
 * kube_config_in_cluster() - from KUBERNETES_SERVICE_HOST and _PORT and the mounted service account.
 * @err: which variable or file is missing.
 * Return: 0, -EINVAL, -ENOENT, -ENOMEM.
 */
int kube_config_in_cluster(struct kube_config *ret, struct bh_err *err);

/**
 * kube_config_load() - the current context of a kubeconfig file.
 *
 * Taken: https servers with a CA; token, tokenFile, client certificates. Refused by name, because leaving
 * it out would be something else than was asked for: insecure-skip-tls-verify, proxy-url,
 * tls-server-name, exec and auth-provider plugins, passwords. Relative paths start at the file's directory.
 * Return: 0, -EINVAL (file and field in @err), another -errno if it cannot be read.
 */
int kube_config_load(const char *path, struct kube_config *ret, struct bh_err *err);
void kube_config_done(struct kube_config *c);

/* As they are now; owned; token, or cert and key, may be NULL. */
struct kube_credentials {
	char *ca, *token, *cert, *key;
};

/* Return: 0, or -errno: which file, and what is wrong with it. */
int kube_credentials_read(const struct kube_config *c, struct kube_credentials *ret, struct bh_err *err);
void kube_credentials_done(struct kube_credentials *c);
#define auto_credentials __attribute__((cleanup(kube_credentials_done)))

#endif
