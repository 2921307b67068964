/* SPDX-License-Identifier: Apache-2.0 */
/* Tables: what lines up, what is coloured, what is kept off the terminal. */
#include "ctl/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static const char *const heads[] = { "NAME", ">COUNT", "NOTE", NULL };

static void assert_prints(struct table *t, bool colours, const char *want)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	table_print(t, out, colours);
	(void)fclose(out);
	assert_string_equal(text, want);
	free(text);
	table_free(t);
}

static void columns_are_as_wide_as_their_widest(void **state)
{
	struct table *t = table_new(heads);

	(void)state;
	table_add(t, "a", PLAIN);
	table_add(t, "7", PLAIN);
	table_add(t, "x", PLAIN);
	table_add(t, "longer-name", PLAIN);
	table_fmt(t, PLAIN, "%d", 1234567);
	table_add(t, "y", PLAIN);
	assert_prints(t, false,
		      "NAME           COUNT  NOTE\n"
		      "a                  7  x\n"
		      "longer-name  1234567  y\n");
}

static void no_row_prints_the_heads(void **state)
{
	(void)state;
	assert_prints(table_new(heads), false, "NAME  COUNT  NOTE\n");
}

static void what_is_missing_is_a_dash(void **state)
{
	struct table *t = table_new(heads);

	(void)state;
	table_add(t, "", PLAIN);
	table_add(t, NULL, PLAIN);
	table_add(t, "n", PLAIN);
	assert_prints(t, false, "NAME  COUNT  NOTE\n-         -  n\n");
}

static void a_row_that_is_cut_short_ends_its_line(void **state)
{
	struct table *t = table_new(heads);

	(void)state;
	table_add(t, "alone", PLAIN);
	assert_prints(t, false, "NAME   COUNT  NOTE\nalone         \n");
}

/* Escapes have no width: columns line up as without colour. */
static void colours_do_not_move_columns(void **state)
{
	struct table *t = table_new(heads);

	(void)state;
	table_add(t, "ok", GREEN);
	table_add(t, "1", PLAIN);
	table_add(t, "z", RED);
	assert_prints(t, true,
		      "\033[1mNAME\033[0m  \033[1mCOUNT\033[0m  \033[1mNOTE\033[0m\n"
		      "\033[32mok\033[0m        1  \033[31mz\033[0m\n");
}

static void colours_can_be_off(void **state)
{
	struct table *t = table_new(heads);

	(void)state;
	table_add(t, "ok", GREEN);
	table_add(t, "1", BOLD);
	table_add(t, "z", RED);
	assert_prints(t, false, "NAME  COUNT  NOTE\nok        1  z\n");
}

static void letters_of_two_bytes_are_one_wide(void **state)
{
	struct table *t = table_new(heads);

	(void)state;
	table_add(t, "n\xc3\xa4me", PLAIN);
	table_add(t, "1", PLAIN);
	table_add(t, "x", PLAIN);
	assert_prints(t, false, "NAME  COUNT  NOTE\nn\xc3\xa4me      1  x\n");
}

/* What an object is named cannot steer the terminal or forge a line. */
static void control_characters_show_as_question_marks(void **state)
{
	struct table *t = table_new(heads);

	(void)state;
	table_add(t, "a\033[2J\nb", PLAIN);
	table_add(t, "1", PLAIN);
	table_add(t, "x", PLAIN);
	assert_prints(t, false, "NAME     COUNT  NOTE\na?[2J?b      1  x\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_are_as_wide_as_their_widest),
		cmocka_unit_test(no_row_prints_the_heads),
		cmocka_unit_test(what_is_missing_is_a_dash),
		cmocka_unit_test(a_row_that_is_cut_short_ends_its_line),
		cmocka_unit_test(colours_do_not_move_columns),
		cmocka_unit_test(colours_can_be_off),
		cmocka_unit_test(letters_of_two_bytes_are_one_wide),
		cmocka_unit_test(control_characters_show_as_question_marks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
