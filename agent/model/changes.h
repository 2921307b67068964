/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a model has been told since somebody last looked, for those to whom little means little work: pods,
 * interfaces, Services and slices one by one, with what they were then; anything else only as that there was
 * something.
 */
#ifndef BH_MODEL_CHANGES_H
#define BH_MODEL_CHANGES_H

#include <stdbool.h>

#include "util/addr.h"
#include "util/hash.h"
#include "util/vec.h"

struct endpoint;
struct endpoint_slice;
struct pod;
struct service;

#define CHANGES_MAX 1024 /* of a kind; more are `all` */

/* An object that came, changed or went; and how it was, if it was there. */
struct object_change {
	const char *ns; /* interned */
	char *name;
	const char *service;	/* interned: whose slice it was; NULL: it was none, or not there */
	VEC(struct addr) addrs; /* a pod's claims; what stood for a Service; whom a slice named */
	bool was_out;		/* a pod: it claimed nothing, being the node or at its end */
	bool had_host_ports;	/* a pod */
};

typedef VEC(struct object_change) change_vec; /* by namespace, name */

/* An interface here that came, changed or went. */
struct endpoint_change {
	struct hash128 key;
	char *ns, *pod;		/* whose it was; NULL: it was not there */
	bool had_link;		/* ifindex was not 0 */
	VEC(struct addr) addrs; /* of it */
};

struct model_changes {
	bool all; /* and not by those below */
	bool nodes;
	change_vec pods, services, slices;
	VEC(struct endpoint_change) endpoints; /* in no order */
};

/* Nothing has changed. Also the end of their life. */
void changes_clear(struct model_changes *c);

/* For the model; @c NULL: nobody asks. */
void changes_all(struct model_changes *c);
void changes_nodes(struct model_changes *c);

/* Before the change. @was: NULL if it is not there. */
void changes_pod(struct model_changes *c, const char *ns, const char *name, const struct pod *was);
void changes_endpoint(struct model_changes *c, const struct hash128 *key, const struct endpoint *was);
void changes_service(struct model_changes *c, const char *ns, const char *name, const struct service *was);
void changes_slice(struct model_changes *c, const char *ns, const char *name,
		   const struct endpoint_slice *was);

#endif
