/* SPDX-License-Identifier: Apache-2.0 */
/* Who behind a Service is in the way of a flow to it: what people are told of mixed answers. */
#ifndef BH_AGENT_BEHIND_H
#define BH_AGENT_BEHIND_H

#include "../bpf/abi.h"
#include "inforce.h"
#include "model/model.h"
#include "names.h"

struct json_object;

#define BEHIND_MAX 4 /* that are told */

/* Of a flow from a pod to an address of a Service, or to a port of this node that leads to one. */
struct behind {
	const struct service *service; /* NULL: it is neither; borrowed from the model, as `at` is not */
	size_t n, more;		       /* that the tables do not let it reach; `more` are not in `at` */
	struct {
		struct addr addr;
		uint16_t port;
	} at[BEHIND_MAX];
};

/* Of several Services the first one is told. */
void behind_of(const struct model *m, const struct inforce *f, const struct table_endpoint *ep,
	       const struct bh_query *q, struct behind *ret);

/* What people read, as two more fields: `service`, null if it is none, and `behind`, a list of texts. */
void behind_tell(const struct behind *b, struct names *names, struct json_object *o);

#endif
