/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The emergency switch as the agent sees it: brings the data plane's word to agreement with the file that
 * `bulkhead-agent node open` writes, and does not let anybody forget that the node is open.
 */
#ifndef BH_OPENED_H
#define BH_OPENED_H

struct agent;
struct json_object;

void opened_tick(struct agent *a); /* when taking over, and then every other second */
void opened_add(struct json_object *status, const struct agent *a);

#endif
