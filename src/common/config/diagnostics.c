/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/config/diagnostics.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Letters of base64 that may be a piece of a key. */
#define SECRET_LEAST 16

static void clean(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < ' ' || *text == '\x7f')
			*text = '?';
	}
}

static bool is_base64(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c >= '0' && c <= '9') || c == '+' || c == '/';
}

/* What chance has made has all kinds of letters; words mostly small ones. */
static bool is_secret(const char *text, size_t length)
{
	size_t small = 0;

	for (size_t i = 0; i < length; i++)
		small += text[i] >= 'a' && text[i] <= 'z';
	return length >= SECRET_LEAST && small &&
	       (length - small) * 4 >= length;
}

/*
 * A key may be wherever somebody has put it by mistake, and a message goes into
 * the journal and into reports of bugs.
 */
static void hide_keys(char *text)
{
	char *to = text;

	while (*text) {
		size_t length = 0;

		while (is_base64(text[length]))
			length++;
		if (is_secret(text, length)) {
			memcpy(to, "(hidden)", 8);
			to += 8;
			text += length + strspn(text + length, "=");
			continue;
		}
		length += !length;
		memmove(to, text, length);
		to += length;
		text += length;
	}
	*to = '\0';
}

static bool grow(struct diagnostics *list)
{
	size_t capacity = list->capacity ? list->capacity * 2 : 16;
	struct diagnostic *items;

	if (list->count < list->capacity)
		return true;
	items = reallocarray(list->items, capacity, sizeof(*items));
	if (!items)
		return false;
	list->items = items;
	list->capacity = capacity;
	return true;
}

static char *__attribute__((format(printf, 1, 0)))
format_text(const char *format, va_list arguments)
{
	va_list again;
	char *text;
	int length;

	va_copy(again, arguments);
	length = vsnprintf(NULL, 0, format, again);
	va_end(again);
	text = length < 0 ? NULL : malloc((size_t)length + 1);
	if (text)
		vsnprintf(text, (size_t)length + 1, format, arguments);
	return text;
}

static void __attribute__((format(printf, 4, 0)))
add(struct diagnostics *list, unsigned line, bool warning, const char *format,
    va_list arguments)
{
	char *text;

	if (!warning)
		list->wrong = true;
	text = format_text(format, arguments);
	if (!text || !grow(list)) {
		list->exhausted = true;
		free(text);
		return;
	}
	clean(text);
	hide_keys(text);
	list->items[list->count] = (struct diagnostic){
		.line = line,
		.number = (unsigned)list->count,
		.warning = warning,
		.text = text,
	};
	list->count++;
}

void diagnostics_error(struct diagnostics *list, unsigned line,
		       const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	add(list, line, false, format, arguments);
	va_end(arguments);
}

void diagnostics_warning(struct diagnostics *list, unsigned line,
			 const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	add(list, line, true, format, arguments);
	va_end(arguments);
}

const char *diagnostics_line(const struct diagnostics *list, unsigned at,
			     unsigned line, char text[DIAGNOSTICS_LINE_SIZE])
{
	const struct include_file *here = NULL, *there = NULL;
	size_t length, room = DIAGNOSTICS_LINE_SIZE - sizeof(":4294967295");

	if (list->text) {
		here = include_file(list->text, at);
		there = include_file(list->text, line);
	}
	if (there)
		line -= there->first - 1;
	if (here == there) {
		snprintf(text, DIAGNOSTICS_LINE_SIZE, "line %u", line);
		return text;
	}
	length = strlen(there->path);
	snprintf(text, DIAGNOSTICS_LINE_SIZE, "%s:%u",
		 there->path + (length > room ? length - room : 0), line);
	return text;
}

static int compare(const void *a, const void *b)
{
	const struct diagnostic *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

static void tell(const struct diagnostics *list, const struct diagnostic *item,
		 const char *path, config_report told, void *data)
{
	const struct include_file *file =
		list->text ? include_file(list->text, item->line) : NULL;
	unsigned line = item->line;

	if (file && line) {
		line -= file->first - 1;
		path = file->path;
	}
	told(data, path, line, item->warning, item->text);
}

void diagnostics_tell(struct diagnostics *list, const char *path,
		      config_report told, void *data)
{
	size_t i;

	if (list->count)
		qsort(list->items, list->count, sizeof(*list->items), compare);
	for (i = 0; told && i < list->count; i++)
		tell(list, &list->items[i], path, told, data);
	if (told && list->exhausted)
		told(data, path, 0, false, "out of memory");
}

void diagnostics_free(struct diagnostics *list)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		free(list->items[i].text);
	free(list->items);
	*list = (struct diagnostics){0};
}
