/* SPDX-License-Identifier: Apache-2.0 */
/* Writing the text format: https://prometheus.io/docs/instrumenting/exposition_formats/ */
#include "exposition.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void put(struct exposition *x, const char *text, size_t len)
{
	if (!x->r)
		x->r = buf_add(x->out, text, len);
}

static void put_str(struct exposition *x, const char *text)
{
	put(x, text, strlen(text));
}

/* Of a label's value (@quotes) or a help text: what would end it early. */
static void put_escaped(struct exposition *x, const char *text, bool quotes)
{
	for (; *text; text++) {
		const size_t plain = strcspn(text, quotes ? "\\\n\"" : "\\\n");

		put(x, text, plain);
		text += plain;
		if (!*text)
			return;
		put(x, "\\", 1);
		put(x, *text == '\n' ? "n" : text, 1);
	}
}

const char *metric_type_text(enum metric_type type)
{
	static const char *const texts[] = { "counter", "gauge", "histogram" };

	return texts[type];
}

void expo_begin(struct exposition *x, const char *name, enum metric_type type, const char *help)
{
	x->name = name;
	x->start = x->out->len;
	x->samples = 0;
	put_str(x, "# HELP ");
	put_str(x, name);
	put_str(x, " ");
	put_escaped(x, help, false);
	put_str(x, "\n# TYPE ");
	put_str(x, name);
	put_str(x, " ");
	put_str(x, metric_type_text(type));
	put_str(x, "\n");
}

void expo_end(struct exposition *x)
{
	if (!x->samples)
		buf_cut(x->out, x->start);
}

static void put_label(struct exposition *x, bool first, const char *name, const char *value)
{
	put_str(x, first ? "{" : ",");
	put_str(x, name);
	put_str(x, "=\"");
	put_escaped(x, value, true);
	put_str(x, "\"");
}

static void put_labels(struct exposition *x, va_list ap)
{
	const char *name;
	bool first = true;

	for (; (name = va_arg(ap, const char *)); first = false)
		put_label(x, first, name, va_arg(ap, const char *));
	if (!first)
		put_str(x, "}");
}

static void put_value(struct exposition *x, const char *text)
{
	put_str(x, " ");
	put_str(x, text);
	put_str(x, "\n");
	x->samples++;
}

static void put_count(struct exposition *x, uint64_t n)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRIu64, n);
	put_value(x, text);
}

static void put_real(struct exposition *x, double n)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%.9g", n);
	put_value(x, text);
}

void expo_add(struct exposition *x, uint64_t value, ...)
{
	va_list ap;

	put_str(x, x->name);
	va_start(ap, value);
	put_labels(x, ap);
	va_end(ap);
	put_count(x, value);
}

void expo_add_real(struct exposition *x, double value, ...)
{
	va_list ap;

	put_str(x, x->name);
	va_start(ap, value);
	put_labels(x, ap);
	va_end(ap);
	put_real(x, value);
}

/* "name_bucket{label="value",le="0.1"}" */
static void put_part(struct exposition *x, const char *part, const char *label, const char *value,
		     const char *le)
{
	put_str(x, x->name);
	put_str(x, part);
	if (label)
		put_label(x, true, label, value);
	if (le)
		put_label(x, !label, "le", le);
	if (label || le)
		put_str(x, "}");
}

void expo_add_histogram(struct exposition *x, const struct histogram *h, const char *label, const char *value)
{
	uint64_t n = 0;
	char le[16];
	size_t i;

	for (i = 0; i < HISTOGRAM_BUCKETS; i++) {
		n += h->counts[i];
		(void)snprintf(le, sizeof(le), "%g", histogram_bounds[i]);
		put_part(x, "_bucket", label, value, le);
		put_count(x, n);
	}
	n += h->counts[i];
	put_part(x, "_bucket", label, value, "+Inf");
	put_count(x, n);
	put_part(x, "_sum", label, value, NULL);
	put_real(x, (double)h->sum_ns / 1e9);
	put_part(x, "_count", label, value, NULL);
	put_count(x, n);
}
