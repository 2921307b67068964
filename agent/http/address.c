/* SPDX-License-Identifier: Apache-2.0 */
/* Where to listen, as a person writes it. */
#include "http/web.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int read_port(const char *text, uint16_t *ret)
{
	const size_t len = strspn(text, "0123456789");
	const unsigned long n = strtoul(text, NULL, 10);

	if (!len || len > 5 || text[len] || !n || n > UINT16_MAX)
		return -EINVAL;
	*ret = (uint16_t)n;
	return 0;
}

int web_address(const char *text, struct sockaddr_storage *ret, struct bh_err *err)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	const char *colon = strrchr(text, ':'), *from = text;
	char host[INET6_ADDRSTRLEN];
	size_t len = colon ? (size_t)(colon - text) : 0;
	uint16_t port;

	if (!colon || read_port(colon + 1, &port) < 0)
		return bh_err_set(err, -EINVAL, "'%s': no port from 1 to 65535 behind the last colon", text);
	if (len >= 2 && text[0] == '[' && colon[-1] == ']') {
		from++;
		len -= 2;
	}
	(void)snprintf(host, sizeof(host), "%.*s", (int)len, from);
	*ret = (struct sockaddr_storage){ 0 };
	v4.sin_port = v6.sin6_port = htons(port);
	if (len < sizeof(host) && inet_pton(AF_INET, host, &v4.sin_addr) == 1)
		memcpy(ret, &v4, sizeof(v4));
	else if (len < sizeof(host) && inet_pton(AF_INET6, host, &v6.sin6_addr) == 1)
		memcpy(ret, &v6, sizeof(v6));
	else
		return bh_err_set(err, -EINVAL, "'%s': no address before the port, as in 127.0.0.1:%u", text,
				  port);
	return 0;
}

const char *web_address_text(const struct sockaddr_storage *addr, char ret[WEB_ADDRESS_TEXT])
{
	const struct sockaddr_in6 *v6 = (const void *)addr;
	const struct sockaddr_in *v4 = (const void *)addr;
	char host[INET6_ADDRSTRLEN] = "?";

	if (addr->ss_family == AF_INET)
		(void)inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
	else
		(void)inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
	(void)snprintf(ret, WEB_ADDRESS_TEXT, addr->ss_family == AF_INET ? "%s:%u" : "[%s]:%u", host,
		       ntohs(v4->sin_port)); /* at the same place in both */
	return ret;
}
