/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent reads of kinds that CRDs bring is what their definitions have: ours as they are shipped, and
 * upstream's. */
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kube/manifest.h"
#include "kube/schema.h"
#include "kube/value.h"
#include "util/buf.h"
#include "util/err.h"

static struct json_object *add(struct json_object *o, const char *name, struct json_object *value)
{
	assert_int_equal(json_object_object_add(o, name, value), 0);
	return value;
}

/* As an API server tells of one of the definitions. */
static struct json_object *document_of(struct json_object *crd)
{
	struct json_object *doc = json_object_new_object(), *is = json_object_new_array(), *schema;
	struct json_object *spec = value_get(crd, "spec"),
			   *version = value_at(value_get(spec, "versions"), 0);

	schema = json_object_get(value_get(value_get(version, "schema"), "openAPIV3Schema"));
	assert_non_null(schema);
	add(add(add(doc, "components", json_object_new_object()), "schemas", json_object_new_object()), "x",
	    schema);
	assert_int_equal(json_object_array_add(is, json_object_new_object()), 0);
	add(json_object_array_get_idx(is, 0), "kind",
	    json_object_get(value_get(value_get(spec, "names"), "kind")));
	add(schema, "x-kubernetes-group-version-kind", is);
	return doc;
}

static enum object_kind kind_of(struct json_object *crd)
{
	const char *name = value_text(value_get(value_get(value_get(crd, "spec"), "names"), "kind"));
	enum object_kind kind;

	for (kind = OBJECT_CLUSTER_POLICY; kind <= OBJECT_CLUSTER_SEGMENTATION; kind++)
		if (!strcmp(object_kinds[kind].kind, name))
			return kind;
	return OBJECT_OTHER; /* those of statuses, which the agent writes */
}

static unsigned int each_of(const char *path, void (*fn)(struct json_object *doc, enum object_kind kind))
{
	struct buf text = BUF_INIT(MANIFEST_BYTES_MAX);
	FILE *f = fopen(path, "re");
	struct manifest m = {};
	struct bh_err err;
	char line[4096];
	unsigned int n = 0;
	size_t i;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		assert_int_equal(buf_str(&text, line), 0);
	(void)fclose(f);
	if (manifest_parse(path, text.data, text.len, &m, &err) < 0)
		fail_msg("%s", err.msg);
	for (i = 0; i < m.docs.n; i++) {
		struct json_object *root = m.docs.v[i].root, *doc;

		if (!root || kind_of(root) == OBJECT_OTHER)
			continue;
		doc = document_of(root);
		fn(doc, kind_of(root));
		json_object_put(doc);
		n++;
	}
	manifest_done(&m);
	buf_done(&text);
	return n;
}

/* Ours as they are shipped, and upstream's. */
static void with_all(void (*fn)(struct json_object *doc, enum object_kind kind))
{
	assert_int_equal(each_of("manifests/crds.yaml", fn), 2);
	assert_int_equal(each_of("tests/unit/kube/fixtures/clusternetworkpolicies.yaml", fn), 1);
}

static void has_all(struct json_object *doc, enum object_kind kind)
{
	char missing[SCHEMA_FIELD];

	if (schema_lacks(doc, kind, missing))
		fail_msg("%s: '%s' is missing", object_kinds[kind].kind, missing);
}

static void they_have_all(void **state)
{
	(void)state;
	with_all(has_all);
}

static unsigned int fields;

/* Each field of @schema and below, taken out, is missed, and by its name. */
static void without(struct json_object *doc, enum object_kind kind, struct json_object *schema,
		    const char *at)
{
	char path[SCHEMA_FIELD], missing[SCHEMA_FIELD], *names[16];
	struct json_object *properties, *taken;
	size_t i, n = 0;

	while (value_get(schema, "items"))
		schema = value_get(schema, "items");
	properties = value_get(schema, "properties");
	if (!properties)
		return;
	json_object_object_foreach(properties, name, value) {
		(void)value;
		assert_in_range(n, 0, 15);
		names[n++] = strdup(name);
	}
	for (i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), "%s%s%s", at, *at ? "." : "", names[i]);
		taken = json_object_get(value_get(properties, names[i]));
		json_object_object_del(properties, names[i]);
		if (!schema_lacks(doc, kind, missing))
			fail_msg("%s: nobody misses '%s'", object_kinds[kind].kind, path);
		assert_string_equal(missing, path);
		add(properties, names[i], taken);
		without(doc, kind, taken, path);
		free(names[i]);
		fields++;
	}
}

static void without_each(struct json_object *doc, enum object_kind kind)
{
	struct json_object *schema = value_get(value_get(value_get(doc, "components"), "schemas"), "x");

	fields = 0;
	without(doc, kind, value_get(value_get(schema, "properties"), "spec"), "");
	assert_in_range(fields, 80, 200);
}

static void an_older_one_misses_some(void **state)
{
	(void)state;
	with_all(without_each);
}

static void odd_documents(void **state)
{
	static const char open_one[] =
		"{\"components\": {\"schemas\": {\"a\": {\"x-kubernetes-group-version-kind\": "
		"[{\"kind\": \"SegmentationPolicy\"}], "
		"\"x-kubernetes-preserve-unknown-fields\": true}}}}";
	struct json_object *docs[] = { json_tokener_parse(open_one), json_object_new_object(), NULL };
	char missing[SCHEMA_FIELD];
	size_t i;

	(void)state;
	assert_false(schema_lacks(docs[0], OBJECT_SEGMENTATION, missing)); /* it keeps everything */
	for (i = 0; i < 3; i++) {
		assert_true(schema_lacks(docs[i], OBJECT_CLUSTER_SEGMENTATION, missing));
		assert_string_equal(missing, "");
		json_object_put(docs[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_have_all),
		cmocka_unit_test(an_older_one_misses_some),
		cmocka_unit_test(odd_documents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
