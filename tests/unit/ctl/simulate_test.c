/* SPDX-License-Identifier: Apache-2.0 */
/* What simulate asks, and what people read of the answers. */
#include "ctl/simulate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "ctl/ctl.h"
#include "util/scope.h"

/* What goes to the agent, and what is noted, of a file. */
static void assert_read(const char *text, const char *want, const char *want_notes)
{
	struct json_object *list = json_object_new_array(), *o = json_tokener_parse(want);
	char *notes = NULL;
	size_t len;
	FILE *out = open_memstream(&notes, &len);
	struct bh_err err;

	assert_int_equal(simulate_read("a.yaml", text, strlen(text), list, out, &err), 0);
	(void)fclose(out);
	assert_true(json_object_equal(list, o));
	assert_string_equal(notes, want_notes);
	free(notes);
	json_object_put(list);
	json_object_put(o);
}

static void policies_alone_are_sent(void **state)
{
	(void)state;
	assert_read(
		"apiVersion: v1\nkind: List\nitems:\n"
		"- {apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, status: {}, metadata: {name: a, uid: x, "
		"annotations: {b: c}}, spec: {podSelector: {}}}\n---\n---\n{apiVersion: v1, kind: Service, metadata: "
		"{name: s}}\n",
		"[{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"NetworkPolicy\",\"metadata\":{\"name\":\"a\"},"
		"\"spec\":{\"podSelector\":{}}}]",
		"a.yaml:7: Service 's' is no policy, ignoring\n");
	assert_read("kind: List\nitems: []\n", "[]", "");
}

static void assert_delete(const char *text, const char *want)
{
	struct json_object *o = simulate_delete(text), *wanted = want ? json_tokener_parse(want) : NULL;

	assert_true(json_object_equal(o, wanted));
	json_object_put(o);
	json_object_put(wanted);
}

static void what_goes(void **state)
{
	(void)state;
	assert_delete("NetworkPolicy/shop/db",
		      "{\"kind\":\"NetworkPolicy\",\"namespace\":\"shop\",\"name\":\"db\"}");
	assert_delete("ClusterSegmentationPolicy/x",
		      "{\"kind\":\"ClusterSegmentationPolicy\",\"namespace\":\"\",\"name\":\"x\"}");
	assert_delete("NetworkPolicy/db", NULL);
	assert_delete("ClusterNetworkPolicy/shop/db", NULL);
	assert_delete("Service/shop/db", NULL);
	assert_delete("db", NULL);
}

static struct json_object *answer(const char *const *items, size_t n)
{
	struct json_object *all =
		json_tokener_parse("{\"problems\":[],\"pairs\":[],\"sessions\":[],\"summary\":{}}");
	size_t i;

	for (i = 0; i < n; i++) {
		struct json_object *item = json_tokener_parse(items[i]);

		assert_non_null(item);
		simulate_take(all, item);
		json_object_put(item);
	}
	return all;
}

