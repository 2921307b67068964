/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The message that goes with a failure: what, which and where, for a person. The return value stays
 * the machine's answer (-errno).
 */
#ifndef BH_UTIL_ERR_H
#define BH_UTIL_ERR_H

/* Owned by the caller; no allocation, nothing to free. Written on failure only. */
struct bh_err {
	char msg[256];
};

/**
 * bh_err_set() - fill a message and pass the return value on, so that a failure is one line.
 * @err: may be NULL.
 * @r:   -errno; not added to the text.
 *
 * A message longer than the buffer is cut, ending in "..."; it is cleaned as bh_text_clean() does. The
 * arguments may hold @err's own text. Return: @r.
 */
int bh_err_set(struct bh_err *err, int r, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* As strerror(-@r), but for what reads as if it were about a command: E2BIG is a maximum of ours. */
const char *bh_errno_text(int r);

/**
 * bh_err_errno() - as bh_err_set(), and ": " with bh_errno_text(@r) at the end.
 */
int bh_err_errno(struct bh_err *err, int r, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Makes each control character, and each byte of no UTF-8, a '?': what an object or a file name holds cannot
 * forge a line, nor spoil the JSON or the JSON's reader it is printed for. In place, of the same length. */
void bh_text_clean(char *text);

#endif
