/* SPDX-License-Identifier: Apache-2.0 */
/* Tables on a terminal. */
#include "ctl/table.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "util/err.h"
#include "util/scope.h"
#include "util/vec.h"

#define COLUMNS_MAX 16
#define GAP	    2 /* blanks between columns */

struct cell {
	char *text;
	enum colour colour;
};

struct table {
	const char *const *heads; /* of the columns behind the lead */
	const char *lead, *lead_text;
	size_t columns; /* with the lead */
	VEC(struct cell) cells;
};

const char *colour_code(bool on, enum colour c)
{
	static const char *const codes[] = {
		[PLAIN] = "\033[0m",   [RED] = "\033[31m", [GREEN] = "\033[32m",
		[YELLOW] = "\033[33m", [BOLD] = "\033[1m", [DIM] = "\033[2m",
	};

	return on ? codes[c] : "";
}

struct table *table_new_led(const char *lead, const char *const *heads)
{
	struct table *t = calloc(1, sizeof(*t));
	size_t n = 0;

	if (!t)
		return NULL;
	t->heads = heads;
	t->lead = lead;
	while (heads[n])
		n++;
	t->columns = n + (lead != NULL);
	assert(t->columns <= COLUMNS_MAX);
	return t;
}

struct table *table_new(const char *const *heads)
{
	return table_new_led(NULL, heads);
}

void table_lead(struct table *t, const char *text)
{
	t->lead_text = text;
}

void table_free(struct table *t)
{
	size_t i;

	if (!t)
		return;
	for (i = 0; i < t->cells.n; i++)
		free(t->cells.v[i].text);
	vec_done(&t->cells);
	free(t);
}

static void add_cell(struct table *t, const char *text, enum colour c)
{
	struct cell *cell = vec_add(&t->cells);

	if (!cell)
		return;
	*cell = (struct cell){ .text = strdup(text && *text ? text : "-"), .colour = c };
	if (cell->text)
		bh_text_clean(cell->text);
}

void table_add(struct table *t, const char *text, enum colour c)
{
	if (t->lead && !(t->cells.n % t->columns))
		add_cell(t, t->lead_text, DIM);
	add_cell(t, text, c);
}

void table_fmt(struct table *t, enum colour c, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	table_add(t, text, c);
}

size_t table_rows(const struct table *t)
{
	return (t->cells.n + t->columns - 1) / t->columns;
}

static const char *raw_head(const struct table *t, size_t column)
{
	if (!t->lead)
		return t->heads[column];
	return column ? t->heads[column - 1] : t->lead;
}

static bool flush_right(const struct table *t, size_t column)
{
	return raw_head(t, column)[0] == '>';
}

static const char *head(const struct table *t, size_t column)
{
	return raw_head(t, column) + flush_right(t, column);
}

static const char *text_at(const struct table *t, size_t i)
{
	return i < t->cells.n && t->cells.v[i].text ? t->cells.v[i].text : "";
}

/* Characters as a terminal shows them: UTF-8's continuation bytes take no room. */
static size_t width_of(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static void measure(const struct table *t, size_t *ret)
{
	size_t i, w;

	for (i = 0; i < t->columns; i++)
		ret[i] = width_of(head(t, i));
	for (i = 0; i < t->cells.n; i++) {
		w = width_of(text_at(t, i));
		if (w > ret[i % t->columns])
			ret[i % t->columns] = w;
	}
}

static void print_cell(const struct table *t, FILE *out, size_t column, size_t width, const char *text,
		       const char *begin, const char *end)
{
	const int pad = (int)(width - width_of(text)), last = column + 1 == t->columns;

	(void)fprintf(out, "%*s", column ? GAP : 0, "");
	if (flush_right(t, column))
		(void)fprintf(out, "%*s%s%s%s", pad, "", begin, text, end);
	else
		(void)fprintf(out, "%s%s%s%*s", begin, text, end, last ? 0 : pad, "");
	if (last)
		(void)fputc('\n', out);
}

void table_print(const struct table *t, FILE *out, bool colours)
{
	size_t width[COLUMNS_MAX], i;

	measure(t, width);
	for (i = 0; i < t->columns; i++)
		print_cell(t, out, i, width[i], head(t, i), colour_code(colours, BOLD),
			   colour_code(colours, PLAIN));
	for (i = 0; i < t->cells.n; i++) {
		const bool on = colours && t->cells.v[i].colour != PLAIN;

		print_cell(t, out, i % t->columns, width[i % t->columns], text_at(t, i),
			   colour_code(on, t->cells.v[i].colour), colour_code(on, PLAIN));
	}
	for (; i % t->columns; i++) /* a row that was not filled */
		print_cell(t, out, i % t->columns, width[i % t->columns], "", "", "");
}
