/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl's sockets in an epoll of our own, its timer as a due time. */
#include "kube/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "util/buf.h"
#include "util/clock.h"
#include "util/scope.h"
#include "util/vec.h"

#define CONNECT_MS	  10000
#define KEEPALIVE_S	  10	/* idle before a probe of TCP's, and between probes half of it */
#define UNACKED_MS	  20000 /* what was sent and not acknowledged ends the connection (TCP_USER_TIMEOUT) */
#define PROBE_AFTER_MS	  25000 /* of silence; an acknowledgement is no sign of life of what is behind it */
#define PROBE_MS	  10000
#define PROBE_PATH	  "/version" /* every authenticated user may (system:public-info-viewer) */
#define RETRY_AFTER_MAX_S 30	     /* as long as the longest pause of our own */
#define EVENTS_A_TURN	  16

struct http {
	const struct kube_config *config;
	CURLM *multi;
	int epoll_fd;
	int64_t due_ms;	  /* libcurl's timer; -1: none */
	int64_t heard_ms; /* last byte of anybody */
	VEC(struct http_call *) calls;
	struct http_call *probe; /* one of them, or NULL */
	bool silent;		 /* it was not answered */
	bool fresh;		 /* the next call opens a connection */
};

struct http_call {
	struct http *http;
	CURL *easy;
	struct curl_slist *headers;
	struct http_handler handler;
	struct buf body;   /* of an answer other than 200 */
	struct bh_err why; /* of the handler */
	char error[CURL_ERROR_SIZE];
};

/* ---- sockets and time --------------------------------------------------------------------- */

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *known)
{
	struct http *h = ctx;
	struct epoll_event ev = { .data.fd = fd };

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		(void)epoll_ctl(h->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		(void)curl_multi_assign(h->multi, fd, NULL);
		return 0;
	}
	if (what != CURL_POLL_OUT)
		ev.events |= EPOLLIN;
	if (what != CURL_POLL_IN)
		ev.events |= EPOLLOUT;
	/* A descriptor that was closed and opened again is not in the set, whatever libcurl thinks. */
	if (known && !epoll_ctl(h->epoll_fd, EPOLL_CTL_MOD, fd, &ev))
		return 0;
	if (epoll_ctl(h->epoll_fd, EPOLL_CTL_ADD, fd, &ev) && errno == EEXIST)
		(void)epoll_ctl(h->epoll_fd, EPOLL_CTL_MOD, fd, &ev);
	(void)curl_multi_assign(h->multi, fd, h);
	return 0;
}

static int on_timer(CURLM *multi, long ms, void *ctx)
{
	struct http *h = ctx;

	(void)multi;
	h->due_ms = ms < 0 ? -1 : clock_ms() + ms;
	return 0;
}

/* A peer that is gone without a word must not look like one that has nothing to say. */
static int on_open(void *ctx, curl_socket_t fd, curlsocktype purpose)
{
	const unsigned int ms = UNACKED_MS;

	(void)ctx;
	(void)purpose;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
	return CURL_SOCKOPT_OK;
}

/* ---- one call ----------------------------------------------------------------------------- */

static size_t on_data(char *data, size_t size, size_t n, void *ctx)
{
	struct http_call *c = ctx;
	const size_t len = size * n;
	long status = 0;

	c->http->heard_ms = clock_ms();
	(void)curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status == 200)
		return c->handler.data && c->handler.data(c->handler.ctx, data, len, &c->why) < 0
			       ? CURL_WRITEFUNC_ERROR
			       : len;
	if (len <= c->body.max - c->body.len)
		(void)buf_add(&c->body, data, len);
	return len;
}

/* An empty line ends the head, and an answer of 1xx may have come before. */
static size_t on_header(char *data, size_t size, size_t n, void *ctx)
{
	struct http_call *c = ctx;
	long status = 0;

	if (size * n == 2 && !memcmp(data, "\r\n", 2) && c->handler.begin) {
		(void)curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
		if (status == 200)
			c->handler.begin(c->handler.ctx);
	}
	return size * n;
}

