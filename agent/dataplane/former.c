/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What agents of other layouts have left: found, locked, and their sessions read. Of a former layout we know
 * what its reader here says and nothing else; what cannot be read is left behind, for its flows are decided
 * again then.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "dataplane/dp_internal.h"
#include "../../bpf/session.h"
#include "hook/hook.h"
#include "util/scope.h"

struct copying {
	struct dp *dp;
	const struct former *f;
	uint32_t ifindex; /* 0: of all */
	uint32_t now;	  /* jiffies */
	int n;
};

struct reader {
	uint32_t layout;
	int (*read)(struct copying *c); /* 0 or -errno */
};

struct former {
	char *path;
	int lock;
	uint32_t layout;	     /* 0: it does not say */
	const struct reader *reader; /* NULL: none can read it */
};

static int open_pinned(const struct former *f, const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", f->path, name);
	return bpf_obj_get(path);
}

/* Unmapped by the caller. Return: 0 or -errno. */
static int map_pinned(const struct former *f, const char *name, struct mapped *ret)
{
	auto_fd int fd = open_pinned(f, name);

	return fd < 0 ? fd : dp_map_array(fd, name, ret, NULL);
}

/* ---- into ours ------------------------------------------------------------------------------- */

/* With the first epoch of the endpoint, which is never its present one (policy/delta.c): it lives, and its
 * next packet is decided afresh. @fixed: BH_SESS_OPENER, HOST, BOTH. Of @s its word, rule and life are not
 * asked. */
static int take_session(struct copying *c, const struct bh_flow6 *flow, uint32_t fixed,
			const struct bh_session *s)
{
	const int slot = dp_slot(c->dp, flow->ifindex);
	struct bh_session own = *s;
	int r;

	if (slot < 0)
		return 0;
	own.word = session_word(0, fixed, dp_endpoint(c->dp, (uint32_t)slot)->born);
	own.rule = 0;
	r = dp_session_put(c->dp, flow, &own, c->now);
	c->n += r > 0;
	return r < 0 ? r : 0;
}

/* ---- layout 1: two LRU hashes, keyed with the interface --------------------------------------- */

struct flow4_1 {
	uint32_t ifindex;
	__be32 local, remote;
	__be16 lport, rport;
	uint8_t proto, pad[3];
};

struct session_1 {
	uint32_t epoch, seen, rule;
	uint8_t opener, flags;
	uint16_t pad;
	uint64_t packets[2], bytes[2];
};

struct endpoint_1 {
	uint32_t ifindex, policy_set, epoch, born;
	uint8_t rest[176];
};

#define HOST_1	  0x01
#define BOTH_1	  0x02
#define REPLIED_1 0x04
#define CUT_1	  0x08

static bool is_alive_1(const struct mapped *eps, uint32_t ifindex, const struct session_1 *s)
{
	uint32_t slot;

	for (slot = 0; slot < eps->n; slot++) {
		const struct endpoint_1 *ep = mapped_at(eps, slot);

		if (ep->ifindex == ifindex)
			return (int32_t)(s->epoch - ep->born) >= 0;
	}
	return false;
}

static void widen_1(const struct flow4_1 *v4, struct bh_flow6 *ret)
{
	*ret = (struct bh_flow6){
		.ifindex = v4->ifindex,
		.local.w = { 0, 0, htonl(0xffff), v4->local },
		.remote.w = { 0, 0, htonl(0xffff), v4->remote },
		.lport = v4->lport,
		.rport = v4->rport,
		.proto = v4->proto,
	};
}

