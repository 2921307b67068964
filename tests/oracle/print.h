/* SPDX-License-Identifier: Apache-2.0 */
/* A part of cluster_print(). */
#ifndef TESTS_ORACLE_PRINT_H
#define TESTS_ORACLE_PRINT_H

#include "cluster.h"

#define TIME_TEXT 24

const char *comma(size_t i); /* before the i-th of a list */
void print_head(FILE *out, const char *version, const char *kind, const char *ns, const char *name);
const char *proto_name(uint8_t proto);
void print_time(int64_t time, char ret[TIME_TEXT]); /* "2027-01-15T08:00:00Z" */

void print_policy(const struct net_policy *np, FILE *out);

#endif
