/* SPDX-License-Identifier: Apache-2.0 */
/* The fields that decode_*() reads, and those that the API's protocol needs; nothing else is kept of an
 * object. */
#ifndef BH_KUBE_KEEP_H
#define BH_KUBE_KEEP_H

#include "kube/decode.h"
#include "kube/scan.h"

/* By enum object_kind: what decode_*() reads of a manifest. */
extern const struct scan_keep *const keep_decoded[OBJECT_OTHER];

/* The same, what the protocol needs, and what a Status in the object's place says (metav1.Status). */
extern const struct scan_keep *const keep_sent[OBJECT_OTHER];

#endif
