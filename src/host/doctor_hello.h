/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does a server answer? A first ClientHello gets a HelloVerifyRequest from it
 * (RFC 6347, section 4.2.1), and it keeps nothing of that. Padded ones (RFC
 * 7685) that are not fragmented show what the path carries.
 */
#ifndef MINIVPN_HOST_DOCTOR_HELLO_H
#define MINIVPN_HOST_DOCTOR_HELLO_H

#include "common/config.h"

struct doctor_hello {
	double ms;    /* until the answer came */
	unsigned mtu; /* bytes of the largest IP packet that got there; 0: none
			 of those that were tried */
};

/*
 * Blocks, for three seconds at most. 0; -ECONNREFUSED: nobody has that port;
 * -ETIMEDOUT: no answer; or what the kernel said to the sending.
 */
int doctor_hello(const struct config *config,
		 const struct inet_endpoint *server,
		 struct doctor_hello *result);

#endif
