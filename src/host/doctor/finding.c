/* SPDX-License-Identifier: GPL-2.0-or-later */
/* It stands alone so that doctor.c and its parts do not call each other. */
#include "host/doctor/finding.h"

#include <stdarg.h>
#include <stdio.h>

void doctor_find(const struct doctor *doctor, enum doctor_verdict verdict,
		 const char *what, const char *format, ...)
{
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	doctor->report(doctor->data, verdict, what, text);
}
