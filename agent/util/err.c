/* SPDX-License-Identifier: Apache-2.0 */
/* Filling struct bh_err. */
#include "util/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static size_t fill(struct bh_err *err, const char *fmt, va_list ap)
{
	const int n = vsnprintf(err->msg, sizeof(err->msg), fmt, ap);

	if (n < 0) {
		err->msg[0] = '\0';
		return 0;
	}
	if ((size_t)n >= sizeof(err->msg)) {
		memcpy(err->msg + sizeof(err->msg) - 4, "...", 4);
		return sizeof(err->msg) - 1;
	}
	return (size_t)n;
}

int bh_err_set(struct bh_err *err, int r, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return r;
	va_start(ap, fmt);
	(void)fill(err, fmt, ap);
	va_end(ap);
	return r;
}

int bh_err_errno(struct bh_err *err, int r, const char *fmt, ...)
{
	va_list ap;
	size_t n;

	if (!err)
		return r;
	va_start(ap, fmt);
	n = fill(err, fmt, ap);
	va_end(ap);
	(void)snprintf(err->msg + n, sizeof(err->msg) - n, ": %s", strerror(-r));
	return r;
}
