/* SPDX-License-Identifier: Apache-2.0 */
/* How many of them go: a budget of the node, and a share of it for each pod. */
#include "denied.h"

bool denied_passes(struct denied_pace *p, const struct hash128 *pod, const struct hash128 *what,
		   uint64_t now_ns)
{
	const uint64_t paced = p->paced_ns > now_ns ? p->paced_ns : now_ns;
	unsigned int of_pod = 0;
	size_t i, at = DENIED_TOLD;

	for (i = 0; i < DENIED_TOLD; i++) {
		if (!p->told[i].at_ns || now_ns - p->told[i].at_ns >= DENIED_SAME_NS) {
			at = i;
			continue;
		}
		if (!hash128_cmp(&p->told[i].what, what)) {
			p->again++;
			return true;
		}
		of_pod += !hash128_cmp(&p->told[i].pod, pod);
	}
	if (at == DENIED_TOLD || of_pod >= DENIED_POD_MAX ||
	    paced - now_ns > (DENIED_BURST - 1) * DENIED_EVERY_NS) {
		p->left_out++;
		return false;
	}
	p->told[at].pod = *pod;
	p->told[at].what = *what;
	p->told[at].at_ns = now_ns;
	p->paced_ns = paced + DENIED_EVERY_NS;
	p->passed++;
	return true;
}
