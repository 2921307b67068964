/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bulkheadctl selftest: the two ends of `helm test`. A server with two ports, of which a policy allows one,
 * and a client that must reach that one and must not reach the other. Asks no agent: plain sockets, as a pod
 * has them.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "util/addr.h"
#include "util/clock.h"
#include "util/scope.h"

#define TRY_MS	      2000 /* for a connection and its answer; a packet that is lost is sent again after 1 s */
#define PAUSE_MS      500
#define DENIED_TRIES  3
#define SECONDS_MAX   3600
#define ANSWER_MAX    64
#define ANSWER_FORMAT "bulkhead selftest: ports %u and %u\n"

/* A decimal number from 1 to @max, or 0: there is none. */
static unsigned int number(const char *name, const char *text, unsigned int max)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (!errno && !*end && *text >= '0' && *text <= '9' && n >= 1 && n <= max)
		return (unsigned int)n;
	ctl_say("%s '%s': not a number from 1 to %u", name, text, max);
	return 0;
}

/* ---- the server --------------------------------------------------------------------------- */

/* Of both families, where the host has both. */
static int listen_at(unsigned int port)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	struct sockaddr_in any4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	auto_fd int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int on = 1, off = 0;
	int r;

	if (fd >= 0)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	else
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	r = bind(fd, (struct sockaddr *)&any, sizeof(any));
	if (r < 0 && errno == EAFNOSUPPORT)
		r = bind(fd, (struct sockaddr *)&any4, sizeof(any4));
	return r < 0 || listen(fd, SOMAXCONN) < 0 ? -errno : TAKE_FD(fd);
}

/* What it says on either port names both: who reaches one knows that somebody listens at the other. */
static void answer(int listener, const char *text)
{
	auto_fd int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0)
		(void)send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int serve(const struct ctl *c, char **args)
{
	const unsigned int ports[] = { number("ALLOWED", args[0], 65535), number("DENIED", args[1], 65535) };
	struct pollfd fds[2] = {};
	char text[ANSWER_MAX];
	size_t i;

	(void)c;
	if (!ports[0] || !ports[1])
		return CTL_USAGE;
	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = (struct pollfd){ .fd = listen_at(ports[i]), .events = POLLIN };
		if (fds[i].fd >= 0)
			continue;
		ctl_say("cannot listen at port %u: %s", ports[i], strerror(-fds[i].fd));
		return CTL_UNREACHABLE;
	}
	(void)snprintf(text, sizeof(text), ANSWER_FORMAT, ports[0], ports[1]);
	(void)printf("listening at ports %u and %u\n", ports[0], ports[1]);
	(void)fflush(stdout);
	for (;;) {
		(void)poll(fds, ARRAY_SIZE(fds), -1);
		for (i = 0; i < ARRAY_SIZE(fds); i++)
			if (fds[i].revents)
				answer(fds[i].fd, text);
	}
}

/* ---- the client --------------------------------------------------------------------------- */

struct probe {
	const char *host;
	struct addr addr;
	unsigned int allowed, denied;
};

static int64_t left_ms(int64_t due_ms)
{
	const int64_t now = clock_ms();

	return due_ms > now ? due_ms - now : 0;
}

static int await(int fd, short events, int64_t due_ms)
{
	struct pollfd p = { .fd = fd, .events = events };
	const int n = poll(&p, 1, (int)left_ms(due_ms));

	return n < 0 ? -errno : n ? 0 : -ETIMEDOUT;
}

static int begin(int fd, const struct addr *a, unsigned int port)
{
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	struct sockaddr_in to4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	memcpy(&to6.sin6_addr, a->b, sizeof(to6.sin6_addr));
	memcpy(&to4.sin_addr, a->b + 12, sizeof(to4.sin_addr));
	return addr_is_v4(a) ? connect(fd, (struct sockaddr *)&to4, sizeof(to4))
			     : connect(fd, (struct sockaddr *)&to6, sizeof(to6));
}

static int connect_by(int fd, const struct probe *p, unsigned int port, int64_t due_ms)
{
	socklen_t len = sizeof(int);
	int r, why = 0;

	if (!begin(fd, &p->addr, port))
		return 0;
	if (errno != EINPROGRESS)
		return -errno;
	r = await(fd, POLLOUT, due_ms);
	if (!r && getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &len) < 0)
		r = -errno;
	return r ? r : -why;
}

