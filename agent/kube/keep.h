/* SPDX-License-Identifier: Apache-2.0 */
/* The fields that decode_*() reads, and those that the API's protocol needs; nothing else is kept of an object. */
#ifndef BH_KUBE_KEEP_H
#define BH_KUBE_KEEP_H

#include "kube/decode.h"
#include "kube/scan.h"

/* By enum object_kind. Each also keeps what a Status in its place would say. */
extern const struct scan_keep *const keep_of_kind[OBJECT_OTHER];

#endif
