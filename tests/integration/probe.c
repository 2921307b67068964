/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The traffic of the integration tests, run inside a pod's network namespace:
 *
 *   probe serve PORT...                                 TCP and UDP echo, both families; says "ready"
 *   probe try TIMEOUT_MS [PROTO ADDR PORT [SPORT]]      one attempt, or one for each line of stdin, all
 *                                                       at once; one line of JSON for each, in order
 *   probe flow INTERVAL_MS PROTO ADDR PORT [SPORT]      one flow that goes on, numbers in it: a gap meter
 *   probe hammer INTERVAL_MS PROTO ADDR PORT            a new flow every interval
 *
 * flow and hammer print one line of JSON for each line of stdin, and end with it; flow then waits for what
 * is still under way and prints a last one. An attempt is "ok" when its bytes came back: both directions
 * were seen to work.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS	       64
#define TRIES_MAX      4096
#define TAIL_MS	       5000 /* of silence: what has not come back by then is lost. A busy machine is late, too */
#define HAMMER_WAIT_US 3000000u /* after so long a hammered flow counts as lost */

static uint64_t now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void die(const char *what)
{
	fprintf(stderr, "probe: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void watch(int ep, int fd, uint32_t events, uint64_t tag)
{
	struct epoll_event e = { .events = events, .data.u64 = tag };

	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) && (errno != EEXIST || epoll_ctl(ep, EPOLL_CTL_MOD, fd, &e)))
		die("epoll_ctl");
}

/* ---- server --------------------------------------------------------------------------------- */

static int listen_on(int type, uint16_t port)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	const int fd = socket(AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int off = 0, on = 1, room = 8 << 20;

	if (fd < 0)
		die("socket");
	/* On a busy machine what arrives waits for us; in a container the kernel's default must do. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* So that a datagram is answered from the very address it was sent to. */
	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)))
		die("bind");
	if (type == SOCK_STREAM && listen(fd, 4096))
		die("listen");
	return fd;
}

static void echo_datagrams(int fd)
{
	char data[2048], control[256];
	struct sockaddr_in6 from;
	struct iovec iov = { .iov_base = data };
	ssize_t n;

	for (;;) {
		struct msghdr m = { .msg_name = &from,
				    .msg_namelen = sizeof(from),
				    .msg_iov = &iov,
				    .msg_iovlen = 1,
				    .msg_control = control,
				    .msg_controllen = sizeof(control) };

		iov.iov_len = sizeof(data);
		n = recvmsg(fd, &m, 0);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			continue; /* an ICMP error to an earlier answer */
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
			if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
				((struct in6_pktinfo *)(void *)CMSG_DATA(c))->ipi6_ifindex = 0;
		iov.iov_len = (size_t)n;
		(void)sendmsg(fd, &m, 0);
	}
}

static void echo_stream(int fd)
{
	char data[2048];
	ssize_t n;

	while ((n = read(fd, data, sizeof(data))) > 0)
		if (write(fd, data, (size_t)n) != n)
			break;
	if (n == 0 || (n < 0 && errno != EAGAIN))
		(void)close(fd);
}

enum { TAG_LISTEN, TAG_DATAGRAM, TAG_STREAM };
#define TAG(kind, fd) ((uint64_t)(kind) << 32 | (uint32_t)(fd))

