/* SPDX-License-Identifier: Apache-2.0 */
/* JSON values as YAML that every reader, of 1.1 and of 1.2, takes for the same. */
#ifndef BH_CTL_YAML_H
#define BH_CTL_YAML_H

#include <json-c/json.h>
#include <stdio.h>

enum yaml_form {
	YAML_WHOLE, /* a file with this in it */
	YAML_ITEM,  /* the next item of the list that the file is */
	YAML_ONE,   /* the next document of the file */
};

/* Return: 0, or -ENOMEM, -EIO. */
int yaml_print(FILE *out, struct json_object *o, enum yaml_form form);

#endif
