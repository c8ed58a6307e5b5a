/* SPDX-License-Identifier: GPL-2.0-or-later */
/* It stands alone so that doctor.c and its parts do not call each other. */
#include "host/doctor/finding.h"

#include <stdarg.h>
#include <stdio.h>

void doctor_find(const struct doctor *doctor, enum doctor_verdict verdict,
		 const char *what, const char *format, ...)
{
	char text[1024];
	const struct doctor_finding finding = {verdict, what, text, NULL};
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	doctor->report(doctor->data, &finding);
}

void doctor_find_remedy(const struct doctor *doctor, const char *what,
			const char *remedy, const char *format, ...)
{
	char text[1024];
	const struct doctor_finding finding = {DOCTOR_WRONG, what, text,
					       remedy};
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	doctor->report(doctor->data, &finding);
}
