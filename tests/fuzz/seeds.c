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

static int write_rows(const char *dir, const struct rows *table, int n)
{
	struct frame f;
	size_t i;
	int pair;

	for (i = 0; i < table->n; i++)
		for (pair = 0; pair < 4; pair++) {
			const struct row *row = &table->row[i];

			if (!(row->families & (pair & 1 ? F6 : F4)) || !(row->dirs & 1 << (pair >> 1)))
				continue;
			shape_frame(&row->p, pair & 1 ? 6 : 4, (enum bh_dir)(pair >> 1), &f);
			if (f.len <= SEED_MAX)
				write_frame(dir, &f, n++);
		}
	return n;
}

int main(int argc, char **argv)
{
	if (argc != 2)
		errx(1, "usage: seeds FOLDER");
	(void)write_rows(argv[1], &odd_rows, write_rows(argv[1], &plain_rows, 0));
	return 0;
}
