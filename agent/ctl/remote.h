/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agents of all nodes, through kubectl: it finds their pods and runs `bulkheadctl request` in them. So
 * the user's own kubeconfig and rights decide, and no port is open for it. Names reach kubectl as arguments,
 * never through a shell.
 */
#ifndef BH_CTL_REMOTE_H
#define BH_CTL_REMOTE_H

#include "ctl/ctl.h"
#include "util/vec.h"

/* An agent's pod, one for each node; in the order of the nodes' names. */
struct agent_pod {
	char *node, *ns, *pod, *container;
	char *phase; /* "Running", or why it cannot be asked */
	int rank;    /* of several on one node the one that is more likely to answer */
};

struct buf;

struct agent_pods {
	VEC(struct agent_pod) v;
};

/* Those that are asked for; kept for the next time. Return: CTL_OK, or an exit code and it was said why. */
int remote_pods(const struct ctl *c, const struct agent_pods **ret);

void remote_forget(void);

/* Looks whether the node's agent has another pod now, or that one another phase; @pod is one of
 * remote_pods(), NULL: all of them, and is told in place. */
void remote_renew(const struct ctl *c, const struct agent_pod *pod);

/* Of what `kubectl get pods -o json` prints; for the tests. Return: 0, -EPROTO, -ENOTUNIQ (several
 * namespaces have some), -ENOMEM. */
int remote_pods_read(const char *json, struct agent_pods *ret, struct bh_err *err);
void remote_pods_done(struct agent_pods *p);

/* kubectl's arguments with its global options first; @more ends with NULL. Return: to be freed, or NULL. */
char **remote_argv(const struct ctl *c, const char *const *more);
void remote_argv_free(char **argv);

/* kubectl to its end, with what it prints. Return: 0, -ENOENT there is none, -ETIMEDOUT, or another -errno:
 * @err says what it says. */
int remote_run(const struct ctl *c, const char *const *args, struct buf *out, struct bh_err *err);

/* What of kubectl's stderr says what went wrong. Returns ret. */
#define REMOTE_WHY 300
const char *remote_why(char *text, char ret[REMOTE_WHY]);

/* What @n agents, at least one, say of a pod that they do not know, on stderr. */
void remote_say_not_found(const char *const *msgs, size_t n);

/* One answer of each agent; as ctl_answers(). @request is borrowed. */
int remote_answers(const struct ctl *c, struct json_object *request,
		   int (*each)(void *ctx, struct json_object *item),
		   void (*last)(void *ctx, struct json_object *line), void *ctx);

#endif
