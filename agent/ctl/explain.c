/* SPDX-License-Identifier: Apache-2.0 */
/* bulkheadctl explain: may this pod talk to that one, and why (not)? */
#include "ctl/explain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ctl/ctl.h"
#include "util/scope.h"

int explain_port_parse(const char *text, struct explain_port *ret, struct bh_err *err)
{
	static const char *const protos[] = { "TCP", "UDP", "SCTP" };
	struct explain_port p = { .proto = "TCP" };
	unsigned long n;
	char *end;
	size_t i;

	if (!strcasecmp(text, "icmp")) {
		*ret = (struct explain_port){ .proto = "ICMP" };
		return 0;
	}
	errno = 0;
	n = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || errno || !n || n > 65535 || (*end && *end != '/'))
		return bh_err_set(err, -EINVAL,
				  "PORT '%s': neither a port (1 to 65535), PORT/PROTO, nor icmp", text);
	p.port = (uint16_t)n;
	if (!*end) {
		*ret = p;
		return 0;
	}
	for (i = 0; i < ARRAY_SIZE(protos); i++) {
		if (strcasecmp(end + 1, protos[i]))
			continue;
		p.proto = protos[i];
		*ret = p;
		return 0;
	}
	return bh_err_set(err, -EINVAL, "PORT '%s': protocol is none of TCP, UDP, SCTP", text);
}

/* ---- text --------------------------------------------------------------------------------- */

static bool is(struct json_object *o, const char *field, const char *value)
{
	return !strcmp(ctl_str(o, field), value);
}

static void flow_text(struct json_object *answer, char *ret, size_t size)
{
	if (ctl_int(answer, "port"))
		(void)snprintf(ret, size, "%s %llu", ctl_str(answer, "proto"),
			       (unsigned long long)ctl_int(answer, "port"));
	else
		(void)snprintf(ret, size, "ICMP echo");
}

/* Reasons that are no policy's, in words. */
static const char *plain_words(const char *reason)
{
	static const char *const words[][2] = {
		{ "host", "traffic with the node itself is not subject to policy" },
		{ "no-endpoint", "the data plane does not know this interface" },
		{ "no-policy", "its Pod or Namespace is not known to the agent, so it is isolated" },
		{ "audited",
		  "policies would deny it, were they in earnest: audited, it passes and is reported" },
		{ "no-row", "the tables are broken: please report this" },
		{ "node-open",
		  "policy would not allow it, but this node is open (bulkhead-agent node status)" },
		{ "protocol",
		  "not all is allowed between the two, and only a rule without ports can allow this protocol" },
		{ "multicast",
		  "the address is a multicast or broadcast one, and no rule allows that port of it" },
		{ "link-local", "link-local addresses serve neighbour discovery alone" },
		{ "spoofed-address", "the address is not the pod's own" },
		{ "not-own-address", "the address is not the pod's own" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(words[i][0], reason))
			return words[i][1];
	return reason;
}

static void print_why(FILE *out, struct json_object *check)
{
	const char *rule = ctl_str(check, "rule"), *reason = ctl_str(check, "reason");
	char policies[600];

	(void)ctl_join(ctl_get(check, "isolated_by"), policies, sizeof(policies));
	if (!strcmp(reason, "policy") || !strcmp(reason, "open")) {
		if (*rule)
			(void)fprintf(out, "rule '%s' allows it", rule);
		else if (*policies)
			(void)fprintf(out,
				      "isolated for %s by %s, in mode Audit, and a rule of theirs allows it",
				      ctl_str(check, "direction"), policies);
		else
			(void)fprintf(out, "no policy isolates it for %s", ctl_str(check, "direction"));
	} else if (!strcmp(reason, "audited") && *rule) {
		(void)fprintf(out, "audited: rule '%s' would deny it", rule);
	} else if (!strcmp(reason, "audited") && *policies) {
		(void)fprintf(out, "audited: it is isolated for %s by %s, and no rule of theirs allows it",
			      ctl_str(check, "direction"), policies);
	} else if (!strcmp(reason, "policy-denied") && *rule) {
		(void)fprintf(out, "rule '%s' denies it", rule);
	} else if (!strcmp(reason, "policy-denied") && !*policies) {
		(void)fprintf(
			out,
			"denied by no rule that is known: nobody is known behind this Service's port, or it was in force before the agent started");
	} else if (!strcmp(reason, "policy-denied")) {
		(void)fprintf(out, "isolated for %s by %s, and no rule of theirs allows it",
			      ctl_str(check, "direction"), policies);
	} else {
		(void)fprintf(out, "%s", plain_words(reason));
	}
}

static bool same_field(struct json_object *a, struct json_object *b, const char *field)
{
	return json_object_equal(ctl_get(a, field), ctl_get(b, field));
}

/* Two families that are answered alike are told once. */
static bool same_answer(struct json_object *a, struct json_object *b)
{
	static const char *const fields[] = { "from",	     "at",    "verdict", "reason", "rule",
					      "isolated_by", "drift", "behind",	 "closest" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fields); i++)
		if (!same_field(a, b, fields[i]))
			return false;
	return true;
}

