/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GnuTLS has memory where it expects a socket: one record is offered at a time
 * for it to read, and datagrams that it writes go to a function. No error of a
 * socket can end a session by that.
 *
 * GnuTLS cuts a flight as its MTU was at first, and into 31 records at most.
 * Where that does not get through, its records are cut once more here.
 */
#ifndef MINIVPN_TUNNEL_DTLS_TRANSPORT_H
#define MINIVPN_TUNNEL_DTLS_TRANSPORT_H

#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef void (*transport_transmit)(void *owner, const uint8_t *datagram,
				   size_t length);

struct transport {
	gnutls_session_t session;
	transport_transmit transmit;
	void *owner;
	/* The next record to be read; length 0: there is none. */
	const uint8_t *offered;
	size_t offered_length;
	/*
	 * Bytes of the largest datagram of a handshake; 0: as GnuTLS has them.
	 * A ClientHello stays whole, as a cookie is checked without memory.
	 */
	unsigned mtu;
	uint64_t next; /* number of the next record that is not encrypted */
};

/* transport must stay where it is for as long as the session lives. */
void transport_attach(struct transport *transport, gnutls_session_t session,
		      transport_transmit transmit, void *owner);

/* Offers one record, which must stay until it was read or taken back. */
void transport_offer(struct transport *transport, const uint8_t *record,
		     size_t length);
bool transport_pending(const struct transport *transport);

#endif
