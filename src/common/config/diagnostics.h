/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is wrong with a file, gathered while it is read and checked, and told
 * in the order of its lines.
 */
#ifndef MINIVPN_COMMON_CONFIG_DIAGNOSTICS_H
#define MINIVPN_COMMON_CONFIG_DIAGNOSTICS_H

#include <stdbool.h>
#include <stddef.h>

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
	bool wrong;	/* something that is no warning */
	bool exhausted; /* memory was: something may be missing */
};

/* Text from the file is made printable. */
void diagnostics_error(struct diagnostics *list, unsigned line,
		       const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void diagnostics_warning(struct diagnostics *list, unsigned line,
			 const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Sorts them, and tells them where told is not NULL. */
void diagnostics_tell(struct diagnostics *list, const char *path,
		      config_report told, void *data);

void diagnostics_free(struct diagnostics *list);

#endif
