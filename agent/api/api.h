/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local socket: RUN_DIR/agent.sock, 0600 in a directory of 0700, peers of uid 0 only
 * (SO_PEERCRED). One JSON object a line in both directions, at most API_LINE_MAX bytes, but for a request
 * that may be long (struct api_handler). Beside it RUN_DIR/read/agent.sock, the same for who may ask and must
 * change nothing.
 *
 * A request: {"v":1,"op":OP, ...}. The answer ends with one line that has "done": true:
 *   {"v":1,"done":true,"ok":true, ...}
 *   {"v":1,"done":true,"ok":false,"code":N,"msg":"..."}	code: as in the CNI spec (11: try again later)
 * Operations that list things send their items before it, one a line: {"v":1,"item":{...}}.
 *
 * docs/socket.md tells the operations, their fields and the codes.
 *
 * A version we do not know is answered with code 1 and the version we speak; unknown fields are
 * ignored, so that a plugin and an agent one version apart go on working together.
 */
#ifndef BH_API_API_H
#define BH_API_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/model.h"
#include "util/err.h"

struct json_object;

#define API_VERSION   1
#define API_LINE_MAX  65536
#define API_LONG_MAX  (1u << 20)      /* the line of a request that may be long */
#define API_LONGS     2		      /* so many of them at a time */
#define API_RUN_DIR   "/run/bulkhead" /* default */
#define API_SOCKET    "agent.sock"
#define API_READ      "read" /* RUN_DIR/read: the run directory of who only reads; it can be mounted alone */
#define API_ENDPOINTS "endpoints" /* RUN_DIR/endpoints/KEY.json: one file per attachment */

/* ---- endpoint records: one JSON form, in state files and in `add` ------------------------- */

/*
 * {"network":"podnet","container":"c1","ifname":"eth0","netns":"/run/netns/x","ifindex":7,
 *  "mac":"02:00:00:00:00:01","addrs":["10.0.0.2","fd00::2","fe80::1"],
 *  "peer":2,"nsid":0,"pod":{"namespace":"shop","name":"web","uid":""},"attach":"tcx","unprotected":false,
 *  "adopted":false}
 */
struct api_endpoint {
	struct endpoint *e; /* owned by whoever holds the struct */
	char attach[8];	    /* "tcx" or "clsact", "" if not attached */
	bool unprotected;   /* it runs without programs (failMode open, adoption): attach when you can */
	bool adopted;	    /* no ADD of ours made it: the agent found the interface */
};

/* The network of who was adopted: no network of CNI can have this name, so that no ADD, DEL or GC meets it.
 */
#define API_ADOPTED "(adopted)"

/* The owner's name: first 128 bits of SHA-256 over network, container and ifname, each with its NUL. */
struct hash128 api_endpoint_key(const char *network, const char *container, const char *ifname);

struct json_object *api_endpoint_encode(const struct api_endpoint *e); /* NULL: no memory */
/* Return: 0, -EINVAL with the field named, -ENOMEM. ret->e is new. */
int api_endpoint_decode(struct json_object *o, struct api_endpoint *ret, struct bh_err *err);

/* State files: written by rename, 0600. Names are the key in hex + ".json". */
int api_endpoint_save(const char *run_dir, const struct api_endpoint *e, struct bh_err *err);
int api_endpoint_load(const char *run_dir, const struct hash128 *key, struct api_endpoint *ret,
		      struct bh_err *err); /* -ENOENT: none */
int api_endpoint_remove(const char *run_dir, const struct hash128 *key, struct bh_err *err); /* 0 if none */
/* Calls @each for every readable record; a bad file is passed as NULL with err filled. Return 0 or -errno. */
int api_endpoint_each(const char *run_dir,
		      void (*each)(void *ctx, const struct api_endpoint *e, const struct bh_err *bad),
		      void *ctx, struct bh_err *err);

/* ---- who may work on an attachment --------------------------------------------------------- */

/**
 * api_lock_key() - one at a time works on one attachment: a call of the plugin, or the agent when it puts
 * programs back or clears away.
 *
 * One byte of RUN_DIR/plugin.lock for each key: calls for other pods do not wait, and nothing has to
 * be cleaned up. Return: a descriptor that holds the lock (closing it gives it back), -ETIMEDOUT, or
 * another -errno.
 *
 * api_lock_ifindex(): whose an interface is may be asked and changed by one call at a time, because the
 * kernel gives an index again: a late DEL must not take it for the old one's. Taken inside api_lock_key().
 */
int api_lock_key(const char *run_dir, const struct hash128 *key, int wait_ms, struct bh_err *err);
int api_lock_ifindex(const char *run_dir, uint32_t ifindex, int wait_ms, struct bh_err *err);

/* ---- the emergency switch: RUN_DIR/open --------------------------------------------------- */

/*
 * While this file is there the node is open: nothing is denied. The file is the truth, its image in the data
 * plane (bh_meta.open) is what the programs see. {"since":1795000000,"by":"root","reason":"..."}
 */
