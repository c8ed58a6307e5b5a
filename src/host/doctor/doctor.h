/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Why a tunnel does not work here, or will not. Looks and asks, and changes
 * nothing here. To the servers of a client's file it sends a first ClientHello
 * and, where the tunnel is not up, has a session for a moment.
 */
#ifndef MINIVPN_HOST_DOCTOR_DOCTOR_H
#define MINIVPN_HOST_DOCTOR_DOCTOR_H

#include "host/doctor/finding.h"

void doctor_examine(const struct doctor *doctor);

#endif
