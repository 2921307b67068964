/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CONF_DIR/NETWORK/90-bulkhead.conf: one plugin more for the list NETWORK, without touching that. Read by
 * libcni 1.3 and newer (NetworkPluginConfsFromFiles), behind the list's own plugins; older ones do not see
 * it.
 */
#ifndef BH_CHAIN_DROP_IN_H
#define BH_CHAIN_DROP_IN_H

#include "chain/file.h"

bool drop_in_is(const struct dir *d, const char *network, const char *entry);

/* Also makes the runtime look again: it does not watch that directory. Return: 0 or -errno. */
int drop_in_put(const struct dir *d, const char *network, const char *entry, struct bh_err *err);

/* And the directory, if nothing else is in it. Return: 1 removed, 0 not there, -errno. */
int drop_in_remove(const struct dir *d, const char *network, struct bh_err *err);

/* Of every network. Return: as above. */
int drop_in_remove_all(const struct dir *d, struct bh_err *err);

#endif
