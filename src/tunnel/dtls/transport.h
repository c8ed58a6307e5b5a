/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What GnuTLS takes for its socket: memory. One record is offered at a time
 * for it to read; datagrams that it writes go to a function, or for a moment
 * into a buffer. Never a socket, so that no error of one ends a session.
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
	/* What is to be read next; length 0: nothing. */
	const uint8_t *offered;
	size_t offered_length;
	/* Where output goes instead, and how long it was. */
	uint8_t *capture;
	size_t capture_size, captured;
};

/* transport must stay where it is for as long as the session lives. */
void transport_attach(struct transport *transport, gnutls_session_t session,
		      transport_transmit transmit, void *owner);

/* One record, which must stay until it has been read or taken back. */
void transport_offer(struct transport *transport, const uint8_t *record,
		     size_t length);
bool transport_pending(const struct transport *transport);

/*
 * Between the two calls one datagram of size bytes at most goes into buffer.
 * The second returns its length, 0 where none came or it did not fit.
 */
void transport_capture(struct transport *transport, uint8_t *buffer,
		       size_t size);
size_t transport_captured(struct transport *transport);

#endif
