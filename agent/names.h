/* SPDX-License-Identifier: Apache-2.0 */
/* Names for what the data plane knows by number: addresses, rules, reasons, protocols. */
#ifndef BH_NAMES_H
#define BH_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "../bpf/abi.h"
#include "inforce.h"
#include "model/model.h"
#include "policy/delta.h"
#include "util/addr.h"

struct names;

struct names *names_new(const struct model *m); /* NULL: no memory */
void names_free(struct names *n);
void names_stale(struct names *n); /* the model has changed */

#define NAME_MAX_LEN 336 /* "service 'namespace/name'" of the API's longest, and a NUL */

/* Who has an address: "shop/web", "node" (this one), "node 'n2'", "service 'shop/db'", or "" for nobody we
 * know. Returns ret. */
const char *names_addr(struct names *n, const struct addr *a, char ret[NAME_MAX_LEN]);

/* The pod that has an address, here or elsewhere; borrowed until the model changes. Return: whether one has.
 */
bool names_pod(struct names *n, const struct addr *a, const char **ret_ns, const char **ret_pod);

/* A rule id as the maps hold it; NULL: none, or gone since. */
const char *names_rule(const struct inforce *f, const struct actual *actual, uint32_t id);

const char *names_reason(uint32_t reason); /* "policy-denied" */
bool names_reason_allows(uint32_t reason);
const char *names_proto(uint8_t proto, char ret[8]); /* "TCP", "132" */

/* Of the ports [first..last], as BH_PORT(). "80", "8000-8100", "any"; of ICMP the type and the code: "8/0",
 * "3". What touches may be of several protocols: "1-2". Both return ret. */
const char *names_ports(uint32_t first, uint32_t last, char ret[32]);
const char *names_protos(uint32_t first, uint32_t last, char ret[20]);

#endif
