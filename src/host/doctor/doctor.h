/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Why a tunnel does not work here, or will not. Looks and asks, and changes
 * nothing: the only thing that it sends is a first ClientHello to the servers
 * of a client's file, which leaves no trace there.
 */
#ifndef MINIVPN_HOST_DOCTOR_DOCTOR_H
#define MINIVPN_HOST_DOCTOR_DOCTOR_H

#include <stdbool.h>

#include "common/config/config.h"

enum doctor_verdict {
	DOCTOR_FINE,
	DOCTOR_NOTE,  /* to know, or to be watched */
	DOCTOR_WRONG, /* in the way of the tunnel */
};

/* One finding: what was looked at, and one line that says what to do. */
typedef void (*doctor_say)(void *data, enum doctor_verdict verdict,
			   const char *what, const char *text);

struct doctor {
	const struct config *config; /* NULL: only this machine */
	bool up;		     /* that tunnel is up */
	doctor_say say;
	void *data;
};

void doctor_examine(const struct doctor *doctor);

/* doctor.c: for its other files. A finding, as printf(3) has it. */
void doctor_find(const struct doctor *doctor, enum doctor_verdict verdict,
		 const char *what, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* doctor_machine.c: tun, privileges, the kernel, libraries, the clock. */
void doctor_machine(const struct doctor *doctor);

/* doctor_network.c: what of this host's networks the tunnel's overlap with. */
void doctor_overlaps(const struct doctor *doctor);

/* doctor_server.c: ports, forwarding, a firewall that drops. */
void doctor_server(const struct doctor *doctor);

/* doctor_client.c: names, ways, servers that answer, the path's MTU. */
void doctor_client(const struct doctor *doctor);

#endif
