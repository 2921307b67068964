/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent consists of, for the files beside main.c: they are one program's wiring, not a
 * library. What can stand alone (loop, node, inforce, reconcile) does not include this.
 */
#ifndef BH_AGENT_H
#define BH_AGENT_H

#include <stdbool.h>
#include <stdint.h>

#include "api/api.h"
#include "dataplane/dp.h"
#include "hook/hook.h"
#include "kube/config.h"
#include "kube/source.h"
#include "loop.h"
#include "model/model.h"
#include "node.h"
#include "reconcile.h"

struct adopt;
struct denials;
struct endpoints;
struct names;
struct requests;
struct streams;

struct agent_options {
	const char *source;	/* as it was given */
	const char *source_dir; /* manifests; NULL: the API server */
	const char *kubeconfig; /* NULL: in the cluster */
	const char *node_name;	/* of the API server's Node that this is */
	const char *run_dir, *pin_dir;
	enum hook_mode attach;
	struct dp_sizes sizes;
};

struct agent {
	struct agent_options opt;
	uint64_t start_ns;

	struct loop *loop;
	struct dp *dp;
	struct model *model;
	struct source *source;
	struct kube_config kube; /* borrowed by the source */
	struct node *node;
	struct reconcile *reconcile;
	struct api_server *server; /* NULL until the first reconcile has ended */

	struct endpoints *endpoints;
	struct adopt *adopt;
	struct requests *requests;
	struct denials *denials;
	struct names *names;
	struct streams *streams;

	struct loop_timer tick, source_timer;
	int signal_fd;
	bool pins_bad; /* said so */
	int exit_code;
};

/* Everything up to the loop. Return: 0, or -errno with what could not be had. */
int agent_start(struct agent *a, const struct agent_options *opt, struct bh_err *err);
int agent_run(struct agent *a);	  /* until SIGTERM or SIGINT; 0 or -errno */
void agent_stop(struct agent *a); /* what is in force stays in force */

/* After whatever gave the source something to do. */
void agent_arm_source(struct agent *a);

#endif
