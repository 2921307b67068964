/* SPDX-License-Identifier: Apache-2.0 */
/* bulkheadctl ui: a page that shows who talks to whom, served here and to whoever sits here alone. */
#include "ctl/ui.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>

#include "util/clock.h"
#include "util/scope.h"

#define LISTEN	   "127.0.0.1:0"
#define ANSWER_MAX (32u << 20) /* the largest picture, with the longest labels, has some 30 MB */
#define TURN_MS	   250	       /* when nothing happens: jobs' deadlines, and the next round */
#define BUSY_MS	   20	       /* a job has closed its ends, and ends */

extern char **environ;

/* ---- where -------------------------------------------------------------------------------- */

/* As web_address(), and port 0 is one that is free. */
static int read_address(const char *text, struct sockaddr_storage *ret, struct bh_err *err)
{
	const size_t len = strlen(text);
	char any[200];
	int r;

	if (len < 2 || strcmp(text + len - 2, ":0") || len >= sizeof(any))
		return web_address(text, ret, err);
	(void)snprintf(any, sizeof(any), "%.*s1", (int)len - 1, text);
	r = web_address(any, ret, err);
	if (r < 0)
		return bh_err_set(err, r, "'%s': not ADDRESS:PORT", text);
	((struct sockaddr_in *)ret)->sin_port = 0; /* at the same place for both families */
	return 0;
}

static bool is_loopback(const struct sockaddr_storage *addr)
{
	if (addr->ss_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)addr)->sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)addr)->sin6_addr);
}

static int wrong_address(const char *why)
{
	ctl_say("--listen: %s", why);
	return CTL_USAGE;
}

static int find_place(const struct ctl *c, struct sockaddr_storage *ret)
{
	struct bh_err err;

	if (read_address(c->listen ? c->listen : LISTEN, ret, &err) < 0)
		return wrong_address(err.msg);
	if (is_loopback(ret) || c->any_address)
		return CTL_OK;
	(void)wrong_address("others could reach this address; they would need the link, but it goes over the "
			    "network in the clear");
	ctl_hint("127.0.0.1:0 is this machine alone; --any-address allows others");
	return CTL_USAGE;
}

static int make_token(struct ui *u)
{
	unsigned char bytes[(UI_TOKEN - 1) / 2];
	size_t i;

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return -EIO;
	for (i = 0; i < sizeof(bytes); i++)
		(void)snprintf(u->token + 2 * i, 3, "%02x", bytes[i]);
	(void)snprintf(u->prefix, sizeof(u->prefix), "/%s/", u->token);
	return 0;
}

/* ---- the browser -------------------------------------------------------------------------- */

/* Where there is a screen. That it did not work is no trouble: the link has been printed. */
static void open_browser(const struct ui *u, const char *url)
{
	char *const argv[] = { "xdg-open", (char *)url, NULL };
	posix_spawn_file_actions_t quiet;
	posix_spawnattr_t attr;
	sigset_t none;
	pid_t pid;

	if (u->c->no_open || u->c->unattended)
		return;
	if (!getenv("DISPLAY") && !getenv("WAYLAND_DISPLAY"))
		return;
	if (posix_spawn_file_actions_init(&quiet) || posix_spawnattr_init(&attr))
		return;
	(void)sigemptyset(&none);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	(void)posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	(void)posix_spawn_file_actions_addopen(&quiet, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	(void)posix_spawnp(&pid, argv[0], &quiet, &attr, argv, environ);
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&quiet);
}

/* Of a pod, whose name the chart lets us know: the link works where the port has been forwarded to. */
static void hint_way(const struct sockaddr_storage *addr)
{
	const char *ns = getenv("POD_NAMESPACE"), *pod = getenv("POD_NAME");
	const int port = ntohs(((const struct sockaddr_in *)addr)->sin_port);

	if (ns && pod)
		ctl_hint("the link is a secret; the way to it: kubectl -n %s port-forward %s %d", ns, pod,
			 port);
	else
		ctl_hint("the link is a secret");
}

static int say_where(const struct ui *u)
{
	struct sockaddr_storage addr;
	char text[WEB_ADDRESS_TEXT], url[WEB_ADDRESS_TEXT + UI_TOKEN + 16];

	if (web_bound(u->web, &addr) < 0)
		return CTL_UNREACHABLE;
	(void)snprintf(url, sizeof(url), "http://%s%s", web_address_text(&addr, text), u->prefix);
	(void)printf("%s\n", url);
	(void)fflush(stdout);
	if (u->c->unattended)
		hint_way(&addr);
	else
		ctl_hint("the link is a secret of yours: who has it sees what you may see; Ctrl-C ends it");
	open_browser(u, url);
	return CTL_OK;
}

