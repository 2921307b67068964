/* SPDX-License-Identifier: Apache-2.0 */
/* The page's files, taken into the program as they are: ui/. */
#include <string.h>

#include "ctl/ui.h"
#include "util/scope.h"

#define FILE_IN(symbol, path)                                                                                \
	__asm__(".section .rodata\n"                                                                         \
		"ui_" #symbol "_begin: .incbin \"" path "\"\n"                                               \
		"ui_" #symbol "_end: .byte 0\n"                                                              \
		".previous\n");                                                                              \
	extern const char ui_##symbol##_begin[] __attribute__((visibility("hidden")));                       \
	extern const char ui_##symbol##_end[] __attribute__((visibility("hidden")))

FILE_IN(index, "ui/index.html");
FILE_IN(style, "ui/style.css");
FILE_IN(icon, "ui/icon.svg");
FILE_IN(app, "ui/app.js");
FILE_IN(data, "ui/data.js");
FILE_IN(layout, "ui/layout.js");
FILE_IN(map, "ui/map.js");
FILE_IN(panel, "ui/panel.js");

#define FILE_ROW(name, type, symbol)                                                                         \
	{                                                                                                    \
		name, type, ui_##symbol##_begin, ui_##symbol##_end                                           \
	}

static const struct ui_file files[] = {
	FILE_ROW("", "text/html; charset=utf-8", index),
	FILE_ROW("style.css", "text/css; charset=utf-8", style),
	FILE_ROW("icon.svg", "image/svg+xml", icon),
	FILE_ROW("app.js", "text/javascript; charset=utf-8", app),
	FILE_ROW("data.js", "text/javascript; charset=utf-8", data),
	FILE_ROW("layout.js", "text/javascript; charset=utf-8", layout),
	FILE_ROW("map.js", "text/javascript; charset=utf-8", map),
	FILE_ROW("panel.js", "text/javascript; charset=utf-8", panel),
};

const struct ui_file *ui_file(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(files); i++)
		if (!strcmp(files[i].name, name))
			return &files[i];
	return NULL;
}
