/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is examined, and how each finding is reported. */
#ifndef MINIVPN_HOST_DOCTOR_FINDING_H
#define MINIVPN_HOST_DOCTOR_FINDING_H

#include <stdbool.h>

#include "common/config/config.h"

enum doctor_verdict {
	DOCTOR_FINE,
	DOCTOR_NOTE,  /* to know, or to be watched */
	DOCTOR_WRONG, /* in the way of the tunnel */
};

struct doctor_finding {
	enum doctor_verdict verdict;
	const char *what;   /* was checked, in one word */
	const char *text;   /* one line that says what to do */
	const char *remedy; /* a command that does it; NULL: none */
};

typedef void (*doctor_report)(void *data, const struct doctor_finding *finding);

struct doctor {
	const struct config *config; /* NULL: this machine alone */
	bool up;		     /* that tunnel is up */
	bool unsure;		     /* it may be */
	doctor_report report;
	void *data;
};

/* Reports a finding whose line is as printf(3) has it. */
void doctor_find(const struct doctor *doctor, enum doctor_verdict verdict,
		 const char *what, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* The same of what is wrong, and a command is known that puts it right. */
void doctor_find_remedy(const struct doctor *doctor, const char *what,
			const char *remedy, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
