/* SPDX-License-Identifier: Apache-2.0 */
/* State files, for the files of api/ that write some. */
#ifndef BH_API_FILE_H
#define BH_API_FILE_H

#include "util/err.h"

/* Writes the file @name in the directory @dir (a descriptor; @path, for @err) by rename, 0600. Return: 0 or
 * -errno. The name it has at first is this process's own, so that two writers of one file never mix. */
int api_file_replace(int dir, const char *path, const char *name, const char *text, struct bh_err *err);

#endif
