/* SPDX-License-Identifier: Apache-2.0 */
/* Pods' names as Kubernetes makes them, and what else an end of a flow can be. */
#include "ctl/who.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

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

#define LONG "a-deployment-with-a-name-that-leaves-little-room-for-the" /* 56 */

static const struct {
	const char *name, *labels, *id, *kind;
} owned[] = {
	{ "s/web-6f7c9d8b54-x2v4z", "{\"pod-template-hash\":\"6f7c9d8b54\"}", "s/web", "Deployment" },
	{ "s/web-1234567-x2v4z", "{\"pod-template-hash\":\"1234567\"}", "s/web", "Deployment" }, /* no time */
	{ "s/web-x2v4z", "{\"pod-template-hash\":\"6f7c9d8b54\"}", "s/web", "Set" }, /* not by its name */
	{ "s/" LONG "-6x2v4z", "{\"pod-template-hash\":\"6f7c9d8b54\"}", "s/" LONG,
	  "Deployment" },								    /* 63: cut */
	{ "s/" LONG "-6x2v4", "{\"pod-template-hash\":\"6f7c9d8b54\"}", "s/" LONG, "Set" }, /* 62: not */
	{ "s/web-6f7c-x2v4z", "{\"rollouts-pod-template-hash\":\"6f7c\"}", "s/web", "Rollout" },
	{ "s/proxy-bcdfgh-x2v4z", "{\"controller-revision-hash\":\"7d9c8b6f54\"}", "s/proxy-bcdfgh",
	  "DaemonSet" },
	{ "s/db-0",
	  "{\"controller-revision-hash\":\"db-7d9c\",\"statefulset.kubernetes.io/pod-name\":\"db-0\"}",
	  "s/db", "StatefulSet" },
	{ "s/db-12345", "{\"statefulset.kubernetes.io/pod-name\":\"db-12345\"}", "s/db", "StatefulSet" },
	{ "s/db-x2v4z", "{\"statefulset.kubernetes.io/pod-name\":\"db-0\"}", "s/db", "Set" },
	{ "s/move-x2v4z", "{\"batch.kubernetes.io/job-name\":\"move\"}", "s/move", "Job" },
	{ "s/move-3-x2v4z", "{\"job-name\":\"move\"}", "s/move", "Job" }, /* indexed */
	{ "s/backup-28934520-x2v4z", "{\"job-name\":\"backup-28934520\"}", "s/backup", "CronJob" },
	{ "s/other-x2v4z", "{\"job-name\":\"move\"}", "s/other", "Set" },
	{ "s/web-6f7c9d8b54-x2v4z", "{\"app\":\"web\"}", "s/web", "Deployment" }, /* as it would be without */
	{ "s/web-6f7c9d8b54-x2v4z", "{\"pod-template-hash\":7}", "s/web", "Deployment" },
	{ "s/x2v4z", "{\"controller-revision-hash\":\"7d9c\"}", "s/x2v4z", "Pod" },
};

static void test_owners(void **state)
{
	char id[WHO_ID];
	struct who w;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(owned); i++) {
		struct json_object *labels = json_tokener_parse(owned[i].labels);

		assert_non_null(labels);
		who_owns(owned[i].name, labels, &w);
		json_object_put(labels);
		if (strcmp(who_id(&w, id), owned[i].id) || strcmp(w.kind, owned[i].kind))
			fail_msg("%s %s: %s %s", owned[i].name, owned[i].labels, w.kind, id);
	}
	who_owns("s/web-0", NULL, &w);
	assert_string_equal(w.kind, "StatefulSet");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_owners) };

	return cmocka_run_group_tests_name("ctl/who", tests, NULL, NULL);
}
