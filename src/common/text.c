/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/text.h"

#include <stdarg.h>
#include <stdio.h>

void text_append(struct text *text, const char *format, ...)
{
	bool room = text->length < text->size;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(room ? text->buffer + text->length : NULL,
			   room ? text->size - text->length : 0, format,
			   arguments);
	va_end(arguments);
	text->length += length > 0 ? (size_t)length : 0;
}

bool text_fits(const struct text *text)
{
	return text->length < text->size;
}
