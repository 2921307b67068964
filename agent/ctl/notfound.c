/* SPDX-License-Identifier: Apache-2.0 */
/* "No such pod", as many agents say it, said once: where all of them have searched, and what is near on any
 * node. */
#include <string.h>

#include "ctl/remote.h"
#include "util/buf.h"
#include "util/scope.h"

/* As agent/find.c says it; another version's words are passed on as they are. */
#define HERE	 " on this node"
#define SEARCHED "; namespaces searched: "
#define NEAR	 "; did you mean "

static bool is_listed(const struct buf *list, const char *name, size_t len)
{
	const char *at = list->len ? list->data : "";

	while (*at) {
		const size_t n = strcspn(at, ",");

		if (n == len && !strncmp(at, name, len))
			return true;
		at += n;
		at += strspn(at, ", ");
	}
	return false;
}

static void add_namespaces(struct buf *list, const char *msg)
{
	const char *at = strstr(msg, SEARCHED);
	size_t len;

	for (at = at ? at + strlen(SEARCHED) : ""; *at && *at != ';'; at += strspn(at, ", ")) {
		len = strcspn(at, ",;");
		if (!is_listed(list, at, len) && strncmp(at, "none", len))
			(void)buf_fmt(list, "%s%.*s", list->len ? ", " : "", (int)len, at);
		at += len;
	}
}

void remote_say_not_found(const char *const *msgs, size_t n)
{
	auto_buf struct buf spaces = BUF_INIT(1000);
	const char *searched = strstr(msgs[0], SEARCHED), *near = NULL;
	int len = (int)(searched ? searched - msgs[0] : 0);
	const int here = (int)strlen(HERE);
	size_t i;

	if (!searched) {
		ctl_say("%s", msgs[0]);
		return;
	}
	for (i = 0; i < n; i++) {
		add_namespaces(&spaces, msgs[i]);
		near = near ? near : strstr(msgs[i], NEAR);
	}
	if (len > here && !strncmp(msgs[0] + len - here, HERE, strlen(HERE)))
		len -= here;
	ctl_say("%.*s on any of %zu nodes" SEARCHED "%s%s", len, msgs[0], n,
		spaces.len ? spaces.data : "none", near ? near : "");
}
