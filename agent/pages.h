/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent shows by HTTP: /metrics, /livez, /readyz. Off unless it was told where. From the start, by a
 * standby too, and as soon as the port is free.
 */
#ifndef BH_PAGES_H
#define BH_PAGES_H

#include <stdbool.h>
#include <sys/socket.h>

#include "util/err.h"

struct agent;

struct pages_options {
	bool on;
	struct sockaddr_storage addr;
	bool per_rule, per_pod; /* further series: docs/metrics.md */
};

int pages_open(struct agent *a, struct bh_err *err); /* sets a->web; 0 or -errno */
void pages_close(struct agent *a);

#endif
