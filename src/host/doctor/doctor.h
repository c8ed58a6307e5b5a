/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Why a tunnel does not work here, or will not. Looks and asks, and changes
 * nothing: the only thing that it sends is a first ClientHello to the servers
 * of a client's file, which leaves no trace there.
 */
#ifndef MINIVPN_HOST_DOCTOR_DOCTOR_H
#define MINIVPN_HOST_DOCTOR_DOCTOR_H

#include "host/doctor/finding.h"

void doctor_examine(const struct doctor *doctor);

#endif
