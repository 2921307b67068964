/* SPDX-License-Identifier: Apache-2.0 */
/* Who may work on one attachment: bytes of one file, locked. Plugin and agent are processes that know nothing
 * of each other; what they share is the directory. */
#include "api/api.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "util/clock.h"
#include "util/scope.h"

#define LOCK_FILE      "plugin.lock"
#define RETRY_MS       5
#define PATH_BYTES     512
#define IFINDEX_PLACES ((off_t)1 << 62) /* from here on; the keys' are below */

static int lock_at(const char *run_dir, off_t place, int wait_ms, struct bh_err *err)
{
	/* An open file description lock: not lost when some other descriptor of the file is closed. */
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = place, .l_len = 1 };
	const int64_t until = clock_ms() + wait_ms;
	char path[PATH_BYTES];
	auto_fd int fd = -1;

	if (snprintf(path, sizeof(path), "%s/" LOCK_FILE, run_dir) >= (int)sizeof(path))
		return bh_err_set(err, -ENAMETOOLONG, "run directory '%.64s...': name too long", run_dir);
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return bh_err_errno(err, -errno, "cannot open %s", path);
	while (fcntl(fd, F_OFD_SETLK, &l) < 0) {
		if (errno != EAGAIN && errno != EACCES && errno != EINTR)
			return bh_err_errno(err, -errno, "cannot lock %s", path);
		if (clock_ms() >= until)
			return bh_err_set(err, -ETIMEDOUT,
					  "%s: another call for this interface has not ended", path);
		(void)usleep(RETRY_MS * 1000);
	}
	return TAKE_FD(fd);
}

/* 62 bits of the key: two keys on one byte would only wait for each other. */
int api_lock_key(const char *run_dir, const struct hash128 *key, int wait_ms, struct bh_err *err)
{
	uint64_t n;

	memcpy(&n, key->b, sizeof(n));
	return lock_at(run_dir, (off_t)(n >> 2), wait_ms, err);
}

int api_lock_ifindex(const char *run_dir, uint32_t ifindex, int wait_ms, struct bh_err *err)
{
	return lock_at(run_dir, IFINDEX_PLACES + ifindex, wait_ms, err);
}
