/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fuzz target is one file with fuzz_one(), which reads the bytes as what hostile hands could send, and
 * holds what comes of it against what must be true of every answer. main.c and libFuzzer do the rest.
 */
#ifndef BH_TESTS_FUZZ_FUZZ_H
#define BH_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* @data ends at its last byte: a read past it is seen. */
void fuzz_one(const uint8_t *data, size_t len);

#define fuzz_check(what)                                                                                     \
	do {                                                                                                 \
		if (!(what))                                                                                 \
			fuzz_failed(__FILE__, __LINE__, #what);                                              \
	} while (0)

void fuzz_failed(const char *file, int line, const char *what) __attribute__((noreturn));

#endif
