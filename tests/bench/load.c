/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traffic between two pods, as much as one CPU can do for both ends and all between them:
 *
 *   load serve PORT                      answers on PORT and the two after it until it is killed
 *   load trips|connections|datagrams|bytes ADDRESS PORT SECONDS
 *
 * prints how many there were a second: round trips of one byte over one TCP connection; TCP connections, each
 * opened, used for one round trip and closed; UDP datagrams of 64 bytes of one flow, of which the server
 * acknowledges every 64th, so that none is lost; bytes over one TCP connection.
 */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define WINDOW	   64 /* datagrams, of which the last one is acknowledged */
#define PAYLOAD	   64
#define CHUNK	   (256 << 10)
#define BACKLOG	   64
#define PATIENCE_S 5

static char buffer[CHUNK];

static double now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* One CPU for all, and before whatever else wants it. */
static void take_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((int)sysconf(_SC_NPROCESSORS_ONLN) - 1, &set);
	if (sched_setaffinity(0, sizeof(set), &set) || setpriority(PRIO_PROCESS, 0, -20))
		err(1, "cannot have a CPU (root?)");
}

/* Until the other end has closed, or is silent for too long. */
static bool get(int fd, size_t n)
{
	ssize_t got;

	for (; n; n -= (size_t)got) {
		got = recv(fd, buffer, n, 0);
		if (got <= 0)
			return false;
	}
	return true;
}

static void put(int fd, size_t n)
{
	if (send(fd, buffer, n, MSG_NOSIGNAL) != (ssize_t)n)
		err(1, "send");
}

/* ---- the server --------------------------------------------------------------------------- */

static int bound(int type, uint16_t port)
{
	const struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(port) };
	const int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, (const struct sockaddr *)&any, sizeof(any)) ||
	    (type == SOCK_STREAM && listen(fd, BACKLOG)))
		err(1, "port %u", port);
	return fd;
}

static void echo(int listener)
{
	const int on = 1;
	int fd;

	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		while (get(fd, 1))
			put(fd, 1);
		(void)close(fd);
	}
}

static void sink(int listener)
{
	int fd;

	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		while (recv(fd, buffer, sizeof(buffer), 0) > 0)
			;
		(void)close(fd);
	}
}

static void acknowledge(int fd)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);

	while (recvfrom(fd, buffer, PAYLOAD, 0, (struct sockaddr *)&from, &len) >= 0)
		if (buffer[0])
			(void)sendto(fd, buffer, 1, 0, (struct sockaddr *)&from, len);
}

static void serve_one(void (*what)(int fd), int fd)
{
	if (fork())
		return;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	what(fd);
	err(1, "server");
}

static void serve(uint16_t port)
{
	serve_one(echo, bound(SOCK_STREAM, port));
	serve_one(sink, bound(SOCK_STREAM, port + 1));
	serve_one(acknowledge, bound(SOCK_DGRAM, port + 2));
	puts("ready");
	(void)fflush(stdout);
	(void)pause();
}

/* ---- the client --------------------------------------------------------------------------- */

static struct sockaddr_in to;

static int connected(int type, uint16_t more)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	const int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), on = 1;
	struct sockaddr_in at = to;

	at.sin_port = htons(ntohs(to.sin_port) + more);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ||
	    connect(fd, (const struct sockaddr *)&at, sizeof(at)))
		err(1, "connect");
	if (type == SOCK_STREAM)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static void round_trip(int fd)
{
	put(fd, 1);
	if (!get(fd, 1))
		err(1, "no answer");
}

static uint64_t trips(double end)
{
	const int fd = connected(SOCK_STREAM, 0);
	uint64_t n = 0;

	for (; now_s() < end; n++)
		round_trip(fd);
	return n;
}

static uint64_t connections(double end)
{
	uint64_t n = 0;

	for (; now_s() < end; n++) {
		const int fd = connected(SOCK_STREAM, 0);

		round_trip(fd);
		(void)close(fd);
	}
	return n;
}

static uint64_t bytes(double end)
{
	const int fd = connected(SOCK_STREAM, 1);
	uint64_t n = 0;

	for (; now_s() < end; n += sizeof(buffer))
		put(fd, sizeof(buffer));
	return n;
}

static uint64_t datagrams(double end)
{
	const int fd = connected(SOCK_DGRAM, 2);
	uint64_t n = 0;

	while (now_s() < end) {
		do {
			buffer[0] = ++n % WINDOW == 0;
			put(fd, PAYLOAD);
		} while (n % WINDOW);
		if (!get(fd, 1))
			err(1, "no acknowledgement");
	}
	return n;
}

static const struct {
	const char *name;
	uint64_t (*run)(double end);
} loads[] = {
	{ "trips", trips }, { "connections", connections }, { "datagrams", datagrams }, { "bytes", bytes }
};

int main(int argc, char **argv)
{
	size_t i;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	take_cpu();
	if (argc == 3 && !strcmp(argv[1], "serve"))
		serve((uint16_t)atoi(argv[2]));
	if (argc != 5 || inet_pton(AF_INET, argv[2], &to.sin_addr) != 1)
		errx(2, "usage: load serve PORT | load KIND ADDRESS PORT SECONDS (IPv4)");
	to.sin_family = AF_INET;
	to.sin_port = htons((uint16_t)atoi(argv[3]));
	for (i = 0; i < sizeof(loads) / sizeof(*loads); i++) {
		const double from = now_s();

		if (strcmp(argv[1], loads[i].name))
			continue;
		printf("%.1f\n", (double)loads[i].run(from + atof(argv[4])) / (now_s() - from));
		return 0;
	}
	errx(2, "no load '%s'", argv[1]);
}
