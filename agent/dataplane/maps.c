/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the maps the programs decide by, and changing them one step at a time. */
#include "dataplane/dp_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/order.h"
#include "util/scope.h"

/* ---- reading ------------------------------------------------------------------------------ */

/* Calls @each with every key of a hash or LPM map. Nobody else writes them meanwhile (the lock). */
static int each_key(int fd, size_t key_size, int (*each)(void *ctx, const void *key), void *ctx)
{
	union {
		uint8_t b[64];
		uint64_t align;
	} key, next;
	const void *from = NULL;
	int r;

	if (key_size > sizeof(key.b))
		return -EINVAL;
	while (bpf_map_get_next_key(fd, from, next.b) == 0) {
		r = each(ctx, next.b);
		if (r < 0)
			return r;
		memcpy(key.b, next.b, key_size);
		from = key.b;
	}
	return errno == ENOENT ? 0 : -errno;
}

struct reader {
	struct dp *dp;
	struct actual *a;
};

static int read_id(void *ctx, const void *key)
{
	const struct reader *r = ctx;
	struct actual_id *id = vec_add(&r->a->ids);

	if (!id)
		return -ENOMEM;
	memcpy(&id->key, key, sizeof(id->key));
	return bpf_map_lookup_elem(DP_FD(r->dp, bh_ids), key, &id->id) < 0 ? -errno : 0;
}

static int read_row(void *ctx, const void *key)
{
	const struct reader *r = ctx;
	struct actual_row *row = vec_add(&r->a->rows);

	if (!row)
		return -ENOMEM;
	memcpy(&row->key, key, sizeof(row->key));
	return bpf_map_lookup_elem(DP_FD(r->dp, bh_rows), key, &row->row) < 0 ? -errno : 0;
}

static int read_location(const struct reader *r, int fd, const void *key, const struct cidr *cidr,
			 bool is_block)
{
	struct actual_location *l = vec_add(&r->a->locations);

	if (!l)
		return -ENOMEM;
	l->cidr = *cidr;
	l->is_block = is_block;
	if (bpf_map_lookup_elem(fd, key, &l->slot) < 0)
		return -errno;
	return l->slot < r->a->size.classes ? 0 : -EUCLEAN;
}

static int read_addr(void *ctx, const void *key)
{
	const struct reader *r = ctx;
	struct cidr cidr = { .len = 128 };

	memcpy(&cidr.addr, key, sizeof(cidr.addr));
	return read_location(r, DP_FD(r->dp, bh_addrs), key, &cidr, false);
}

static int read_cidr(void *ctx, const void *key)
{
	const struct bh_cidr_key *k = key;
	const struct reader *r = ctx;
	struct cidr cidr = { .len = (uint8_t)k->prefixlen };

	memcpy(&cidr.addr, &k->addr, sizeof(cidr.addr));
	return read_location(r, DP_FD(r->dp, bh_cidrs), key, &cidr, true);
}

static int read_slices(const struct reader *r)
{
	const int fd = DP_FD(r->dp, bh_ranges);
	size_t i;
	uint32_t n;

	for (i = 0; i < r->a->ids.n; i++) {
		const struct actual_id *id = &r->a->ids.v[i];

		if (id->key.kind != BH_ID_SLICE)
			continue;
		if (id->key.id >= r->a->size.ranges || id->id.len > r->a->size.ranges - id->key.id)
			return -EUCLEAN;
		for (n = id->key.id; n < id->key.id + id->id.len; n++)
			if (bpf_map_lookup_elem(fd, &n, &r->a->ranges[n]) < 0)
				return -errno;
	}
	return 0;
}

static int read_all(const struct reader *r)
{
	int n = each_key(DP_FD(r->dp, bh_ids), sizeof(struct bh_id_key), read_id, (void *)r);

	n = n ? n : each_key(DP_FD(r->dp, bh_rows), sizeof(struct bh_row_key), read_row, (void *)r);
	n = n ? n : each_key(DP_FD(r->dp, bh_addrs), sizeof(struct bh_addr), read_addr, (void *)r);
	n = n ? n : each_key(DP_FD(r->dp, bh_cidrs), sizeof(struct bh_cidr_key), read_cidr, (void *)r);
	return n ? n : read_slices(r);
}

