/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the model of a large cluster costs in memory: pods of hundreds of Deployments, with the labels that
 * Helm charts set, decoded from their JSON. Bytes in use by malloc's own count (its headers included), before
 * and after. Prints a JSON list; tests/bench/run makes the table.
 */
#include <err.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

#include "kube/decode.h"
#include "tests/bench/figures.h"

#define PODS	    50000
#define DEPLOYMENTS 300
#define NODES	    500
#define GOAL_MB	    25.0

static struct json_object *pod_json(int i)
{
	const int d = i % DEPLOYMENTS;
	char text[2048];

	(void)snprintf(
		text, sizeof(text),
		"{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"metadata\": {\"namespace\": \"team-%d-prod\", "
		"\"name\": \"service-%d-backend-%08x-%05x\", \"uid\": \"5d2c1f60-3c4e-4c1b-9df2-1a2b%08x\", "
		"\"labels\": {\"app.kubernetes.io/name\": \"service-%d\", \"app.kubernetes.io/instance\": \"prod\", "
		"\"app.kubernetes.io/version\": \"1.%d.0\", \"app.kubernetes.io/component\": \"backend\", "
		"\"app.kubernetes.io/part-of\": \"shop\", \"app.kubernetes.io/managed-by\": \"Helm\", "
		"\"pod-template-hash\": \"%08x\"}}, \"spec\": {\"nodeName\": \"ip-10-0-%d-%d.example.internal\"}, "
		"\"status\": {\"podIPs\": [{\"ip\": \"10.%d.%d.%d\"}, {\"ip\": \"fd00:10::%x\"}]}}",
		d / 10, d, d * 7919, i, i, d, d % 20, d * 7919, i % NODES / 250, i % NODES % 250,
		64 + i / 62500, i / 250 % 250, i % 250 + 1, i + 1);
	return json_tokener_parse(text);
}

static void add_pod(struct model *m, int i)
{
	struct json_object *o = pod_json(i);
	struct object_id id;
	struct bh_err e;
	struct pod *p;

	if (decode_id(o, &id, &e) < 0)
		errx(1, "%s", e.msg);
	if (decode_pod(o, &id, &p) < 0 || model_put_pod(m, p) < 0)
		errx(1, "no memory");
	json_object_put(o);
}

int main(void)
{
	const size_t before = heap_in_use();
	struct model *m = model_new();
	double mb;
	int i;

	for (i = 0; i < PODS; i++)
		add_pod(m, i);
	mb = (double)(heap_in_use() - before) / 1e6;
	printf("[\n{\"name\": \"model of %d pods of %d Deployments\", \"value\": %.2f, \"unit\": \"MB\", "
	       "\"goal\": %.0f, \"met\": %s},\n",
	       PODS, DEPLOYMENTS, mb, GOAL_MB, mb < GOAL_MB ? "true" : "false");
	printf("{\"name\": \"of it, a pod\", \"value\": %.0f, \"unit\": \"bytes\"}\n]\n", mb * 1e6 / PODS);
	model_free(m);
	return 0;
}
