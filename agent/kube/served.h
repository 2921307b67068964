/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kind that is absent may be there by another version of its group, which this agent does not read: then
 * its policies are not nobody's, they are not understood, and that is no reason to go without them. The API
 * server's discovery says so (GET /apis/GROUP and /apis/GROUP/VERSION, open to everybody who is
 * authenticated).
 */
#ifndef BH_KUBE_SERVED_H
#define BH_KUBE_SERVED_H

#include <stdbool.h>

#include "kube/http.h"
#include "model/model.h"

struct served;

/* @changed: an answer has come. @http: borrowed. Return: NULL without memory. */
struct served *served_new(struct http *http, void (*changed)(void *ctx), void *ctx);
void served_free(struct served *s);

/* Policies of @kind are absent at @path, "/apis/GROUP/VERSION/RESOURCE" (borrowed for ever): asked now, and
 * again if the last time was some while ago. */
void served_ask(struct served *s, enum policy_kind kind, const char *path);
void served_work(struct served *s);
int served_timeout_ms(const struct served *s); /* -1: none */

/* Whether there was an answer, or none will come: who may not ask goes without. */
bool served_is_known(const struct served *s, enum policy_kind kind);

/* "the API server has it in v1beta1, and this agent reads v1alpha2: ..."; NULL: it is not there. Valid until
 * it changes. */
const char *served_trouble(const struct served *s, enum policy_kind kind);

#endif
