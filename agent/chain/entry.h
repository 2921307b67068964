/* SPDX-License-Identifier: Apache-2.0 */
/* Our entry in a list of plugins, as text. */
#ifndef BH_CHAIN_ENTRY_H
#define BH_CHAIN_ENTRY_H

#include "chain/chain.h"
#include "util/buf.h"

/* {"type": "bulkhead", ...} in one line, the bytes of plugin_conf's values kept. Return: 0, -EINVAL with the
 * option and key named, -ENOMEM. */
int entry_make(const struct chain_options *opt, struct buf *ret, struct bh_err *err);

#endif
