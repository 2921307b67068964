/* SPDX-License-Identifier: Apache-2.0 */
/* What the compiled tables mean for one flow, to be held against what the loaded program answers. */
#ifndef BH_MEANT_H
#define BH_MEANT_H

#include <stdbool.h>

#include "../bpf/abi.h"
#include "inforce.h"

struct meant {
	bool allow, sure; /* sure: policy alone decides it */
	const char *rule; /* NULL: none */
};

/* Of a flow that is opened as @q says; @ep NULL: no endpoint of the tables. */
struct meant meant_by_tables(const struct inforce *f, const struct table_endpoint *ep,
			     const struct bh_query *q);

/* Whether the answer in @q, by a rule of the name @rule (NULL: none), is another. */
bool meant_differs(const struct meant *m, const struct bh_query *q, const char *rule);

#endif
