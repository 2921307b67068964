/* SPDX-License-Identifier: Apache-2.0 */
/* What stands for others, between its parts: services.c, needs.c and forwards.c. */
#ifndef BH_POLICY_SERVICES_H
#define BH_POLICY_SERVICES_H

#include "policy/build.h"

/* How a Service came by an address; the first outranks the others. */
enum vip_rank {
	VIP_CLUSTER,  /* the API server gave it, from a range of its own */
	VIP_BALANCER, /* who runs the load balancers did */
	VIP_EXTERNAL, /* its owner says so */
};

/* A Service and one of its addresses; a tenant may have asked for one that another has. */
struct vip {
	struct addr addr;
	enum vip_rank rank;
	const struct service *service;
};

/* What arrives on this port of this node and goes on: to a pod here, or to a Service's backends. */
struct forward {
	uint32_t port; /* BH_PORT() */
	bool v4, v6;   /* at which of the node's addresses */
	const struct endpoint *endpoint;
	uint16_t to; /* its port */
	const struct service *service;
	const struct service_port *from;
};

/* An address and its class, which stands behind those that are known so far. */
struct found {
	struct addr addr;
	uint32_t class;
};

struct services {
	struct build *b;
	const struct addr *only;		   /* NULL: of every address there is */
	bool lengths[129];			   /* that some block has */
	VEC(struct addr) nodes;			   /* of all nodes; sorted */
	VEC(const struct endpoint_slice *) slices; /* by namespace, Service */
	VEC(struct vip) vips;			   /* by address, rank, namespace, name */
	VEC(struct forward) forwards;		   /* by port */
	VEC(struct found) found;
};

/* forwards.c: fills services.forwards and tables.node_ports. Return: 0 or -ENOMEM, as all here. */
int services_forwards(struct services *x);

/* All nodes' addresses, this one's as well; @vec: VEC(struct addr), sorted. */
int services_nodes(const struct model *m, void *vec);

/* To services.vips, which are not in order then, those of the Service; none of which others have themselves,
 * or `only` that one. */
int services_add_vips(struct services *x, const struct service *s);
void services_sort_vips(struct services *x);

/* The class of the address of vips[from], by name and content. */
int services_vip_class(struct services *x, size_t from, struct class_use *ret);

/* That of an address of this node which is in the class @block, where this is what its ports need. */
struct class_use services_node_class(const struct services *x, uint32_t block, struct list needs);

void services_done(struct services *x);

/* needs.c. First of all: looks at blocks. */
void services_open(struct services *x);

/* And at slices: of one Service, or of all. They are to be in order. */
int services_slices_of(struct services *x, const struct service *s);
int services_all_slices(struct services *x);

/* The class that an address has without any Service: of itself, or of the longest block that holds it. */
uint32_t services_plain_class(const struct services *x, const struct addr *a);

/* What the ports need of the Services vips[from..to), which share an address and a rank. */
int services_needs(struct services *x, size_t from, size_t to, struct list *ret);

/* And those that this node forwards, of what is sent to its addresses of one family. */
int services_node_needs(struct services *x, bool v4, struct list *ret);

#endif