static int read_by(int fd, char *text, size_t size, int64_t due_ms)
{
	size_t n = 0;

	while (n + 1 < size && !memchr(text, '\n', n)) {
		const int r = await(fd, POLLIN, due_ms);
		const ssize_t got = r < 0 ? 0 : read(fd, text + n, size - 1 - n);

		if (r < 0 || got < 0)
			return r < 0 ? r : -errno;
		if (!got)
			break;
		n += (size_t)got;
	}
	text[n] = '\0';
	return 0;
}

/* Return: 0, our server answers there; -EPROTO: somebody else does; -ETIMEDOUT: silence; or -errno. */
static int try_port(const struct probe *p, unsigned int port)
{
	const int64_t due_ms = clock_ms() + TRY_MS;
	auto_fd int fd = socket(addr_is_v4(&p->addr) ? AF_INET : AF_INET6,
				SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	char text[ANSWER_MAX] = "", want[ANSWER_MAX];
	int r;

	if (fd < 0)
		return -errno;
	r = connect_by(fd, p, port, due_ms);
	if (!r)
		r = read_by(fd, text, sizeof(text), due_ms);
	if (r < 0)
		return r;
	(void)snprintf(want, sizeof(want), ANSWER_FORMAT, p->allowed, p->denied);
	return strcmp(text, want) ? -EPROTO : 0;
}

static int failed(const struct probe *p, unsigned int port, int code, const char *why)
{
	(void)printf("FAILED   %s port %u: %s\n", p->host, port, why);
	return code;
}

static int must_answer(const struct probe *p, int64_t due_ms)
{
	const int64_t began_ms = clock_ms();
	int r;

	while ((r = try_port(p, p->allowed)) < 0) {
		if (!left_ms(due_ms))
			return failed(p, p->allowed, CTL_UNREACHABLE,
				      r == -EPROTO ? "allowed, but what answers is not the test's server"
						   : strerror(-r));
		(void)poll(NULL, 0, PAUSE_MS);
	}
	(void)printf("allowed  %s port %u: answers, after %lld ms\n", p->host, p->allowed,
		     (long long)(clock_ms() - began_ms));
	return CTL_OK;
}

/* The server has said that it listens there: silence has no other reason than the policy. */
static int must_be_silent(const struct probe *p)
{
	int i, r;

	for (i = 0; i < DENIED_TRIES; i++) {
		r = try_port(p, p->denied);
		if (!r || r == -EPROTO)
			return failed(p, p->denied, CTL_NEGATIVE,
				      "answers, and no policy allows it: policies are not enforced on the "
				      "server's node");
		if (r != -ETIMEDOUT)
			return failed(p, p->denied, CTL_UNREACHABLE, strerror(-r));
	}
	(void)printf("denied   %s port %u: silent, %d times\n", p->host, p->denied, DENIED_TRIES);
	return CTL_OK;
}

static int read_host(const char *host, struct probe *ret)
{
	struct addr addr;

	if (addr_parse(host, &addr) < 0) {
		ctl_say("HOST '%s': not an address", host);
		return CTL_USAGE;
	}
	ret->host = host;
	ret->addr = addr;
	return CTL_OK;
}

static int probe(const struct ctl *c, char **args)
{
	struct probe p = { .allowed = number("ALLOWED", args[1], 65535),
			   .denied = number("DENIED", args[2], 65535) };
	const unsigned int seconds = number("SECONDS", args[3], SECONDS_MAX);
	int code = p.allowed && p.denied && seconds ? read_host(args[0], &p) : CTL_USAGE;

	(void)c;
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	if (code == CTL_OK)
		code = must_answer(&p, clock_ms() + (int64_t)seconds * 1000);
	if (code == CTL_OK)
		code = must_be_silent(&p);
	if (code == CTL_OK) /* so that it was not the network */
		code = must_answer(&p, clock_ms() + TRY_MS);
	if (code == CTL_OK)
		(void)printf("ENFORCED\n");
	return code;
}

const struct command command_selftest_serve = {
	.name = "selftest serve",
	.args = "ALLOWED DENIED",
	.summary = "listens at two ports, for `selftest probe`",
	.nargs = 2,
	.local = true,
	.run = serve,
};

const struct command command_selftest_probe = {
	.name = "selftest probe",
	.args = "HOST ALLOWED DENIED SECONDS",
	.summary = "is one port of that server open, within SECONDS, and the other one closed?",
	.nargs = 4,
	.exits = "1\tthe denied port answers\n"
		 "3\tthe allowed port does not answer, or somebody refuses\n",
	.local = true,
	.run = probe,
};
