// SPDX-License-Identifier: Apache-2.0
/* What a runtime writes to the plugin's stdin: for ADD (strictly) and for DEL (leniently). */
#include "fuzz.h"

#include <json-c/json.h>
#include <string.h>

#include "../../cni-plugin/result.h"

#define ADDRS 16

static struct buf text_of(const uint8_t *data, size_t len)
{
	struct buf text = BUF_INIT(NETCONF_MAX);

	fuzz_check(!buf_add(&text, data, len));
	return text;
}

static struct json_object *parse(const char *text, size_t len)
{
	struct json_tokener *t = json_tokener_new_ex(NETCONF_DEPTH);
	struct json_object *o = json_tokener_parse_ex(t, text, (int)len);

	json_tokener_free(t);
	return o;
}

/* What is handed on byte for byte is the value that was understood, found wherever no key has an escape. */
static void check_prev(const struct netconf *c)
{
	struct json_object *o;

	if (!c->prev_len) {
		fuzz_check(!c->prev || memchr(c->text.data, '\\', c->text.len));
		return;
	}
	fuzz_check(c->prev && c->prev_at + c->prev_len <= c->text.len);
	o = parse(c->text.data + c->prev_at, c->prev_len);
	fuzz_check(!strcmp(json_object_to_json_string(o), json_object_to_json_string(c->prev)));
	json_object_put(o);
}

static void check_result(const struct netconf *c)
{
	struct buf text = BUF_INIT(4 * NETCONF_MAX);
	struct addr addrs[ADDRS];
	struct json_object *o;
	struct bh_err err = {};
	size_t n = 0;
	int code;

	code = result_addrs(c, "eth0", addrs, ADDRS, &n, &err);
	fuzz_check(code ? code == CNI_BAD_CONFIG && err.msg[0] : n <= ADDRS);
	err = (struct bh_err){};
	code = c->prev ? result_text(c, &text, &err) : CNI_BAD_CONFIG;
	if (!code) {
		o = parse(text.data, text.len);
		fuzz_check(json_object_is_type(o, json_type_object));
		json_object_put(o);
	}
	buf_done(&text);
}

void fuzz_one(const uint8_t *data, size_t len)
{
	int lenient, code[2];

	for (lenient = 0; lenient < 2; lenient++) {
		struct buf text = text_of(data, len);
		struct netconf c;
		struct bh_err err = {};

		code[lenient] = netconf_parse(&text, lenient, &c, &err);
		fuzz_check(!text.data);
		fuzz_check(!code[lenient] || err.msg[0]);
		if (!code[lenient]) {
			fuzz_check(c.run_dir[0] == '/' && c.pin_dir[0] == '/' && c.timeout_ms > 0);
			check_prev(&c);
			check_result(&c);
			(void)netconf_fail_mode(&c, "default");
		}
		netconf_done(&c);
	}
	fuzz_check(code[0] || !code[1]); /* what ADD takes DEL takes */
}
