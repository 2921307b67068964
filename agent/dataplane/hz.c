/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/hz.h"

#include <stddef.h>

#include "util/scope.h"

/* A tick that comes 4 ms late makes less than the tenth that parts 250 from 300. */
#define LEAST_NS 60000000

static unsigned int nearest(uint32_t ticks, uint64_t ns)
{
	static const unsigned int usual[] = { 100, 250, 300, 1000 };
	const double hz = ticks * 1e9 / (double)ns;
	size_t i, best = 0;

	for (i = 1; i < ARRAY_SIZE(usual); i++)
		if (hz > (usual[i - 1] + usual[i]) / 2.0)
			best = i;
	return usual[best];
}

unsigned int hz_look(struct hz_watch *w, uint32_t jiffies, uint64_t before_ns, uint64_t after_ns)
{
	const bool tick = w->begun && jiffies != w->last;
	const uint64_t since_ns = w->before_ns;
	unsigned int most;

	w->begun = true;
	w->last = jiffies;
	w->before_ns = before_ns;
	if (!tick)
		return 0;
	if (!w->ticked) {
		w->ticked = true;
		w->first = jiffies;
		w->early_ns = since_ns;
		w->late_ns = after_ns;
		return 0;
	}
	if (since_ns < w->late_ns + LEAST_NS)
		return 0;
	most = nearest(jiffies - w->first, since_ns - w->late_ns);
	return nearest(jiffies - w->first, after_ns - w->early_ns) == most ? most : 0;
}
