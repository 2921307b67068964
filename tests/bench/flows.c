/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One end of 65,536 UDP flows: `flows ADDRESS client|server EACH_MS` sends EACH_MS datagrams a millisecond,
 * one of each flow in turn, until it is killed. The client's flows go from SOURCES ports to the server's
 * ports PORT and PORT + 1, the server's go back. Nobody needs to listen. Prints a line after each full turn.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FLOWS	65536u
#define SOURCES 32768u
#define SOURCE	20000u
#define PORT	7000u

/* The flow's number, as ports; no checksum, which IPv4 allows. */
static void send_one(int fd, uint32_t flow, int server)
{
	const uint16_t client_port = htons((uint16_t)(SOURCE + flow % SOURCES));
	const uint16_t server_port = htons((uint16_t)(PORT + flow / SOURCES));
	const struct udphdr udp = { .source = server ? server_port : client_port,
				    .dest = server ? client_port : server_port,
				    .len = htons(sizeof(udp)) };

	while (send(fd, &udp, sizeof(udp), 0) != sizeof(udp))
		if (errno != ENOBUFS && errno != ECONNREFUSED)
			err(1, "send");
}

static void wait_for(struct timespec *next)
{
	next->tv_nsec += 1000000;
	if (next->tv_nsec >= 1000000000) {
		next->tv_nsec -= 1000000000;
		next->tv_sec++;
	}
	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, next, NULL);
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	const int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_UDP);
	int i, each, server;
	struct timespec next;
	uint32_t flow = 0;

	if (argc != 4 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1)
		errx(2, "usage: flows ADDRESS client|server EACH_MS (IPv4)");
	server = !strcmp(argv[2], "server");
	each = atoi(argv[3]);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof(to)))
		err(1, "raw socket (root?)");
	(void)clock_gettime(CLOCK_MONOTONIC, &next);
	for (;; wait_for(&next))
		for (i = 0; i < each; i++) {
			send_one(fd, flow, server);
			flow = (flow + 1) % FLOWS;
			if (!flow && (puts("turn") < 0 || fflush(stdout)))
				return 0;
		}
}
