/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of bulkheadctl: each describes itself in its own file. */
#include <string.h>

#include "ctl/ctl.h"
#include "util/near.h"

/* In the order in which people read of them. */
/* clang-format off */
#define COMMANDS(X) \
	X(status) \
	X(explain) \
	X(simulate) \
	X(unused) \
	X(top) \
	X(doctor) \
	X(flows) \
	X(endpoints) \
	X(stats) \
	X(policies) \
	X(show) \
	X(entries) \
	X(rules) \
	X(wait) \
	X(sessions) \
	X(perf) \
	X(ui) \
	X(config) \
	X(version) \
	X(selftest_serve) \
	X(selftest_probe) \
	X(completion) \
	X(help) \
	X(request) \
	X(reference)
/* clang-format on */

#define DECLARE(name) extern const struct command command_##name;
#define PLACE(name)   &command_##name,

COMMANDS(DECLARE)

const struct command *const ctl_commands[] = { COMMANDS(PLACE) NULL };

/* Return: how many of @words the command's name takes, 0 if it is not this one. */
static int matches(const struct command *c, char *const *words, int n)
{
	const char *space = strchr(c->name, ' ');
	const size_t first = space ? (size_t)(space - c->name) : strlen(c->name);

	if (n < 1 || strlen(words[0]) != first || strncmp(words[0], c->name, first))
		return 0;
	if (!space)
		return 1;
	return n >= 2 && !strcmp(words[1], space + 1) ? 2 : 0;
}

const struct command *ctl_find(char *const *words, int n, int *ret_words)
{
	size_t i;

	for (i = 0; ctl_commands[i]; i++) {
		const int taken = matches(ctl_commands[i], words, n);

		if (!taken)
			continue;
		*ret_words = taken;
		return ctl_commands[i];
	}
	return NULL;
}

/* By its first word, too: "polic" is near 'policy list'. */
static unsigned int distance(const char *text, const char *name)
{
	const unsigned int whole = near_distance(text, name);
	unsigned int first_word;
	char first[32];

	(void)snprintf(first, sizeof(first), "%.*s", (int)strcspn(name, " "), name);
	first_word = near_distance(text, first);
	return first_word < whole ? first_word : whole;
}

void ctl_near_command(const char *text, struct near *ret)
{
	size_t i;

	for (i = 0; ctl_commands[i]; i++) {
		const unsigned int d = distance(text, ctl_commands[i]->name);

		if (2 * d < strlen(text) && !ctl_commands[i]->hidden)
			near_take(ret, d, "%s", ctl_commands[i]->name);
	}
}