/* It knew no states: whether there was an answer is all that it can tell. */
static int take_1(struct copying *c, const struct mapped *eps, const struct bh_flow6 *flow,
		  const struct session_1 *s)
{
	const uint32_t fixed = (s->opener ? BH_SESS_OPENER : 0) | (s->flags & HOST_1 ? BH_SESS_HOST : 0) |
			       (s->flags & BOTH_1 ? BH_SESS_BOTH : 0);
	const struct bh_session own = {
		.seen = s->seen,
		.state = s->flags & REPLIED_1 ? BH_ESTABLISHED : BH_NEW,
		.flags = (s->flags & REPLIED_1 ? BH_SESS_REPLIED : 0) | (s->flags & CUT_1 ? BH_SESS_CUT : 0),
		.packets = { (uint32_t)s->packets[0], (uint32_t)s->packets[1] },
		.bytes = { s->bytes[0], s->bytes[1] },
	};

	if ((c->ifindex && flow->ifindex != c->ifindex) || !is_alive_1(eps, flow->ifindex, s))
		return 0;
	return take_session(c, flow, fixed, &own);
}

#define BATCH_1 4096

static int read_map_1(struct copying *c, const struct mapped *eps, const char *name, size_t key_size)
{
	auto_free uint8_t *keys = calloc(BATCH_1, key_size);
	auto_free struct session_1 *s = calloc(BATCH_1, sizeof(*s));
	auto_fd int fd = open_pinned(c->f, name);
	uint32_t bucket, *from = NULL, n, i;
	struct bh_flow6 flow;
	bool last = false;
	int r = fd < 0 ? fd : keys && s ? 0 : -ENOMEM;

	while (!r && !last) {
		n = BATCH_1;
		last = bpf_map_lookup_batch(fd, from, &bucket, keys, s, &n, NULL) < 0;
		if (last && errno != ENOENT)
			return -errno;
		from = &bucket;
		for (i = 0; !r && i < n; i++) {
			if (key_size == sizeof(struct flow4_1))
				widen_1((const struct flow4_1 *)keys + i, &flow);
			else
				memcpy(&flow, keys + i * key_size, sizeof(flow));
			r = take_1(c, eps, &flow, &s[i]);
		}
	}
	return r;
}

static int read_1(struct copying *c)
{
	struct mapped eps = { 0 };
	int r = map_pinned(c->f, "bh_endpoints", &eps);

	if (!r && eps.stride != sizeof(struct endpoint_1))
		r = -EUCLEAN;
	if (!r)
		r = read_map_1(c, &eps, "bh_sess4", sizeof(struct flow4_1));
	if (!r)
		r = read_map_1(c, &eps, "bh_sess6", sizeof(struct bh_flow6));
	dp_unmap_array(&eps);
	return r;
}

/* ---- layouts 2 and 3: sets of lines in slices; still ours, so the structs are those of abi.h ------- */

struct taking_2 {
	struct copying *c;
	uint32_t born; /* of the endpoint there */
};

static int take_2(void *ctx, const struct bh_flow6 *flow, const struct bh_session *s)
{
	const struct taking_2 *t = ctx;

	if (session_is_over(s, t->c->now) || word_is_dead(s->word, t->born))
		return 0;
	return take_session(t->c, flow, word_fixed(s->word), s);
}

static int read_slice_2(struct copying *c, const struct bh_endpoint *ep, struct bh_slice slice,
			const struct mapped *sets, bool wide)
{
	const struct lines lines = { .at = sets->at, .wide = wide };
	struct taking_2 t = { .c = c, .born = ep->born };

	if (!slice_sets(slice) || slice.base >= sets->n || slice.mask >= sets->n - slice.base)
		return 0;
	return lines_each(&lines, slice, ep->ifindex, take_2, &t);
}

static int read_sets_2(struct copying *c, const struct mapped *eps, enum bh_family f)
{
	static const char *const names[] = { [BH_V4] = "bh_sess4", [BH_V6] = "bh_sess6" };
	const size_t size = f == BH_V4 ? sizeof(struct bh_set4) : sizeof(struct bh_set6);
	struct mapped sets = { 0 };
	int r = map_pinned(c->f, names[f], &sets);
	uint32_t slot;

	if (!r && sets.stride != size)
		r = -EUCLEAN;
	for (slot = 0; !r && slot < eps->n; slot++) {
		const struct bh_endpoint *ep = mapped_at(eps, slot);

		if (!ep->ifindex || (c->ifindex && ep->ifindex != c->ifindex))
			continue;
		r = read_slice_2(c, ep, ep->slice[f], &sets, f == BH_V6);
		r = r ? r : read_slice_2(c, ep, ep->former[f], &sets, f == BH_V6);
	}
	dp_unmap_array(&sets);
	return r;
}

