/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent reads of our own kinds is what their definitions have, as they are shipped. */
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

static void with_shipped(void (*fn)(struct json_object *doc, enum object_kind kind))
{
	struct buf text = BUF_INIT(MANIFEST_BYTES_MAX);
	FILE *f = fopen("manifests/crds.yaml", "re");
	struct manifest m = {};
	struct bh_err err;
	char line[4096];
	size_t i, n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		assert_int_equal(buf_str(&text, line), 0);
	(void)fclose(f);
	if (manifest_parse("crds.yaml", text.data, text.len, &m, &err) < 0)
		fail_msg("%s", err.msg);
	for (i = 0; i < m.docs.n && n < 2; i++) { /* those behind are of statuses, which the agent writes */
		struct json_object *doc = m.docs.v[i].root ? document_of(m.docs.v[i].root) : NULL;

		if (doc)
			fn(doc, n++ ? OBJECT_CLUSTER_SEGMENTATION : OBJECT_SEGMENTATION);
		json_object_put(doc);
	}
	assert_int_equal(n, 2);
	manifest_done(&m);
	buf_done(&text);
}

static void has_all(struct json_object *doc, enum object_kind kind)
{
	const char *missing = schema_missing(doc, kind);

	if (missing)
		fail_msg("%s: '%s' is missing", object_kinds[kind].kind, missing);
}

static void the_shipped_ones_have_all(void **state)
{
	(void)state;
	with_shipped(has_all);
}

/* Every field that a definition has below spec, taken out, is missed; but those that are in two places are
 * read in one of them alone. */
static unsigned int missed, kept;

static void without(struct json_object *doc, enum object_kind kind, struct json_object *properties)
{
	struct json_object *taken;
	size_t i, n = 0;
	char *names[64];

	json_object_object_foreach(properties, name, value) {
		(void)value;
		names[n++] = strdup(name);
	}
	for (i = 0; i < n; i++) {
		taken = json_object_get(value_get(properties, names[i]));
		json_object_object_del(properties, names[i]);
		*(schema_missing(doc, kind) ? &missed : &kept) += 1;
		add(properties, names[i], taken);
		free(names[i]);
	}
}

static struct json_object *below(struct json_object *schema, const char *field)
{
	while (value_get(schema, "items"))
		schema = value_get(schema, "items");
	return value_get(value_get(schema, "properties"), field);
}

static struct json_object *properties_of(struct json_object *schema)
{
	while (value_get(schema, "items"))
		schema = value_get(schema, "items");
	return value_get(schema, "properties");
}

static void each_is_missed(struct json_object *doc, enum object_kind kind)
{
	static const char *const sections[][2] = { { "ingress", "from" }, { "egress", "to" } };
	struct json_object *schema = value_get(value_get(value_get(doc, "components"), "schemas"), "x");
	struct json_object *spec = below(schema, "spec");
	size_t i;

	missed = kept = 0;
	without(doc, kind, properties_of(spec));
	assert_int_equal(kept, 0);
	for (i = 0; i < 2; i++) {
		struct json_object *rules = below(spec, sections[i][0]);

		without(doc, kind, properties_of(rules));
		assert_int_equal(kept, 0);
		without(doc, kind, properties_of(below(rules, sections[i][1])));
		without(doc, kind, properties_of(below(rules, "protocols")));
	}
	assert_in_range(missed, 30, 60);
	assert_in_range(kept, 0, 4); /* of egress, what ingress is asked for: udp, sctp, ... */
}

static void an_older_one_misses_some(void **state)
{
	(void)state;
	with_shipped(each_is_missed);
}

static void odd_documents(void **state)
{
	static const char open_one[] =
		"{\"components\": {\"schemas\": {\"a\": {\"x-kubernetes-group-version-kind\": "
		"[{\"kind\": \"SegmentationPolicy\"}], "
		"\"x-kubernetes-preserve-unknown-fields\": true}}}}";
	struct json_object *doc = json_tokener_parse(open_one), *none = json_object_new_object();

	(void)state;
	assert_null(schema_missing(doc, OBJECT_SEGMENTATION)); /* it keeps everything */
	assert_string_equal(schema_missing(doc, OBJECT_CLUSTER_SEGMENTATION), SCHEMA_NO_KIND);
	assert_string_equal(schema_missing(none, OBJECT_SEGMENTATION), SCHEMA_NO_KIND);
	assert_string_equal(schema_missing(NULL, OBJECT_SEGMENTATION), SCHEMA_NO_KIND);
	json_object_put(doc);
	json_object_put(none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_shipped_ones_have_all),
		cmocka_unit_test(an_older_one_misses_some),
		cmocka_unit_test(odd_documents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
