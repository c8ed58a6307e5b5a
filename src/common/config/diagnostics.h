/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is wrong with a file, gathered while it is read and checked, and told
 * in the order of its lines.
 */
#ifndef MINIVPN_COMMON_CONFIG_DIAGNOSTICS_H
#define MINIVPN_COMMON_CONFIG_DIAGNOSTICS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/config/include.h"

/* Enough for "line NUMBER" and most paths; longer ones are cut at the front. */
#define DIAGNOSTICS_LINE_SIZE 128

/*
 * Called for each thing that is wrong, in the order of the file. line 0: the
 * file as a whole. A warning does not make config_load() fail.
 */
typedef void (*config_report)(void *data, const char *path, unsigned line,
			      bool warning, const char *text);

struct diagnostic {
	unsigned line;
	unsigned number; /* in the order of finding */
	bool warning;
	char *text;
};

/* All zero: nothing found. */
struct diagnostics {
	struct diagnostic *items;
	size_t count, capacity;
	const struct include_text *text; /* whose lines; NULL: one file */
	bool wrong;			 /* something that is no warning */
	bool exhausted; /* memory was: something may be missing */
};

/* Text from the file is made printable. */
void diagnostics_error(struct diagnostics *list, unsigned line,
		       const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void diagnostics_warning(struct diagnostics *list, unsigned line,
			 const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * What to call a line in a message about the line at: "line 3", or "FILE:3"
 * where that is in another file.
 */
const char *diagnostics_line(const struct diagnostics *list, unsigned at,
			     unsigned line, char text[DIAGNOSTICS_LINE_SIZE]);

/*
 * Sorts them, and tells them where told is not NULL; path is that of a text
 * that is no include_text.
 */
void diagnostics_tell(struct diagnostics *list, const char *path,
		      config_report told, void *data);

void diagnostics_free(struct diagnostics *list);

#endif
