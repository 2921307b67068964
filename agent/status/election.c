/* SPDX-License-Identifier: Apache-2.0 */
/* k8s.io/client-go/tools/leaderelection, without its threads. */
#include "status/election.h"

#include <stdio.h>
#include <string.h>

int64_t election_pace_ms(uint64_t nodes)
{
	const int64_t ms = (int64_t)(nodes * 1000 / ELECTION_LOOKS_S);

	if (!nodes || ms > ELECTION_PACE_MAX_MS)
		return ELECTION_PACE_MAX_MS;
	return ms < ELECTION_PACE_MIN_MS ? ELECTION_PACE_MIN_MS : ms;
}

/* Of somebody else, and alive as far as we know. */
static int64_t look_again_ms(const struct election *e, const struct election_lease *lease, int64_t now_ms,
			     int64_t pace_ms)
{
	const int64_t ends_ms = e->observed_ms + lease->duration_s * 1000 + 1;

	return lease->looks_old && ends_ms < now_ms + pace_ms ? ends_ms : now_ms + pace_ms;
}

bool election_saw(struct election *e, const struct election_lease *lease, const char *me, int64_t now_ms,
		  int64_t pace_ms)
{
	if (!lease)
		return true;
	if (strcmp(e->version, lease->version)) {
		(void)snprintf(e->version, sizeof(e->version), "%s", lease->version);
		e->observed_ms = now_ms;
	}
	if (!*lease->holder || !strcmp(lease->holder, me) ||
	    e->observed_ms + lease->duration_s * 1000 < now_ms)
		return true;
	e->held_ms = 0;
	e->due_ms = look_again_ms(e, lease, now_ms, pace_ms);
	return false;
}

void election_won(struct election *e, const char *version, int64_t began_ms)
{
	(void)snprintf(e->version, sizeof(e->version), "%s", version);
	e->observed_ms = e->held_ms = began_ms;
	e->due_ms = began_ms + ELECTION_RENEW_MS;
}

void election_failed(struct election *e, bool lost, int64_t now_ms)
{
	if (lost)
		e->held_ms = 0;
	e->due_ms = now_ms + ELECTION_AGAIN_MS;
}

bool election_holds(const struct election *e, int64_t now_ms)
{
	return e->held_ms && now_ms < e->held_ms + ELECTION_DEADLINE_MS;
}
