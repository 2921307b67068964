/* SPDX-License-Identifier: Apache-2.0 */
/* probe livez|readyz: what an exec probe runs; asks the agent of its own pod. */
#include <errno.h>
#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "api/api.h"
#include "command.h"
#include "jsonx.h"
#include "probe.h"

#define ANSWER_MS 1000

static const char usage[] =
	"usage: bulkhead-agent probe livez|readyz [--probe-dir PATH]\n"
	"Exits 0 if the agent that listens there is alive, or ready; else 1, with one line on stdout for\n"
	"each part that is missing.\n"
	"\n"
	"  --probe-dir PATH    as the agent was given (default " PROBE_DIR ")\n";

static const struct option options[] = {
	{ "probe-dir", required_argument, NULL, 'p' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int fail_usage(const char *why, const char *what)
{
	(void)fprintf(stderr, "bulkhead-agent probe: %s%s (see --help)\n", why, what);
	return EXIT_USAGE;
}

/* Return: how many lines it took to say what is missing. */
static size_t print_missing(struct json_object *answer)
{
	struct json_object *list = NULL;
	size_t i, n;

	if (!jx_bool(answer, "ok")) {
		(void)printf("the agent says: %s\n", jx_str(answer, "msg"));
		return 1;
	}
	(void)json_object_object_get_ex(answer, "missing", &list);
	n = list ? json_object_array_length(list) : 0;
	for (i = 0; i < n; i++)
		(void)puts(json_object_get_string(json_object_array_get_idx(list, i)));
	return n;
}

static int ask(const char *dir, const char *what)
{
	struct json_object *request = json_object_new_object(), *answer = NULL;
	struct bh_err err = { "no memory" };
	size_t n = 1;
	int r;

	jx_add_int(request, "v", API_VERSION);
	jx_add_str(request, "op", what);
	r = api_call(dir, request, ANSWER_MS, NULL, NULL, &answer, &err);
	if (r == -ETIMEDOUT)
		(void)printf("%s/" API_SOCKET ": no answer in %d ms: the agent's loop stands still\n", dir,
			     ANSWER_MS);
	else if (r < 0)
		(void)printf("%s\n", err.msg);
	else
		n = print_missing(answer);
	json_object_put(answer);
	json_object_put(request);
	return n || fflush(stdout) ? 1 : 0;
}

int cmd_probe(int argc, char **argv)
{
	const char *dir = PROBE_DIR;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'h')
			return fputs(usage, stdout) < 0 || fflush(stdout);
		if (c == '?')
			return fail_usage("bad option ", argv[optind - 1]);
		dir = optarg;
	}
	if (optind + 1 != argc)
		return fail_usage("say livez or readyz", "");
	if (strcmp(argv[optind], "livez") && strcmp(argv[optind], "readyz"))
		return fail_usage("neither livez nor readyz: ", argv[optind]);
	return ask(dir, argv[optind]);
}
