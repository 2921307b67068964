/* SPDX-License-Identifier: Apache-2.0 */
/* A cluster whose kubectl is a script of the test's own, in a directory of its own. */
#ifndef TESTS_UNIT_CTL_NODES_H
#define TESTS_UNIT_CTL_NODES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/buf.h"

#define NODES_DIR 64

static inline void nodes_write(const char *dir, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	(void)fputs(text, f);
	(void)fclose(f);
	assert_int_equal(chmod(path, 0755), 0);
}

static inline void nodes_begin(char dir[NODES_DIR], const char *kubectl)
{
	char path[4096];

	strcpy(dir, "/tmp/bh-nodes-XXXXXX");
	assert_non_null(mkdtemp(dir));
	nodes_write(dir, "kubectl", kubectl);
	(void)snprintf(path, sizeof(path), "%s:%s", dir, getenv("PATH"));
	(void)setenv("PATH", path, 1);
}

static inline int nodes_end(const char *dir)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

/* @nodes: names with a blank between; each has a pod NAME-0, as `kubectl get pods` is to print it: "pods". */
static inline void nodes_are(const char *dir, const char *nodes, const char *phase)
{
	auto_buf struct buf b = BUF_INIT(1 << 16);
	char text[400], *save = NULL, *node;
	const char *comma = "";

	(void)snprintf(text, sizeof(text), "%s", nodes);
	(void)buf_str(&b, "{\"items\":[");
	for (node = strtok_r(text, " ", &save); node; node = strtok_r(NULL, " ", &save)) {
		(void)buf_fmt(
			&b,
			"%s{\"metadata\":{\"namespace\":\"bulkhead\",\"name\":\"%s-0\"},\"spec\":{\"nodeName\":"
			"\"%s\",\"containers\":[{\"name\":\"agent\"}]},\"status\":{\"phase\":\"%s\"}}",
			comma, node, node, phase);
		comma = ",";
	}
	(void)buf_str(&b, "]}");
	nodes_write(dir, "pods", b.data);
}

#endif
