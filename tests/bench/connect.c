/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks again and again whether a pod can be reached: `connect INTERVAL_US ADDRESS PORT` begins a TCP
 * connection every interval until stdin ends and says of each, once it is known, when it was begun
 * (CLOCK_MONOTONIC, ns) and whether it was answered: "NS 1" or, after WAIT_NS of silence, "NS 0".
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signal.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define WAIT_NS	     100000000ull /* a thousand times what an answer takes here */
#define ATTEMPTS     1024	  /* more than can be open within that time */
#define INTERVAL_MIN 200

struct attempt {
	uint64_t begun_ns;
	int fd; /* -1: over */
};

static struct attempt attempts[ATTEMPTS];
static uint64_t begun, ended; /* so many; all before `ended` are over */

enum { TAG_TIMER = ATTEMPTS, TAG_STDIN };

static uint64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static void watch(int ep, int fd, uint32_t events, uint32_t tag)
{
	struct epoll_event e = { .events = events, .data.u32 = tag };

	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e))
		err(1, "epoll_ctl");
}

static void end(struct attempt *a, bool answered)
{
	const struct linger reset = { .l_onoff = 1 }; /* leaves no TIME_WAIT behind */

	(void)setsockopt(a->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	(void)close(a->fd);
	a->fd = -1;
	printf("%llu %d\n", (unsigned long long)a->begun_ns, answered);
}

static void begin(int ep, const struct sockaddr_in *to)
{
	struct attempt *a = &attempts[begun % ATTEMPTS];

	a->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (a->fd < 0)
		err(1, "socket");
	a->begun_ns = now_ns();
	if (connect(a->fd, (const struct sockaddr *)to, sizeof(*to)) && errno != EINPROGRESS)
		err(1, "connect");
	watch(ep, a->fd, EPOLLOUT, (uint32_t)(begun % ATTEMPTS));
	begun++;
}

static void expire(void)
{
	const uint64_t now = now_ns();

	for (; ended < begun; ended++) {
		struct attempt *a = &attempts[ended % ATTEMPTS];

		if (a->fd < 0)
			continue;
		if (now - a->begun_ns < WAIT_NS)
			break;
		end(a, false);
	}
	(void)fflush(stdout);
}

static void answer(struct attempt *a)
{
	socklen_t len = sizeof(int);
	int e = 0;

	if (a->fd < 0)
		return;
	(void)getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &e, &len);
	if (e)
		errx(1, "the connection failed: %s", strerror(e));
	end(a, true);
}

static int timer(long interval_us)
{
	const struct itimerspec every = { .it_interval.tv_sec = interval_us / 1000000,
					  .it_interval.tv_nsec = interval_us % 1000000 * 1000,
					  .it_value.tv_nsec = 1 };
	const int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

	if (fd < 0 || timerfd_settime(fd, 0, &every, NULL))
		err(1, "timerfd");
	return fd;
}

static _Noreturn void run(int ep, int timer_fd, const struct sockaddr_in *to)
{
	struct epoll_event ev[64];
	uint64_t ticks;

	for (;;) {
		const int n = epoll_wait(ep, ev, 64, -1);
		int i;

		for (i = 0; i < n; i++) {
			if (ev[i].data.u32 == TAG_STDIN)
				exit(0);
			if (ev[i].data.u32 < ATTEMPTS)
				answer(&attempts[ev[i].data.u32]);
			else if (read(timer_fd, &ticks, sizeof(ticks)) == sizeof(ticks) &&
				 begun - ended < ATTEMPTS)
				begin(ep, to);
		}
		expire();
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	const int ep = epoll_create1(EPOLL_CLOEXEC);
	int timer_fd;

	if (argc != 4 || atol(argv[1]) < INTERVAL_MIN || inet_pton(AF_INET, argv[2], &to.sin_addr) != 1)
		errx(2, "usage: connect INTERVAL_US ADDRESS PORT (IPv4, from %d us on)", INTERVAL_MIN);
	to.sin_port = htons((uint16_t)atoi(argv[3]));
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	timer_fd = timer(atol(argv[1]));
	watch(ep, STDIN_FILENO, EPOLLIN | EPOLLHUP, TAG_STDIN);
	watch(ep, timer_fd, EPOLLIN, TAG_TIMER);
	run(ep, timer_fd, &to);
}
