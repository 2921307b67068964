/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/resume.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "ctl/ctl.h"

#define PAUSE_MS     250
#define PAUSE_MAX_MS 4000

void resume_ask(const struct resume *r, struct json_object *request)
{
	struct json_object *o = json_object_new_object();

	if (*r->run) {
		(void)json_object_object_add(o, "run", json_object_new_string(r->run));
		(void)json_object_object_add(o, "seq", json_object_new_int64((int64_t)r->seq));
		(void)json_object_object_add(o, "lost", json_object_new_int64((int64_t)r->lost));
	}
	(void)json_object_object_add(request, "resume", o);
}

bool resume_take(struct resume *r, struct json_object *item)
{
	struct json_object *at = ctl_get(item, "at");
	const bool is_new = *r->run && at && strcmp(r->run, ctl_str(at, "run"));

	if (!at)
		return false; /* an agent that knows of no such thing */
	(void)snprintf(r->run, sizeof(r->run), "%s", ctl_str(at, "run"));
	r->seq = ctl_int(at, "seq");
	r->lost = ctl_int(at, "lost");
	json_object_object_del(item, "at");
	return is_new;
}

unsigned int resume_pause_ms(struct resume *r)
{
	const unsigned int ms = r->failed < 4 ? PAUSE_MS << r->failed : PAUSE_MAX_MS;

	r->failed++;
	return ms;
}
