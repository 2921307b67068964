/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of `explain` that need no agent. */
#ifndef BH_CTL_EXPLAIN_H
#define BH_CTL_EXPLAIN_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "util/err.h"

struct explain_port {
	uint16_t port;	   /* 0: ICMP */
	const char *proto; /* "TCP", "UDP", "SCTP", "ICMP" */
};

/* "443", "53/udp", "icmp". Return: 0 or -EINVAL. */
int explain_port_parse(const char *text, struct explain_port *ret, struct bh_err *err);

/* The answer as the person reads it who asks at night: the verdict first, then why. */
void explain_print(FILE *out, struct json_object *answer, bool colours);

/* The rule that comes closest to accepting what @o is of, as a line; nothing where none is near. */
void explain_print_closest(FILE *out, struct json_object *o);

/* What another node answered to the same question, as one answer with @all. */
void explain_join(struct json_object *all, struct json_object *one);

#endif