/* "10.0.0.1 -> 10.0.0.2, fd00::1 -> fd00::2" */
static void print_addresses(FILE *out, struct json_object *list, size_t at)
{
	struct json_object *first = json_object_array_get_idx(list, at), *check;
	const char *separator = "";
	size_t i;

	for (i = at; i < ctl_length(list); i++) {
		check = json_object_array_get_idx(list, i);
		if (!same_answer(first, check))
			continue;
		(void)fprintf(out, "%s%s -> %s", separator, ctl_str(check, "from_address"),
			      ctl_str(check, "to_address"));
		separator = ", ";
	}
}

/* "      closest: 'shop/db ingress[0]', but for port: asked TCP 8080, the rule has TCP 80" */
void explain_print_closest(FILE *out, struct json_object *o)
{
	struct json_object *closest = ctl_get(o, "closest"), *fields = ctl_get(closest, "fields"), *field;
	size_t i;

	if (!closest)
		return;
	(void)fprintf(out, "          closest is '%s', but for ", ctl_str(closest, "rule"));
	for (i = 0; i < ctl_length(fields); i++) {
		field = json_object_array_get_idx(fields, i);
		(void)fprintf(out, "%s%s (%s)", i ? " and " : "", ctl_str(field, "field"),
			      ctl_str(field, "text"));
	}
	(void)fputc('\n', out);
}

static void print_check(FILE *out, struct json_object *list, size_t at, bool colours)
{
	struct json_object *check = json_object_array_get_idx(list, at);
	const bool allowed = is(check, "verdict", "allow");

	(void)fprintf(out, "  %-7s at %s (", ctl_str(check, "direction"), ctl_str(check, "at"));
	print_addresses(out, list, at);
	(void)fprintf(out, "): %s%s%s, ", colour_code(colours, allowed ? GREEN : RED),
		      allowed ? "allowed" : "denied", colour_code(colours, PLAIN));
	print_why(out, check);
	ctl_print_behind(out, check);
	(void)fputc('\n', out);
	explain_print_closest(out, check);
	if (ctl_bool(check, "drift"))
		(void)fprintf(out,
			      "  %sDRIFT%s: the program decides otherwise than the policies in force say; "
			      "please report this\n",
			      colour_code(colours, RED), colour_code(colours, PLAIN));
}

static bool told_before(struct json_object *list, size_t at)
{
	struct json_object *check = json_object_array_get_idx(list, at);
	size_t i;

	for (i = 0; i < at; i++)
		if (same_answer(json_object_array_get_idx(list, i), check))
			return true;
	return false;
}

/* The hooks that a flow opened by @from crosses. */
static void print_checks(FILE *out, struct json_object *answer, const char *from, bool colours)
{
	struct json_object *list = ctl_get(answer, "checks");
	size_t i, n = ctl_length(list);

	for (i = 0; i < n; i++)
		if (is(json_object_array_get_idx(list, i), "from", from) && !told_before(list, i))
			print_check(out, list, i, colours);
}

static void print_way(FILE *out, struct json_object *answer, const char *head, const char *from,
		      const char *to, const char *verdict, bool colours)
{
	const bool allowed = is(answer, verdict, "allow"), all = !ctl_length(ctl_get(answer, "unasked"));
	char flow[32];

	flow_text(answer, flow, sizeof(flow));
	(void)fprintf(out, "%s%s%s%s: %s -> %s, %s\n", head,
		      colour_code(colours, !allowed ? RED
					   : all    ? GREEN
						    : YELLOW),
		      !allowed ? "DENIED"
		      : all    ? "ALLOWED"
			       : "ALLOWED AS FAR AS ASKED",
		      colour_code(colours, PLAIN), from, to, flow);
	print_checks(out, answer, from, colours);
}

/* Ends that nobody was asked for: another node's agent would be. */
static void print_unasked(FILE *out, struct json_object *answer)
{
	struct json_object *list = ctl_get(answer, "unasked"), *end;
	size_t i, n = ctl_length(list);

	for (i = 0; i < n; i++) {
		const char *node;

		end = json_object_array_get_idx(list, i);
		node = ctl_str(end, "node");
		(void)fprintf(out,
			      "  (not asked: what happens at %s, which is on %s%s%s: ask the agent there)\n",
			      ctl_str(end, "at"), *node ? "node '" : "another node", node, *node ? "'" : "");
	}
	if (!n && !ctl_bool(answer, "peer_is_local") && !ctl_bool(answer, "peer_is_node"))
		(void)fprintf(out, "  (%s is not on this node: what happens at its end is not known here)\n",
			      ctl_str(answer, "peer"));
}

void explain_print(FILE *out, struct json_object *answer, bool colours)
{
	const char *pod = ctl_str(answer, "pod"), *peer = ctl_str(answer, "peer");

	print_way(out, answer, "", pod, peer, "verdict", colours);
	print_unasked(out, answer);
	print_way(out, answer, "The other way round: ", peer, pod, "reverse_verdict", colours);
}

/* ---- several answers ---------------------------------------------------------------------- */

