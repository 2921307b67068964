/* SPDX-License-Identifier: Apache-2.0 */
/* Tables: what lines up, what is coloured, what is kept off the terminal. */
#include "ctl/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

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

/* A terminal with so many columns, which leaves "\n" alone. */
static FILE *terminal_begin(int *ret_fd, unsigned short columns)
{
	struct winsize size = { .ws_col = columns, .ws_row = 25 };
	struct termios raw = {};
	int slave;

	cfmakeraw(&raw);
	assert_int_equal(openpty(ret_fd, &slave, NULL, &raw, &size), 0);
	return fdopen(slave, "w");
}

/* Closed, it is all that there is. */
static void assert_got(FILE *out, int fd, const char *want)
{
	char text[2000] = "";
	size_t n = 0;
	ssize_t r;

	(void)fclose(out);
	while ((r = read(fd, text + n, sizeof(text) - 1 - n)) > 0)
		n += (size_t)r;
	(void)close(fd);
	assert_string_equal(text, want);
}

static void assert_shows(struct table *t, unsigned short columns, bool colours, const char *want)
{
	int fd;
	FILE *out = terminal_begin(&fd, columns);

	table_print(t, out, colours);
	assert_got(out, fd, want);
}

static struct table *wide(const char *lead, const char *const *columns)
{
	struct table *t = table_new_led(lead, columns);

	table_lead(t, "a-long-node");
	table_add(t, "a-very-long-name", BOLD);
	table_add(t, "1234567890", PLAIN);
	table_add(t, "10.0.0.1, 10.0.0.2", GREEN);
	table_add(t,
		  "fr\xc3\xbch\xc3\xbc"
		  "bel",
		  PLAIN);
	return t;
}

static const char *const wide_heads[] = { "NAME", ">COUNT", "AT", "NOTE", NULL };

#define WIDE                                                                                                 \
	"NAME                   COUNT  AT                  NOTE\n"                                           \
	"a-very-long-name  1234567890  10.0.0.1, 10.0.0.2  fr\xc3\xbch\xc3\xbc"                              \
	"bel\n"

/* The widest first; names and numbers not at all, and nothing where it would not help. */
static void narrow_terminals_cut_the_widest(void **state)
{
	struct table *t = wide(NULL, wide_heads);

	(void)state;
	assert_shows(t, 58, false, WIDE);
	assert_shows(t, 50, false,
		     "NAME                   COUNT  AT          NOTE\n"
		     "a-very-long-name  1234567890  10.0.0.1,\xe2\x80\xa6  fr\xc3\xbch\xc3\xbc"
		     "bel\n");
	assert_shows(t, 44, false,
		     "NAME                   COUNT  AT      NOTE\n"
		     "a-very-long-name  1234567890  10.0.\xe2\x80\xa6  fr\xc3\xbch\xc3\xbc\xe2\x80\xa6\n");
	assert_shows(t, 43, false, WIDE);
	assert_shows(t, 0, false, WIDE);
	table_free(t);
}

static void what_is_kept_whole_is_not_cut(void **state)
{
	static const char *const why[] = { "NAME", ">COUNT", "AT", "=WHY", NULL };
	struct table *t = wide(NULL, why);

	(void)state;
	assert_shows(t, 42, false,
		     "NAME                   COUNT  AT       WHY\n"
		     "a-very-long-name  1234567890  10.0.0\xe2\x80\xa6  fr\xc3\xbch\xc3\xbc"
		     "bel\n");
	table_free(t);
}

static void the_widest_gives_first(void **state)
{
	static const char *const some[] = { "NAME", "A", "B", NULL }, *const whole[] = { "NAME", "A", "=B",
											 "C", NULL };
	struct table *t = table_new(some);

	(void)state;
	table_add(t, "name", PLAIN);
	table_add(t, "not-so-long", PLAIN);
	table_add(t, "what-is-longer-than-that", PLAIN);
	assert_shows(t, 31, false, "NAME  A            B\nname  not-so-long  what-is-lon\xe2\x80\xa6\n");
	table_free(t);
	t = table_new(whole);
	table_add(t, "name", PLAIN);
	table_add(t, "not-so-long", PLAIN);
	table_add(t, "what-is-longer-than-that", PLAIN);
	table_add(t, "x", PLAIN);
	assert_shows(t, 45, false,
		     "NAME  A           B                         C\n"
		     "name  not-so-lo\xe2\x80\xa6  what-is-longer-than-that  x\n");
	table_free(t);
}

/* Colours take no room; of a table with nodes the second column is the name. */
static void cut_with_nodes_and_colours(void **state)
{
	struct table *t = wide("NODE", wide_heads);

	(void)state;
	assert_shows(t, 57, true,
		     "\033[1mNODE\033[0m         \033[1mNAME\033[0m                   \033[1mCOUNT\033[0m  "
		     "\033[1mAT\033[0m      \033[1mNOTE\033[0m\n"
		     "\033[2ma-long-node\033[0m  \033[1ma-very-long-name\033[0m  1234567890  "
		     "\033[32m10.0.\xe2\x80\xa6\033[0m  fr\xc3\xbch\xc3\xbc\xe2\x80\xa6\n");
	table_free(t);
}

/* A row of a name of 40 characters takes two lines of 30. */
static void a_screen_is_filled_by_lines(void **state)
{
	static const char name[] = "a-name-of-forty-characters-as-some-have-";
	static const char *const two[] = { "NAME", ">N", NULL };
	struct table *t = table_new(two);
	char want[1000];
	size_t i;
	FILE *out;
	int fd;

	(void)state;
	for (i = 0; i < 9; i++) {
		table_add(t, name, PLAIN);
		table_add(t, "1", PLAIN);
	}
	out = terminal_begin(&fd, 30);
	assert_int_equal(table_print_lines(t, out, false, 6), 2);
	(void)snprintf(want, sizeof(want), "%-40s  N\n%s  1\n%s  1\n", "NAME", name, name);
	assert_got(out, fd, want);
	out = fopen("/dev/null", "w");
	assert_int_equal(table_print_lines(t, out, false, 6), 5);
	(void)fclose(out);
	table_free(t);
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
		cmocka_unit_test(narrow_terminals_cut_the_widest),
		cmocka_unit_test(what_is_kept_whole_is_not_cut),
		cmocka_unit_test(the_widest_gives_first),
		cmocka_unit_test(cut_with_nodes_and_colours),
		cmocka_unit_test(a_screen_is_filled_by_lines),
		cmocka_unit_test(control_characters_show_as_question_marks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
