/* SPDX-License-Identifier: Apache-2.0 */
#include "timeouts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS(name, seconds, text) seconds,
const struct timeouts timeouts_default = { { BH_LIVES(SECONDS) } };

#define TEXT(name, seconds, text) text,
static const char *const names[] = { BH_LIVES(TEXT) };

const char *timeouts_name(enum bh_life life)
{
	return names[life];
}

static int unknown_name(const char *text, int len, struct bh_err *err)
{
	char known[200] = "";
	size_t i, n = 0;

	for (i = 0; i < BH_LIFE_MAX; i++)
		n += (size_t)snprintf(known + n, sizeof(known) - n, "%s%s", n ? ", " : "", names[i]);
	return bh_err_set(err, -EINVAL, "--session-timeout '%.40s': no time-out '%.*s', there are %s", text,
			  len > 20 ? 20 : len, text, known);
}

int timeouts_read(const char *text, struct timeouts *ret, struct bh_err *err)
{
	const size_t len = strcspn(text, "=");
	unsigned long n;
	char *end;
	size_t i;

	if (!text[len])
		return bh_err_set(err, -EINVAL, "--session-timeout '%.40s': not NAME=SECONDS", text);
	for (i = 0; i < BH_LIFE_MAX; i++)
		if (strlen(names[i]) == len && !memcmp(names[i], text, len))
			break;
	if (i == BH_LIFE_MAX)
		return unknown_name(text, (int)len, err);
	text += len + 1;
	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || *end || text[0] < '0' || text[0] > '9' || !n || n > TIMEOUT_MAX_S)
		return bh_err_set(err, -EINVAL,
				  "--session-timeout '%s=%.40s': not a number of seconds from 1 to %u",
				  names[i], text, TIMEOUT_MAX_S);
	ret->seconds[i] = (uint32_t)n;
	return 0;
}