static int read_2(struct copying *c)
{
	struct mapped eps = { 0 };
	int r = map_pinned(c->f, "bh_endpoints", &eps);

	if (!r && eps.stride != sizeof(struct bh_endpoint))
		r = -EUCLEAN;
	if (!r)
		r = read_sets_2(c, &eps, BH_V4);
	if (!r)
		r = read_sets_2(c, &eps, BH_V6);
	dp_unmap_array(&eps);
	return r;
}

/* ---- all of them ------------------------------------------------------------------------------ */

static const struct reader readers[] = { { 1, read_1 }, { 2, read_2 }, { 3, read_2 } };

static uint32_t layout_of(const struct former *f)
{
	struct mapped meta = { 0 };
	uint32_t layout = 0;

	if (!map_pinned(f, "bh_meta", &meta) && meta.stride >= offsetof(struct bh_meta, open) &&
	    ((const struct bh_meta *)meta.at)->magic == BH_MAGIC)
		layout = ((const struct bh_meta *)meta.at)->layout;
	dp_unmap_array(&meta);
	return layout;
}

static const struct reader *reader_of(uint32_t layout)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(readers); i++)
		if (readers[i].layout == layout)
			return &readers[i];
	return NULL;
}

static int add_former(void *ctx, const char *path)
{
	auto_fd int lock = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct former *f, **slot;
	struct dp *dp = ctx;

	if (lock < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	if (flock(lock, LOCK_EX | LOCK_NB) < 0)
		return -EBUSY;
	slot = vec_add(&dp->formers);
	f = slot ? calloc(1, sizeof(*f)) : NULL;
	if (slot)
		*slot = f;
	if (!f)
		return -ENOMEM;
	f->lock = TAKE_FD(lock);
	f->path = strdup(path);
	if (!f->path)
		return -ENOMEM;
	f->layout = layout_of(f);
	f->reader = reader_of(f->layout);
	return 0;
}

int former_open(struct dp *dp, struct bh_err *err)
{
	const int r = hook_beside(dp->pin_dir, add_former, dp);

	if (!r)
		return 0;
	dp_former_close(dp);
	return r == -EBUSY ? bh_err_set(err, r, "another agent holds what is beside '%s'", dp->pin_dir)
			   : bh_err_errno(err, r, "other layouts beside '%s'", dp->pin_dir);
}

void dp_former_close(struct dp *dp)
{
	struct former *f;

	while (dp->formers.n) {
		f = dp->formers.v[--dp->formers.n];
		if (!f)
			continue;
		scope_close(&f->lock);
		free(f->path);
		free(f);
	}
	vec_done(&dp->formers);
}

const char *dp_former(const struct dp *dp, size_t i)
{
	return i < dp->formers.n ? dp->formers.v[i]->path : NULL;
}

bool dp_former_unread(const struct dp *dp)
{
	size_t i;

	for (i = 0; i < dp->formers.n; i++)
		if (dp->formers.v[i]->layout && !dp->formers.v[i]->reader)
			return true;
	return false;
}

int dp_former_copy(struct dp *dp, uint32_t ifindex, struct bh_err *err)
{
	uint32_t now = 0;
	int n = 0, first = dp->formers.n ? dp_now(dp, &now, err) : 0;
	size_t i;

	dp_seeds_begin(dp);
	for (i = 0; i < dp->formers.n; i++) {
		struct copying c = { .dp = dp, .f = dp->formers.v[i], .ifindex = ifindex, .now = now };
		const int r = c.f->reader ? c.f->reader->read(&c) : 0;

		n += c.n;
		if (r < 0 && !first)
			first = bh_err_errno(err, r, "sessions of layout %u, under '%s'", c.f->layout,
					     c.f->path);
	}
	dp_seeds_end(dp);
	return first ? first : n;
}
