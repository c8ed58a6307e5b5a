/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/dtls/record_library.h"

#include <errno.h>
#include <gnutls/dtls.h>

/* A call reads one record, but for leftovers of the handshake. */
#define READ_TRIES 32

ssize_t record_library_open(struct transport *transport, uint8_t *record,
			    size_t length, uint64_t *discarded)
{
	gnutls_session_t session = transport->session;
	unsigned before = gnutls_record_get_discarded(session);
	unsigned tries = 0;
	ssize_t code;

	transport_offer(transport, record, length);
	do {
		code = gnutls_record_recv(session, record, length);
	} while (code < 0 && transport_pending(transport) &&
		 ++tries < READ_TRIES);
	transport_offer(transport, NULL, 0);
	*discarded += gnutls_record_get_discarded(session) - before;
	if (code > 0)
		return code;
	if (!code || code == GNUTLS_E_FATAL_ALERT_RECEIVED)
		return -ECONNRESET;
	/* All else is a warning, a request to renegotiate, or dropped. */
	return 0;
}

ssize_t record_library_seal(struct transport *transport, uint8_t *out,
			    size_t size, const uint8_t *plain, size_t length)
{
	gnutls_session_t session = transport->session;
	size_t sealed;
	ssize_t code;

	if (size < length + gnutls_record_overhead_size(session))
		return -EMSGSIZE;
	transport_capture(transport, out, size);
	code = gnutls_record_send(session, plain, length);
	sealed = transport_captured(transport);
	if (code == GNUTLS_E_RECORD_LIMIT_REACHED)
		return -EKEYEXPIRED;
	if (code == GNUTLS_E_LARGE_PACKET || (code >= 0 && !sealed))
		return -EMSGSIZE;
	return code < 0 ? -EPIPE : (ssize_t)sealed;
}
