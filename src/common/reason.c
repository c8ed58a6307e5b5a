/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/reason.h"

#include <stdarg.h>
#include <stdio.h>

void reason_set(struct reason *reason, const char *format, ...)
{
	va_list arguments;

	if (!reason)
		return;
	va_start(arguments, format);
	vsnprintf(reason->text, sizeof(reason->text), format, arguments);
	va_end(arguments);
}
