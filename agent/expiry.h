/* SPDX-License-Identifier: Apache-2.0 */
/* Policies that are there until a time. */
#ifndef BH_EXPIRY_H
#define BH_EXPIRY_H

struct agent;

/* Tells the model what time it is, and the compiler when that changes which policies are there. */
void expiry_tick(struct agent *a);

#endif
