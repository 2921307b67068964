/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The oracle, asked about a real cluster: referee DIR reads the manifests there (Namespaces, Pods and
 * NetworkPolicies as the API server has them) and answers each line of stdin, `SOURCE DESTINATION PROTOCOL
 * PORT` with addresses of pods, with "yes" or "no": whether both pods' policies let it through.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "kube/source.h"
#include "model/model.h"
#include "tests/oracle/oracle.h"
#include "util/scope.h"

static bool bad;

static void on_note(void *ctx, const struct source_note *note)
{
	(void)ctx;
	bad |= note->kind != SOURCE_GOOD;
	(void)fprintf(stderr, "referee: %s\n", note->text);
}

/* Every pod is as if it were on one node: the oracle judges interfaces. */
static int add_endpoint(struct model *m, const struct pod *p, uint32_t ifindex)
{
	struct endpoint *e = endpoint_new();
	struct addr *a;
	size_t i;

	if (!e)
		return -1;
	e->ifindex = ifindex;
	memcpy(&e->key, &ifindex, sizeof(ifindex));
	if (!(e->ns = strdup(p->ns)) || !(e->pod = strdup(p->name)) || !(e->uid = strdup("")))
		return -1;
	for (i = 0; i < p->addrs.n; i++) {
		a = vec_add(&e->addrs);
		if (!a)
			return -1;
		*a = p->addrs.v[i];
	}
	return model_put_endpoint(m, e);
}

static uint32_t interface_of(const struct model *m, const struct addr *a)
{
	size_t i, j;

	for (i = 0; i < m->pods.n; i++)
		for (j = 0; j < m->pods.v[i]->addrs.n; j++)
			if (!addr_cmp(&m->pods.v[i]->addrs.v[j], a))
				return (uint32_t)i + 1;
	return 0;
}

static bool passes(const struct model *m, struct oracle_flow f, int dir, const struct addr *pod)
{
	enum oracle_answer answer;

	f.dir = dir;
	f.ifindex = interface_of(m, pod);
	answer = oracle_ask(m, &f);
	bad |= answer == ORACLE_UNKNOWN;
	return answer == ORACLE_OPEN || answer == ORACLE_ALLOWED;
}

static int answer(const struct model *m, const char *line)
{
	struct oracle_flow f = { .sport = 40000 };
	char src[64], dst[64], proto[8];
	unsigned int port;

	if (sscanf(line, "%63s %63s %7s %u", src, dst, proto, &port) != 4 || addr_parse(src, &f.src) < 0 ||
	    addr_parse(dst, &f.dst) < 0) {
		(void)fprintf(stderr, "referee: not a question: %s", line);
		return -1;
	}
	f.proto = strcmp(proto, "tcp") ? IPPROTO_UDP : IPPROTO_TCP;
	f.dport = (uint16_t)port;
	(void)puts(passes(m, f, DIR_EGRESS, &f.src) && passes(m, f, DIR_INGRESS, &f.dst) ? "yes" : "no");
	return 0;
}

int main(int argc, char **argv)
{
	struct model *m = model_new();
	struct source *source = NULL;
	struct bh_err err = {};
	char line[256];
	int r = 0;
	size_t i;

	if (argc != 2 || !m)
		return 2;
	if (source_dir_new(argv[1], m, on_note, NULL, &source, &err) < 0) {
		(void)fprintf(stderr, "referee: %s\n", err.msg);
		return 1;
	}
	for (i = 0; !r && i < m->pods.n; i++)
		r = add_endpoint(m, m->pods.v[i], (uint32_t)i + 1);
	while (!r && fgets(line, sizeof(line), stdin))
		r = answer(m, line);
	source_free(source);
	model_free(m);
	return r || bad ? 1 : 0;
}
