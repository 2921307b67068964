/* SPDX-License-Identifier: Apache-2.0 */
/* Which veth is whose, and what a veth sees of a connection. Pure. */
#include "match.h"

#include <linux/netfilter/nf_conntrack_tcp.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "conntrack.h"
#include "util/scope.h"

/* ---- pods and veths ----------------------------------------------------------------------- */

struct world {
	struct pod *pods[4];
	size_t n;
	pod_vec local;
	stray_vec strays;
};

static struct addr addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static void add_pod(struct world *w, const char *name, const char *v4, const char *v6)
{
	struct pod *p = pod_new("shop", name);
	const struct pod **slot = vec_add(&w->local);

	assert_true(p && slot);
	*(struct addr *)vec_add(&p->addrs) = addr(v4);
	if (v6)
		*(struct addr *)vec_add(&p->addrs) = addr(v6);
	*slot = w->pods[w->n++] = p;
}

static void add_stray(struct world *w, const char *a, const char *b)
{
	struct stray *s = vec_add(&w->strays);

	assert_non_null(s);
	*(struct addr *)vec_add(&s->addrs) = addr(a);
	*(struct addr *)vec_add(&s->addrs) = addr(b);
}

static enum match match(struct world *w, size_t pod, size_t *ret, size_t *ret_n)
{
	return match_pod(w->pods[pod], &w->local, &w->strays, ret, ret_n);
}

static void done(struct world *w)
{
	while (w->n)
		pod_free(w->pods[--w->n]);
	vec_done(&w->local);
	for (; w->strays.n; w->strays.n--)
		vec_done(&w->strays.v[w->strays.n - 1].addrs);
	vec_done(&w->strays);
}

static void by_its_addresses(void **state)
{
	struct world w = {};
	size_t at[4], n;

	(void)state;
	add_pod(&w, "web", "10.0.0.2", "fd00::2");
	add_pod(&w, "db", "10.0.0.3", NULL);
	add_stray(&w, "10.0.0.9", "fe80::1");
	add_stray(&w, "10.0.0.3",
		  "fe80::1"); /* what the pod does not tell of is its interface's all the same */
	add_stray(&w, "10.0.0.2", "fd00::2");
	assert_int_equal(match(&w, 0, at, &n), MATCH_FOUND);
	assert_int_equal(n, 1);
	assert_int_equal(at[0], 2);
	assert_int_equal(match(&w, 1, at, &n), MATCH_FOUND);
	assert_int_equal(n, 1);
	assert_int_equal(at[0], 1);
	done(&w);
}

static void two_interfaces_of_one_pod(void **state)
{
	struct world w = {};
	size_t at[4], n;

	(void)state;
	add_pod(&w, "web", "10.0.0.2", "fd00::2");
	add_stray(&w, "10.0.0.2", "fe80::1");
	add_stray(&w, "fd00::2", "fe80::2");
	assert_int_equal(match(&w, 0, at, &n), MATCH_FOUND);
	assert_int_equal(n, 2);
	done(&w);
}

static void what_is_not_certain(void **state)
{
	struct world w = {};
	size_t at[4], n;

	(void)state;
	add_pod(&w, "web", "10.0.0.2", NULL);
	assert_int_equal(match(&w, 0, at, &n), MATCH_NONE);
	add_stray(&w, "10.0.0.2", "10.0.0.3");
	assert_int_equal(match(&w, 0, at, &n), MATCH_FOUND);
	add_pod(&w, "db", "10.0.0.3", NULL);
	assert_int_equal(match(&w, 0, at, &n), MATCH_OTHERS);
	assert_int_equal(n, 0);
	assert_int_equal(match(&w, 1, at, &n), MATCH_OTHERS);
	done(&w);
	add_pod(&w, "web", "10.0.0.2", NULL);
	add_stray(&w, "10.0.0.2", "fe80::1");
	add_stray(&w, "10.0.0.2", "fe80::2");
	assert_int_equal(match(&w, 0, at, &n), MATCH_SHARED);
	assert_int_equal(n, 0);
	done(&w);
}

/* A pod with CAP_NET_ADMIN can give itself others' addresses, which keeps nobody from being found. */
static void forged(void **state)
{
	struct world w = {};
	size_t at[4], n, i;

	(void)state;
	add_pod(&w, "web", "10.0.0.2", "fd00::2");
	add_pod(&w, "db", "10.0.0.3", NULL);
	add_pod(&w, "forger", "10.0.0.4", NULL);
	add_stray(&w, "10.0.0.4", "10.0.0.3");
	add_stray(&w, "10.0.0.2", "fd00::2");
	add_stray(&w, "10.0.0.3", "fe80::1");
	*(struct addr *)vec_add(&w.strays.v[0].addrs) = addr("fd00::2");
	for (i = 0; i < 3; i++) {
		assert_int_equal(match(&w, i, at, &n), MATCH_FOUND);
		assert_int_equal(n, 1);
		assert_int_equal(at[0], (i + 1) % 3);
	}
	done(&w);
}

