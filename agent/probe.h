/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kubelet's probes ask this very process, through a socket in a directory of its own: with two agents on
 * a node the node's socket would answer for the other one. Served from the start, by a standby too.
 *
 *   op       answers
 *   livez    ok: the loop turns
 *   readyz   missing: a list of sentences, one for each part that is missing
 */
#ifndef BH_PROBE_H
#define BH_PROBE_H

#include "util/err.h"

#define PROBE_DIR "/run/bulkhead-probe" /* default */

struct agent;
struct api_server;
struct json_object;
struct loop;

/* @a NULL: nothing is missing, as where nothing is to be done any more. Return: 0 or -errno. */
int probe_serve(struct loop *loop, const char *dir, struct agent *a, struct api_server **ret,
		struct bh_err *err);

/* Adds a sentence to a list for each part that is missing. */
void probe_missing(struct agent *a, struct json_object *list);

int probe_open(struct agent *a, struct bh_err *err); /* sets a->probe, if opt.probe_dir says where */
void probe_close(struct agent *a);

#endif
