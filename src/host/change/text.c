/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changes as text: what an expert would type. There is one text for each
 * change, and parsing ends by printing again: what is not word for word our
 * own text is refused, so the parsers of the kinds need not be strict
 * themselves.
 */
#include "host/change/change_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int change_print(const struct change *change, char *buffer, size_t size)
{
	struct text text = {.buffer = buffer, .size = size};
	int err;

	if (size == 0)
		return -ENOSPC;
	buffer[0] = '\0';
	err = change_operations(change->kind)->print(change, &text);
	if (err)
		return err;
	if (text.length >= size)
		return -ENOSPC;
	err = change_place_put(change, buffer, size);
	if (err)
		return err;
	/* A line of the journal is one change, whatever is in a name. */
	return strchr(buffer, '\n') ? -EINVAL : 0;
}

static bool begins_as(const struct change_operations *kind, const char *text)
{
	for (unsigned i = 0; i < 2 && kind->starts[i]; i++) {
		if (strncmp(text, kind->starts[i], strlen(kind->starts[i])) ==
		    0)
			return true;
	}
	return false;
}

/* plain: text without its place, which is in parsed already. */
static bool parse_as(enum change_kind number, const char *text,
		     const char *plain, struct change *parsed)
{
	const struct change_operations *kind = change_operations(number);
	char again[CHANGE_TEXT_SIZE];

	if (!begins_as(kind, plain))
		return false;
	parsed->kind = number;
	return kind->parse(plain, parsed) >= 0 &&
	       change_print(parsed, again, sizeof(again)) == 0 &&
	       strcmp(text, again) == 0;
}

int change_parse(const char *text, struct change *change)
{
	struct change parsed, empty = {0};
	char plain[CHANGE_TEXT_SIZE];

	if (change_place_take(text, &empty.place, plain))
		return -EINVAL;
	for (unsigned i = 0; i < CHANGE_KINDS; i++) {
		parsed = empty;
		if (parse_as(i, text, plain, &parsed)) {
			*change = parsed;
			return 0;
		}
	}
	return -EINVAL;
}
