/* SPDX-License-Identifier: Apache-2.0 */
/* An Event: its line in the log, and the same for the source to post. */
#include "event.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent.h"
#include "util/log.h"

#define NOTE_BYTES 1024 /* as long as the API takes */
#define KINDS_MAX  32

/* Where nobody said, the API's own, so that `kubectl describe` finds it; of a Node it is the name, by which
 * the kubelet's Events go, too. */
static const char *uid_of(const struct agent *a, const struct event_object *about)
{
	const struct pod *pod;

	if (*about->uid)
		return about->uid;
	if (!*about->ns)
		return about->name;
	pod = strcmp(about->kind, "Pod") ? NULL : model_pod(a->model, about->ns, about->name);
	return pod ? pod->uid : "";
}

void event_post(struct agent *a, bool warning, const char *reason, const struct event_object *about,
		const char *note)
{
	const struct kube_event event = { .warning = warning,
					  .reason = reason,
					  .note = note,
					  .kind = about->kind,
					  .ns = about->ns,
					  .name = about->name,
					  .uid = uid_of(a, about) };

	if (a->source && source_post(a->source, &event))
		agent_arm_source(a);
}

/* Reasons are one kind of message each, for the log's rate; what is past the table shares its last place. */
static struct log_site *site_of(const char *reason)
{
	static struct {
		const char *reason; /* static: see event.h */
		struct log_site site;
	} kinds[KINDS_MAX];
	size_t i = 0;

	while (i < KINDS_MAX - 1 && kinds[i].reason && strcmp(kinds[i].reason, reason))
		i++;
	kinds[i].reason = reason;
	return &kinds[i].site;
}

void event_tell(struct agent *a, bool warning, const char *reason, const struct event_object *about,
		const char *fmt, ...)
{
	const struct event_object here = { .kind = "Node", .ns = "", .name = a->opt.node_name, .uid = "" };
	const struct event_object *of = about ? about : &here;
	const struct log_about fields = {
		.reason = reason, .kind = of->kind, .ns = of->ns, .name = of->name
	};
	const enum log_level level = warning ? LOG_WARN : LOG_INFO;
	char note[NOTE_BYTES];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(note, sizeof(note), fmt, ap);
	va_end(ap);
	bh_text_clean(note);
	if (!about)
		log_at(site_of(reason), level, &fields, "%s", note);
	else
		log_at(site_of(reason), level, &fields, "%s '%s%s%s': %s", about->kind, about->ns,
		       about->ns[0] ? "/" : "", about->name, note);
	event_post(a, warning, reason, of, note);
}
