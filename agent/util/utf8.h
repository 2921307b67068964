/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_UTIL_UTF8_H
#define BH_UTIL_UTF8_H

#include <stddef.h>

/**
 * utf8_length() - the character that begins at @text, as RFC 3629, section 4 has them.
 * @left: bytes that may be read, 1 at least.
 *
 * Return: its bytes, 1 to 4; 0: none begins there.
 */
size_t utf8_length(const char *text, size_t left);

#endif
