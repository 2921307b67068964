/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load or adopt: whatever is pinned and has our layout is taken over as it is, whatever is missing is
 * made and pinned. The programs in the kernel never notice.
 */
#include "dataplane/dp_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

#include "dataplane/hz.h"
#include "hook/hook.h"
#include "util/clock.h"
#include "util/scope.h"

#define PROG_FROM_POD "prog_from_pod"
#define PROG_TO_POD   "prog_to_pod"
#define EVENT_SECONDS 5 /* least distance of two events of one flow */

/* The last line of libbpf's that tells of a failure: the verifier's or the kernel's own words. */
static char last_words[200];

static int keep_words(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char line[1024];
	const char *end;
	int n;

	if (level != LIBBPF_WARN)
		return 0;
	n = vsnprintf(line, sizeof(line), fmt, ap);
	if (n <= 0)
		return 0;
	end = strchr(line, '\n');
	(void)snprintf(last_words, sizeof(last_words), "%.*s", end ? (int)(end - line) : (int)strlen(line),
		       line);
	return 0;
}

static const char *pin_path(const struct dp *dp, const char *name, char *ret, size_t size)
{
	(void)snprintf(ret, size, "%s/%s", dp->pin_dir, name);
	return ret;
}

static int open_pin_dir(struct dp *dp, struct bh_err *err)
{
	struct statfs fs;

	if (mkdir(dp->pin_dir, 0700) < 0 && errno != EEXIST)
		return bh_err_errno(err, -errno, "cannot make '%s'%s", dp->pin_dir,
				    errno == EROFS ? "" : " (no bpffs? mount -t bpf bpf /sys/fs/bpf)");
	if (statfs(dp->pin_dir, &fs) < 0)
		return bh_err_errno(err, -errno, "cannot look at '%s'", dp->pin_dir);
	if (fs.f_type != BPF_FS_MAGIC)
		return bh_err_set(err, -ENOTSUP,
				  "'%s' is not on a BPF file system (mount -t bpf bpf /sys/fs/bpf)",
				  dp->pin_dir);
	dp->lock = open(dp->pin_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dp->lock < 0)
		return bh_err_errno(err, -errno, "cannot open '%s'", dp->pin_dir);
	if (!flock(dp->lock, LOCK_EX | LOCK_NB))
		return 0;
	scope_close(&dp->lock);
	dp->lock = -1;
	return bh_err_set(err, -EBUSY, "another agent holds '%s'", dp->pin_dir);
}

/* Ours, and those of other layouts: all or none. */
static int lock_dirs(struct dp *dp, struct bh_err *err)
{
	int r = open_pin_dir(dp, err);

	if (r)
		return r;
	r = former_open(dp, err);
	if (r < 0) {
		scope_close(&dp->lock);
		dp->lock = -1;
	}
	return r;
}

static void set_size(struct bpf_map *map, uint32_t entries)
{
	if (entries)
		(void)bpf_map__set_max_entries(map, entries);
}

/* A power of two of sets, so that slices fit into all of it. */
static uint32_t session_sets(uint32_t sessions)
{
	uint32_t sets = !!sessions;

	while (sets && sets * BH_WAYS < sessions)
		sets *= 2;
	return sets;
}

static void set_sizes(struct policy_bpf *skel, const struct dp_sizes *s)
{
	set_size(skel->maps.bh_addrs, s->addrs);
	set_size(skel->maps.bh_cidrs, s->cidrs);
	set_size(skel->maps.bh_rows, s->rows);
	set_size(skel->maps.bh_ranges, s->ranges);
	set_size(skel->maps.bh_rules, s->rules);
	set_size(skel->maps.bh_rule_ended, s->rules);
	set_size(skel->maps.bh_sess4, session_sets(s->sessions4));
	set_size(skel->maps.bh_sess6, session_sets(s->sessions6));
	set_size(skel->maps.bh_events, s->events_bytes);
}

