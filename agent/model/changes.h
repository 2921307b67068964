/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a model has been told since somebody last looked, for those to whom little means little work: pods one
 * by one, with what they were then; anything else only as that there was something.
 */
#ifndef BH_MODEL_CHANGES_H
#define BH_MODEL_CHANGES_H

#include <stdbool.h>

#include "util/addr.h"
#include "util/vec.h"

struct pod;

#define CHANGES_MAX 1024 /* pods; more are `all` */

/* A pod that came, changed or went; and how it was, if it was there. */
struct pod_change {
	const char *ns; /* interned */
	char *name;
	bool host_network, ended;
	VEC(struct addr) addrs;
};

struct model_changes {
	bool all; /* and not by those below */
	bool services, slices, nodes;
	VEC(struct pod_change) pods; /* by namespace, name */
};

/* Nothing has changed. Also the end of their life. */
void changes_clear(struct model_changes *c);

/* For the model; @c NULL: nobody asks. */
void changes_all(struct model_changes *c);
void changes_services(struct model_changes *c);
void changes_slices(struct model_changes *c);
void changes_nodes(struct model_changes *c);

/* Before the change. @was: NULL if it is not there. */
void changes_pod(struct model_changes *c, const char *ns, const char *name, const struct pod *was);

#endif
