/* SPDX-License-Identifier: Apache-2.0 */
/* Taking over from another layout of the maps. */
#include "former.h"

#include <stdio.h>
#include <string.h>

#include "agent.h"
#include "endpoints.h"
#include "event.h"
#include "retire.h"
#include "util/clock.h"
#include "util/log.h"

/* What keeps failing is said once. */
static void tell_trouble(struct agent *a, const struct bh_err *err)
{
	if (strcmp(a->former.trouble, err->msg))
		log_error("taking over from another layout of the maps: %s, retrying", err->msg);
	(void)snprintf(a->former.trouble, sizeof(a->former.trouble), "%s", err->msg);
}

bool former_waits(const struct agent *a)
{
	return dp_former(a->dp, 0) && !reconcile_inforce(a->reconcile);
}

void former_copy(struct agent *a, uint32_t ifindex)
{
	struct bh_err err;
	const int r = dp_former_copy(a->dp, ifindex, &err);

	if (r < 0)
		log_warn(
			"%s: not all sessions of the version before were taken over; flows without one are decided anew",
			err.msg);
	else
		a->former.sessions += (size_t)r;
}

/* From here on another version's plugin is told to try again. */
static int unpin(const struct agent *a, struct bh_err *err)
{
	const char *dir;
	size_t i;
	int r = 0;

	for (i = 0; !r && (dir = dp_former(a->dp, i)); i++)
		r = hook_unpin(dir, err);
	return r;
}

/* Programs that run now may still store by the former maps. */
static int copy_rest(struct agent *a, struct bh_err *err)
{
	const struct step grace = { .kind = STEP_GRACE };
	const int r = dp_step(a->dp, &grace, err);

	if (!r)
		former_copy(a, 0);
	return r;
}

static int clear(const struct agent *a, struct bh_err *err)
{
	const char *dir;
	size_t i;
	int r = 0;

	for (i = 0; !r && (dir = dp_former(a->dp, i)); i++) {
		r = hook_take_links(dir, a->opt.pin_dir, err);
		r = r ? r : retire_pins(dir, err);
	}
	return r;
}

static void tell_end(struct agent *a, uint64_t began_ns)
{
	event_tell(a, false, "LayoutChanged", NULL,
		   "taken over from %s in %.1f ms: the programs of %zu pods, and %zu sessions%s",
		   dp_former(a->dp, 0), (double)(clock_ns() - began_ns) / 1e6, a->model->endpoints.n,
		   a->former.sessions,
		   dp_former_unread(a->dp) ? "; those of a newer layout cannot be read" : "");
	a->former.trouble[0] = '\0';
	a->former.sessions = 0;
	dp_former_close(a->dp);
}

void former_step(struct agent *a)
{
	const uint64_t began_ns = clock_ns();
	struct bh_err err;
	int r;

	if (!dp_former(a->dp, 0) || former_waits(a))
		return;
	former_copy(a, 0); /* before all, so that little is left to do around each pair of programs */
	r = unpin(a, &err);
	if (!r && endpoints_replace_hooks(a))
		return; /* a call of the plugin is at one of them, or one failed and said so */
	r = r ? r : copy_rest(a, &err);
	r = r ? r : clear(a, &err);
	if (r < 0)
		tell_trouble(a, &err);
	else
		tell_end(a, began_ns);
}