static void call_free(struct http_call *c)
{
	struct http *h;
	size_t i;

	if (!c)
		return;
	h = c->http;
	for (i = 0; i < h->calls.n; i++)
		if (h->calls.v[i] == c)
			h->calls.v[i] = h->calls.v[--h->calls.n];
	if (h->probe == c)
		h->probe = NULL;
	if (c->easy) {
		(void)curl_multi_remove_handle(c->http->multi, c->easy);
		curl_easy_cleanup(c->easy);
	}
	curl_slist_free_all(c->headers);
	buf_done(&c->body);
	free(c);
}

DEFINE_SCOPE_FREE(struct http_call, call_free)
#define auto_call __attribute__((cleanup(call_free_scope)))

static int add_header(struct http_call *c, const char *text)
{
	struct curl_slist *longer = curl_slist_append(c->headers, text);

	if (!longer)
		return -ENOMEM;
	c->headers = longer;
	return 0;
}

static int set_headers(struct http_call *c, const char *content, const char *token)
{
	auto_buf struct buf bearer = BUF_INIT(2 * KUBE_TOKEN_MAX), type = BUF_INIT(256);
	int r = add_header(c, "Accept: application/json");

	if (!r && content)
		r = buf_fmt(&type, "Content-Type: %s", content);
	if (!r && content)
		r = add_header(c, type.data);
	if (r < 0 || !token)
		return r;
	r = buf_fmt(&bearer, "Authorization: Bearer %s", token);
	return r < 0 ? r : add_header(c, bearer.data);
}

/* Each as libcurl says it was taken; the first that was not decides. */
#define SET(option, value) (code = code ? code : curl_easy_setopt(c->easy, option, value))

static struct curl_blob blob(char *text)
{
	return (struct curl_blob){ .data = text, .len = text ? strlen(text) : 0, .flags = CURL_BLOB_COPY };
}

static CURLcode set_trust(struct http_call *c, const struct kube_credentials *k)
{
	struct curl_blob ca = blob(k->ca), cert = blob(k->cert), key = blob(k->key);
	CURLcode code = CURLE_OK;

	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_CAINFO_BLOB, &ca);
	SET(CURLOPT_CAPATH, NULL); /* Debian's default trusts every public CA beside ours */
	SET(CURLOPT_CA_CACHE_TIMEOUT, 0L);
	if (!cert.data)
		return code;
	SET(CURLOPT_SSLCERTTYPE, "PEM");
	SET(CURLOPT_SSLCERT_BLOB, &cert);
	SET(CURLOPT_SSLKEYTYPE, "PEM");
	SET(CURLOPT_SSLKEY_BLOB, &key);
	return code;
}

static CURLcode set_transport(struct http_call *c, unsigned int timeout_ms)
{
	CURLcode code = CURLE_OK;

	SET(CURLOPT_PROTOCOLS_STR, "https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	SET(CURLOPT_FRESH_CONNECT, c->http->fresh ? 1L : 0L);
	SET(CURLOPT_PIPEWAIT, 1L); /* else each of several first calls opens a connection */
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_S);
	SET(CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_S / 2);
	SET(CURLOPT_SOCKOPTFUNCTION, on_open);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	SET(CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	return code;
}

/* The body before the method: what libcurl makes of it by itself is a POST. */
static CURLcode set_request(struct http_call *c, const struct http_request *request)
{
	CURLcode code = CURLE_OK;

	if (request->body) {
		SET(CURLOPT_POSTFIELDSIZE, (long)strlen(request->body));
		SET(CURLOPT_COPYPOSTFIELDS, request->body);
	}
	if (request->method)
		SET(CURLOPT_CUSTOMREQUEST, request->method);
	return code;
}

static CURLcode set_all(struct http_call *c, const struct kube_credentials *k, const char *url,
			const struct http_request *request)
{
	CURLcode code = set_trust(c, k);

	if (!code)
		code = set_transport(c, request->timeout_ms);
	if (!code)
		code = set_request(c, request);
	SET(CURLOPT_URL, url);
	SET(CURLOPT_USERAGENT, "bulkhead-agent/" BH_VERSION);
	SET(CURLOPT_HTTPHEADER, c->headers);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, c);
	SET(CURLOPT_WRITEFUNCTION, on_data);
	SET(CURLOPT_WRITEDATA, c);
	SET(CURLOPT_ERRORBUFFER, c->error);
	SET(CURLOPT_PRIVATE, c);
	return code;
}

