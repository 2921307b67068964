/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/windows.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static void *reserve(void *at, size_t bytes)
{
	return mmap(at, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (at ? MAP_FIXED : 0),
		    -1, 0);
}

int windows_init(struct windows *w, int fd, const char *name, struct bh_err *err)
{
	const size_t page = page_size();
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);
	void *at;

	if (bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
		return bh_err_errno(err, -errno, "cannot look at '%s'", name);
	*w = (struct windows){ .stride = (info.value_size + 7) & ~7u, .n = info.max_entries, .fd = fd };
	w->bytes = (w->stride * w->n + page - 1) & ~(page - 1);
	at = reserve(NULL, w->bytes);
	if (at == MAP_FAILED)
		return bh_err_errno(err, -errno, "no addresses for '%s'", name);
	w->at = at;
	return 0;
}

void windows_done(struct windows *w)
{
	if (w->at)
		(void)munmap(w->at, w->bytes);
	vec_done(&w->open);
	w->at = NULL;
}

static bool is_open(const struct windows *w, const struct window *what)
{
	size_t i;

	for (i = 0; i < w->open.n; i++)
		if (w->open.v[i].from <= what->from && what->to <= w->open.v[i].to)
			return true;
	return false;
}

int windows_open(struct windows *w, uint32_t first, uint32_t n)
{
	const size_t page = page_size();
	const struct window what = { .from = first * w->stride & ~(page - 1),
				     .to = ((first + (size_t)n) * w->stride + page - 1) & ~(page - 1) };
	struct window *slot;

	if (!n || is_open(w, &what))
		return 0;
	slot = vec_add(&w->open);
	if (!slot)
		return -ENOMEM;
	if (mmap(w->at + what.from, what.to - what.from, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		 w->fd, (off_t)what.from) == MAP_FAILED) {
		w->open.n--;
		return -errno;
	}
	*slot = what;
	return 0;
}

/* Neighbours may share a page, so all go at once. What stays mapped for want of memory does no harm. */
void windows_close(struct windows *w)
{
	if (w->open.n && reserve(w->at, w->bytes) != MAP_FAILED)
		vec_clear(&w->open);
}
