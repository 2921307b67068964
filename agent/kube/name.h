/* SPDX-License-Identifier: Apache-2.0 */
/* What the API server takes for a name (apimachinery/pkg/util/validation). */
#ifndef BH_KUBE_NAME_H
#define BH_KUBE_NAME_H

#include <stdbool.h>
#include <stddef.h>

bool name_is_label(const char *s);		 /* IsDNS1123Label */
bool name_is_subdomain(const char *s, size_t n); /* IsDNS1123Subdomain */
bool name_is_qualified(const char *s);		 /* IsQualifiedName: the key of a label */

#endif
