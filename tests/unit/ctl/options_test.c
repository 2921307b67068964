/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands and options: how it is read, that it is whole, and that docs/bulkheadctl.md has it.
 */
#include "ctl/ctl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/buf.h"
#include "util/near.h"
#include "util/scope.h"

#define DOC "docs/bulkheadctl.md"

static const struct command *command(const char *first, const char *second)
{
	char *words[] = { (char *)first, (char *)second };
	int n;

	return ctl_find(words, second ? 2 : 1, &n);
}

/* @line after the program's name, cut at blanks. Return: as ctl_read_options(). */
static int read_line(const struct command *c, const char *line, struct ctl *ret, struct bh_err *err)
{
	static char text[200];
	char *argv[20] = { "bulkheadctl" }, *save = NULL, *word;
	int argc = 1;

	(void)snprintf(text, sizeof(text), "%s", line);
	for (word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	return ctl_read_options(argc, argv, c, ret, err);
}

static void assert_refused(const struct command *c, const char *line, const char *why)
{
	struct bh_err err = { "" };
	struct ctl ctl = {};

	assert_int_equal(read_line(c, line, &ctl, &err), -EINVAL);
	assert_string_equal(err.msg, why);
}

static void options_are_read(void **state)
{
	struct ctl c = {};
	struct bh_err err;

	(void)state;
	assert_true(read_line(command("flows", NULL), "-f --output=json flows --run-dir /x", &c, &err) > 0);
	assert_true(c.follow && c.json && !c.yaml);
	assert_string_equal(c.run_dir, "/x");
	assert_true(read_line(command("perf", NULL), "perf --pod a/b --duration 1.5 -o yaml", &c, &err) > 0);
	assert_string_equal(c.pod, "a/b");
	assert_int_equal(c.duration_ms, 1500);
	assert_true(c.json && c.yaml);
}

static void wrong_options_are_named(void **state)
{
	(void)state;
	assert_refused(command("status", NULL), "status --pod x", "--pod has no meaning for 'status'");
	assert_refused(command("status", NULL), "status -o xml",
		       "--output 'xml': not one of text, json, yaml");
	assert_refused(command("flows", NULL), "flows --folow",
		       "unknown option '--folow'; did you mean '--follow'?");
	assert_refused(command("status", NULL), "status --folow", "unknown option '--folow'");
	assert_refused(command("status", NULL), "status -q", "unknown option '-q'");
	assert_refused(command("status", NULL), "status --run-dir", "--run-dir needs a value");
	assert_refused(command("status", NULL), "status --help=x", "--help takes no value");
	assert_refused(command("perf", NULL), "perf --duration 0",
		       "--duration '0': not from 0.1 to 86400 seconds");
	assert_refused(command("wait", "policy"), "wait policy x --for ready",
		       "--for 'ready': nothing but enforced can be waited for");
	assert_refused(command("status", NULL), "status --context -x",
		       "--context '-x': a name is not empty and does not begin with '-'");
	assert_refused(command("help", NULL), "help -o json", "--output has no meaning for 'help'");
}

static void assert_near(const char *text, const char *hint)
{
	struct near near = NEAR_INIT;

	ctl_near_command(text, &near);
	assert_string_equal(near.hint, hint);
}

static void commands_are_found(void **state)
{
	(void)state;
	assert_string_equal(command("policy", "list")->name, "policy list");
	assert_null(command("policy", NULL));
	assert_null(command("policy", "lists"));
	assert_near("stauts", "; did you mean 'status'?");
	assert_near("policy lsit", "; did you mean 'policy list'?");
	assert_near("polic", "; did you mean 'policy list'?");
	assert_near("nothing-like-it", "");
	assert_near("xy", "");
	assert_near("foo", ""); /* two of three letters of 'top' are other ones */
}

/* Two options of one command may not share a letter or a name; every text is there, and says one thing a
 * line. */
static void the_table_is_whole(void **state)
{
	size_t i, j, k;

	(void)state;
	for (i = 0; ctl_commands[i]; i++) {
		const struct command *c = ctl_commands[i];

		assert_true(c->name && c->args && c->summary && c->run);
		assert_null(strchr(c->summary, '\n'));
		assert_int_equal(!*c->args, c->nargs + c->optional == 0);
		for (j = 0; ctl_options[j].name; j++)
			for (k = 0; k < j; k++)
				if (ctl_takes(c, &ctl_options[j]) && ctl_takes(c, &ctl_options[k])) {
					assert_string_not_equal(ctl_options[j].name, ctl_options[k].name);
					assert_true(!ctl_options[j].letter ||
						    ctl_options[j].letter != ctl_options[k].letter);
				}
	}
	for (j = 0; ctl_options[j].name; j++)
		assert_true(ctl_options[j].bit && ctl_options[j].text && ctl_options[j].read);
}

static void texts_are_filled(void **state)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	(void)fputs("  -x", out);
	help_fill(out, "one two\n\nthree", 4, 8);
	(void)fputs("  --xyz", out);
	help_fill(out, "four", 7, 7);
	help_fill(out, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbb cccc", 0, 4);
	(void)fclose(out);
	assert_string_equal(text,
			    "  -x    one two\n\n        three\n"
			    "  --xyz\n       four\n"
			    "    aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbb\n"
			    "    cccc\n");
	free(text);
}

/* @line: words with one blank between, of which the last one is being typed. */
static void assert_completes(const char *line, const char *want)
{
	char text[200], *words[20], *rest = text, *got = NULL;
	size_t len;
	FILE *out = open_memstream(&got, &len);
	int n = 0;

	(void)snprintf(text, sizeof(text), "%s", line);
	while ((words[n] = strsep(&rest, " ")))
		n++;
	assert_int_equal(complete_words(out, words, n), CTL_OK);
	(void)fclose(out);
	assert_string_equal(got, want);
	free(got);
}

static void what_may_come(void **state)
{
	(void)state;
	assert_completes("completion ", "bash\t\nzsh\t\nfish\t\n:4\n");
	assert_completes("completion bash ", ":4\n");
	assert_completes("flows --verdict a", "audited\t\nallowed\t\n:4\n");
	assert_completes("flows --verdict=de", "--verdict=denied\t\n:4\n");
	assert_completes("flows --verdict = de", "denied\t\n:4\n"); /* as bash cuts it */
	assert_completes("--run-dir status ver",
			 "version\tthe versions of this program and of the agents\n:4\n");
	assert_completes("status --run-dir ", ":0\n");
	assert_completes("status --follow", ":4\n"); /* it takes none */
	assert_completes("help selftest ser", "serve\tlistens at two ports, for `selftest probe`\n:4\n");
	assert_completes("nothing-like-it --nod",
			 "--node\task this node alone through kubectl; may be given again\n:4\n");
}

/* `make reference` writes it. */
static void the_doc_has_the_table(void **state)
{
	auto_buf struct buf doc = BUF_INIT(1 << 20);
	FILE *in = fopen(DOC, "r"), *out;
	char *want = NULL, *begin, *end;
	size_t len;

	(void)state;
	assert_non_null(in);
	assert_int_equal(buf_read(&doc, fileno(in)), 0);
	(void)fclose(in);
	out = open_memstream(&want, &len);
	reference_markdown(out);
	(void)fclose(out);
	begin = strstr(doc.data, "<!-- begin");
	assert_non_null(begin);
	begin = strchr(begin, '\n') + 1;
	end = strstr(begin, "<!-- end");
	assert_non_null(end);
	*end = '\0';
	assert_string_equal(begin, want);
	free(want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_are_read),   cmocka_unit_test(wrong_options_are_named),
		cmocka_unit_test(commands_are_found), cmocka_unit_test(the_table_is_whole),
		cmocka_unit_test(texts_are_filled),   cmocka_unit_test(the_doc_has_the_table),
		cmocka_unit_test(what_may_come),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
