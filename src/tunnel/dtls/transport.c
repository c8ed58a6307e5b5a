/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/dtls/transport.h"

#include <errno.h>
#include <string.h>

/* GnuTLS's own limit for gnutls_dtls_set_mtu(). */
#define DATAGRAM_MAX 16384

/* Several parts are records that fit into one datagram of the MTU. */
static ssize_t push(gnutls_transport_ptr_t pointer, const giovec_t *parts,
		    int count)
{
	struct transport *transport = pointer;
	uint8_t datagram[DATAGRAM_MAX];
	size_t length = 0;

	if (count == 1) {
		transport->transmit(transport->owner, parts[0].iov_base,
				    parts[0].iov_len);
		return (ssize_t)parts[0].iov_len;
	}
	for (int i = 0; i < count; i++) {
		if (parts[i].iov_len > sizeof(datagram) - length) {
			gnutls_transport_set_errno(transport->session,
						   EMSGSIZE);
			return -1;
		}
		memcpy(datagram + length, parts[i].iov_base, parts[i].iov_len);
		length += parts[i].iov_len;
	}
	transport->transmit(transport->owner, datagram, length);
	return (ssize_t)length;
}

static ssize_t pull(gnutls_transport_ptr_t pointer, void *data, size_t size)
{
	struct transport *transport = pointer;
	size_t length = transport->offered_length;

	if (!length) {
		gnutls_transport_set_errno(transport->session, EAGAIN);
		return -1;
	}
	transport->offered_length = 0;
	if (length > size)
		length = size;
	memcpy(data, transport->offered, length);
	return (ssize_t)length;
}

static int pull_timeout(gnutls_transport_ptr_t pointer, unsigned milliseconds)
{
	(void)milliseconds; /* waiting brings nothing */
	return transport_pending(pointer);
}

void transport_attach(struct transport *transport, gnutls_session_t session,
		      transport_transmit transmit, void *owner)
{
	memset(transport, 0, sizeof(*transport));
	transport->session = session;
	transport->transmit = transmit;
	transport->owner = owner;
	gnutls_transport_set_ptr(session, transport);
	gnutls_transport_set_vec_push_function(session, push);
	gnutls_transport_set_pull_function(session, pull);
	gnutls_transport_set_pull_timeout_function(session, pull_timeout);
}

void transport_offer(struct transport *transport, const uint8_t *record,
		     size_t length)
{
	transport->offered = record;
	transport->offered_length = length;
}

bool transport_pending(const struct transport *transport)
{
	return transport->offered_length != 0;
}
