/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One DTLS 1.2 association (RFC 6347) over memory: datagrams go in, events and
 * opened records come out, datagrams to send leave by a hook. It knows nothing
 * of sockets, addresses, or what is in a record.
 */
#ifndef MINIVPN_TUNNEL_DTLS_SESSION_H
#define MINIVPN_TUNNEL_DTLS_SESSION_H

#include <gnutls/dtls.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tunnel/dtls/credentials.h"
#include "tunnel/dtls/ticket.h"

struct session;

/*
 * Seconds from a full handshake on that a session, and all that are resumed
 * from it, may last at most: who the other end is, is proved as often. A client
 * makes a new one long before (client_live.c).
 */
#define SESSION_AGE_MOST 7200.

struct session_hooks {
	/* Send one datagram; what can't be sent is lost, as datagrams are. */
	void (*transmit)(void *owner, const uint8_t *datagram, size_t length);
	/*
	 * Server: may this identity in? 0, or -EACCES with reason. Called
	 * during the handshake, so that the peer is told by an alert. NULL:
	 * whoever passes credentials_check().
	 */
	int (*authorize)(void *owner, const struct identity *identity,
			 char *reason, size_t size);
};

enum session_event {
	SESSION_NONE,	/* nothing more: feed it again */
	SESSION_OPENED, /* the handshake is complete, identity is known */
	SESSION_RECORD, /* an application record */
	SESSION_ENDED,	/* failed or closed: see session_reason(); free it */
};

/*
 * The session keeps credentials; hooks and owner outlive it. prestate: as
 * cookie_check() has filled it (server), NULL (client). server_host: the host
 * of Server, for its certificate (client, X.509); copied; NULL: it is not known
 * yet. mtu: bytes of the largest datagram for the handshake. -ENOMEM, -EPROTO.
 */
int session_server(struct session **session, struct credentials *credentials,
		   const struct session_hooks *hooks, void *owner,
		   gnutls_dtls_prestate_st *prestate, unsigned mtu);
int session_client(struct session **session, struct credentials *credentials,
		   const struct session_hooks *hooks, void *owner,
		   const char *server_host, unsigned mtu);

/* The host, of several, that has answered: before the answer goes in. */
int session_expect(struct session *session, const char *server_host);

/*
 * Milliseconds until a flight without an answer is sent again, doubled each
 * time, and until the handshake is given up: a server's from now on, a client's
 * from the last answer on. 400 and 10,000 unless set. Before the handshake.
 */
void session_set_timeouts(struct session *session, unsigned retransmission,
			  unsigned total);

/*
 * Before the handshake. Server: tickets of jar are taken, and handed out.
 * Client: goes on where the session that the ticket came of has ended; where
 * the server does not, it comes to a full handshake. Keys are fresh either
 * way. Who the peer is, is checked again as in a full handshake. now: as
 * ticket.h has it.
 */
void session_offer_tickets(struct session *session, struct ticket_jar *jar,
			   double now);
void session_resume(struct session *session, const struct ticket *ticket,
		    double now);

/*
 * Client, open: what to resume by, the caller's; NULL where there is none, and
 * of a session that was resumed itself: the old one still serves.
 */
struct ticket *session_ticket(const struct session *session, double now);
bool session_resumed(const struct session *session);

/*
 * Seconds since the full handshake that an open session goes back to, as of
 * when it opened: 0, or up to TICKET_LIFETIME where it was resumed.
 */
double session_age(const struct session *session);

/* Wipes the keys. Sends nothing. NULL is allowed. */
void session_free(struct session *session);

/* Client: sends the ClientHello. Then as after session_input(). */
void session_start(struct session *session);

/*
 * Hands over one datagram, which is changed in place and must stay until
 * session_next() has returned SESSION_NONE or SESSION_ENDED. Garbage is
 * dropped and counted, never an end.
 */
void session_input(struct session *session, uint8_t *datagram, size_t length);

/*
 * What came of it, one event a call. For SESSION_RECORD *record is length
 * bytes inside the datagram, which later calls leave alone.
 */
enum session_event session_next(struct session *session, uint8_t **record,
				size_t *length);

/*
 * Opens a datagram where it is one application record of this session, and no
 * other: bytes of *plain, inside the datagram; else 0, and it is unchanged.
 */
size_t session_open_only(struct session *session, uint8_t *datagram,
			 size_t length, uint8_t **plain);

/*
 * Milliseconds until session_tick() must be called for a retransmission or the
 * end of a handshake that takes too long; -1: no need. After session_tick(),
 * session_next() as after session_input().
 */
int session_timeout(const struct session *session);
void session_tick(struct session *session);

/*
 * Seals one record into datagram (size bytes): the number of bytes to send, or
 * -EMSGSIZE, -EPIPE (not open), -EKEYEXPIRED (the AEAD's limit is reached). In
 * place where plain is datagram + session_headroom(), else they do not overlap.
 */
ssize_t session_seal(struct session *session, uint8_t *datagram, size_t size,
		     const uint8_t *plain, size_t length);

/* Seals and transmits one record; -errno as above. */
int session_send(struct session *session, const uint8_t *plain, size_t length);

/* Sends close_notify (RFC 5246, 7.2.1), or in a handshake a fatal alert. */
void session_close(struct session *session);

bool session_is_open(const struct session *session);

/* Its keys have sealed, or opened, half of what they may: time for others. */
bool session_worn(const struct session *session);

/*
 * Would the peer of an open session be believed by other credentials, with
 * another CA, CRL or ServerKey? The session has these from now on. 0, or as
 * credentials_check().
 */
int session_reverify(struct session *session, struct credentials *credentials,
		     char *reason, size_t size);

/*
 * Has a certificate that the peer of an open session has shown, or one of the
 * CAs above it, ended since? Then as session_reverify(). Costs nothing before.
 */
int session_recheck(struct session *session, char *reason, size_t size);

/*
 * Unix time before which session_recheck() has nothing to say; 0: never. Who
 * wants to go on has to have another session by then.
 */
int64_t session_valid_until(const struct session *session);

/* Was our own certificate, or key, another one when the session was made? */
bool session_is_of_another(const struct session *session,
			   const struct credentials *credentials);

/* Known from SESSION_OPENED on; valid as long as the session. */
const struct identity *session_identity(const struct session *session);

/* Why it ended, one line for the log; "" while it has not. */
const char *session_reason(const struct session *session);

/*
 * Why it ended, for the one who decides whether to try again: -ETIMEDOUT (no
 * answer), -EACCES (we refuse the peer), -EPERM (the peer refuses us: a fatal
 * alert about our certificate), -ECONNRESET (closed), -EPROTO (the rest).
 */
int session_error(const struct session *session);

/* "ECDHE-ECDSA AES-128-GCM" and the like; "" before it is open. */
const char *session_cipher(const struct session *session);

/* Bytes that sealing adds to a record, and those of them in front of it. */
size_t session_overhead(const struct session *session);
size_t session_headroom(const struct session *session);

struct session_counters {
	uint64_t replayed, forged, malformed;
};

/* Datagrams and records that were dropped. */
const struct session_counters *session_counters(const struct session *session);

/*
 * Application records with a lower sequence number are refused from now on. 0:
 * none are, or it is not known.
 */
uint64_t session_floor(const struct session *session);

#endif
