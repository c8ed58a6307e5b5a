/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is wrong with a file, gathered while it is read and checked, and told
 * in the order of its lines.
 */
#ifndef MINIVPN_COMMON_CONFIG_DIAGNOSTICS_H
#define MINIVPN_COMMON_CONFIG_DIAGNOSTICS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/config/config.h"

struct report {
	unsigned line;
	unsigned number; /* in the order of finding */
	bool warning;
	char *text;
};

/* All zero: nothing found. */
struct report_list {
	struct report *items;
	size_t count, capacity;
	bool wrong;	/* something that is no warning */
	bool exhausted; /* memory was: something may be missing */
};

/* Text from the file is made printable. */
void report_error(struct report_list *list, unsigned line, const char *format,
		  ...) __attribute__((format(printf, 3, 4)));
void report_warning(struct report_list *list, unsigned line, const char *format,
		    ...) __attribute__((format(printf, 3, 4)));

/* Sorts them, and tells them where told is not NULL. */
void report_tell(struct report_list *list, const char *path, config_report told,
		 void *data);

void report_free(struct report_list *list);

#endif
