// SPDX-License-Identifier: Apache-2.0
/*
 * A manifest, YAML or JSON (the first byte says which), and what its documents say as objects of the model:
 * read twice, they are the same.
 */
#include "fuzz.h"

#include <json-c/json.h>
#include <string.h>

#include "kube/manifest.h"
#include "kube/object.h"

/* Whatever is wrong with a policy is in a rule, or on all of them; and a rule that is unknown is so for a
 * reason. */
static void one_policy(const struct net_policy *p)
{
	size_t dir, i, rules = 0, unknown = 0;

	for (dir = 0; dir < DIR_MAX; dir++) {
		rules += p->rules[dir].n;
		for (i = 0; i < p->rules[dir].n; i++)
			unknown += p->rules[dir].v[i].unknown;
	}
	fuzz_check(!unknown || p->problems.n);
	if (p->tier == TIER_NETWORK)
		return;
	fuzz_check(!rules || !p->problems.n == !unknown);
	fuzz_check(!p->isolates[DIR_INGRESS] && !p->isolates[DIR_EGRESS]);
	fuzz_check(p->namespaces && p->subject);
}

static void one_object(struct model *m, struct json_object *o)
{
	const struct object_ops *ops;
	struct object_id id;
	struct object_name name;
	struct bh_err err = {};
	void *a, *b;

	if (decode_id(o, &id, &err)) {
		fuzz_check(err.msg[0]);
		return;
	}
	if (id.kind == OBJECT_OTHER)
		return;
	ops = &object_ops[id.kind];
	fuzz_check(!ops->decode(o, &id, &a) && !ops->decode(o, &id, &b));
	fuzz_check(ops->same(a, b));
	if (id.kind == OBJECT_POLICY || id.kind == OBJECT_CLUSTER_POLICY)
		one_policy(a);
	name = ops->name(a);
	fuzz_check(!strcmp(name.name, id.name) && !strcmp(name.ns, id.ns));
	fuzz_check(!ops->put(m, a));
	fuzz_check(ops->find(m, id.ns, id.name) == a);
	fuzz_check(!ops->put(m, b));
	fuzz_check(ops->find(m, id.ns, id.name) && ops->count(m));
}

static void one_document(struct model *m, struct json_object *root)
{
	struct json_object *items = NULL;
	size_t i;

	if (!decode_is_list(root, &items)) {
		one_object(m, root);
		return;
	}
	for (i = 0; items && i < json_object_array_length(items); i++)
		one_object(m, json_object_array_get_idx(items, i));
}

void fuzz_one(const uint8_t *data, size_t len)
{
	const char *file = len && data[0] & 1 ? "a.json" : "a.yaml";
	struct manifest man = {};
	struct bh_err err = {};
	struct model *m;
	size_t i;

	if (!len)
		return;
	if (manifest_parse(file, (const char *)data + 1, len - 1, &man, &err)) {
		fuzz_check(!strncmp(err.msg, file, 6));
		return;
	}
	m = model_new();
	fuzz_check(m);
	for (i = 0; i < man.docs.n; i++)
		one_document(m, man.docs.v[i].root);
	model_free(m);
	manifest_done(&man);
}