/* Ports that change alike are one line; two nodes are added up. */
static void people_read(void **state)
{
	static const char *const items[] = {
		"{\"kind\":\"problem\",\"node\":\"n1\",\"policy\":\"a/p\",\"path\":\"spec.x\",\"text\":\"is odd\"}",
		"{\"kind\":\"problem\",\"node\":\"n2\",\"policy\":\"a/p\",\"path\":\"spec.x\",\"text\":\"is odd\"}",
		"{\"kind\":\"pairs\",\"node\":\"n1\",\"direction\":\"ingress\",\"pods\":[\"a/x\"],\"pods_n\":3,\"peers\":"
		"[\"a/y\",\"10.0.0.0/8\",\"b\",\"c\"],\"peers_n\":9,\"changes\":["
		"{\"ports\":[{\"proto\":\"0-5\",\"ports\":\"any\"},{\"proto\":\"TCP\",\"ports\":\"0-79\"},"
		"{\"proto\":\"UDP\",\"ports\":\"any\"}],\"was\":\"allowed\","
		"\"was_rule\":null,\"was_isolated_by\":[],\"is\":\"denied\",\"is_rule\":null,\"is_isolated_by\":[\"a/p\"]},"
		"{\"ports\":[{\"proto\":\"TCP\",\"ports\":\"80\"}],\"was\":\"allowed\",\"was_rule\":null,\"was_isolated_by\":"
		"[],\"is\":\"audited\",\"is_rule\":\"a/p ingress[0]\",\"is_isolated_by\":[]},"
		"{\"ports\":[{\"proto\":\"TCP\",\"ports\":\"1\"}],\"but\":[{\"proto\":\"TCP\",\"ports\":\"22\"},"
		"{\"proto\":\"UDP\",\"ports\":\"53\"}],\"was\":\"allowed\",\"was_rule\":null,\"was_isolated_by\":"
		"[],\"is\":\"denied\",\"is_rule\":null,\"is_isolated_by\":[]},"
		"{\"ports\":[{\"proto\":\"TCP\",\"ports\":\"9\"}],\"was\":\"audited\",\"was_rule\":null,\"was_isolated_by\":"
		"[\"a/p\"],\"is\":\"allowed\",\"is_rule\":null,\"is_isolated_by\":[\"a/p\",\"a/r\"]}]}",
		"{\"kind\":\"session\",\"node\":\"n1\",\"pod\":\"a/x\",\"local\":\"10.0.0.1\",\"local_port\":80,\"remote\":"
		"\"10.0.0.2\",\"remote_port\":4,\"remote_name\":\"a/y\",\"proto\":\"TCP\",\"opener\":\"ingress\",\"bytes_in\":"
		"7,\"bytes_out\":5,\"was\":\"allowed\",\"was_rule\":\"a/q ingress[0]\",\"was_isolated_by\":[],\"is\":\"denied\","
		"\"is_rule\":null,\"is_isolated_by\":[\"a/p\"]}",
		"{\"kind\":\"summary\",\"node\":\"n1\",\"added\":1,\"replaced\":0,\"deleted\":0,\"pods\":3,\"pairs_denied\":9,"
		"\"pairs_allowed\":0,\"sessions\":4,\"sessions_denied\":1,\"sessions_allowed\":0,\"complete\":true}",
		"{\"kind\":\"summary\",\"node\":\"n2\",\"added\":1,\"replaced\":0,\"deleted\":0,\"pods\":2,\"pairs_denied\":1,"
		"\"pairs_audited\":4,\"pairs_allowed\":2,\"sessions\":3,\"sessions_denied\":0,\"sessions_audited\":6,\"sessions_allowed\":1,\"complete\":false}",
	};
	struct json_object *all = answer(items, ARRAY_SIZE(items));
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	simulate_print(out, all, false);
	(void)fclose(out);
	assert_string_equal(
		text,
		"not understood: a/p: spec.x is odd\n"
		"NODE  POD             DIRECTION  PEER                           PORTS                         WAS      BECAUSE             WOULD BE  BECAUSE\n"
		"n1    a/x and 2 more  ingress    a/y, 10.0.0.0/8, b and 1 more  protocols 0-5, TCP 0-79, UDP  allowed  nobody isolates it  denied    isolated by a/p\n"
		"n1    a/x and 2 more  ingress    a/y, 10.0.0.0/8, b and 1 more  TCP 80                        allowed  nobody isolates it  audited   a/p ingress[0]\n"
		"n1    a/x and 2 more  ingress    a/y, 10.0.0.0/8, b and 1 more  any but TCP 22, UDP 53        allowed  nobody isolates it  denied    -\n"
		"n1    a/x and 2 more  ingress    a/y, 10.0.0.0/8, b and 1 more  TCP 9                         audited  isolated by a/p     allowed   allowed by a/p, a/r, in mode Audit\n"
		"\n"
		"NODE  POD  LOCAL            REMOTE            PROTO  BYTES  WAS      BECAUSE         WOULD BE  BECAUSE\n"
		"n1    a/x  10.0.0.1:80  <-  10.0.0.2:4 (a/y)  TCP       12  allowed  a/q ingress[0]  denied    isolated by a/p\n"
		"\n"
		"policies  1 added, 0 replaced, 0 deleted; nothing of it is in force\n"
		"pairs     of 5 pods and their peers: 10 would be denied something, 4 audited, 2 allowed\n"
		"sessions  of 7 live ones: 1 would be cut, 6 audited, 1 allowed\n"
		"INCOMPLETE: an agent ran out of memory over it\n");
	free(text);
	json_object_put(all);
}

/* Of peers, which the agent tells no more than some of, no small number stands for a large one. */
static void assert_peers(const char *peers, const char *want)
{
	char item[600], *text = NULL;
	struct json_object *all;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)snprintf(
		item, sizeof(item),
		"{\"kind\":\"pairs\",\"direction\":\"egress\",\"pods\":[\"a/x\",\"a/y\",\"a/z\",\"a/w\"],"
		"\"pods_n\":400,%s,\"changes\":[{\"ports\":[{\"proto\":\"any\",\"ports\":\"any\"}],"
		"\"was\":\"denied\",\"is\":\"allowed\"}],\"changes_more\":7}",
		peers);
	all = answer((const char *[]){ item }, 1);
	simulate_print(out, all, false);
	(void)fclose(out);
	assert_non_null(strstr(text, "\na/x, a/y, a/z and 397 more  egress "));
	assert_non_null(strstr(text, want));
	assert_non_null(strstr(text, "  any (and 7 more)  "));
	free(text);
	json_object_put(all);
}