static int call_new(struct http *h, const struct http_handler *handler, const char *content,
		    const struct kube_credentials *k, struct http_call **ret)
{
	auto_call struct http_call *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->http = h;
	c->handler = *handler;
	c->body = BUF_INIT(HTTP_ANSWER_MAX);
	c->easy = curl_easy_init();
	if (!c->easy || set_headers(c, content, k->token) < 0)
		return -ENOMEM;
	*ret = TAKE_PTR(c);
	return 0;
}

int http_send(struct http *h, const struct http_request *request, const struct http_handler *handler,
	      struct http_call **ret, struct bh_err *err)
{
	auto_credentials struct kube_credentials k = {};
	auto_call struct http_call *c = NULL;
	struct http_call **slot;
	auto_buf struct buf url = BUF_INIT(HTTP_PATH_MAX);
	CURLcode code;
	int r;

	r = kube_credentials_read(h->config, &k, err);
	if (r < 0)
		return r;
	r = buf_fmt(&url, "%s%s", h->config->server, request->path);
	if (!r)
		r = call_new(h, handler, request->content, &k, &c);
	if (r < 0)
		return bh_err_errno(err, r, "%.64s", request->path);
	code = set_all(c, &k, url.data, request);
	if (code)
		return bh_err_set(err, -EINVAL, "libcurl: %s", curl_easy_strerror(code));
	slot = vec_add(&h->calls);
	if (slot)
		*slot = c;
	if (!slot || curl_multi_add_handle(h->multi, c->easy))
		return bh_err_set(err, -ENOMEM, "libcurl takes no more requests");
	if (h->calls.n == 1)
		h->heard_ms = clock_ms(); /* nobody was spoken to */
	h->fresh = false;
	*ret = TAKE_PTR(c);
	return 0;
}

void http_cancel(struct http_call *c)
{
	call_free(c);
}

/* ---- ends --------------------------------------------------------------------------------- */

static const char *why_failed(const struct http_call *c, CURLcode code)
{
	if (c->why.msg[0])
		return c->why.msg;
	return c->error[0] ? c->error : curl_easy_strerror(code);
}

static void end_call(struct http_call *c, CURLcode code)
{
	struct http_end end = { .body = c->body.data ? c->body.data : "", .why = "" };
	curl_off_t retry_s = 0;
	long status = 0;

	(void)curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(c->easy, CURLINFO_RETRY_AFTER, &retry_s);
	end.retry_s = (unsigned int)(retry_s < 0		   ? 0
				     : retry_s < RETRY_AFTER_MAX_S ? retry_s
								   : RETRY_AFTER_MAX_S);
	/* An answer other than 200 is one, also where its body was cut short. */
	if (code && (status == 200 || !status))
		end.why = why_failed(c, code);
	else
		end.status = (int)status;
	c->handler.end(c->handler.ctx, &end);
	call_free(c);
}

static void end_calls(struct http *h)
{
	struct http_call *c;
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(h->multi, &left))) {
		const CURLcode code = m->data.result;

		if (m->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&c);
		end_call(c, code);
	}
}

/* ---- signs of life ------------------------------------------------------------------------ */