#define API_OPEN "open"

struct api_open {
	int64_t since; /* seconds since 1970; 0: not known */
	char by[64];   /* who; "" where the file does not say */
	char reason[200];
};

int api_open_write(const char *run_dir, const struct api_open *o, struct bh_err *err);
/* Return: 1 open (whatever the file holds), 0 closed, or -errno nobody knows: as it was. */
int api_open_read(const char *run_dir, struct api_open *ret, struct bh_err *err);
int api_open_remove(const char *run_dir, struct bh_err *err); /* 1, 0 it was closed, or -errno */
/* "since 2026-01-31T12:00:00Z, by root: reason". Returns @ret. */
#define API_OPEN_TEXT 320
const char *api_open_text(const struct api_open *o, char ret[API_OPEN_TEXT]);

/* ---- client ------------------------------------------------------------------------------- */

/**
 * api_text() - @request as the client sends it, without the line's end. NULL: no memory.
 *
 * api_call() - send one request and read until the line with "done".
 * @timeout_ms: for the whole call; -1: none.
 * @each: called with every item (borrowed); NULL: items are ignored. Returning non-zero ends the call.
 * @ret:  the last line; json_object_put() it. NULL allowed.
 *
 * Return: 0 (also when the answer says ok: false: look at it), -ECONNREFUSED or -ENOENT nobody
 * listens, -ECONNRESET it ended before it answered, -ETIMEDOUT, -EPROTO no answer of ours, or what @each
 * returned.
 */
const char *api_text(struct json_object *request, size_t *ret_len);
int api_call(const char *run_dir, struct json_object *request, int timeout_ms,
	     int (*each)(void *ctx, struct json_object *item), void *ctx, struct json_object **ret,
	     struct bh_err *err);

/* The same, and the agent may be silent for @first_ms before its first line, and for @silent_ms before each
 * other; -1: for ever. */
int api_follow(const char *run_dir, struct json_object *request, int first_ms, int silent_ms,
	       int (*each)(void *ctx, struct json_object *item), void *ctx, struct json_object **ret,
	       struct bh_err *err);

/* A connection that never blocks, for who passes lines on. Return: a descriptor, or as api_call(). */
int api_connect(const char *run_dir, int timeout_ms, struct bh_err *err);

/* ---- server ------------------------------------------------------------------------------- */

struct api_server;
struct api_conn;

/* Makes RUN_DIR (0700) if need be. Return: 0, -EPERM others may write to it, or another -errno. */
int api_run_dir(const char *run_dir, struct bh_err *err);

/* Called once per request line. It answers with api_send(), now or later; a connection may close at
 * any time: on_close() then tells, after which the conn must not be used.
 *
 * A request of @long_op may have @long_max bytes where it begins with {"v":1,"op":"LONG_OP", which is how
 * api_text() writes it; API_LONGS of those that have more than @line_max are read and answered at a time, and
 * more are refused. They are handed over unread, with `v` and `op` alone: api_whole() reads, which takes its
 * time and tens of times their memory. */
struct api_handler {
	void (*on_request)(void *ctx, struct api_conn *conn, struct json_object *request);
	void (*on_close)(void *ctx, struct api_conn *conn);
	void *ctx;
	size_t conns_max;    /* more wait in the backlog; 0: 512 */
	const char *long_op; /* NULL: none */
	size_t line_max;     /* 0: API_LINE_MAX */
	size_t long_max;     /* 0: API_LONG_MAX */
};

/* All of a request that is not answered yet; json_object_put() it. NULL: it is no JSON object, or no memory.
 */
struct json_object *api_whole(const struct api_conn *c, struct json_object *request);

/* Listens at RUN_DIR/agent.sock, making RUN_DIR (0700) if need be; removes a dead socket file. */
int api_server_new(const char *run_dir, const struct api_handler *handler, struct api_server **ret,
		   struct bh_err *err);
void api_server_free(struct api_server *s);
int api_server_fd(const struct api_server *s); /* an epoll fd: readable when there is work */
void api_server_work(struct api_server *s);    /* never blocks */

/* Queue one line; the object is taken. A peer that reads too slowly (over 4 MiB queued) is closed.
 * Return: 0 or -EPIPE / -ENOMEM. */
int api_send(struct api_conn *c, struct json_object *take);
int api_send_error(struct api_conn *c, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/*
 * A child may answer in the server's place. After fork() it says api_borrow() and the server api_lend(),
 * which leaves what is queued to the child; when that has ended the server says api_return().
 */
/* api_send() is heard as soon as the reader reads, who may read nothing for @patience_ms at most (> 0);
 * nothing of the server is touched. Return: the descriptor. */
int api_borrow(struct api_conn *c, int patience_ms);
bool api_is_answered(const struct api_conn *c); /* "done" has gone out, and all before it */
void api_lend(struct api_conn *c);
void api_return(struct api_conn *c, bool answered); /* if not, the connection is closed */

#endif
