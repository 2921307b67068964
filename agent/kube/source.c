/* SPDX-License-Identifier: Apache-2.0 */
/* To whichever source it is. */
#include "kube/source.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include "kube/decode.h"
#include "kube/source_ops.h"

void source_free(struct source *s)
{
	if (s)
		s->ops->free(s);
}

int source_fd(const struct source *s)
{
	return s->ops->fd(s);
}

int source_timeout_ms(const struct source *s)
{
	return s->ops->timeout_ms(s);
}

int source_work(struct source *s, struct source_change *ret, struct bh_err *err)
{
	return s->ops->work(s, ret, err);
}

int source_ready(struct source *s, struct bh_err *err)
{
	return s->ops->ready(s, err);
}

int source_confirm(struct source *s, const struct hash128 *key, const char *ns, const char *pod,
		   const char *uid, source_confirmed_fn fn, void *ctx, struct bh_err *err)
{
	return s->ops->confirm ? s->ops->confirm(s, key, ns, pod, uid, fn, ctx, err) : 1;
}

void source_confirm_cancel(struct source *s, const struct hash128 *key)
{
	if (s->ops->confirm_cancel)
		s->ops->confirm_cancel(s, key);
}

bool source_part(const struct source *s, size_t i, struct source_part *ret)
{
	return s->ops->part && s->ops->part(s, i, ret);
}

bool source_post(struct source *s, const struct kube_event *event)
{
	if (!s->ops->post)
		return false;
	s->ops->post(s, event);
	return true;
}

bool source_posts(const struct source *s, struct events_stats *ret)
{
	if (!s->ops->posts)
		return false;
	s->ops->posts(s, ret);
	return true;
}

struct http *source_http(struct source *s)
{
	return s->ops->http ? s->ops->http(s) : NULL;
}

static void tell(const struct source *s, struct source_note *note, const char *fmt, va_list ap)
{
	char text[1024];

	(void)vsnprintf(text, sizeof(text), fmt, ap);
	bh_text_clean(text);
	note->text = text;
	s->note(s->ctx, note);
}

void source_tell(const struct source *s, enum source_note_kind kind, const char *fmt, ...)
{
	struct source_note note = { .kind = kind };
	va_list ap;

	va_start(ap, fmt);
	tell(s, &note, fmt, ap);
	va_end(ap);
}

void source_tell_problem(const struct source *s, enum object_kind kind, const char *ns, const char *name,
			 const char *fmt, ...)
{
	struct source_note note = {
		.kind = SOURCE_OBJECT_PROBLEM, .object = object_kinds[kind].kind, .ns = ns, .name = name
	};
	va_list ap;

	va_start(ap, fmt);
	tell(s, &note, fmt, ap);
	va_end(ap);
}