#define WORD_WINDOWS 16 /* pages of bh_classes that stay mapped */

static uint32_t *class_word(const struct dp *dp, uint32_t slot)
{
	return (uint32_t *)(dp->classes.at + slot * dp->classes.stride);
}

/* Zeros stay unwritten: pages that nobody writes to take no memory, and most of these arrays is never in use.
 */
static int read_arrays(struct dp *dp, struct actual *a)
{
	static const struct bh_endpoint none;
	const int r = windows_open(&dp->classes, 0, a->size.classes);
	uint32_t i;

	if (r < 0)
		return r;
	for (i = 0; i < a->size.classes; i++) {
		const uint32_t word = *class_word(dp, i);

		if (word)
			a->words[i] = word;
	}
	windows_close(&dp->classes);
	for (i = 0; i < BH_EP_SLOTS; i++)
		if (memcmp(dp_endpoint(dp, i), &none, sizeof(none)))
			a->endpoints[i] = *dp_endpoint(dp, i);
	return 0;
}

int dp_read(struct dp *dp, struct actual **ret, struct bh_err *err)
{
	const struct actual_sizes size = {
		.addrs = bpf_map__max_entries(dp->skel->maps.bh_addrs),
		.cidrs = bpf_map__max_entries(dp->skel->maps.bh_cidrs),
		.classes = bpf_map__max_entries(dp->skel->maps.bh_classes),
		.rows = bpf_map__max_entries(dp->skel->maps.bh_rows),
		.ranges = bpf_map__max_entries(dp->skel->maps.bh_ranges),
		.rules = bpf_map__max_entries(dp->skel->maps.bh_rules),
		.ids = bpf_map__max_entries(dp->skel->maps.bh_ids),
	};
	struct reader reader = { .dp = dp, .a = actual_new(&size) };
	int r;

	if (!reader.a)
		return -ENOMEM;
	r = read_all(&reader);
	r = r < 0 ? r : read_arrays(dp, reader.a);
	if (r < 0) {
		actual_free(reader.a);
		return bh_err_errno(err, r, "cannot read the pinned maps");
	}
	reader.a->epoch = dp_meta(dp)->epoch;
	actual_sort(reader.a);
	*ret = reader.a;
	return 0;
}

/* ---- changing ----------------------------------------------------------------------------- */

static void store(uint32_t *at, uint32_t value)
{
	__atomic_store_n(at, value, __ATOMIC_RELEASE);
}

static int set(int fd, const void *key, const void *value)
{
	return bpf_map_update_elem(fd, key, value, BPF_ANY) < 0 ? -errno : 0;
}

static int del(int fd, const void *key)
{
	return bpf_map_delete_elem(fd, key) < 0 && errno != ENOENT ? -errno : 0;
}

/* A rule's counters start at nought when its id gets a meaning. */
static int zero_rule(struct dp *dp, uint32_t rule)
{
	struct bh_count *zeros = calloc((size_t)dp->cpus, sizeof(*zeros));
	const int r = zeros ? set(DP_FD(dp, bh_rules), &rule, zeros) : -ENOMEM;

	free(zeros);
	if (rule < dp->ended.n)
		memset(mapped_at(&dp->ended, rule), 0, sizeof(struct bh_count));
	return r;
}

static int set_id(struct dp *dp, const struct step *s)
{
	const int r = s->id.key.kind == BH_ID_RULE ? zero_rule(dp, s->id.key.id) : 0;

	return r ? r : set(DP_FD(dp, bh_ids), &s->id.key, &s->id.id);
}

static struct bh_cidr_key cidr_key(const struct cidr *c)
{
	struct bh_cidr_key k = { .prefixlen = c->len };

	memcpy(&k.addr, &c->addr, sizeof(k.addr));
	return k;
}

