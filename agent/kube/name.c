/* SPDX-License-Identifier: Apache-2.0 */
/* Names, as the API server takes them. */
#include "kube/name.h"

#include <string.h>

#define LABEL_MAX     63 /* RFC 1123 */
#define SUBDOMAIN_MAX 253

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool name_is_label(const char *s)
{
	const size_t n = strlen(s);
	size_t i;

	if (!n || n > LABEL_MAX || !is_alnum(s[0]) || !is_alnum(s[n - 1]))
		return false;
	for (i = 0; i < n; i++)
		if (!is_alnum(s[i]) && s[i] != '-')
			return false;
	return true;
}

/* Its labels may be longer than 63: the whole is limited. */
bool name_is_subdomain(const char *s, size_t n)
{
	size_t i;

	if (!n || n > SUBDOMAIN_MAX)
		return false;
	for (i = 0; i < n; i++) {
		const bool inner = i && i < n - 1;

		if (is_alnum(s[i]) || (inner && s[i] == '-'))
			continue;
		if (!inner || s[i] != '.' || !is_alnum(s[i - 1]) || !is_alnum(s[i + 1]))
			return false;
	}
	return true;
}

bool name_is_qualified(const char *s)
{
	const char *slash = strchr(s, '/');
	size_t i, n;

	if (slash && !name_is_subdomain(s, (size_t)(slash - s)))
		return false;
	s = slash ? slash + 1 : s;
	n = strlen(s);
	if (!n || n > LABEL_MAX)
		return false;
	for (i = 0; i < n; i++) {
		const bool inner = i && i < n - 1;

		if (!is_alnum(s[i]) && !(s[i] >= 'A' && s[i] <= 'Z') && !(inner && strchr("-_.", s[i])))
			return false;
	}
	return true;
}