/* Takes over one pinned map if it is there. Its number of entries is what it was made with. */
static int adopt_map(struct dp *dp, struct bpf_map *map, struct bh_err *err)
{
	const char *name = bpf_map__name(map);
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);
	auto_fd int fd = -1;
	char path[256];

	fd = bpf_obj_get(pin_path(dp, name, path, sizeof(path)));
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return bh_err_errno(err, fd, "cannot open the pinned map '%s'", path);
	if (bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
		return bh_err_errno(err, -errno, "cannot read the pinned map '%s'", path);
	if (info.type != bpf_map__type(map) || info.key_size != bpf_map__key_size(map) ||
	    info.value_size != bpf_map__value_size(map) || info.map_flags != bpf_map__map_flags(map))
		return bh_err_set(err, -EUCLEAN, "pinned map '%s' has another layout than this version's",
				  path);
	(void)bpf_map__set_max_entries(map, info.max_entries);
	return bpf_map__reuse_fd(map, fd);
}

static bool is_ours(const struct bpf_map *map)
{
	return !strncmp(bpf_map__name(map), "bh_", 3);
}

static int adopt_maps(struct dp *dp, struct bh_err *err)
{
	struct bpf_map *map;
	int r;

	bpf_object__for_each_map(map, dp->skel->obj) {
		if (!is_ours(map))
			continue;
		r = adopt_map(dp, map, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

static int pin_maps(struct dp *dp, struct bh_err *err)
{
	struct bpf_map *map;
	char path[256];

	bpf_object__for_each_map(map, dp->skel->obj) {
		if (!is_ours(map) || is_there(pin_path(dp, bpf_map__name(map), path, sizeof(path))))
			continue;
		if (bpf_obj_pin(bpf_map__fd(map), path) < 0)
			return bh_err_errno(err, -errno, "cannot pin '%s'", path);
	}
	return 0;
}

int dp_map_array(int fd, const char *name, struct mapped *ret, struct bh_err *err)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
		return bh_err_errno(err, -errno, "cannot look at '%s'", name);
	ret->stride = (info.value_size + 7) & ~7u;
	ret->n = info.max_entries;
	ret->bytes = (ret->stride * ret->n + page - 1) & ~(page - 1);
	ret->at = mmap(NULL, ret->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (ret->at == MAP_FAILED) {
		ret->at = NULL;
		return bh_err_errno(err, -errno, "cannot map '%s' into memory", name);
	}
	return 0;
}

void dp_unmap_array(struct mapped *m)
{
	if (m->at)
		(void)munmap(m->at, m->bytes);
	m->at = NULL;
}

static int map_array(const struct bpf_map *map, struct mapped *ret, struct bh_err *err)
{
	return dp_map_array(bpf_map__fd(map), bpf_map__name(map), ret, err);
}

static int map_arrays(struct dp *dp, struct bh_err *err)
{
	int r = map_array(dp->skel->maps.bh_endpoints, &dp->endpoints, err);

	if (!r)
		r = windows_init(&dp->classes, DP_FD(dp, bh_classes), "bh_classes", err);
	if (!r)
		r = map_array(dp->skel->maps.bh_rule_ended, &dp->ended, err);
	return r ? r : map_array(dp->skel->maps.bh_meta, &dp->meta, err);
}

/* ---- programs ----------------------------------------------------------------------------- */

struct prog_identity {
	uint8_t tag[BPF_TAG_SIZE];
	uint32_t maps[32], n;
};

int dp_cmp_u32(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int prog_identity(int fd, struct prog_identity *ret)
{
	struct prog_identity id = { 0 };
	struct bpf_prog_info info = { .nr_map_ids = ARRAY_SIZE(id.maps), .map_ids = (uintptr_t)id.maps };
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
		return -errno;
	if (info.nr_map_ids > ARRAY_SIZE(id.maps))
		return -E2BIG;
	memcpy(id.tag, info.tag, sizeof(id.tag));
	id.n = info.nr_map_ids;
	qsort(id.maps, id.n, sizeof(*id.maps), dp_cmp_u32);
	*ret = id;
	return 0;
}

/* Constants are a map that each load makes anew: the same if they hold the same. */
static bool same_constants(uint32_t a, uint32_t b)
{
	auto_fd int x = bpf_map_get_fd_by_id(a), y = bpf_map_get_fd_by_id(b);
	struct bpf_map_info of_x = { 0 }, of_y = { 0 };
	uint8_t in_x[64], in_y[64];
	uint32_t len = sizeof(of_x), zero = 0;

	if (x < 0 || y < 0 || bpf_obj_get_info_by_fd(x, &of_x, &len) < 0 ||
	    bpf_obj_get_info_by_fd(y, &of_y, &len) < 0)
		return false;
	return of_x.map_flags & BPF_F_RDONLY_PROG && of_x.map_flags == of_y.map_flags &&
	       of_x.max_entries == 1 && of_y.max_entries == 1 && of_x.value_size == of_y.value_size &&
	       of_x.value_size <= sizeof(in_x) && !bpf_map_lookup_elem(x, &zero, in_x) &&
	       !bpf_map_lookup_elem(y, &zero, in_y) && !memcmp(in_x, in_y, of_x.value_size);
}

static bool has_map(const struct prog_identity *id, uint32_t map)
{
	return bsearch(&map, id->maps, id->n, sizeof(*id->maps), dp_cmp_u32);
}

/* The map of @a that @b has not; 0: none, or several. */
static uint32_t only_of(const struct prog_identity *a, const struct prog_identity *b)
{
	uint32_t i, n = 0, only = 0;

	for (i = 0; i < a->n; i++)
		if (!has_map(b, a->maps[i])) {
			only = a->maps[i];
			n++;
		}
	return n == 1 ? only : 0;
}

/* The same instructions on the same maps. */
static bool same_prog(int a, int b)
{
	struct prog_identity x, y;

	if (prog_identity(a, &x) || prog_identity(b, &y) || x.n != y.n || memcmp(x.tag, y.tag, sizeof(x.tag)))
		return false;
	return !memcmp(x.maps, y.maps, x.n * sizeof(*x.maps)) ||
	       same_constants(only_of(&x, &y), only_of(&y, &x));
}

/* Keeps the pinned program if it is this one; else puts this one in its place by rename. */
static int pin_prog(struct dp *dp, const struct bpf_program *prog, const char *name, int *ret,
		    struct bh_err *err)
{
	auto_fd int pinned = -1;
	char path[256], fresh[272];

	pinned = bpf_obj_get(pin_path(dp, name, path, sizeof(path)));
	if (pinned >= 0 && same_prog(pinned, bpf_program__fd(prog))) {
		*ret = TAKE_FD(pinned);
		return 0;
	}
	(void)snprintf(fresh, sizeof(fresh), "%s_new", path);
	(void)unlink(fresh);
	if (bpf_obj_pin(bpf_program__fd(prog), fresh) < 0 || rename(fresh, path) < 0)
		return bh_err_errno(err, -errno, "cannot pin '%s'", path);
	*ret = fcntl(bpf_program__fd(prog), F_DUPFD_CLOEXEC, 0);
	return *ret < 0 ? bh_err_errno(err, -errno, "cannot keep '%s'", path) : 0;
}

static int pin_progs(struct dp *dp, struct bh_err *err)
{
	int r = pin_prog(dp, dp->skel->progs.bh_from_pod, PROG_FROM_POD, &dp->prog[BH_EGRESS], err);

	return r ? r : pin_prog(dp, dp->skel->progs.bh_to_pod, PROG_TO_POD, &dp->prog[BH_INGRESS], err);
}

/* ---- the seed of the sessions' hash ------------------------------------------------------- */

/* A constant to the programs, so it is there before they are loaded: that of the pinned maps, or a new one.
 */
static int set_seed(struct dp *dp, struct bh_err *err)
{
	const int fd = bpf_map__fd(dp->skel->maps.bh_meta);
	const uint32_t zero = 0;
	struct bh_meta meta = { 0 };

	if (fd >= 0 && bpf_map_lookup_elem(fd, &zero, &meta) < 0)
		return bh_err_errno(err, -errno, "cannot read bh_meta");
	while (!meta.seed)
		if (getrandom(&meta.seed, sizeof(meta.seed), 0) != sizeof(meta.seed) && errno != EINTR)
			return bh_err_errno(err, -errno, "cannot draw a seed");
	dp->skel->rodata->bh_seed = meta.seed;
	return 0;
}

int dp_open_copy(struct dp *dp, bool (*shares)(const struct bpf_map *map), struct policy_bpf **ret)
{
	struct policy_bpf *copy = policy_bpf__open();
	struct bpf_map *map;
	int r = copy ? 0 : -errno;

	if (!copy)
		return r;
	bpf_object__for_each_map(map, dp->skel->obj) {
		struct bpf_map *same = bpf_object__find_map_by_name(copy->obj, bpf_map__name(map));

		if (r || !shares(map))
			continue;
		r = bpf_map__set_max_entries(same, bpf_map__max_entries(map));
		if (!r)
			r = bpf_map__reuse_fd(same, bpf_map__fd(map));
	}
	copy->rodata->bh_seed = dp->skel->rodata->bh_seed;
	if (r < 0)
		policy_bpf__destroy(copy);
	else
		*ret = copy;
	return r;
}

/* The maps are those of the first object. */
static int load_clone(struct dp *dp, struct policy_bpf **ret, struct bh_err *err)
{
	struct policy_bpf *clone = NULL;
	int r = dp_open_copy(dp, is_ours, &clone);

	if (!r)
		r = policy_bpf__load(clone);
	if (r < 0) {
		policy_bpf__destroy(clone);
		return bh_err_errno(err, r, "the programs cannot be loaded once more (%s)", last_words);
	}
	*ret = clone;
	return 0;
}

int dp_clones(struct dp *dp, int ret[2], struct bh_err *err)
{
	const int r = dp->clone ? 0 : load_clone(dp, &dp->clone, err);

	if (r < 0)
		return r;
	ret[0] = bpf_program__fd(dp->clone->progs.bh_from_pod);
	ret[1] = bpf_program__fd(dp->clone->progs.bh_to_pod);
	return 0;
}

void dp_clones_free(struct dp *dp)
{
	policy_bpf__destroy(TAKE_PTR(dp->clone));
}

/* ---- the kernel's clock ------------------------------------------------------------------- */

static int jiffies(struct dp *dp, uint32_t *ret, struct bh_err *err)
{
	struct bh_query q = { 0 };
	const int r = dp_explain(dp, &q, err);

	*ret = q.jiffies;
	return r;
}

static int measure_hz(struct dp *dp, struct bh_err *err)
{
	struct hz_watch watch = { 0 };
	int tries, r;

	for (tries = 0; tries < 50000 && !dp->hz; tries++) {
		const uint64_t began_ns = clock_ns();
		uint32_t now;

		r = jiffies(dp, &now, err);
		if (r < 0)
			return r;
		dp->hz = hz_look(&watch, now, began_ns, clock_ns());
		usleep(100);
	}
	return dp->hz ? 0 : bh_err_set(err, -ETIME, "the programs' clock stands still");
}

static int check_meta(const struct dp *dp, struct bh_err *err)
{
	const struct bh_meta *meta = dp_meta(dp);

	if (meta->magic && (meta->magic != BH_MAGIC || meta->layout != BH_LAYOUT))
		return bh_err_set(err, -EUCLEAN,
				  "what is pinned under '%s' has layout %u, this version has %u", dp->pin_dir,
				  meta->layout, BH_LAYOUT);
	return 0;
}

static void init_meta(struct dp *dp)
{
	struct bh_meta *meta = dp_meta(dp);

	meta->event_jiffies = EVENT_SECONDS * dp->hz;
	meta->seed = dp->skel->rodata->bh_seed;
	meta->layout = BH_LAYOUT;
	meta->magic = BH_MAGIC;
}

/* ---- open and close ------------------------------------------------------------------------- */

/* Before the kernel is asked again, because that changes the last words. */
static int refused(int r, struct bh_err *err)
{
	char said[sizeof(last_words)];
	const char *lacks;

	memcpy(said, last_words, sizeof(said));
	lacks = kernel_lacks();
	if (lacks)
		return bh_err_set(err, -ENOTSUP, "this kernel has no %s: Bulkhead needs Linux 5.15 or newer",
				  lacks);
	return bh_err_errno(err, r, "the kernel refused the programs (%s)", said);
}

static int load(struct dp *dp, const struct dp_sizes *sizes, struct bh_err *err)
{
	int r;

	last_words[0] = '\0';
	(void)libbpf_set_print(keep_words);
	dp->skel = policy_bpf__open();
	if (!dp->skel)
		return bh_err_errno(err, -errno, "cannot open the BPF object");
	if (sizes)
		set_sizes(dp->skel, sizes);
	r = adopt_maps(dp, err);
	r = r ? r : set_seed(dp, err);
	if (r < 0)
		return r;
	r = policy_bpf__load(dp->skel);
	if (r < 0)
		return refused(r, err);
	r = map_arrays(dp, err);
	r = r ? r : check_meta(dp, err);
	return r ? r : measure_hz(dp, err);
}

/* From here on the kernel's side is ours. */
static int take(struct dp *dp, struct bh_err *err)
{
	const bool adopted = dp_meta(dp)->magic;
	int r = grace_init(&dp->grace, err);

	r = r ? r : pin_maps(dp, err);
	if (r)
		return r;
	init_meta(dp);
	r = pool_open(dp, adopted, err);
	return r ? r : pin_progs(dp, err);
}

static struct dp *dp_new(const char *pin_dir)
{
	struct dp *dp = calloc(1, sizeof(*dp));

	if (!dp)
		return NULL;
	dp->lock = dp->prog[0] = dp->prog[1] = -1;
	dp->cpus = libbpf_num_possible_cpus();
	dp->counters = (struct counters){ .cpus = dp->cpus, .lookup_batch = bpf_map_lookup_batch };
	dp->pin_dir = strdup(pin_dir);
	if (dp->pin_dir)
		return dp;
	free(dp);
	return NULL;
}

int dp_open(const char *pin_dir, const struct dp_sizes *sizes, struct dp **ret, struct bh_err *err)
{
	struct dp *dp = dp_new(pin_dir);
	int r;

	if (!dp)
		return bh_err_set(err, -ENOMEM, "no memory");
	r = lock_dirs(dp, err);
	r = r ? r : load(dp, sizes, err);
	r = r ? r : take(dp, err);
	if (r < 0) {
		dp_free(dp);
		return r;
	}
	*ret = dp;
	return 0;
}

/* Return: 1 what is pinned by this name is this very map, 0, or -errno. */
static int is_pinned(const struct dp *dp, const struct bpf_map *map)
{
	struct bpf_map_info own = { 0 }, pinned = { 0 };
	uint32_t len = sizeof(own);
	auto_fd int fd = -1;
	char path[256];

	fd = bpf_obj_get(pin_path(dp, bpf_map__name(map), path, sizeof(path)));
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (bpf_obj_get_info_by_fd(bpf_map__fd(map), &own, &len) < 0 ||
	    bpf_obj_get_info_by_fd(fd, &pinned, &len) < 0)
		return -errno;
	return own.id == pinned.id;
}

static int all_pinned(const struct dp *dp)
{
	struct bpf_map *map;
	int r = 1;

	bpf_object__for_each_map(map, dp->skel->obj)
		if (r > 0 && is_ours(map))
			r = is_pinned(dp, map);
	return r;
}

/* Whether another map has the name of one of ours by now. */
static bool is_stale(const struct dp *dp)
{
	struct bpf_map *map;
	char path[256];

	if (!dp->fresh)
		return all_pinned(dp) <= 0;
	bpf_object__for_each_map(map, dp->skel->obj)
		if (is_ours(map) && is_there(pin_path(dp, bpf_map__name(map), path, sizeof(path))) &&
		    is_pinned(dp, map) <= 0)
			return true;
	return false;
}

static int says_yes(void *ctx, const char *dir)
{
	char path[256];

	(void)ctx;
	(void)snprintf(path, sizeof(path), "%s/" PROG_TO_POD, dir);
	return is_there(path); /* pinned last */
}

/* Maps of our own making would be nobody's, but where our layout is to follow another one. */
static int load_prepared(struct dp *dp, const struct dp_sizes *sizes, struct bh_err *err)
{
	int r = -ENOENT;

	dp->fresh = !says_yes(NULL, dp->pin_dir);
	if (!dp->fresh)
		r = load(dp, NULL, err);
	else if (hook_beside(dp->pin_dir, says_yes, NULL) > 0)
		r = load(dp, sizes, err);
	if (!r && is_stale(dp))
		r = -ENOENT;
	return r != -ENOENT ? r : bh_err_set(err, r, "not everything is pinned under '%s' yet", dp->pin_dir);
}

int dp_prepare(const char *pin_dir, const struct dp_sizes *sizes, struct dp **ret, struct bh_err *err)
{
	struct dp *dp = dp_new(pin_dir);
	int r;

	if (!dp)
		return bh_err_set(err, -ENOMEM, "no memory");
	r = load_prepared(dp, sizes, err);
	if (r < 0) {
		dp_free(dp);
		return r;
	}
	*ret = dp;
	return 0;
}

int dp_take(struct dp *dp, struct bh_err *err)
{
	int r = lock_dirs(dp, err);

	if (r)
		return r;
	if (is_stale(dp))
		return bh_err_set(err, -ESTALE, "other maps are pinned under '%s' by now", dp->pin_dir);
	return take(dp, err);
}

void dp_free(struct dp *dp)
{
	if (!dp)
		return;
	grace_done(&dp->grace);
	pool_close(dp);
	ring_buffer__free(dp->ring);
	dp_unmap_array(&dp->endpoints);
	windows_done(&dp->classes);
	dp_unmap_array(&dp->ended);
	dp_unmap_array(&dp->meta);
	scope_close(&dp->prog[0]);
	scope_close(&dp->prog[1]);
	dp_clones_free(dp);
	dp_former_close(dp);
	policy_bpf__destroy(dp->skel);
	scope_close(&dp->lock);
	free(dp->pin_dir);
	free(dp);
}

int dp_prog_fd(const struct dp *dp, enum bh_dir dir)
{
	return dp->prog[dir];
}

int dp_pins_ok(const struct dp *dp)
{
	static const char *const progs[] = { PROG_FROM_POD, PROG_TO_POD };
	struct bpf_map *map;
	char path[256];
	size_t i;

	bpf_object__for_each_map(map, dp->skel->obj)
		if (is_ours(map) && !is_there(pin_path(dp, bpf_map__name(map), path, sizeof(path))))
			return 0;
	for (i = 0; i < ARRAY_SIZE(progs); i++)
		if (!is_there(pin_path(dp, progs[i], path, sizeof(path))))
			return 0;
	return 1;
}

/* The directory may be a new one (bpffs mounted afresh): the lock moves there too. */
int dp_repin(struct dp *dp, struct bh_err *err)
{
	int r;

	scope_close(&dp->lock);
	dp->lock = -1;
	r = open_pin_dir(dp, err);
	r = r ? r : pin_maps(dp, err);
	if (r)
		return r;
	scope_close(&dp->prog[0]);
	scope_close(&dp->prog[1]);
	dp->prog[0] = dp->prog[1] = -1;
	return pin_progs(dp, err);
}
