/* SPDX-License-Identifier: Apache-2.0 */
/* `names`: which of the names that somebody is about to look for are nobody's now, and what is near them. */
#include "answers.h"

#include <json-c/json.h>

#include "agent.h"
#include "find.h"
#include "jsonx.h"
#include "util/scope.h"

#define NAMES_LOOKED_FOR 16 /* of a kind: each may be held against all that there are */

static const struct kind {
	const char *field, *kind;
	bool (*knows)(const struct model *m, const char *text, struct near *ret);
} kinds[] = {
	{ "pods", "pod", find_knows_pod },
	{ "namespaces", "namespace", find_knows_namespace },
	{ "policies", "policy", find_knows_policy },
};

static int tell(const struct agent *a, struct api_conn *conn, const struct kind *kind, const char *name)
{
	struct near near = NEAR_INIT;
	struct json_object *o;

	if (!name || kind->knows(a->model, name, &near))
		return 0;
	o = json_object_new_object();
	jx_add_str(o, "kind", kind->kind);
	jx_add_str(o, "name", name);
	jx_add_str(o, "near", *near.name ? near.name : NULL);
	return api_send(conn, jx_item(o));
}

void answer_names(struct agent *a, struct api_conn *conn, struct json_object *request)
{
	size_t i, k, n;
	int r = 0;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct json_object *list = json_object_object_get(request, kinds[i].field);

		n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
		for (k = 0; !r && k < n && k < NAMES_LOOKED_FOR; k++)
			r = tell(a, conn, &kinds[i],
				 json_object_get_string(json_object_array_get_idx(list, k)));
	}
	if (!r)
		(void)api_send(conn, jx_done());
}
