/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiling again and again. A compiler keeps what it found out about a model and is told what changes there,
 * so that after a few events about pods of other nodes the next result costs what they touch: patch.c says
 * which. Anything else is a compile of all. Either way the result says what policy_compile() would, byte for
 * byte.
 */
#ifndef BH_POLICY_COMPILER_H
#define BH_POLICY_COMPILER_H

#include "policy/policy.h"

struct compiler;

/* One of them to a model, which it is a part of until its end: it is in model.changes. NULL: no memory. */
struct compiler *compiler_new(struct model *m);
void compiler_free(struct compiler *c);
const struct model *compiler_model(const struct compiler *c);

/* @ret: as from policy_compile(), with tables.run and what goes with it; tables_free(). Return: likewise. */
int compiler_run(struct compiler *c, struct tables **ret, struct bh_err *err);

#endif
