/* SPDX-License-Identifier: Apache-2.0 */
/* Base 64 (RFC 4648, section 4), as kubeconfig files hold certificates. */
#ifndef BH_UTIL_BASE64_H
#define BH_UTIL_BASE64_H

/**
 * base64_decode_text() - @ret: NUL-terminated, owned by the caller.
 * Return: 0, -EINVAL not base 64 with its padding, or a NUL in what it says; -ENOMEM.
 */
int base64_decode_text(const char *text, char **ret);

#endif