/* ---- turns -------------------------------------------------------------------------------- */

static size_t add_job(struct pollfd *fds, const struct job *j, bool *ends)
{
	if (!j->pid || j->over)
		return 0;
	*ends |= j->out < 0 && j->err < 0;
	fds[0] = (struct pollfd){ .fd = j->out, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = j->err, .events = POLLIN };
	return 2;
}

/* Waits until something is to be done. Return: whether a signal wants it to end. */
static bool wait_turn(const struct ui *u, int signals)
{
	struct pollfd fds[UI_POLLS] = { { .fd = signals, .events = POLLIN },
					{ .fd = web_fd(u->web), .events = POLLIN } };
	bool ends = false;
	size_t i, n = 2;

	for (i = 0; i < UI_ASKS; i++)
		n += add_job(fds + n, &u->collect.jobs[i], &ends);
	for (i = 0; i < UI_QUESTIONS; i++)
		n += add_job(fds + n, &u->questions[i].job, &ends);
	return poll(fds, n, ends ? BUSY_MS : TURN_MS) > 0 && fds[0].revents;
}

static int serve(struct ui *u, int signals)
{
	bool said = false;
	int code = CTL_OK;

	do {
		web_work(u->web);
		ui_collect_work(u);
		ui_questions_work(u);
		if (said || !web_listens(u->web))
			continue;
		code = say_where(u);
		said = true;
	} while (code == CTL_OK && !wait_turn(u, signals));
	return code;
}

/* ---- the command -------------------------------------------------------------------------- */

static void on_told(void *ctx, const char *trouble)
{
	(void)ctx;
	if (trouble)
		ctl_say("%s", trouble);
}

static int open_web(struct ui *u, const struct sockaddr_storage *addr)
{
	const struct web_options opt = { .addr = *addr,
					 .body_max = u->c->unattended ? 0 : UI_POLICY_MAX,
					 .answer_max = ANSWER_MAX,
					 .told = on_told };
	const struct web_route route = { .path = u->prefix, .fn = ui_page, .ctx = u };
	struct bh_err err;

	if (web_new(&opt, &route, 1, &u->web, &err) < 0) {
		ctl_say("%s", err.msg);
		return CTL_UNREACHABLE;
	}
	return web_listens(u->web) || u->c->unattended ? CTL_OK : CTL_USAGE; /* on_told() has said why */
}

static int open_signals(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void ui_done(struct ui *u)
{
	size_t i;

	ui_collect_end(u);
	for (i = 0; i < UI_QUESTIONS; i++)
		job_end(&u->questions[i].job);
	web_free(u->web);
	graph_free(u->graph);
}

static int run(const struct ctl *c, char **args)
{
	struct ui u = { .c = c, .graph = graph_new(NULL) };
	struct sockaddr_storage addr;
	auto_fd int signals = open_signals();
	int code = find_place(c, &addr);

	(void)args;
	if (code == CTL_OK && (!u.graph || make_token(&u) < 0 || signals < 0)) {
		ctl_say("no memory, no random numbers or no descriptor");
		code = CTL_UNREACHABLE;
	}
	if (code == CTL_OK)
		code = open_web(&u, &addr);
	ui_collect_want(&u);
	if (code == CTL_OK)
		code = serve(&u, signals);
	ui_done(&u);
	return code;
}

const struct command command_ui = {
	.name = "ui",
	.args = "",
	.summary = "a page in the browser: who talks to whom, and what is denied; until interrupted",
	.options = OPT_UI,
	.text = "Prints a link with a secret in it, and opens it where there is a screen. The page is served by this "
		"command, at this machine's loopback address, out of this program: nothing comes from the Internet. "
		"It shows live sessions and denials of all nodes, asked again every few seconds while a page is open, "
		"and changes nothing.",
	.examples =
		"ui\tof all nodes, from a laptop\n"
		"ui --node n1 --no-open\tof one node; the browser is started by hand\n"
		"ui --listen 127.0.0.1:8080\tat a port that an SSH tunnel can name\n"
		"ui --unattended --listen 127.0.0.1:17971\tas a service of this node, behind a port-forward\n",
	.run = run,
};