/* All but the ifindex first: a program that finds the ifindex finds the rest. */
static int new_endpoint(struct dp *dp, const struct step *s, struct bh_err *err)
{
	struct bh_endpoint *ep = dp_endpoint(dp, s->ep.slot), fresh = s->ep.ep;
	const int r = pool_give(dp, s->ep.slot, &fresh, err);

	if (r < 0)
		return r;
	store(&dp_meta(dp)->epoch, fresh.epoch);
	fresh.ifindex = 0;
	memcpy(ep, &fresh, sizeof(fresh));
	store(&ep->ifindex, s->ep.ep.ifindex);
	if (s->ep.slot < BH_EP_DIRECT)
		return 0;
	return set(DP_FD(dp, bh_ep_index), &s->ep.ep.ifindex, &s->ep.slot);
}

static int del_endpoint(struct dp *dp, const struct step *s)
{
	struct bh_endpoint *ep = dp_endpoint(dp, s->word.slot);
	const uint32_t ifindex = ep->ifindex;
	uint32_t slot;

	store(&ep->ifindex, 0);
	pool_take_back(dp, s->word.slot);
	if (bpf_map_lookup_elem(DP_FD(dp, bh_ep_index), &ifindex, &slot) == 0 && slot == s->word.slot)
		return del(DP_FD(dp, bh_ep_index), &ifindex);
	return 0;
}

static int set_epoch(struct dp *dp, const struct step *s)
{
	store(&dp_meta(dp)->epoch, s->word.word);
	store(&dp_endpoint(dp, s->word.slot)->epoch, s->word.word);
	return 0;
}

/* Slots follow each other, most of them, so that a few pages serve many words. */
static int set_class_word(struct dp *dp, const struct step *s)
{
	int r;

	if (dp->classes.open.n >= WORD_WINDOWS)
		windows_close(&dp->classes);
	r = windows_open(&dp->classes, s->word.slot, 1);
	if (!r)
		store(class_word(dp, s->word.slot), s->word.word);
	return r;
}

static int run_step(struct dp *dp, const struct step *s, struct bh_err *err)
{
	struct bh_cidr_key cidr;

	switch (s->kind) {
	case STEP_GRACE:
		return grace_wait(&dp->grace, err);
	case STEP_ID_SET:
		return set_id(dp, s);
	case STEP_ID_DEL:
		return del(DP_FD(dp, bh_ids), &s->id.key);
	case STEP_RANGE:
		return set(DP_FD(dp, bh_ranges), &s->range.index, &s->range.range);
	case STEP_ROW_SET:
		return set(DP_FD(dp, bh_rows), &s->row.key, &s->row.row);
	case STEP_ROW_DEL:
		return del(DP_FD(dp, bh_rows), &s->row.key);
	case STEP_CLASS_WORD:
		return set_class_word(dp, s);
	case STEP_ADDR_SET:
		return set(DP_FD(dp, bh_addrs), &s->location.cidr.addr, &s->location.slot);
	case STEP_ADDR_DEL:
		return del(DP_FD(dp, bh_addrs), &s->location.cidr.addr);
	case STEP_CIDR_SET:
	case STEP_CIDR_DEL:
		cidr = cidr_key(&s->location.cidr);
		return s->kind == STEP_CIDR_SET ? set(DP_FD(dp, bh_cidrs), &cidr, &s->location.slot)
						: del(DP_FD(dp, bh_cidrs), &cidr);
	case STEP_EP_NEW:
		return new_endpoint(dp, s, err);
	case STEP_EP_SET:
		store(&dp_endpoint(dp, s->word.slot)->policy_set, s->word.word);
		return 0;
	case STEP_EP_FLAGS:
		__atomic_store_n(&dp_endpoint(dp, s->word.slot)->flags, (uint8_t)s->word.word,
				 __ATOMIC_RELEASE);
		return 0;
	case STEP_EP_EPOCH:
		return set_epoch(dp, s);
	case STEP_EP_DEL:
		return del_endpoint(dp, s);
	}
	return -EINVAL;
}

