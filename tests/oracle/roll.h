/* SPDX-License-Identifier: Apache-2.0 */
/* What random clusters are made of: few names, labels, addresses and ports, so that they meet. */
#ifndef TESTS_ORACLE_ROLL_H
#define TESTS_ORACLE_ROLL_H

#include "cluster.h"
#include "util/scope.h"

#define name_label    "kubernetes.io/metadata.name"
#define NOW	      1800000000 /* 2027-01-15T08:00:00Z: when random clusters are */
#define pick(d, list) ((list)[dice_roll(d, ARRAY_SIZE(list))])

#define SERVICES 4

extern const char *const namespaces[3]; /* the last: pods, but no Namespace */

/* A test that runs out of memory has nothing to say. */
void *must(void *p);
void zero(int r);

const char *roll_namespace(struct dice *d);
void roll_labels(struct dice *d, const struct labels **l);
struct selector *roll_selector(struct dice *d, bool of_namespaces);

struct addr addr_of(const char *text);
struct addr roll_pod_addr(struct dice *d, bool v4); /* where pods and nodes live */
struct addr roll_addr(struct dice *d, bool v4);
struct cidr roll_cidr(struct dice *d, bool v4);

uint16_t roll_port(struct dice *d);
uint8_t roll_proto(struct dice *d);
bool has_ports(uint8_t proto);
uint8_t roll_icmp(struct dice *d);	 /* of either family */
uint16_t roll_icmp_type(struct dice *d); /* as the upper byte of what is a port of others */
uint8_t roll_icmp_code(struct dice *d);
uint8_t roll_number(struct dice *d); /* of a protocol that is known by its number alone */
void service_name(struct dice *d, char ret[16]);
void roll_name(struct dice *d, char name[PORT_NAME_MAX + 1]);
void roll_named_ports(struct dice *d,
		      struct pod *p); /* a name may be several ports, and a port have several */

/* One is replaced, or comes. */
void put_policy(struct model *m, struct dice *d);
void put_cluster_policy(struct model *m, struct dice *d);
void put_segmentation(struct model *m, struct dice *d);
void put_cluster_segmentation(struct model *m, struct dice *d);

/* The smallest changes: what a name forgets to name shows here. */
void tweak_policy(struct model *m, struct dice *d);

#endif