static _Noreturn void serve(int argc, char **argv)
{
	const int ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event ev[EVENTS];

	for (int i = 0; i < argc; i++) {
		const uint16_t port = (uint16_t)atoi(argv[i]);
		const int tcp = listen_on(SOCK_STREAM, port), udp = listen_on(SOCK_DGRAM, port);

		watch(ep, tcp, EPOLLIN, TAG(TAG_LISTEN, tcp));
		watch(ep, udp, EPOLLIN, TAG(TAG_DATAGRAM, udp));
	}
	puts("ready");
	(void)fflush(stdout);

	for (;;) {
		const int n = epoll_wait(ep, ev, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			const int fd = (int)(uint32_t)ev[i].data.u64, kind = (int)(ev[i].data.u64 >> 32);
			int c;

			if (kind == TAG_DATAGRAM)
				echo_datagrams(fd);
			else if (kind == TAG_STREAM)
				echo_stream(fd);
			else if ((c = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
				watch(ep, c, EPOLLIN, TAG(TAG_STREAM, c));
		}
	}
}

/* ---- attempts ------------------------------------------------------------------------------- */

struct target {
	bool tcp;
	struct sockaddr_storage to;
	socklen_t len;
	uint16_t sport; /* 0: any */
};

struct attempt {
	int fd; /* -1: over, or not begun */
	bool tcp, sent;
	uint64_t begun_us;
	uint64_t took_us;
	const char *error; /* NULL once its bytes came back; "timeout" until then */
};

static int target_parse(const char *proto, const char *host, const char *port, const char *sport,
			struct target *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&ret->to;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&ret->to;

	memset(ret, 0, sizeof(*ret));
	ret->tcp = !strcmp(proto, "tcp");
	ret->sport = sport ? (uint16_t)atoi(sport) : 0;
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)atoi(port));
		ret->len = sizeof(*v4);
		return 0;
	}
	if (inet_pton(AF_INET6, host, &v6->sin6_addr) != 1)
		return -EINVAL;
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons((uint16_t)atoi(port));
	ret->len = sizeof(*v6);
	return 0;
}

static const char *error_text(int e)
{
	switch (e) {
	case ECONNREFUSED:
		return "refused";
	case ECONNRESET:
		return "reset";
	case EHOSTUNREACH:
	case ENETUNREACH:
		return "unreachable";
	case ETIMEDOUT:
		return "timeout";
	default:
		return strerror(e);
	}
}

static int bind_port(int fd, const struct target *t)
{
	struct sockaddr_storage any = { .ss_family = t->to.ss_family };
	int on = 1;

	if (!t->sport)
		return 0;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (any.ss_family == AF_INET)
		((struct sockaddr_in *)&any)->sin_port = htons(t->sport);
	else
		((struct sockaddr_in6 *)&any)->sin6_port = htons(t->sport);
	return bind(fd, (struct sockaddr *)&any, t->len);
}

