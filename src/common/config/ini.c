/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/config/ini.h"

#include <errno.h>
#include <ini.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/*
 * inih as distributions build it tells no line numbers, cuts long lines and
 * section names, passes over sections without entries, and goes on after an
 * error without telling. So it gets its lines one by one from reader() below,
 * which counts them, and keeps heads, comments and overlong lines to itself.
 *
 * Debian's inih takes the size of its line buffer (200 otherwise) from here.
 */
extern int ini_max_line __attribute__((weak));

#define HEAD_SIZE 256

struct source {
	const struct ini_hooks *hooks;
	void *data;
	const char *next, *end;
	unsigned line;
	bool waiting; /* the last line should have made an entry */
	size_t used;  /* of inih's buffer, by the last line */
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static void trim(const char **text, size_t *length)
{
	while (*length && is_blank((*text)[0])) {
		(*text)++;
		(*length)--;
	}
	while (*length && is_blank((*text)[*length - 1]))
		(*length)--;
}

/* This cuts off the comment and the blanks around. */
static void bare(const char **text, size_t *length)
{
	const char *line = *text;
	size_t i;

	for (i = 0; i < *length; i++) {
		if (line[i] != '#' && line[i] != ';')
			continue;
		if (!i || is_blank(line[i - 1]))
			*length = i;
	}
	trim(text, length);
}

enum ini_kind ini_kind(const char *line, size_t length)
{
	trim(&line, &length);
	if (!length)
		return INI_BLANK;
	if (*line == '#' || *line == ';')
		return INI_COMMENT;
	return *line == '[' ? INI_HEAD : INI_OTHER;
}

static void mistake(struct source *source, const char *why)
{
	source->hooks->mistake(source->data, source->line, why);
}

static void read_head(struct source *source, const char *line, size_t length)
{
	char head[HEAD_SIZE] = "";
	const char *why = NULL;

	if (line[length - 1] != ']') {
		why = "a section's head must end with ]";
	} else {
		line++;
		length -= 2;
		trim(&line, &length);
		if (length >= sizeof(head))
			why = "a section's head is too long";
		else
			memcpy(head, line, length);
	}
	if (why)
		mistake(source, why);
	source->hooks->section(source->data, source->line, why ? NULL : head);
}

/* Returns whether the whole line is now in buffer, for inih to take apart. */
static bool hand_over(struct source *source, const char *line, size_t length,
		      char *buffer, size_t size)
{
	char why[64];

	if (memchr(line, '\0', length)) {
		mistake(source, "a zero byte in the line");
		return false;
	}
	bare(&line, &length);
	if (!length)
		return false;
	if (*line == '[') {
		read_head(source, line, length);
		return false;
	}
	if (length + 2 > size) {
		snprintf(why, sizeof(why),
			 "the line is longer than %zu characters", size - 2);
		mistake(source, why);
		return false;
	}
	memcpy(buffer, line, length);
	memcpy(buffer + length, "\n", 2);
	source->used = length + 2;
	return true;
}

static void check_waiting(struct source *source)
{
	if (source->waiting)
		mistake(source, "neither [SECTION] nor KEY = VALUE");
	source->waiting = false;
}

/*
 * inih calls this as it would fgets(). It also wipes the line before, which may
 * have been a key, out of inih's buffer.
 */
static char *reader(char *buffer, int size, void *data)
{
	struct source *source = data;
	const char *line = source->next;
	const char *newline;
	size_t left = (size_t)(source->end - source->next);
	size_t length;

	check_waiting(source);
	explicit_bzero(buffer, source->used);
	source->used = 0;
	if (!left)
		return NULL;
	newline = memchr(line, '\n', left);
	length = newline ? (size_t)(newline - line) : left;
	source->next += newline ? length + 1 : length;
	source->line++;
	source->waiting = hand_over(source, line, length, buffer, (size_t)size);
	/* inih ends where it gets nothing, but passes over an empty line. */
	if (!source->waiting)
		memcpy(buffer, "\n", 2);
	return buffer;
}

static int entry(void *data, const char *section, const char *key,
		 const char *value)
{
	struct source *source = data;

	(void)section;
	source->waiting = false;
	source->hooks->entry(source->data, source->line, key, value);
	return 1;
}

int ini_read(const char *text, size_t length, const struct ini_hooks *hooks,
	     void *data)
{
	static const char bom[] = "\xef\xbb\xbf";
	struct source source = {
		.hooks = hooks,
		.data = data,
		.next = text,
		.end = text + length,
	};

	if (length >= 3 && !memcmp(text, bom, 3))
		source.next += 3;
	if (&ini_max_line)
		ini_max_line = INI_LINE_SIZE;
	/*
	 * What inih takes for a mistake, -1 or a line's number, was reported by
	 * entry() or reader().
	 */
	return ini_parse_stream(reader, &source, entry, &source) == -2 ? -ENOMEM
								       : 0;
}
