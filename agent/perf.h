/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `perf`: counters of all pods or of one, again and again for as long as the client wants, and what the
 * programs cost meanwhile. The kernel's run-time statistics are on while somebody asks, and no longer.
 */
#ifndef BH_PERF_H
#define BH_PERF_H

#include "api/api.h"

struct agent;

void perf_answer(struct agent *a, struct api_conn *conn, struct json_object *request);
void perf_close(struct agent *a, struct api_conn *conn);
void perf_free(struct agent *a);

#endif
