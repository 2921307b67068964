// SPDX-License-Identifier: Apache-2.0
/* Writes every frame of tests/bpf/rows.c that is no longer than the fuzzer's: seeds FOLDER. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#include "../bpf/rows.h"

#define SEED_MAX 320

static void write_frame(const char *dir, const struct frame *f, int n)
{
	char path[512];
	FILE *out;

	(void)snprintf(path, sizeof(path), "%s/seed-%04d", dir, n);
	out = fopen(path, "w");
	if (!out || fwrite(f->data, 1, f->len, out) != f->len || fclose(out))
		err(1, "cannot write '%s'", path);
}

int main(int argc, char **argv)
{
	struct frame f;
	size_t i;
	int pair, n = 0;

	if (argc != 2)
		errx(1, "usage: seeds FOLDER");
	for (i = 0; i < n_rows; i++)
		for (pair = 0; pair < 4; pair++) {
			if (!(rows[i].families & (pair & 1 ? F6 : F4)) || !(rows[i].dirs & 1 << (pair >> 1)))
				continue;
			shape_frame(&rows[i].p, pair & 1 ? 6 : 4, (enum bh_dir)(pair >> 1), &f);
			if (f.len <= SEED_MAX)
				write_frame(argv[1], &f, n++);
		}
	return 0;
}
