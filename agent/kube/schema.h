/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does the API server keep all that the agent reads of the kinds that CRDs bring? One whose definitions are
 * older than the agent drops the fields that it does not know, silently, and a policy would mean something
 * else than was written. What it keeps its OpenAPI document says (KEP-2896, served to everybody who is
 * authenticated).
 */
#ifndef BH_KUBE_SCHEMA_H
#define BH_KUBE_SCHEMA_H

#include <stdbool.h>

#include "kube/decode.h"
#include "kube/http.h"

struct json_object;
struct schema;

/* Of the kinds of a group. @changed: the answer of schema_trouble() may be another now. @http, @api_version:
 * borrowed. Return: NULL without memory. */
struct schema *schema_new(struct http *http, const char *api_version, void (*changed)(void *ctx), void *ctx);
void schema_free(struct schema *s);

/* The definitions may be others now: they are read again, the last answer stays until then. */
void schema_ask(struct schema *s);
void schema_work(struct schema *s);
int schema_timeout_ms(const struct schema *s); /* -1: none */

/**
 * schema_trouble() - what is wrong with the definition of @kind, one of the group's. Return: NULL: nothing;
 * else a text like "its definition on the server is older than this agent, without spec.expires: apply the
 * CRDs of this version", or that it cannot be read. Valid until it changes.
 */
#define SCHEMA_TROUBLE 256
const char *schema_trouble(const struct schema *s, enum object_kind kind);

/* Whether the server does not say: what it keeps is believed then. */
bool schema_is_unread(const struct schema *s);
bool schema_is_known(const struct schema *s); /* or has ever been */

/* Whether the OpenAPI document @doc is without a field of @kind that the agent reads: the first one into
 * @ret,
 * "" if it does not have the kind. (An API server comes to know a new CRD's some seconds after it serves it.)
 */
#define SCHEMA_FIELD 128
bool schema_lacks(struct json_object *doc, enum object_kind kind, char ret[SCHEMA_FIELD]);

#endif
