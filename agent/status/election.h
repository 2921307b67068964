/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who of all agents gathers the status of policies: whoever holds one Lease (coordination.k8s.io/v1), by the
 * rules of client-go's leaderelection. Nobody's clock is compared with another's: a Lease that somebody else
 * holds is free once it has stayed the same for its whole duration while we looked on. Pure: no I/O and no
 * clock; times are milliseconds of one clock that only goes forward.
 *
 * Unlike client-go's, those who do not hold it look rarely: all agents of a large cluster are candidates.
 */
#ifndef BH_STATUS_ELECTION_H
#define BH_STATUS_ELECTION_H

#include <stdbool.h>
#include <stdint.h>

#define ELECTION_DURATION_S  15
#define ELECTION_DEADLINE_MS 10000 /* the holder stops if it could not renew for so long */
#define ELECTION_RENEW_MS    5000
#define ELECTION_AGAIN_MS    2000 /* after a failure */
#define ELECTION_LOOKS_S     20	  /* looks of all candidates together in a second */
#define ELECTION_PACE_MIN_MS 2000
#define ELECTION_PACE_MAX_MS 300000

/* What a Lease says; borrowed texts. */
struct election_lease {
	const char *holder;  /* "": nobody's */
	const char *version; /* metadata.resourceVersion */
	int64_t duration_s;
	bool looks_old; /* by the wall clock: a hint to look soon, and no more */
};

/* Zero at birth. */
struct election {
	char version[64];    /* of the Lease as it was seen last; "": it was not */
	int64_t observed_ms; /* since when it has been so */
	int64_t held_ms;     /* when the last successful write of ours began; 0: it is not ours */
	int64_t due_ms;	     /* look again, or renew */
};

/* How long a candidate waits between two looks where there are so many nodes; 0: not known. */
int64_t election_pace_ms(uint64_t nodes);

/**
 * election_saw() - the Lease as it was read at @now_ms; NULL: there is none.
 * @me: our name as a holder.
 * @pace_ms: until the next look, if nothing else is to be done; the caller has put some chance into it.
 *
 * Return: whether to write it now, under the version that was read. Otherwise due_ms is set.
 */
bool election_saw(struct election *e, const struct election_lease *lease, const char *me, int64_t now_ms,
		  int64_t pace_ms);

/* It was written, by a call that began at @began_ms; it is of @version now. */
void election_won(struct election *e, const char *version, int64_t began_ms);

/* It could not be written or read. @lost: because somebody else was first. */
void election_failed(struct election *e, bool lost, int64_t now_ms);

/* Whether we may act as the holder. */
bool election_holds(const struct election *e, int64_t now_ms);

#endif
