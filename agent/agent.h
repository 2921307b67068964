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
#include "chain/chain.h"
#include "dataplane/dp.h"
#include "denied.h"
#include "hook/hook.h"
#include "kube/config.h"
#include "kube/source.h"
#include "loop.h"
#include "model/model.h"
#include "node.h"
#include "pages.h"
#include "reconcile.h"
#include "podcidrs.h"
#include "timeouts.h"

struct adopt;
struct denials;
struct endpoints;
struct flowlog;
struct leader;
struct lock;
struct names;
struct perf;
struct requests;
struct sessions;
struct selfcheck;
struct standing;
struct unused;
struct web;

struct agent_options {
	const char *source;			 /* as it was given */
	const char *source_dir;			 /* manifests; NULL: the API server */
	const char *kubeconfig;			 /* NULL: in the cluster */
	const char *node_name;			 /* of the API server's Node that this is */
	const char *pod_ns, *pod_name, *pod_uid; /* which of its pods we are; "": none */
	const char *run_dir, *pin_dir;
	const char *probe_dir; /* NULL: no probes */
	enum hook_mode attach;
	bool policy_status; /* the cluster is told which policies are in force here */
	bool audit;	    /* policies deny nothing on this node, and what they would is reported */
	struct dp_sizes sizes;
	struct timeouts timeouts; /* of sessions */
	struct podcidrs pod_cidrs;
	struct chain_options chain; /* conf_dir NULL: the chain is somebody else's business */
	struct pages_options pages;
	const char *flow_log; /* "stdout", or a path; NULL: none */
	bool flow_events;     /* on the pods of denied flows */
};

struct agent {
	struct agent_options opt;
	uint64_t start_ns;

	struct loop *loop;
	struct lock *lock;
	struct dp *dp;
	struct model *model;
	struct source *source;
	struct kube_config kube; /* borrowed by the source */
	struct node *node;
	struct reconcile *reconcile; /* NULL while this is a standby */
	struct sessions *sessions;   /* as long as that */
	struct api_server *server;   /* NULL until the first reconcile has ended */
	struct api_server *readers;  /* likewise; or NULL, for want of its directory */
	struct api_server *probe;    /* or NULL */
	struct web *web;	     /* or NULL */
	struct chain *chain;	     /* NULL until the first reconcile has ended, or without --cni-conf-dir */

	struct endpoints *endpoints;
	struct adopt *adopt;
	struct requests *requests;
	struct denials *denials;
	struct flowlog *flowlog; /* or NULL */
	struct denied_pace denied;
	struct selfcheck *selfcheck;
	struct unused *unused;
	struct perf *perfs; /* who asks what packets cost */
	struct names *names;
	struct standing *standing;
	struct leader *leader;

	struct loop_timer tick, source_timer, lock_timer, retire_timer;
	unsigned int ticks;
	int signal_fd;
	bool waits;	      /* for the lock; said so */
	char unprepared[256]; /* why a standby could not take over; "" if it could */
	bool pins_bad;	      /* said so */
	struct {
		size_t sessions; /* taken over so far */
		char trouble[256];
	} former;		 /* another layout's directory, while there is one */
	uint64_t opened_told_ns; /* that the node is open: last said; 0: it is not */
	char *retire_mark; /* asked to leave the node, by these words; the caller's after agent_stop() */
	bool unchained;	   /* and out of the chain: the loop has ended for the rest of it */
	int exit_code;
};

/* Everything up to the loop. Return: 0, or -errno with what could not be had. */
int agent_start(struct agent *a, const struct agent_options *opt, struct bh_err *err);
int agent_run(struct agent *a);	  /* until SIGTERM or SIGINT; 0 or -errno */
void agent_stop(struct agent *a); /* what is in force stays in force */

/* How to reach the API server, and which agent we are to it. */
int agent_kube_config(const struct agent_options *opt, struct kube_config *ret, struct bh_err *err);
const char *agent_instance(const struct agent_options *opt);

/* A socket in @dir, in the loop. Return: 0, or as api_server_new(). */
int agent_serve(struct loop *loop, const char *dir, const struct api_handler *handler,
		struct api_server **ret, struct bh_err *err);

/* After whatever gave the source something to do. */
void agent_arm_source(struct agent *a);

#endif
