/* SPDX-License-Identifier: Apache-2.0 */
/* A file that is there whole or not at all. */
#include "api/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/scope.h"

#define TEMP_MAX 64

static int write_all(int fd, const char *text, size_t len)
{
	ssize_t n;

	while (len) {
		n = write(fd, text, len);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

int api_file_replace(int dir, const char *path, const char *name, const char *text, struct bh_err *err)
{
	char temp[TEMP_MAX];
	auto_fd int fd = -1;
	int r;

	(void)snprintf(temp, sizeof(temp), "%.*s.%d", (int)strcspn(name, "."), name, (int)getpid());
	(void)unlinkat(dir, temp, 0);
	fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return bh_err_errno(err, -errno, "cannot make state file %s/%s", path, temp);
	r = write_all(fd, text, strlen(text));
	if (!r && renameat(dir, temp, dir, name) < 0)
		r = -errno;
	if (!r)
		return 0;
	(void)unlinkat(dir, temp, 0);
	return bh_err_errno(err, r, "cannot write state file %s/%s", path, name);
}
