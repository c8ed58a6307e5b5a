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

#include "common/reason.h"
#include "tunnel/dtls/credentials.h"
#include "tunnel/dtls/dtls.h"
#include "tunnel/dtls/ticket.h"

struct session;

/*
 * Seconds from a full handshake after which a session, and all that are resumed
 * from it, must have ended: who the other end is, is proved as often. A client
 * makes a new one long before.
 */
#define SESSION_AGE_MOST 7200.

struct session_hooks {
	/* Sends one datagram; one that can't be sent is lost. */
	void (*transmit)(void *owner, const uint8_t *datagram, size_t length);
	/*
	 * Server: may this identity in? 0, or -EACCES with reason. It is called
	 * during the handshake, so that an alert tells the peer. NULL: whoever
	 * passes credentials_check().
	 */
	int (*authorize)(void *owner, const struct identity *identity,
			 struct reason *reason);
	/*
	 * The key that we have for this peer besides, KEY_SIZE bytes, which are
	 * not kept, or NULL: see preshared.h. Where both ends do not have the
	 * same the session ends. NULL: there is none for anybody.
	 */
	const uint8_t *(*preshared_key)(void *owner,
					const struct identity *identity);
};

enum session_event {
	SESSION_NONE,	/* nothing more: feed it again */
	SESSION_OPENED, /* the handshake is complete, identity is known, and a
			 * client has shown that it has the preshared key */
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

/* Sets the host that has answered, of several, before its answer goes in. */
int session_expect(struct session *session, const char *server_host);

/*
 * Sets, before the handshake, the milliseconds until a flight without an answer
 * is sent again, doubled each time, and until the handshake is given up: a
 * server's from now on, a client's from the last answer on. 400 and 10,000
 * unless set.
 */
void session_set_timeouts(struct session *session, unsigned retransmission,
			  unsigned total);

/*
 * Before the handshake. A server takes tickets of jar, and hands them out. A
 * client asks to go on where the session that the ticket came from has ended;
 * where the server does not, there is a full handshake. Keys are fresh in both
 * cases, and the peer is checked again as in a full handshake. now: as in
 * ticket.h.
 */
void session_offer_tickets(struct session *session, struct ticket_jar *jar,
			   double now);
void session_resume(struct session *session, const struct ticket *ticket,
		    double now);

/*
 * Client: the ticket of an open session, which the caller frees; NULL where
 * there is none, or where the session was resumed itself: then its ticket still
 * serves.
 */
struct ticket *session_ticket(const struct session *session, double now);
bool session_resumed(const struct session *session);

/*
 * Seconds from the full handshake that an open session goes back to until it
 * opened: 0, or up to TICKET_LIFETIME where it was resumed.
 */
double session_age(const struct session *session);

/*
 * Client: the server has seen the hello with this random, and wants it again so
 * many milliseconds later. Until then it is not repeated, and the handshake is
 * not given up. False: it is another's, it was answered, or the handshake would
 * take too long by that, and all stays as it was.
 */
bool session_hold(struct session *session,
		  const uint8_t random[DTLS_RANDOM_SIZE], unsigned wait);

/* Wipes the keys. Sends nothing. NULL is allowed. */
void session_free(struct session *session);

/*
 * Client: sends the ClientHello. session_next() is then due as after
 * session_input().
 */
void session_start(struct session *session);

/*
 * Hands over one datagram, which is changed in place and must stay until
 * session_next() has returned SESSION_NONE or SESSION_ENDED. Garbage is
 * dropped and counted, never an end.
 */
void session_input(struct session *session, uint8_t *datagram, size_t length);

/*
 * Returns what came of it, one event a call. For SESSION_RECORD *record is
 * length bytes inside the datagram, which later calls leave alone.
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
 * Milliseconds until session_tick() must be called, for a retransmission or the
 * end of a handshake that takes too long; -1: never. session_next() is then due
 * as after session_input().
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

/*
 * Server: the handshake is complete, and the client has yet to show, by a
 * record of data, that it has the preshared key. It has its time until the end
 * of the handshake's.
 */
bool session_is_proving(const struct session *session);

/* Have its keys sealed, or opened, half of what they may? New ones are due. */
bool session_worn(const struct session *session);

/*
 * Gives an open session other credentials, with another CA, CRL or ServerKey,
 * and checks the peer by them. 0, or as credentials_check().
 */
int session_reverify(struct session *session, struct credentials *credentials,
		     struct reason *reason);

/*
 * Checks the peer again where a certificate that it has shown, or one of the
 * CAs above it, has ended since; costs nothing before. As session_reverify().
 */
int session_recheck(struct session *session, struct reason *reason);

/*
 * Unix time before which session_recheck() finds nothing; 0: it never does.
 * Whoever wants to go on has to have another session by then.
 */
int64_t session_valid_until(const struct session *session);

/* Tells whether it was made with another certificate, or key, of our own. */
bool session_is_of_another(const struct session *session,
			   const struct credentials *credentials);

/* Known from SESSION_OPENED on; valid as long as the session. */
const struct identity *session_identity(const struct session *session);

/* Says why it ended, in one line for the log; "" while it has not. */
const char *session_reason(const struct session *session);

/*
 * Why it ended, for whoever decides whether to try again: -ETIMEDOUT (no
 * answer), -EACCES (we refuse the peer), -EPERM (the peer refuses us: a fatal
 * alert about our certificate), -ECONNRESET (closed), -EPROTO (the rest).
 */
int session_error(const struct session *session);

/* "ECDHE-ECDSA AES-128-GCM" and the like; "" before it is open. */
const char *session_cipher(const struct session *session);

/* Which library encrypts with it, for people; "" before the session is open. */
const char *session_library(const struct session *session);

/*
 * Bytes that sealing adds to a record, and how many of them are in front; 0
 * before it is open.
 */
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