/* Of this connection nobody shall hear again: libcurl keeps it as long as it is acknowledged. */
static void give_up(struct http *h)
{
	static const struct http_end end = { .body = "", .why = "the server does not answer any more" };

	h->fresh = true;
	while (h->calls.n) { /* what a handler begins has its first chance still: they do it in later turns */
		struct http_call *c = h->calls.v[h->calls.n - 1];

		(void)curl_easy_setopt(c->easy, CURLOPT_FORBID_REUSE, 1L);
		c->handler.end(c->handler.ctx, &end);
		call_free(c);
	}
}

static int on_probe_data(void *ctx, const char *data, size_t len, struct bh_err *err)
{
	(void)ctx;
	(void)data;
	(void)len;
	(void)err;
	return 0;
}

/* Any answer is one; also one that says no. */
static void on_probe_end(void *ctx, const struct http_end *end)
{
	struct http *h = ctx;

	h->probe = NULL;
	if (end->status)
		h->heard_ms = clock_ms();
	h->silent = clock_ms() - h->heard_ms >= PROBE_AFTER_MS; /* nor has anybody else heard anything */
}

static int64_t probe_due_ms(const struct http *h)
{
	return h->calls.n && !h->probe ? h->heard_ms + PROBE_AFTER_MS : INT64_MAX;
}

static void probe(struct http *h)
{
	const struct http_handler handler = { .data = on_probe_data, .end = on_probe_end, .ctx = h };

	if (h->silent && h->calls.n)
		give_up(h);
	h->silent = false;
	if (clock_ms() < probe_due_ms(h))
		return;
	if (http_get(h, PROBE_PATH, PROBE_MS, &handler, &h->probe, NULL) < 0)
		h->heard_ms = clock_ms(); /* no memory, or no token: another time */
}

/* ---- life --------------------------------------------------------------------------------- */

int http_new(const struct kube_config *config, struct http **ret, struct bh_err *err)
{
	struct http *h = calloc(1, sizeof(*h));

	if (!h)
		return bh_err_set(err, -ENOMEM, "no memory");
	*h = (struct http){ .config = config, .due_ms = -1, .multi = curl_multi_init() };
	h->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (!h->multi || h->epoll_fd < 0) {
		http_free(h);
		return bh_err_set(err, -ENOMEM, "cannot set up libcurl");
	}
	(void)curl_multi_setopt(h->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
	(void)curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	(void)curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
	(void)curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	(void)curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
	*ret = h;
	return 0;
}

void http_free(struct http *h)
{
	if (!h)
		return;
	while (h->calls.n)
		call_free(h->calls.v[h->calls.n - 1]);
	vec_done(&h->calls);
	if (h->multi)
		(void)curl_multi_cleanup(h->multi);
	if (h->epoll_fd >= 0)
		(void)close(h->epoll_fd);
	free(h);
}

int http_fd(const struct http *h)
{
	return h->epoll_fd;
}

int http_timeout_ms(const struct http *h)
{
	const int64_t probe_ms = probe_due_ms(h), now = clock_ms();
	const int64_t due = h->due_ms >= 0 && h->due_ms < probe_ms ? h->due_ms : probe_ms;

	if (due == INT64_MAX)
		return -1;
	return due > now ? (int)(due - now) : 0;
}

static int curl_events(uint32_t events)
{
	int ret = 0;

	if (events & EPOLLIN)
		ret |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		ret |= CURL_CSELECT_OUT;
	if (events & (EPOLLERR | EPOLLHUP))
		ret |= CURL_CSELECT_ERR;
	return ret;
}

void http_work(struct http *h)
{
	struct epoll_event ev[EVENTS_A_TURN];
	const int n = epoll_wait(h->epoll_fd, ev, EVENTS_A_TURN, 0);
	int running, i;

	for (i = 0; i < n; i++)
		(void)curl_multi_socket_action(h->multi, ev[i].data.fd, curl_events(ev[i].events), &running);
	if (h->due_ms >= 0 && h->due_ms <= clock_ms()) {
		h->due_ms = -1;
		(void)curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	end_calls(h);
	probe(h);
}
