// SPDX-License-Identifier: Apache-2.0
/*
 * What an API server sends, cut into objects: the same however it arrives. The first byte says whether it is
 * a list or a stream of Pods, policies or what else, and in what pieces it comes the second time.
 */
#include "fuzz.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "kube/keep.h"
#include "kube/wire.h"
#include "util/buf.h"

struct given {
	struct buf text;
	int objects, ends;
};

static int note(void *ctx, enum scan_kind kind, const char *json, size_t len, struct bh_err *err)
{
	struct given *g = ctx;
	struct json_object *o;

	fuzz_check(strlen(json) == len && len <= SCAN_KEEP_MAX);
	fuzz_check(strchr("{[", json[0]) && strchr("}]", json[len - 1]));
	g->objects += kind == SCAN_OBJECT;
	g->ends += kind == SCAN_END;
	fuzz_check(!buf_add(&g->text, json, len) && !buf_add(&g->text, "\n", 1));
	o = kube_parse(json, len, err);
	if (!o)
		return -EINVAL;
	(void)kube_version(o);
	json_object_put(o);
	return 0;
}

static int scan(const uint8_t *data, size_t len, int flags, size_t step, struct given *ret)
{
	struct bh_err err = {};
	struct scan *s = scan_new(keep_sent[flags / 2 % OBJECT_OTHER], flags & 1, note, ret);
	size_t at, n;
	int r = 0;

	fuzz_check(s);
	ret->text = BUF_INIT(64u << 20);
	for (at = 0; !r && at < len; at += n) {
		char *piece; /* of its own, so that a read past it is seen */

		n = step < len - at ? step : len - at;
		piece = malloc(n);
		fuzz_check(piece);
		memcpy(piece, data + at, n);
		r = scan_feed(s, piece, n, &err);
		free(piece);
	}
	fuzz_check(!r || err.msg[0]);
	if (!r)
		r = scan_is_complete(s);
	scan_free(s);
	return r;
}

void fuzz_one(const uint8_t *data, size_t len)
{
	struct given whole = {}, pieces = {};
	int flags = len ? data[0] : 0, a, b;

	if (len < 2)
		return;
	a = scan(data + 1, len - 1, flags, len, &whole);
	b = scan(data + 1, len - 1, flags, 1 + (size_t)flags / 32, &pieces);
	fuzz_check(a == b && whole.objects == pieces.objects && whole.ends == pieces.ends && whole.ends <= 1);
	fuzz_check(whole.text.len == pieces.text.len);
	fuzz_check(!whole.text.len || !memcmp(whole.text.data, pieces.text.data, whole.text.len));
	buf_done(&whole.text);
	buf_done(&pieces.text);
}
