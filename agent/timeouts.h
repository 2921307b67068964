/* SPDX-License-Identifier: Apache-2.0 */
/* How long sessions live without packets: the names and defaults of BH_LIVES, and what an option says. */
#ifndef BH_TIMEOUTS_H
#define BH_TIMEOUTS_H

#include <stdint.h>

#include "../bpf/abi.h"
#include "util/err.h"

#define TIMEOUT_MAX_S 1000000u /* eleven days: ages are told from 2^31 jiffies at most */

struct timeouts {
	uint32_t seconds[BH_LIFE_MAX];
};

extern const struct timeouts timeouts_default;

const char *timeouts_name(enum bh_life life);

/* @text: NAME=SECONDS. Return: 0, -EINVAL: @err names the option and what is wrong with it. */
int timeouts_read(const char *text, struct timeouts *ret, struct bh_err *err);

#endif
