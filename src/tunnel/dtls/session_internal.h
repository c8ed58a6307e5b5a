/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a session is, for session.c and session_ticket.c alone. */
#ifndef MINIVPN_TUNNEL_DTLS_SESSION_INTERNAL_H
#define MINIVPN_TUNNEL_DTLS_SESSION_INTERNAL_H

#include "tunnel/dtls/record.h"
#include "tunnel/dtls/session.h"
#include "tunnel/dtls/transport.h"

#define REASON_SIZE 256
#define CIPHER_SIZE 64

enum session_state { STATE_HANDSHAKE, STATE_OPEN, STATE_ENDED };

struct session {
	gnutls_session_t tls;
	struct transport transport;
	struct credentials *credentials; /* an owner of them */
	const struct session_hooks *hooks;
	void *owner;
	bool server;
	char *server_host;
	enum session_state state;
	bool opened; /* SESSION_OPENED is still to be told */

	struct record *record; /* NULL: GnuTLS seals and opens */
	struct identity identity;
	char cipher[CIPHER_SIZE];
	struct session_counters counters;

	uint8_t *datagram; /* what is left of it */
	size_t left;

	unsigned retransmission; /* milliseconds */
	unsigned total;		 /* the same, for an answer (client) */
	int64_t begun, deadline; /* milliseconds, monotonic */
	int64_t last_attempt;	 /* the same */
	unsigned handshake_records;

	gnutls_alert_description_t refusal; /* for a peer that we refuse */
	int error;
	char reason[REASON_SIZE];
};

#endif
