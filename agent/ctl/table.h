/* SPDX-License-Identifier: Apache-2.0 */
/* Columns that line up, with colour where it helps. */
#ifndef BH_CTL_TABLE_H
#define BH_CTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum colour { PLAIN, RED, GREEN, YELLOW, BOLD, DIM };

/* The escape that begins @c, or ends it (PLAIN); "" unless @on. */
const char *colour_code(bool on, enum colour c);

struct table;

/* @heads: ends with NULL, borrowed; one that begins with '>' makes its column flush right, one that begins
 * with '=' keeps it whole: it is what the table is read for.
 * Return: NULL without memory. */
struct table *table_new(const char *const *heads);
/* With one more column before them, whose cells table_lead() says; @lead is borrowed. */
struct table *table_new_led(const char *lead, const char *const *heads);
void table_free(struct table *t);

/* What the first cell of each row from now on is; borrowed for one row. Of no meaning to a table without. */
void table_lead(struct table *t, const char *text);

/* The next cell, from left to right, row by row; NULL is "-". Without memory the cell stays empty. */
void table_add(struct table *t, const char *text, enum colour c);
void table_fmt(struct table *t, enum colour c, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

size_t table_rows(const struct table *t);

/* Heads and rows; the last column is not padded. Control characters show as '?'. On a terminal that is too
 * narrow the widest columns are cut with an ellipsis until a row is one line, if that can be: names, which
 * come first, numbers and what is kept whole are not. */
void table_print(const struct table *t, FILE *out, bool colours);

/* The first of them, as many as take no more than @lines on the terminal, with the heads: what is too long is
 * more than one. Return: how many rows that is. */
size_t table_print_lines(const struct table *t, FILE *out, bool colours, size_t lines);

#endif
