/* SPDX-License-Identifier: Apache-2.0 */
/* Prometheus' text format, version 0.0.4: families, one after the other, and their samples. */
#ifndef BH_EXPOSITION_H
#define BH_EXPOSITION_H

#include <stdbool.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/histogram.h"

#define EXPOSITION_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

/* `r` stays at the first failure of the buffer. A family without samples leaves nothing behind. */
struct exposition {
	struct buf *out;
	const char *name; /* of the family */
	int r;
	size_t start, samples; /* where the family begins, and how many samples it has */
};

const char *metric_type_text(enum metric_type type);

void expo_begin(struct exposition *x, const char *name, enum metric_type type, const char *help);
void expo_end(struct exposition *x);

/* Labels: pairs of name and value, and a NULL; a value may be any text. */
void expo_add(struct exposition *x, uint64_t value, ...) __attribute__((sentinel));
void expo_add_real(struct exposition *x, double value, ...) __attribute__((sentinel));
void expo_add_histogram(struct exposition *x, const struct histogram *h, const char *label,
			const char *value); /* @label NULL: it has none */

#endif
