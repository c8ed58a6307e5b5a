/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds out whether a server answers. It answers a first ClientHello with a
 * HelloVerifyRequest (RFC 6347, section 4.2.1), and keeps nothing of that.
 * Padded ones (RFC 7685) that are not fragmented show what the path carries.
 */
#ifndef MINIVPN_TUNNEL_DTLS_SERVER_PROBE_H
#define MINIVPN_TUNNEL_DTLS_SERVER_PROBE_H

#include <stddef.h>

#include "common/config/config.h"

struct server_probe_result {
	double ms;    /* until the answer came */
	unsigned mtu; /* bytes of the largest IP packet that got there; 0: none
			 of those that were tried */
};

/*
 * Asks by a socket that is connected to the server and does not fragment;
 * headers: bytes of IP and UDP. With Secret no size is tried. It blocks for
 * three seconds at most. 0; -ECONNREFUSED: nobody has that port; -ETIMEDOUT: no
 * answer; or what the kernel says to sending.
 */
int server_probe_ask(const struct config *config, int fd, size_t headers,
		     struct server_probe_result *result);

#endif
