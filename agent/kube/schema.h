/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does the API server keep all that the agent reads of our own kinds? One whose definitions are older than
 * the agent drops the fields that it does not know, silently, and a policy would mean something else than was
 * written. What it keeps its OpenAPI document says (KEP-2896, served to everybody who is authenticated).
 */
#ifndef BH_KUBE_SCHEMA_H
#define BH_KUBE_SCHEMA_H

#include <stdbool.h>

#include "kube/decode.h"
#include "kube/http.h"

struct json_object;
struct schema;

/* @changed: the answer of schema_knows() may be another now. @http: borrowed. Return: NULL without memory. */
struct schema *schema_new(struct http *http, void (*changed)(void *ctx), void *ctx);
void schema_free(struct schema *s);

/* The definitions may be others now: they are read again, the last answer stays until then. */
void schema_ask(struct schema *s);
void schema_work(struct schema *s);
int schema_timeout_ms(const struct schema *s); /* -1: none */

/**
 * schema_trouble() - what is wrong with the definition of @kind, OBJECT_SEGMENTATION or
 * _CLUSTER_SEGMENTATION. Return: NULL: nothing; else a text like "its definition on the server is older than
 * this agent: without spec.expires; apply the CRDs of this version", or that it cannot be read. Valid until
 * it changes.
 */
const char *schema_trouble(const struct schema *s, enum object_kind kind);

/* Whether the server does not say: what it keeps is believed then. */
bool schema_is_unread(const struct schema *s);
bool schema_is_known(const struct schema *s); /* or has ever been */

/* The first field of @kind that the OpenAPI document @doc does not have, or SCHEMA_NO_KIND; NULL: it has all.
 */
#define SCHEMA_NO_KIND "" /* an API server comes to know a new CRD's some seconds after it serves it */
const char *schema_missing(struct json_object *doc, enum object_kind kind);

#endif
