/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/table.h"

#include <stdlib.h>
#include <string.h>

#define GAP 2 /* columns between two */

void table_add(struct table *table, const char *text)
{
	if (table->count == table->capacity) {
		size_t capacity = table->capacity ? 2 * table->capacity : 256;
		char **cells = reallocarray(table->cells, capacity,
					    sizeof(*table->cells));

		if (!cells) {
			table->exhausted = true;
			return;
		}
		table->cells = cells;
		table->capacity = capacity;
	}
	table->cells[table->count] = strdup(text);
	if (table->cells[table->count])
		table->count++;
	else
		table->exhausted = true;
}

void table_free(struct table *table)
{
	for (size_t i = 0; i < table->count; i++)
		free(table->cells[i]);
	free(table->cells);
	table->cells = NULL;
	table->count = table->capacity = 0;
}

/* What each column would have; 0: there is nothing in it. */
static void measure(const struct table *table, const struct terminal *terminal,
		    unsigned widths[TABLE_COLUMNS])
{
	memset(widths, 0, TABLE_COLUMNS * sizeof(*widths));
	for (size_t i = 0; i < table->count; i++) {
		unsigned *width = &widths[i % table->column_count];
		unsigned own = terminal_put(NULL, terminal, table->cells[i], 0);

		*width = own > *width ? own : *width;
	}
	for (size_t i = 0; i < table->column_count; i++) {
		unsigned title = (unsigned)strlen(table->columns[i].title);

		if (widths[i] && widths[i] < title)
			widths[i] = title;
	}
}

static unsigned line_width(const struct table *table, const unsigned *widths)
{
	unsigned sum = 0;

	for (size_t i = 0; i < table->column_count; i++)
		sum += widths[i] ? widths[i] + GAP : 0;
	return sum > GAP ? sum - GAP : 0;
}

/* The column that has most to give. false: none has anything. */
static bool narrow(const struct table *table, unsigned *widths)
{
	unsigned most = 0;
	size_t which = 0;

	for (size_t i = 0; i < table->column_count; i++) {
		unsigned least = table->columns[i].least;
		unsigned slack = widths[i] > least ? widths[i] - least : 0;

		if (slack > most) {
			most = slack;
			which = i;
		}
	}
	if (most)
		widths[which]--;
	return most > 0;
}

/* false: all that are left have to stay. */
static bool leave_out(const struct table *table, unsigned *widths)
{
	unsigned rank = 0;
	size_t which = 0;

	for (size_t i = 0; i < table->column_count; i++) {
		if (widths[i] && table->columns[i].rank > rank) {
			rank = table->columns[i].rank;
			which = i;
		}
	}
	if (rank)
		widths[which] = 0;
	return rank > 0;
}

static void fit(const struct table *table, const struct terminal *terminal,
		unsigned widths[TABLE_COLUMNS])
{
	unsigned whole[TABLE_COLUMNS];

	measure(table, terminal, whole);
	do {
		memcpy(widths, whole, sizeof(whole));
		while (terminal->columns &&
		       line_width(table, widths) > terminal->columns) {
			if (!narrow(table, widths))
				break;
		}
		if (!terminal->columns ||
		    line_width(table, widths) <= terminal->columns)
			return;
	} while (leave_out(table, whole));
}

/* Of valid UTF-8 whose characters have one column each. */
static const char *last_characters(const char *text, unsigned count)
{
	const char *end = text + strlen(text);

	while (end > text && count > 0) {
		end--;
		/* The first byte of a character has another form (RFC 3629). */
		if ((*end & 0xc0) != 0x80)
			count--;
	}
	return end;
}

static void print_cell(const struct table_column *column,
		       const struct terminal *terminal, const char *text,
		       unsigned width, bool padded, FILE *out)
{
	unsigned own = terminal_put(NULL, terminal, text, 0);

	if (column->alignment == TABLE_LAST && own > width)
		text = last_characters(text, width);
	own = own < width ? own : width;
	if (column->alignment == TABLE_RIGHT)
		fprintf(out, "%*s", (int)(width - own), "");
	terminal_put(out, terminal, text, width);
	if (column->alignment != TABLE_RIGHT && padded)
		fprintf(out, "%*s", (int)(width - own), "");
}

static void print_line(const struct table *table,
		       const struct terminal *terminal, const unsigned *widths,
		       char *const *cells, FILE *out)
{
	const char *gap = "";
	size_t last = table->column_count;

	while (last > 0 && !widths[last - 1])
		last--;
	for (size_t i = 0; i < last; i++) {
		if (!widths[i])
			continue;
		fputs(gap, out);
		print_cell(&table->columns[i], terminal,
			   cells ? cells[i] : table->columns[i].title,
			   widths[i], i + 1 < last, out);
		gap = "  ";
	}
}

void table_print(const struct table *table, const struct terminal *terminal,
		 FILE *out)
{
	unsigned widths[TABLE_COLUMNS];
	size_t columns = table->column_count;

	fit(table, terminal, widths);
	fputs(terminal_style(terminal, TERMINAL_LABEL), out);
	print_line(table, terminal, widths, NULL, out);
	fprintf(out, "%s\n", terminal_style(terminal, TERMINAL_PLAIN));
	for (size_t i = 0; i + columns <= table->count; i += columns) {
		print_line(table, terminal, widths, table->cells + i, out);
		putc('\n', out);
	}
}