/* A non-blocking socket on its way to @t. Return: fd or -errno. */
static int target_open(const struct target *t)
{
	const int fd = socket(t->to.ss_family,
			      (t->tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int r = 0, on = 1;

	if (fd < 0)
		return -errno;
	if (bind_port(fd, t) ||
	    (connect(fd, (const struct sockaddr *)&t->to, t->len) && errno != EINPROGRESS))
		r = -errno;
	if (t->tcp)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (r)
		(void)close(fd);
	return r ? r : fd;
}

static void attempt_end(struct attempt *a, const char *error)
{
	a->error = error;
	a->took_us = now_us() - a->begun_us;
	if (a->fd >= 0)
		(void)close(a->fd);
	a->fd = -1;
}

static void attempt_begin(struct attempt *a, const struct target *t, int ep, uint64_t tag)
{
	*a = (struct attempt){ .tcp = t->tcp, .begun_us = now_us(), .error = "timeout" };
	a->fd = target_open(t);
	if (a->fd < 0) {
		const int e = -a->fd;

		a->fd = -1;
		attempt_end(a, error_text(e));
		return;
	}
	watch(ep, a->fd, EPOLLOUT, tag);
}

static void attempt_go_on(struct attempt *a, int ep, uint64_t tag)
{
	char data[64];
	int e = 0;
	socklen_t len = sizeof(e);

	if (a->fd < 0)
		return;
	(void)getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &e, &len);
	if (e) {
		attempt_end(a, error_text(e));
	} else if (!a->sent) {
		a->sent = true;
		if (write(a->fd, "probe\n", 6) < 0)
			attempt_end(a, error_text(errno));
		else
			watch(ep, a->fd, EPOLLIN, tag);
	} else {
		const ssize_t n = read(a->fd, data, sizeof(data));

		if (n < 0 && errno == EAGAIN)
			return;
		attempt_end(a, n > 0 ? NULL : n == 0 ? "closed" : error_text(errno));
	}
}

static void attempt_print(const struct attempt *a)
{
	printf("{\"ok\":%s,\"ms\":%.3f,\"error\":\"%s\"}\n", a->error ? "false" : "true",
	       (double)a->took_us / 1000, a->error ? a->error : "");
}

static size_t targets_read(int argc, char **argv, struct target *ret)
{
	char line[256], proto[8], host[64], port[8], sport[8];
	size_t n = 0;

	if (argc) {
		if (argc < 3 || target_parse(argv[0], argv[1], argv[2], argc > 3 ? argv[3] : NULL, ret))
			die("usage");
		return 1;
	}
	while (n < TRIES_MAX && fgets(line, sizeof(line), stdin)) {
		const int f = sscanf(line, "%7s %63s %7s %7s", proto, host, port, sport);

		if (f < 3 || target_parse(proto, host, port, f > 3 ? sport : NULL, &ret[n++]))
			die(line);
	}
	return n;
}

static int try_all(int argc, char **argv)
{
	static struct target target[TRIES_MAX];
	static struct attempt attempt[TRIES_MAX];
	const uint64_t wait_us = (uint64_t)atoi(argv[0]) * 1000;
	const size_t n = targets_read(argc - 1, argv + 1, target);
	const int ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event ev[EVENTS];
	size_t open = n;
	uint64_t end_us, now;

	for (size_t i = 0; i < n; i++)
		attempt_begin(&attempt[i], &target[i], ep, i);
	end_us = now_us() + wait_us;
	while (open && (now = now_us()) < end_us) {
		const int got = epoll_wait(ep, ev, EVENTS, (int)((end_us - now) / 1000) + 1);

		for (int i = 0; i < got; i++)
			attempt_go_on(&attempt[ev[i].data.u64], ep, ev[i].data.u64);
		open = 0;
		for (size_t i = 0; i < n; i++)
			open += attempt[i].fd >= 0;
	}
	for (size_t i = 0; i < n; i++) {
		if (attempt[i].fd >= 0)
			attempt_end(&attempt[i], "timeout");
		attempt_print(&attempt[i]);
	}
	return 0;
}

/* ---- what goes on until stdin ends ------------------------------------------------------------ */

#define TAG_STDIN UINT64_MAX
#define TAG_FLOW  (UINT64_MAX - 1)

/* Return: false when stdin has ended; *ret_ask says whether a report is asked for. */
static bool stdin_read(bool *ret_ask)
{
	char data[64];
	const ssize_t n = read(STDIN_FILENO, data, sizeof(data));

	*ret_ask = n > 0;
	return n > 0 || (n < 0 && errno == EAGAIN);
}

struct flow {
	int fd;
	uint64_t sent, received, seq_seen, last_us, gap_us;
	const char *error;
};

static void flow_note(struct flow *f, uint64_t now)
{
	if (now - f->last_us > f->gap_us)
		f->gap_us = now - f->last_us;
}

static void flow_read(struct flow *f, bool tcp)
{
	uint64_t seq[256];
	ssize_t n;

	while ((n = read(f->fd, seq, sizeof(seq))) > 0) {
		flow_note(f, now_us());
		f->last_us = now_us();
		f->received += tcp ? (uint64_t)n / sizeof(*seq) : 1;
		f->seq_seen = seq[(size_t)n / sizeof(*seq) ? (size_t)n / sizeof(*seq) - 1 : 0];
	}
	if (n == 0)
		f->error = "closed";
	else if (errno != EAGAIN && errno != ECONNREFUSED)
		f->error = error_text(errno);
}

static void flow_report(struct flow *f)
{
	flow_note(f, now_us());
	printf("{\"sent\":%llu,\"received\":%llu,\"gap_ms\":%.3f,\"error\":\"%s\"}\n",
	       (unsigned long long)f->sent, (unsigned long long)f->received, (double)f->gap_us / 1000,
	       f->error ? f->error : "");
	(void)fflush(stdout);
	f->gap_us = 0;
}

static void flow_end(struct flow *f, bool tcp, int ep)
{
	struct epoll_event ev;

	while (!f->error && f->received < f->sent && epoll_wait(ep, &ev, 1, TAIL_MS) > 0)
		flow_read(f, tcp);
	flow_report(f);
}

static int wait_ms(uint64_t until_us)
{
	const uint64_t now = now_us();

	return until_us <= now ? 0 : (int)((until_us - now + 999) / 1000);
}

static int flow(int argc, char **argv)
{
	const uint64_t step_us = (uint64_t)atoi(argv[0]) * 1000;
	const int ep = epoll_create1(EPOLL_CLOEXEC);
	uint64_t next_us = now_us();
	struct epoll_event ev[2];
	struct target t;
	struct flow f = { .last_us = now_us() };
	bool live = true, ask;

	if (target_parse(argv[1], argv[2], argv[3], argc > 4 ? argv[4] : NULL, &t))
		die("target");
	f.fd = target_open(&t);
	if (f.fd < 0)
		f.error = error_text(-f.fd);
	else
		watch(ep, f.fd, EPOLLIN, TAG_FLOW);
	watch(ep, STDIN_FILENO, EPOLLIN, TAG_STDIN);

	while (live) {
		const int n = epoll_wait(ep, ev, 2, wait_ms(next_us));

		if (now_us() >= next_us) {
			next_us += step_us;
			if (!f.error && write(f.fd, &f.sent, sizeof(f.sent)) == sizeof(f.sent))
				f.sent++;
		}
		for (int i = 0; i < n; i++) {
			if (ev[i].data.u64 == TAG_FLOW && !f.error) {
				flow_read(&f, t.tcp);
				if (f.error)
					(void)epoll_ctl(ep, EPOLL_CTL_DEL, f.fd, NULL);
			} else if (ev[i].data.u64 == TAG_STDIN) {
				live = stdin_read(&ask);
				if (ask)
					flow_report(&f);
			}
		}
	}
	(void)epoll_ctl(ep, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
	flow_end(&f, t.tcp, ep);
	return 0;
}

static int hammer(char **argv)
{
	static struct attempt attempt[TRIES_MAX];
	const uint64_t step_us = (uint64_t)atoi(argv[0]) * 1000;
	const int ep = epoll_create1(EPOLL_CLOEXEC);
	uint64_t tried = 0, done = 0, answered = 0, refused = 0, lost = 0, next_us = now_us();
	struct epoll_event ev[EVENTS];
	struct target t;
	bool live = true, ask = false;

	if (target_parse(argv[1], argv[2], argv[3], NULL, &t))
		die("target");
	watch(ep, STDIN_FILENO, EPOLLIN, TAG_STDIN);
	while (live) {
		const int n = epoll_wait(ep, ev, EVENTS, wait_ms(next_us));

		for (int i = 0; i < n; i++) {
			if (ev[i].data.u64 == TAG_STDIN)
				live = stdin_read(&ask);
			else
				attempt_go_on(&attempt[ev[i].data.u64], ep, ev[i].data.u64);
		}
		/* In order: an attempt is counted once all before it are over. */
		for (; done < tried; done++) {
			struct attempt *a = &attempt[done % TRIES_MAX];

			if (a->fd >= 0 && now_us() - a->begun_us < HAMMER_WAIT_US)
				break;
			if (a->fd >= 0)
				attempt_end(a, "timeout");
			answered += !a->error;
			lost += a->error && !strcmp(a->error, "timeout");
			refused += a->error && strcmp(a->error, "timeout");
		}
		if (now_us() >= next_us && tried - done < TRIES_MAX) {
			next_us += step_us;
			attempt_begin(&attempt[tried % TRIES_MAX], &t, ep, tried % TRIES_MAX);
			tried++;
		}
		if (ask)
			printf("{\"tried\":%llu,\"answered\":%llu,\"lost\":%llu,\"refused\":%llu}\n",
			       (unsigned long long)tried, (unsigned long long)answered,
			       (unsigned long long)lost, (unsigned long long)refused);
		(void)fflush(stdout);
		ask = false;
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)signal(SIGPIPE, SIG_IGN);
	if (!strcmp(verb, "serve") && argc > 2)
		serve(argc - 2, argv + 2);
	if (!strcmp(verb, "try") && argc > 2)
		return try_all(argc - 2, argv + 2);
	if (!strcmp(verb, "flow") && argc > 5)
		return flow(argc - 2, argv + 2);
	if (!strcmp(verb, "hammer") && argc == 6)
		return hammer(argv + 2);
	fprintf(stderr,
		"usage: probe serve PORT... | try TIMEOUT_MS [PROTO ADDR PORT [SPORT]] |\n"
		"       flow INTERVAL_MS PROTO ADDR PORT [SPORT] | hammer INTERVAL_MS PROTO ADDR PORT\n");
	return 2;
}