static void how_many_there_are(void **state)
{
	(void)state;
	assert_peers("\"peers\":[\"p\",\"q\",\"r\",\"s\",\"t\"],\"peers_n\":9,\"peers_more\":0",
		     "  p, q, r and 2 more  ");
	assert_peers("\"peers\":[\"p\",\"q\",\"r\",\"s\",\"t\"],\"peers_n\":9000,\"peers_more\":8990",
		     "  p, q, r and more: 9000 addresses and blocks  ");
	assert_peers("\"peers\":[\"p\",\"q\"],\"peers_n\":2,\"peers_more\":0", "  p, q  ");
}

/* Of many sessions those are shown that carried most, and those that would be cut before the others. */
static void many_sessions(void **state)
{
	char items[30][512], *text = NULL;
	const char *list[ARRAY_SIZE(items)];
	struct json_object *all;
	size_t len, i;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	for (i = 0; i < ARRAY_SIZE(items); i++) {
		(void)snprintf(
			items[i], sizeof(items[i]),
			"{\"kind\":\"session\",\"pod\":\"a/x\",\"local\":\"10.0.0.1\",\"local_port\":%zu,\"remote\":"
			"\"10.0.0.2\",\"remote_port\":4,\"proto\":\"TCP\",\"opener\":\"ingress\",\"bytes_in\":%zu,"
			"\"was\":\"%s\",\"is\":\"%s\"}",
			100 + i, i, i == 1 ? "allowed" : "denied", i == 1 ? "denied" : "allowed");
		list[i] = items[i];
	}
	all = answer(list, ARRAY_SIZE(list));
	simulate_print(out, all, false);
	(void)fclose(out);
	assert_non_null(strstr(text, "BECAUSE\na/x  10.0.0.1:101  <-")); /* the one that would be cut */
	assert_non_null(strstr(text, "10.0.0.1:129"));
	assert_non_null(strstr(text, "10.0.0.1:111"));
	assert_null(strstr(text, "10.0.0.1:110"));
	assert_non_null(strstr(text, "and 10 sessions that carried less; -o json has all\n"));
	free(text);
	json_object_put(all);
}

static void assert_exits(const char *summary, int code, int wanted)
{
	struct json_object *all = answer((const char *[]){ summary }, 1);

	assert_int_equal(simulate_code(all, code), wanted);
	json_object_put(all);
}

static void scripts_read(void **state)
{
	(void)state;
	assert_exits("{\"kind\":\"summary\",\"pairs_denied\":0,\"complete\":true}", CTL_OK, CTL_OK);
	assert_exits("{\"kind\":\"summary\",\"pairs_denied\":1,\"complete\":false}", CTL_OK, CTL_NEGATIVE);
	assert_exits("{\"kind\":\"summary\",\"pairs_denied\":0,\"complete\":false}", CTL_OK, CTL_PARTIAL);
}

/* One policy, padded until the line has @len bytes with its end. */
static int fits(size_t len, struct bh_err *err)
{
	struct json_object *o = json_tokener_parse("{\"v\":1,\"op\":\"simulate\",\"policies\":[\"\"]}");
	struct json_object *one = json_object_array_get_idx(ctl_get(o, "policies"), 0);
	auto_free char *pad = malloc(len);
	size_t empty;
	int r;

	assert_non_null(api_text(o, &empty));
	memset(pad, '/', len); /* which JSON may escape, and a line of ours does not */
	json_object_set_string_len(one, pad, (int)(len - 1 - empty));
	r = simulate_fits(o, err);
	json_object_put(o);
	return r;
}

static void all_in_one_line(void **state)
{
	struct bh_err err;

	(void)state;
	assert_int_equal(fits(API_LONG_MAX, &err), 0);
	assert_int_equal(fits(API_LONG_MAX + 1, &err), -E2BIG);
	assert_non_null(strstr(err.msg, "1 policies take 1048576 bytes, and the agent takes 1048575: "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policies_alone_are_sent),
		cmocka_unit_test(what_goes),
		cmocka_unit_test(people_read),
		cmocka_unit_test(how_many_there_are),
		cmocka_unit_test(many_sessions),
		cmocka_unit_test(scripts_read),
		cmocka_unit_test(all_in_one_line),
	};

	return cmocka_run_group_tests_name("simulate", tests, NULL, NULL);
}
