/* SPDX-License-Identifier: Apache-2.0 */
/* The emergency switch's file: written by a command that needs no agent, read by whoever has to know. */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "api/api.h"
#include "api/file.h"
#include "util/buf.h"
#include "util/date.h"
#include "util/scope.h"

#define FILE_MAX 4096

static int open_dir(const char *run_dir, struct bh_err *err)
{
	const int fd = open(run_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? bh_err_errno(err, -errno, "cannot open '%s'", run_dir) : fd;
}

int api_open_write(const char *run_dir, const struct api_open *o, struct bh_err *err)
{
	struct json_object *j = json_object_new_object();
	auto_fd int dir = open_dir(run_dir, err);
	int r = dir;

	if (dir >= 0 && j) {
		json_object_object_add(j, "since", json_object_new_int64(o->since));
		json_object_object_add(j, "by", json_object_new_string(o->by));
		json_object_object_add(j, "reason", json_object_new_string(o->reason));
		r = api_file_replace(dir, run_dir, API_OPEN, json_object_to_json_string(j), err);
	} else if (dir >= 0) {
		r = bh_err_set(err, -ENOMEM, "no memory");
	}
	json_object_put(j);
	return r;
}

static void copy_text(struct json_object *j, const char *name, char *ret, size_t size)
{
	struct json_object *v = NULL;

	if (!json_object_object_get_ex(j, name, &v) || !json_object_is_type(v, json_type_string))
		return;
	(void)snprintf(ret, size, "%s", json_object_get_string(v));
	bh_text_clean(ret);
}

/* What it does not say stays empty: that the file is there is enough. */
static void parse(const char *text, struct api_open *ret)
{
	struct json_object *j = json_tokener_parse(text), *v = NULL;

	if (json_object_is_type(j, json_type_object)) {
		if (json_object_object_get_ex(j, "since", &v))
			ret->since = json_object_get_int64(v);
		copy_text(j, "by", ret->by, sizeof(ret->by));
		copy_text(j, "reason", ret->reason, sizeof(ret->reason));
	}
	json_object_put(j);
}

int api_open_read(const char *run_dir, struct api_open *ret, struct bh_err *err)
{
	auto_buf struct buf text = BUF_INIT(FILE_MAX);
	struct api_open o = { 0 };
	auto_fd int fd = -1;
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/" API_OPEN, run_dir);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0)
		return bh_err_errno(err, -errno, "cannot read '%s'", path);
	if (buf_read(&text, fd) == 0 && buf_add(&text, "", 1) == 0)
		parse(text.data, &o);
	if (ret)
		*ret = o;
	return 1;
}

int api_open_remove(const char *run_dir, struct bh_err *err)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/" API_OPEN, run_dir);
	if (!unlink(path))
		return 1;
	return errno == ENOENT ? 0 : bh_err_errno(err, -errno, "cannot remove '%s'", path);
}

const char *api_open_text(const struct api_open *o, char ret[API_OPEN_TEXT])
{
	char since[DATE_TEXT] = "";

	if (o->since > 0)
		(void)date_text((time_t)o->since, 0, 0, since);
	(void)snprintf(ret, API_OPEN_TEXT, "since %s, by %s: %s", *since ? since : "an unknown time",
		       *o->by ? o->by : "nobody knows whom", *o->reason ? o->reason : "no reason given");
	return ret;
}
