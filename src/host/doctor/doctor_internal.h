/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of an examination, each in the file of its name. */
#ifndef MINIVPN_HOST_DOCTOR_DOCTOR_INTERNAL_H
#define MINIVPN_HOST_DOCTOR_DOCTOR_INTERNAL_H

#include "host/doctor/finding.h"

/* tun, privileges, the kernel, libraries, the clock */
void doctor_machine(const struct doctor *doctor);

/* networks of this host that are in the tunnel as well (machine.c) */
void doctor_overlaps(const struct doctor *doctor);

/* ports, forwarding, a firewall that drops */
void doctor_server(const struct doctor *doctor);

/*
 * a handshake with a server of the file, whose name is host, by a socket that
 * is connected to it; and what it gives
 */
void doctor_trial(const struct doctor *doctor,
		  const struct inet_endpoint *server, const char *host, int fd);

/* names, routes, servers that answer, the path's MTU */
void doctor_client(const struct doctor *doctor);

#endif
