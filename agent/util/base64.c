/* SPDX-License-Identifier: Apache-2.0 */
/* Base 64, four letters to three bytes. */
#include "util/base64.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "util/scope.h"

static int value_of(char c)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(alphabet, c) : NULL;

	return at ? (int)(at - alphabet) : -EINVAL;
}

/* Return: how many bytes the four letters stand for, or -EINVAL. */
static int decode_quad(const char *in, char *out)
{
	const int pad = in[3] != '=' ? 0 : in[2] != '=' ? 1 : 2;
	uint32_t bits = 0;
	int i;

	for (i = 0; i < 4; i++) {
		const int v = i < 4 - pad ? value_of(in[i]) : 0;

		if (v < 0)
			return v;
		bits = bits << 6 | (uint32_t)v;
	}
	if (bits & ((1u << pad * 8) - 1)) /* what padding covers is zero: one text, one meaning */
		return -EINVAL;
	for (i = 0; i < 3 - pad; i++)
		out[i] = (char)(bits >> (16 - 8 * i));
	return 3 - pad;
}

int base64_decode_text(const char *text, char **ret)
{
	const size_t len = strlen(text);
	auto_free char *out = malloc(len / 4 * 3 + 1);
	size_t i, at = 0;
	int n = 3;

	if (!out)
		return -ENOMEM;
	if (len % 4)
		return -EINVAL;
	for (i = 0; i < len; i += 4) {
		n = n == 3 ? decode_quad(text + i, out + at) : -EINVAL; /* padding ends it */
		if (n < 0)
			return n;
		at += (size_t)n;
	}
	if (memchr(out, '\0', at))
		return -EINVAL;
	out[at] = '\0';
	*ret = TAKE_PTR(out);
	return 0;
}