static void append(struct json_object *to, struct json_object *from)
{
	size_t i;

	for (i = 0; json_object_is_type(to, json_type_array) && i < ctl_length(from); i++)
		(void)json_object_array_add(to, json_object_get(json_object_array_get_idx(from, i)));
}

static bool is_asked(struct json_object *checks, const char *end)
{
	size_t i;

	for (i = 0; i < ctl_length(checks); i++)
		if (is(json_object_array_get_idx(checks, i), "at", end))
			return true;
	return false;
}

/* What denies on one node denies. */
static void join_verdict(struct json_object *all, struct json_object *one, const char *verdict)
{
	if (is(one, verdict, "deny") || !*ctl_str(all, verdict))
		json_object_object_add(all, verdict, json_object_get(ctl_get(one, verdict)));
}

static void join_flag(struct json_object *all, struct json_object *one, const char *flag)
{
	json_object_object_add(all, flag,
			       json_object_new_boolean(ctl_bool(all, flag) || ctl_bool(one, flag)));
}

void explain_join(struct json_object *all, struct json_object *one)
{
	struct json_object *checks = ctl_get(all, "checks"), *left = json_object_new_array(), *unasked, *end;
	size_t i;

	append(checks, ctl_get(one, "checks"));
	join_verdict(all, one, "verdict");
	join_verdict(all, one, "reverse_verdict");
	join_flag(all, one, "drift");
	join_flag(all, one, "pod_is_local");
	join_flag(all, one, "peer_is_local");
	unasked = ctl_get(all, "unasked");
	for (i = 0; i < ctl_length(unasked); i++) {
		end = json_object_array_get_idx(unasked, i);
		if (!is_asked(checks, ctl_str(end, "at")))
			(void)json_object_array_add(left, json_object_get(end));
	}
	json_object_object_add(all, "unasked", left);
}

/* ---- the command -------------------------------------------------------------------------- */

/* Where no node had a say, that is no answer; one that did not answer, or was not asked, may have denied. */
static int verdict_code(struct json_object *answer, int code)
{
	if (is(answer, "verdict", "allow"))
		return ctl_length(ctl_get(answer, "unasked")) ? CTL_PARTIAL : code;
	if (*ctl_str(answer, "verdict"))
		return CTL_NEGATIVE;
	ctl_say("neither '%s' nor '%s' is on this node", ctl_str(answer, "pod"), ctl_str(answer, "peer"));
	print_unasked(stderr, answer);
	return CTL_USAGE;
}

static void take(void *ctx, struct json_object *line)
{
	struct json_object **all = ctx;

	if (*all) {
		explain_join(*all, line);
		return;
	}
	*all = json_object_get(line);
	ctl_strip(*all);
	json_object_object_del(*all, "node");
}

static int run(const struct ctl *c, char **args)
{
	struct json_object *request, *all = NULL;
	struct ctl ends = *c;
	struct explain_port port;
	struct bh_err err;
	int code;

	if (explain_port_parse(args[2], &port, &err) < 0) {
		ctl_say("%s", err.msg);
		return CTL_USAGE;
	}
	request = ctl_request(c, "explain");
	json_object_object_add(request, "pod", json_object_new_string(args[0]));
	json_object_object_add(request, "peer", json_object_new_string(args[1]));
	json_object_object_add(request, "proto", json_object_new_string(port.proto));
	if (port.port)
		json_object_object_add(request, "port", json_object_new_int(port.port));
	ends.ends[0] = args[0];
	ends.ends[1] = args[1];
	code = ctl_answers(&ends, request, NULL, take, &all);
	if (!ctl_answered(code) || !all) {
		json_object_put(all);
		return code;
	}
	if (c->json)
		ctl_print(c, all);
	else if (*ctl_str(all, "verdict"))
		explain_print(stdout, all, c->colours);
	code = verdict_code(all, code);
	json_object_put(all);
	return code;
}

const struct command command_explain = {
	.name = "explain",
	.args = "SRC DST PORT[/PROTO]",
	.summary =
		"may SRC open this to DST (pods or addresses), and DST to SRC, and which rule decides or comes "
		"closest; exits 1 if SRC may not",
	.words = WORDS_PODS,
	.nargs = 3,
	.text = "SRC and DST are pods (NAMESPACE/NAME, or NAME where only one namespace has it) or addresses; PORT is 443, "
		"53/udp, 9/sctp or icmp (echo).\n\n"
		"Every hook that such a flow crosses is asked of the program that is really loaded, in both address "
		"families where both ends have them, and its answer is compared with the tables that the policies were "
		"compiled to. The question is about a new flow.\n\n"
		"Each agent answers for the ends that are on its node; alone on a node, ends elsewhere are named with "
		"theirs, and what is allowed is allowed as far as was asked. What is denied is told with the rule that "
		"comes closest to accepting it, and the field that fails.",
	.examples = "explain shop/web shop/db 5432\tmay web connect to db?\n"
		    "explain shop/db 203.0.113.9 53/udp\tmay db ask that resolver?\n",
	.exits = "1\tSRC may not open this to DST\n"
		 "4\tallowed as far as was asked: the other end's node was not, or gave no answer\n",
	.run = run,
};
