/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loaded programs, brought from one cluster's tables to the next by the same steps as in the
 * agent, and asked by test runs of bh_explain. All of it lives in a bpffs of our own, in a mount
 * namespace of our own, and goes with the process. The interfaces need not exist.
 */
#ifndef TESTS_ORACLE_PROGRAM_H
#define TESTS_ORACLE_PROGRAM_H

#include "policy/policy.h"
#include "util/err.h"

struct program;

/* Return: 0; -EPERM not root, or what the kernel refused (err says). */
int program_open(struct program **ret, struct bh_err *err);
void program_free(struct program *p);

/* Enforce these tables; afresh: nothing of what was in force remains meanwhile, so what they say came by no
 * steps between two clusters. */
int program_load(struct program *p, const struct tables *t, struct bh_err *err);
int program_load_afresh(struct program *p, const struct tables *t, struct bh_err *err);

int program_ask(struct program *p, struct bh_query *q, struct bh_err *err);

/* What a rule id of an answer names: index into t->rules, or -1. */
int program_rule(const struct program *p, const struct tables *t, uint32_t id);

#endif
