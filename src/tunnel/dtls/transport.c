/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/dtls/transport.h"

#include <errno.h>
#include <string.h>

#include "common/bytes.h"
#include "tunnel/dtls/dtls.h"

/* GnuTLS's own limit for gnutls_dtls_set_mtu(). */
#define DATAGRAM_MAX 16384

/* A datagram that records are put into as long as there is room. */
struct packing {
	struct transport *transport;
	uint8_t datagram[DATAGRAM_MAX];
	size_t length;
};

static void flush(struct packing *packing)
{
	const struct transport *transport = packing->transport;

	if (packing->length)
		transport->transmit(transport->owner, packing->datagram,
				    packing->length);
	packing->length = 0;
}

/* Room for a record, in the datagram or in the next one. */
static uint8_t *make_room(struct packing *packing, size_t length)
{
	const unsigned mtu = packing->transport->mtu;
	uint8_t *room;

	if (mtu && packing->length + length > mtu)
		flush(packing);
	room = packing->datagram + packing->length;
	packing->length += length;
	return room;
}

/* No two records that are not encrypted have one number. */
static void number(struct transport *transport, uint8_t *record)
{
	if (get16(record + DTLS_EPOCH))
		return;
	if (get64(record + DTLS_POSITION) > transport->next)
		transport->next = get64(record + DTLS_POSITION);
	put64(record + DTLS_POSITION, transport->next++);
}

static void put(struct packing *packing, const uint8_t *record, size_t length)
{
	uint8_t *room = make_room(packing, length);

	memcpy(room, record, length);
	number(packing->transport, room);
}

/* Is it one fragment of a message that may be cut into smaller ones? */
static bool can_be_cut(const uint8_t *record, size_t length)
{
	return length > DTLS_HELLO && record[DTLS_TYPE] == DTLS_HANDSHAKE &&
	       !get16(record + DTLS_EPOCH) &&
	       record[DTLS_HEADER + DTLS_MESSAGE_TYPE] != DTLS_CLIENT_HELLO &&
	       get24(record + DTLS_HEADER + DTLS_FRAGMENT_LENGTH) ==
		       length - DTLS_HELLO;
}

static void cut(struct packing *packing, const uint8_t *record, size_t length)
{
	const size_t most = packing->transport->mtu - DTLS_HELLO;
	uint32_t offset = get24(record + DTLS_HEADER + DTLS_FRAGMENT_OFFSET);

	for (size_t from = DTLS_HELLO; from < length; from += most) {
		size_t size = length - from < most ? length - from : most;
		uint8_t *part = make_room(packing, DTLS_HELLO + size);
		uint8_t *message = part + DTLS_HEADER;

		memcpy(part, record, DTLS_HELLO);
		memcpy(part + DTLS_HELLO, record + from, size);
		put16(part + DTLS_LENGTH,
		      (uint16_t)(DTLS_MESSAGE_HEADER + size));
		put24(message + DTLS_FRAGMENT_OFFSET, offset);
		put24(message + DTLS_FRAGMENT_LENGTH, (uint32_t)size);
		number(packing->transport, part);
		offset += (uint32_t)size;
	}
}

/* Several parts are records that fit into one datagram of GnuTLS's MTU. */
static ssize_t push(gnutls_transport_ptr_t pointer, const giovec_t *parts,
		    int count)
{
	struct transport *transport = pointer;
	struct packing packing;
	size_t length = 0;

	packing.transport = transport;
	packing.length = 0;
	for (int i = 0; i < count; i++)
		length += parts[i].iov_len;
	if (length > sizeof(packing.datagram)) {
		gnutls_transport_set_errno(transport->session, EMSGSIZE);
		return -1;
	}
	for (int i = 0; i < count; i++) {
		const uint8_t *record = parts[i].iov_base;

		if (parts[i].iov_len < DTLS_HEADER)
			continue; /* GnuTLS writes whole records */
		if (transport->mtu && parts[i].iov_len > transport->mtu &&
		    can_be_cut(record, parts[i].iov_len))
			cut(&packing, record, parts[i].iov_len);
		else
			put(&packing, record, parts[i].iov_len);
	}
	flush(&packing);
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