/* ---- connections -------------------------------------------------------------------------- */

#define POD  "10.0.0.2"
#define POD2 "10.0.0.3"
#define SVC  "10.96.0.10"
#define NODE "192.0.2.1"
#define OUT  "198.51.100.7"

struct tuple {
	const char *src, *dst;
	uint16_t sport, dport;
};

struct seen {
	const char *remote;
	uint16_t lport, rport;
	bool opened;
};

static struct conntrack_tuple tuple_of(const struct tuple *t)
{
	return (struct conntrack_tuple){
		.src = addr(t->src), .dst = addr(t->dst), .sport = htons(t->sport), .dport = htons(t->dport)
	};
}

/* What the veth of POD sees, whichever translation there is on the way. */
static void views(void **state)
{
	static const struct {
		const char *name;
		struct tuple orig, reply;
		size_t n;
		struct seen seen[2];
		bool plain;
	} rows[] = {
		{ "out, plain",
		  { POD, OUT, 4000, 80 },
		  { OUT, POD, 80, 4000 },
		  1,
		  { { OUT, 4000, 80, true } },
		  true },
		{ "out, masqueraded",
		  { POD, OUT, 4000, 80 },
		  { OUT, NODE, 80, 61000 },
		  1,
		  { { OUT, 4000, 80, true } },
		  false },
		{ "out to a Service",
		  { POD, SVC, 4000, 80 },
		  { POD2, POD, 8080, 4000 },
		  1,
		  { { SVC, 4000, 80, true } },
		  false },
		{ "in, plain",
		  { OUT, POD, 4000, 80 },
		  { POD, OUT, 80, 4000 },
		  1,
		  { { OUT, 80, 4000, false } },
		  true },
		{ "in by a nodePort",
		  { OUT, NODE, 4000, 30080 },
		  { POD, OUT, 8080, 4000 },
		  1,
		  { { OUT, 8080, 4000, false } },
		  false },
		{ "in by a nodePort, masqueraded",
		  { OUT, NODE, 4000, 30080 },
		  { POD, NODE, 8080, 61000 },
		  1,
		  { { NODE, 8080, 61000, false } },
		  false },
		{ "in through a Service",
		  { POD2, SVC, 4000, 80 },
		  { POD, POD2, 8080, 4000 },
		  1,
		  { { POD2, 8080, 4000, false } },
		  false },
		{ "to itself through a Service",
		  { POD, SVC, 4000, 80 },
		  { POD, NODE, 8080, 61000 },
		  2,
		  { { SVC, 4000, 80, true }, { NODE, 8080, 61000, false } },
		  false },
		{ "others'", { POD2, OUT, 4000, 80 }, { OUT, POD2, 80, 4000 }, 0, { { 0 } }, true },
	};
	const struct addr pod = addr(POD);
	size_t i, k;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct conntrack c = { .orig = tuple_of(&rows[i].orig),
					     .reply = tuple_of(&rows[i].reply),
					     .proto = IPPROTO_UDP };
		struct conntrack_view v[2] = { 0 };

		print_message("%s\n", rows[i].name);
		assert_int_equal(conntrack_is_plain(&c), rows[i].plain);
		assert_int_equal(conntrack_views(&c, &pod, v), rows[i].n);
		for (k = 0; k < rows[i].n; k++) {
			const struct addr remote = addr(rows[i].seen[k].remote);

			assert_int_equal(addr_cmp(&v[k].local, &pod), 0);
			assert_int_equal(addr_cmp(&v[k].remote, &remote), 0);
			assert_int_equal(v[k].lport, htons(rows[i].seen[k].lport));
			assert_int_equal(v[k].rport, htons(rows[i].seen[k].rport));
			assert_int_equal(v[k].opened, rows[i].seen[k].opened);
		}
	}
}

/* A first packet that was answered by nobody yet counts; what has ended does not. */
static void what_is_over(void **state)
{
	const struct tuple orig = { POD, OUT, 4000, 80 }, reply = { OUT, POD, 80, 4000 };
	struct conntrack c = { .orig = tuple_of(&orig), .reply = tuple_of(&reply), .proto = IPPROTO_TCP };
	const struct addr pod = addr(POD);
	struct conntrack_view v[2];

	(void)state;
	for (c.tcp_state = TCP_CONNTRACK_NONE; c.tcp_state < TCP_CONNTRACK_MAX; c.tcp_state++)
		assert_int_equal(conntrack_views(&c, &pod, v),
				 c.tcp_state != TCP_CONNTRACK_NONE && c.tcp_state < TCP_CONNTRACK_TIME_WAIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_its_addresses),
		cmocka_unit_test(two_interfaces_of_one_pod),
		cmocka_unit_test(what_is_not_certain),
		cmocka_unit_test(forged),
		cmocka_unit_test(views),
		cmocka_unit_test(what_is_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
