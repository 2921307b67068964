/* SPDX-License-Identifier: Apache-2.0 */
/* metrics: the reference of docs/metrics.md, from the table that the agent itself uses. */
#include <stdio.h>

#include "command.h"
#include "metrics.h"

int cmd_metrics(int argc, char **argv)
{
	(void)argv;
	if (argc > 1) {
		(void)fprintf(stderr, "bulkhead-agent metrics: takes no arguments\n");
		return EXIT_USAGE;
	}
	metrics_print_table(stdout);
	return fflush(stdout) ? 1 : 0;
}
