/* SPDX-License-Identifier: Apache-2.0 */
/* One file, two bytes to lock: the agent that works holds the first, one that waits for it the second. */
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/api.h"
#include "util/scope.h"

enum place { PLACE_WORK, PLACE_WAIT };

struct lock {
	int fd;
	bool ours;
	char path[256];
};

static struct flock byte_at(enum place place)
{
	return (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = place, .l_len = 1 };
}

int lock_new(const char *run_dir, struct lock **ret, struct bh_err *err)
{
	struct lock *l;
	int r = api_run_dir(run_dir, err);

	if (r < 0)
		return r;
	l = calloc(1, sizeof(*l));
	if (!l)
		return bh_err_set(err, -ENOMEM, "no memory");
	(void)snprintf(l->path, sizeof(l->path), "%s/" LOCK_FILE, run_dir);
	l->fd = open(l->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (l->fd < 0) {
		r = bh_err_errno(err, -errno, "cannot open '%s'", l->path);
		lock_free(l);
		return r;
	}
	*ret = l;
	return 0;
}

void lock_free(struct lock *l)
{
	if (!l)
		return;
	scope_close(&l->fd);
	free(l);
}

/* Return: 1, 0 another has it, or -errno. */
static int take(const struct lock *l, enum place place, struct bh_err *err)
{
	struct flock f = byte_at(place);

	if (!fcntl(l->fd, F_OFD_SETLK, &f))
		return 1;
	return errno == EAGAIN || errno == EACCES ? 0
						  : bh_err_errno(err, -errno, "cannot lock '%s'", l->path);
}

static void give_back(const struct lock *l, enum place place)
{
	struct flock f = byte_at(place);

	f.l_type = F_UNLCK;
	(void)fcntl(l->fd, F_OFD_SETLK, &f);
}

/* For people alone: a text that could not be written costs nothing but the name. */
static void sign(const struct lock *l)
{
	const char *pod = getenv("POD_NAME");
	char text[LOCK_TEXT_MAX];

	(void)snprintf(text, sizeof(text), "bulkhead-agent " BH_VERSION " (pid %d%s%s)\n", (int)getpid(),
		       pod && *pod ? ", pod " : "", pod ? pod : "");
	if (!ftruncate(l->fd, 0))
		(void)!pwrite(l->fd, text, strlen(text), 0);
}

int lock_try(struct lock *l, struct bh_err *err)
{
	int r = l->ours ? 1 : take(l, PLACE_WORK, err);

	if (r > 0 && !l->ours) {
		l->ours = true;
		give_back(l, PLACE_WAIT);
		sign(l);
	}
	if (!r && (r = take(l, PLACE_WAIT, err)) > 0)
		r = 0;
	return r;
}

bool lock_is_waited_for(const struct lock *l)
{
	struct flock f = byte_at(PLACE_WAIT);

	return !fcntl(l->fd, F_OFD_GETLK, &f) && f.l_type != F_UNLCK;
}

const char *lock_holder(const struct lock *l, char ret[LOCK_TEXT_MAX])
{
	const ssize_t n = pread(l->fd, ret, LOCK_TEXT_MAX - 1, 0);

	ret[n > 0 ? n : 0] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
	if (!*ret)
		(void)snprintf(ret, LOCK_TEXT_MAX, "another agent");
	return ret;
}
