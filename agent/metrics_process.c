/* SPDX-License-Identifier: Apache-2.0 */
/* The process, as the kernel sees it: proc_pid_stat(5). */
#include "metrics_internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>

#include "util/clock.h"
#include "util/scope.h"

struct usage {
	unsigned long long virtual_bytes, resident_pages;
};

/* Fields 23 and 24, behind a name that may hold anything. */
static bool read_usage(struct usage *ret)
{
	auto_fd int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	char text[1024];
	const ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	const char *at;
	int i;

	text[n < 0 ? 0 : n] = '\0';
	at = strrchr(text, ')');
	for (i = 3; at && i <= 23; i++)
		at = strchr(at + 1, ' ');
	return at && sscanf(at, " %llu %llu", &ret->virtual_bytes, &ret->resident_pages) == 2;
}

static double seconds(const struct timeval *tv)
{
	return (double)tv->tv_sec + (double)tv->tv_usec / 1e6;
}

void collect_build(struct view *v, struct exposition *x)
{
	(void)v;
	expo_add(x, 1, "version", BH_VERSION, NULL);
}

void collect_cpu(struct view *v, struct exposition *x)
{
	struct rusage u, ended;

	(void)v;
	if (!getrusage(RUSAGE_SELF, &u) && !getrusage(RUSAGE_CHILDREN, &ended))
		expo_add_real(x,
			      seconds(&u.ru_utime) + seconds(&u.ru_stime) + seconds(&ended.ru_utime) +
				      seconds(&ended.ru_stime),
			      NULL);
}

void collect_resident(struct view *v, struct exposition *x)
{
	struct usage u;

	(void)v;
	if (read_usage(&u))
		expo_add(x, u.resident_pages * (uint64_t)sysconf(_SC_PAGESIZE), NULL);
}

void collect_virtual(struct view *v, struct exposition *x)
{
	struct usage u;

	(void)v;
	if (read_usage(&u))
		expo_add(x, u.virtual_bytes, NULL);
}

void collect_fds(struct view *v, struct exposition *x)
{
	DIR *dir = opendir("/proc/self/fd");
	uint64_t n = 0;

	(void)v;
	if (!dir)
		return;
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	expo_add(x, n - 3, NULL); /* ".", "..", and the directory itself */
}

void collect_max_fds(struct view *v, struct exposition *x)
{
	struct rlimit l;

	(void)v;
	if (!getrlimit(RLIMIT_NOFILE, &l) && l.rlim_cur != RLIM_INFINITY)
		expo_add(x, l.rlim_cur, NULL);
}

void collect_start(struct view *v, struct exposition *x)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	expo_add(x, (uint64_t)now.tv_sec - (clock_ns() - v->a->start_ns) / 1000000000u, NULL);
}
