/* SPDX-License-Identifier: Apache-2.0 */
/* Bulkhead leaves this node: nothing that it put into the kernel or wrote down stays. */
#ifndef BH_RETIRE_H
#define BH_RETIRE_H

#include "util/err.h"

/**
 * retire_node() - our programs off every interface, every pin removed, every record forgotten.
 *
 * From then on every pod of this node is open. Out of the chain first (chain/chain.h), and not before the
 * runtime has read the conflist without us: a pod that it starts meanwhile would be attached again, or fail.
 * The plugin's binary stays: its DEL may still be asked for (CRI-O), and succeeds.
 * Works with and without an agent. One that calls this for itself must do nothing afterwards that
 * pins, attaches or writes records (its tick would put the pins back); its socket stays until it closes it.
 * Goes on after a failure, and may be called again. What is not ours is left: then the directory stays too.
 * Return: 0 (also when there was nothing), or the first -errno, err naming what could not be removed.
 */
int retire_node(const char *run_dir, const char *pin_dir, struct bh_err *err);

/* The part of it that removes what is pinned under one directory, where nothing hangs by it any more. */
int retire_pins(const char *pin_dir, struct bh_err *err);

#endif
