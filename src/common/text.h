/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A text that grows in a buffer of the caller's. What does not fit is counted
 * and left out, so that whether it did is asked once, at the end.
 */
#ifndef MINIVPN_COMMON_TEXT_H
#define MINIVPN_COMMON_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct text {
	char *buffer;  /* ends with a zero as soon as anything is appended */
	size_t size;   /* of buffer */
	size_t length; /* what there would be with more room */
};

void text_append(struct text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The whole text is in the buffer, with its zero. */
bool text_fits(const struct text *text);

#endif
