/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model with other policies, to ask what would be. It borrows all but the list of policies from the model
 * it is made of, which it cannot change: that one must stay as it is while the overlay lives.
 */
#ifndef BH_MODEL_OVERLAY_H
#define BH_MODEL_OVERLAY_H

#include "model/model.h"

struct overlay {
	struct model m; /* read it; no model_put_...() or model_del_...() on it */
};

int overlay_init(struct overlay *o, const struct model *m); /* 0 or -ENOMEM */
void overlay_done(struct overlay *o);

/* Instead of the one of that kind and name, if there is one; borrowed. Return: 0 or -ENOMEM. */
int overlay_put_policy(struct overlay *o, const struct net_policy *np);

/* Return: whether there was one. */
bool overlay_del_policy(struct overlay *o, enum policy_kind kind, const char *ns, const char *name);

#endif
