/* SPDX-License-Identifier: Apache-2.0 */
/* By the node's own clock; one that is set back brings back what had expired. */
#include "expiry.h"

#include <time.h>

#include "agent.h"

void expiry_tick(struct agent *a)
{
	const int64_t was = a->model->now, now = time(NULL);
	const struct net_policy *changed = NULL;
	char text[POLICY_TEXT];
	size_t i;

	for (i = 0; i < a->model->policies.n; i++) {
		const struct net_policy *p = a->model->policies.v[i];

		if (net_policy_is_expired(p, was) != net_policy_is_expired(p, now))
			changed = p;
	}
	a->model->now = now;
	if (changed && a->reconcile)
		reconcile_changed(a->reconcile, CHANGE_SOURCE, "policy %s: %s",
				  net_policy_text(changed, text),
				  net_policy_is_expired(changed, now) ? "expired" : "no longer expired");
}
