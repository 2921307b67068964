/* SPDX-License-Identifier: Apache-2.0 */
/* Pods' names as Kubernetes makes them, and what else an end of a flow can be. */
#include "ctl/who.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "util/scope.h"

static const struct {
	const char *name, *node, *addr;
	const char *id, *kind;
} rows[] = {
	/* pods */
	{ "shop/web-6f7c9d8b54-x2v4z", "", "", "shop/web", "Deployment" },
	{ "shop/web-api-5c8f7d-x2v4z", "", "", "shop/web-api", "Deployment" },
	{ "kube-system/kube-proxy-x2v4z", "", "", "kube-system/kube-proxy", "Set" },
	{ "shop/backup-28934520-x2v4z", "", "", "shop/backup", "CronJob" },
	{ "shop/db-0", "", "", "shop/db", "StatefulSet" },
	{ "shop/db-12", "", "", "shop/db", "StatefulSet" },
	{ "shop/web", "", "", "shop/web", "Pod" },
	{ "shop/web-api", "", "", "shop/web-api", "Pod" },
	{ "shop/web-x2v4a", "", "", "shop/web-x2v4a", "Pod" },	     /* an a: not drawn */
	{ "shop/my-v1-x2v4z", "", "", "shop/my-v1", "Set" },	     /* v1 is no hash */
	{ "shop/my-server-x2v4z", "", "", "shop/my-server", "Set" }, /* nor is server: it has an e */
	{ "shop/web-20261128", "", "", "shop/web-20261128", "Pod" }, /* no ordinal */
	{ "shop/x2v4z", "", "", "shop/x2v4z", "Pod" },
	{ "shop/-x2v4z", "", "", "shop/-x2v4z", "Pod" },
	{ "shop/", "", "", "shop/", "Pod" },
	/* others */
	{ "service 'shop/web'", "", "", "Service shop/web", "Service" },
	{ "node 'n2'", "n1", "", "Host n2", "Host" },
	{ "node", "n1", "", "Host n1", "Host" },
	{ "node", "", "", "Host this node", "Host" },
	{ "", "", "203.0.113.7", "World", "World" },
	{ "", "", "2001:db8::1", "World", "World" },
	{ "", "", "10.1.2.3", "CIDR 10.1.2.0/24", "CIDR" },
	{ "", "", "172.32.0.1", "World", "World" },
	{ "", "", "fd00:0:0:1::7", "CIDR fd00:0:0:1::/64", "CIDR" },
	{ "", "", "no address", "World", "World" },
	{ "", "", "", "World", "World" },
};

static void test_rows(void **state)
{
	char id[WHO_ID];
	struct who w;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		who_is(rows[i].name, rows[i].node, rows[i].addr, &w);
		assert_string_equal(who_id(&w, id), rows[i].id);
		assert_string_equal(w.kind, rows[i].kind);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows) };

	return cmocka_run_group_tests_name("ctl/who", tests, NULL, NULL);
}
