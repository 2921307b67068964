/* SPDX-License-Identifier: Apache-2.0 */
/* To whichever source it is. */
#include "kube/source.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

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

void source_tell(const struct source *s, enum source_note_kind kind, const char *fmt, ...)
{
	char text[1024];
	const struct source_note n = { .kind = kind, .text = text };
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	bh_text_clean(text);
	s->note(s->ctx, &n);
}
