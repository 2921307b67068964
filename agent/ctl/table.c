/* SPDX-License-Identifier: Apache-2.0 */
/* Tables on a terminal. */
#include "ctl/table.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "util/err.h"
#include "util/scope.h"
#include "util/vec.h"

#define COLUMNS_MAX 16
#define GAP	    2 /* blanks between columns */
#define CUT_MIN	    6 /* no column is cut below that, or below its head */
#define ELLIPSIS    "\xe2\x80\xa6"

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

static bool kept_whole(const struct table *t, size_t column)
{
	return raw_head(t, column)[0] == '=';
}

static const char *head(const struct table *t, size_t column)
{
	return raw_head(t, column) + (flush_right(t, column) || kept_whole(t, column));
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

/* ---- on a terminal ------------------------------------------------------------------------ */

/* 0: it is none, or does not say. */
static size_t columns_of(FILE *out)
{
	struct winsize w = {};

	return ioctl(fileno(out), TIOCGWINSZ, &w) < 0 ? 0 : w.ws_col;
}

/* Not the first of the table's own, which is the name, and not the node before it. */
static bool can_be_cut(const struct table *t, size_t column)
{
	return column > (t->lead != NULL) && !flush_right(t, column) && !kept_whole(t, column);
}

static size_t least_of(const struct table *t, size_t column)
{
	const size_t least = width_of(head(t, column));

	return least > CUT_MIN ? least : CUT_MIN;
}

/* Of a row. What is kept whole at its end is as long as it is, whatever is cut: it counts as its head. */
static size_t sum(const struct table *t, const size_t *width)
{
	const size_t last = t->columns - 1;
	size_t i, n = GAP * last;

	for (i = 0; i < t->columns; i++)
		n += i == last && kept_whole(t, i) ? width_of(head(t, i)) : width[i];
	return n;
}

/* Return: the widest that can still give; t->columns: none. */
static size_t widest(const struct table *t, const size_t *width)
{
	size_t i, ret = t->columns;

	for (i = 0; i < t->columns; i++)
		if (can_be_cut(t, i) && width[i] > least_of(t, i) &&
		    (ret == t->columns || width[i] > width[ret]))
			ret = i;
	return ret;
}

/* If that cannot be enough all stays as it is, for rows have more than one line anyway. */
static void cut(const struct table *t, size_t terminal, size_t *width)
{
	size_t to[COLUMNS_MAX], i;

	memcpy(to, width, sizeof(to));
	while (sum(t, to) > terminal) {
		i = widest(t, to);
		if (i == t->columns)
			return;
		to[i]--;
	}
	memcpy(width, to, sizeof(to));
}

static size_t lines_of(const struct table *t, const size_t *width, size_t terminal, const char *last_text)
{
	const size_t last = t->columns - 1, text = width_of(last_text);
	const size_t shown = flush_right(t, last) || text > width[last] ? width[last] : text;
	size_t i, n = GAP * last + shown;

	for (i = 0; i < last; i++)
		n += width[i];
	return terminal && n > terminal ? (n + terminal - 1) / terminal : 1;
}

/* ---- printing ----------------------------------------------------------------------------- */

/* So many bytes make @width characters. */
static size_t bytes_of(const char *text, size_t width)
{
	size_t n = 0;

	while (text[n] && (width || ((unsigned char)text[n] & 0xc0) == 0x80)) {
		width -= ((unsigned char)text[n] & 0xc0) != 0x80;
		n++;
	}
	return n;
}

static void print_cell(const struct table *t, FILE *out, size_t column, size_t width, const char *text,
		       const char *begin, const char *end)
{
	const size_t whole = width_of(text);
	const bool fits = whole <= width, last = column + 1 == t->columns;
	const int pad = fits ? (int)(width - whole) : 0;
	const int len = (int)(fits ? strlen(text) : bytes_of(text, width - 1));

	(void)fprintf(out, "%*s", column ? GAP : 0, "");
	if (flush_right(t, column))
		(void)fprintf(out, "%*s%s%s%s", pad, "", begin, text, end);
	else
		(void)fprintf(out, "%s%.*s%s%s%*s", begin, len, text, fits ? "" : ELLIPSIS, end,
			      last ? 0 : pad, "");
	if (last)
		(void)fputc('\n', out);
}

static void print_row(const struct table *t, FILE *out, bool colours, const size_t *width, size_t row)
{
	size_t column, i;

	for (column = 0; column < t->columns; column++) {
		i = row * t->columns + column;
		const bool on = colours && i < t->cells.n && t->cells.v[i].colour != PLAIN;

		print_cell(t, out, column, width[column], text_at(t, i),
			   colour_code(on, on ? t->cells.v[i].colour : PLAIN), colour_code(on, PLAIN));
	}
}

size_t table_print_lines(const struct table *t, FILE *out, bool colours, size_t lines)
{
	const size_t terminal = columns_of(out), last = t->columns - 1;
	size_t width[COLUMNS_MAX] = {}, i, used;

	measure(t, width);
	if (terminal)
		cut(t, terminal, width);
	for (i = 0; i < t->columns; i++)
		print_cell(t, out, i, width[i], head(t, i), colour_code(colours, BOLD),
			   colour_code(colours, PLAIN));
	used = lines_of(t, width, terminal, head(t, last));
	for (i = 0; i < table_rows(t); i++) {
		used += lines_of(t, width, terminal, text_at(t, i * t->columns + last));
		if (used > lines)
			break;
		print_row(t, out, colours, width, i);
	}
	return i;
}

void table_print(const struct table *t, FILE *out, bool colours)
{
	(void)table_print_lines(t, out, colours, SIZE_MAX);
}
