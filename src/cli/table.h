/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines of columns, as many of them as the terminal's width has room for. Not
 * for what stands in them, which may be anybody's text.
 */
#ifndef MINIVPN_CLI_TABLE_H
#define MINIVPN_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "cli/terminal.h"

#define TABLE_COLUMNS 10

enum table_alignment {
	TABLE_LEFT,
	TABLE_RIGHT,
	TABLE_LAST, /* of what is cut the end stays, as of a graph of the past
		     */
};

struct table_column {
	const char *title;
	enum table_alignment alignment;
	unsigned least; /* columns: where there is no room for these ... */
	unsigned rank;	/* ... the highest goes first; 0: it stays */
};

/* All zero but its columns, TABLE_COLUMNS at most: it is empty. */
struct table {
	const struct table_column *columns;
	size_t column_count;
	char **cells; /* line by line */
	size_t count, capacity;
	bool exhausted; /* there was no memory for a cell */
};

/* The next cell, left to right, line by line. */
void table_add(struct table *table, const char *text);

/*
 * Prints a line of titles and the lines; a column without text in any line is
 * left out.
 */
void table_print(const struct table *table, const struct terminal *terminal,
		 FILE *out);

void table_free(struct table *table);

#endif