static const char *step_text(enum step_kind kind)
{
	static const char *const texts[] = {
		[STEP_GRACE] = "grace",
		[STEP_ID_SET] = "set in bh_ids",
		[STEP_ID_DEL] = "delete in bh_ids",
		[STEP_RANGE] = "set in bh_ranges",
		[STEP_ROW_SET] = "set in bh_rows",
		[STEP_ROW_DEL] = "delete in bh_rows",
		[STEP_CLASS_WORD] = "set in bh_classes",
		[STEP_ADDR_SET] = "set in bh_addrs",
		[STEP_ADDR_DEL] = "delete in bh_addrs",
		[STEP_CIDR_SET] = "set in bh_cidrs",
		[STEP_CIDR_DEL] = "delete in bh_cidrs",
		[STEP_EP_NEW] = "new in bh_endpoints",
		[STEP_EP_SET] = "set in bh_endpoints",
		[STEP_EP_FLAGS] = "flags in bh_endpoints",
		[STEP_EP_EPOCH] = "epoch in bh_endpoints",
		[STEP_EP_DEL] = "delete in bh_endpoints",
	};

	return texts[kind];
}

int dp_step(struct dp *dp, const struct step *s, struct bh_err *err)
{
	const int r = run_step(dp, s, err);

	return r < 0 ? bh_err_errno(err, r, "%s", step_text(s->kind)) : 0;
}

/* ---- ports that lead elsewhere -------------------------------------------------------------- */

struct port_list {
	const uint32_t *ports;
	size_t n;
	VEC(uint32_t) gone;
};

static int note_gone(void *ctx, const void *key)
{
	struct port_list *l = ctx;
	uint32_t port, *gone;

	memcpy(&port, key, sizeof(port));
	if (l->n && bsearch(&port, l->ports, l->n, sizeof(port), policy_index_cmp))
		return 0;
	gone = vec_add(&l->gone);
	if (!gone)
		return -ENOMEM;
	*gone = port;
	return 0;
}

/* What is new first: where both do not fit, only as many go before as room is needed for. */
static int replace_ports(int fd, const struct port_list *l, size_t max)
{
	const uint8_t one = 1;
	size_t i, gone = 0;
	int r = 0;

	for (; !r && l->n + l->gone.n - gone > max; gone++)
		r = del(fd, &l->gone.v[gone]);
	for (i = 0; !r && i < l->n; i++)
		r = set(fd, &l->ports[i], &one);
	for (; !r && gone < l->gone.n; gone++)
		r = del(fd, &l->gone.v[gone]);
	return r;
}

uint32_t dp_node_ports_max(const struct dp *dp)
{
	return bpf_map__max_entries(dp->skel->maps.bh_node_ports);
}

int dp_set_node_ports(struct dp *dp, const uint32_t *ports, size_t n, struct bh_err *err)
{
	const uint32_t max = dp_node_ports_max(dp);
	const int fd = DP_FD(dp, bh_node_ports);
	struct port_list list = { .ports = ports, .n = n };
	int r;

	if (n > max)
		return bh_err_set(err, -ENOSPC,
				  "map bh_node_ports has room for %u hostPorts, nodePorts and other ports of "
				  "this node that lead elsewhere, %zu needed",
				  max, n);
	r = each_key(fd, sizeof(uint32_t), note_gone, &list);
	if (!r)
		r = replace_ports(fd, &list, max);
	vec_done(&list.gone);
	return r < 0 ? bh_err_errno(err, r, "bh_node_ports") : 0;
}

/* ---- the emergency switch ------------------------------------------------------------------- */

bool dp_node_is_open(const struct dp *dp)
{
	return __atomic_load_n(&dp_meta(dp)->open, __ATOMIC_RELAXED);
}

void dp_set_node_open(struct dp *dp, bool open)
{
	__atomic_store_n(&dp_meta(dp)->open, open, __ATOMIC_RELAXED);
}
