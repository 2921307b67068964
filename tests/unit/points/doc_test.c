/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docs/policy.md and docs/cookbook.md say what their examples do: each of them is compiled, and each line of
 * its tables asked. The first one is the cluster; a heading begins a new one.
 */
#include "cluster.h"

#define TODAY 1795824000 /* 2026-11-28: what expires before is over */

struct doc {
	const char *path;
	char base[8192], *block; /* the cluster, and the block at hand */
	struct model *m;	 /* of the example at hand */
	struct tables *t;
	unsigned int line, asked, examples;
	char text[8192]; /* of the block at hand */
};

/* Every pod has an interface here: that of its place among them. */
static uint32_t interface_of(const struct model *m, const struct pod *p)
{
	size_t i;

	for (i = 0; m->pods.v[i] != p; i++)
		;
	return (uint32_t)i + 1;
}

static void begin_example(struct doc *d)
{
	size_t i;

	tables_free(d->t);
	model_free(d->m);
	d->t = NULL;
	d->m = model_new();
	d->m->now = TODAY;
	assert_string_equal(put(d->m, d->base), "");
	for (i = 0; i < d->m->pods.n; i++) {
		const struct pod *p = d->m->pods.v[i];
		char name[128], addr[ADDR_TEXT];

		(void)snprintf(name, sizeof(name), "%s/%s", p->ns, p->name);
		w_endpoint(d->m, name, interface_of(d->m, p), addr_text(&p->addrs.v[0], addr));
	}
	d->examples++;
}

static void end_block(struct doc *d)
{
	if (!*d->base) {
		(void)snprintf(d->base, sizeof(d->base), "%s", d->text);
		return;
	}
	assert_string_equal(put(d->m, d->text), "");
	tables_free(d->t);
	d->t = w_compile(d->m);
}

/* "| a | b |" -> "a", "b". Return: how many. */
static size_t cells(char *line, char *ret[8])
{
	char *cell;
	size_t n = 0;

	(void)strsep(&line, "|");
	while (n < 8 && (cell = strsep(&line, "|"))) {
		char *end = cell + strlen(cell);

		while (*cell == ' ')
			cell++;
		while (end > cell && (end[-1] == ' ' || end[-1] == '\n'))
			*--end = '\0';
		ret[n++] = cell;
	}
	return n;
}

static const struct pod *pod_named(const struct doc *d, const char *text)
{
	char ns[64], name[64];

	if (!d->m || sscanf(text, "%63[^/]/%63s", ns, name) != 2)
		return NULL;
	return model_pod(d->m, ns, name);
}

/* One end of a line: a pod of the example, or an address. */
struct end {
	const struct pod *pod;
	const char *addr;
};

static bool end_of(const struct doc *d, const char *text, struct end *ret)
{
	static char addr[2][ADDR_TEXT];
	static unsigned int turn;
	struct addr a;

	ret->pod = pod_named(d, text);
	ret->addr = ret->pod ? addr_text(&ret->pod->addrs.v[0], addr[turn++ % 2]) : text;
	return ret->pod || !addr_parse(text, &a);
}

/* How far it lets through, for one end. */
static int rank(const char *said)
{
	return *said == '-' ? 0 : *said == '~' ? 1 : 2;
}

/* As the tables say it: the end that denies, else the one that is audited, else the one whose rule allows. */
static void answer(const struct doc *d, const struct end *from, const struct end *to, const char *port,
		   char ret[256])
{
	char out[128] = "+", in[128] = "+";
	const char *by = in;

	if (from->pod)
		(void)snprintf(out, sizeof(out), "%s",
			       w_ask(d->t, interface_of(d->m, from->pod), OUT, to->addr, port));
	if (to->pod)
		(void)snprintf(in, sizeof(in), "%s",
			       w_ask(d->t, interface_of(d->m, to->pod), IN, from->addr, port));
	if (rank(out) < rank(in) || (rank(out) == rank(in) && !in[1]))
		by = out;
	(void)snprintf(ret, 256, "%s by %s",
		       *by == '-'   ? "no"
		       : *by == '~' ? "audited"
		       : *by == '*' ? "yes, logged"
				    : "yes",
		       by[1]	       ? by + 1
		       : rank(by) == 2 ? "nobody"
				       : "isolated");
}

static void table_line(struct doc *d, char *line)
{
	char *cell[8], wanted[256], got[256];
	struct end from, to;

	if (cells(line, cell) < 5 || !d->t || !end_of(d, cell[0], &from) || !end_of(d, cell[1], &to))
		return;
	(void)snprintf(wanted, sizeof(wanted), "%s by %s", cell[3], cell[4]);
	answer(d, &from, &to, cell[2], got);
	if (strcmp(got, wanted))
		fail_msg("%s:%u: says %s, but it is %s", d->path, d->line, wanted, got);
	d->asked++;
}

static void read_line(struct doc *d, char *line)
{
	if (d->block && !strncmp(line, "```", 3)) {
		d->block = NULL;
		end_block(d);
	} else if (d->block) {
		assert_true((size_t)(d->block - d->text) + strlen(line) < sizeof(d->text));
		d->block = stpcpy(d->block, line);
	} else if (!strncmp(line, "```yaml", 7)) {
		d->block = d->text;
	} else if (!strncmp(line, "### ", 4)) {
		begin_example(d);
	} else if (*line == '|') {
		table_line(d, line);
	}
}

static void examples_are_true(const char *path, unsigned int examples, unsigned int asked)
{
	struct doc d = { .path = path };
	char line[1024];
	FILE *f = fopen(path, "re");

	assert_non_null(f);
	for (d.line = 1; fgets(line, sizeof(line), f); d.line++)
		read_line(&d, line);
	(void)fclose(f);
	tables_free(d.t);
	model_free(d.m);
	assert_int_equal(d.examples, examples);
	assert_int_equal(d.asked, asked);
}

static void policy_reference(void **state)
{
	(void)state;
	examples_are_true("docs/policy.md", 8, 46);
}

static void cookbook(void **state)
{
	(void)state;
	examples_are_true("docs/cookbook.md", 13, 46);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policy_reference),
		cmocka_unit_test(cookbook),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
