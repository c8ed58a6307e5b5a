/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Session tickets (RFC 5077), by which a client that comes again saves a round
 * trip and both ends save the asymmetric part of a handshake.
 *
 * A ticket holds the session's master secret, sealed with a key of the
 * server's. Whoever gets hold of that key can read all that was recorded of
 * sessions whose tickets it has sealed, forward secrecy or not. So it is made
 * anew every TICKET_LIFETIME and written nowhere, and the old one is wiped,
 * also where nobody comes for a new one; a ticket from before then ends in a
 * full handshake. It outlives a tunnel process that dies in memory of the
 * launcher's, and nothing outlives the launcher: after `down` and `up` all
 * handshakes are full ones. A ticket counts as long, from the full handshake
 * that it came from: GnuTLS makes no new one for a session that was resumed.
 *
 * Servers that share a root (TicketKey) resume each other's sessions: their key
 * follows from the root and the time. The root itself is not kept: from its
 * link of today, a chain of hashes leads to tomorrow's keys, and not back to
 * yesterday's. A key lasts for TICKET_STEP then, by the clock on the wall, and
 * a ticket from before ends in a full handshake: that is one in twelve of those
 * that are half an hour old.
 *
 * GnuTLS keeps a copy of the key with each session that was offered tickets,
 * and wipes it with the session.
 */
#ifndef MINIVPN_TUNNEL_DTLS_TICKET_H
#define MINIVPN_TUNNEL_DTLS_TICKET_H

#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/key.h"
#include "common/ticket_key.h"

/* Seconds that a key or a ticket may be used. */
#define TICKET_LIFETIME 3600

/* Seconds for which a key that follows from a root is used. */
#define TICKET_STEP 21600

/*
 * Seconds after which the owner of keys or tickets checks their age. One timer
 * for their end would not do, as it stands still while the machine is
 * suspended.
 */
#define TICKET_CHECK 60.

/* Server: the key. now: seconds of any monotonic clock, the same in all. */
struct ticket_jar;

/*
 * shared: where the key of before is, if it is not too old, and the next one
 * goes; it outlives the jar. NULL: nowhere. -ENOMEM.
 */
int ticket_jar_new(struct ticket_jar **jar, struct ticket_key *shared);
/* Wipes the key, also where it is shared. NULL is allowed. */
void ticket_jar_free(struct ticket_jar *jar);
/*
 * From now on keys follow from root, which is not kept; NULL: they are made at
 * random. Where they do already, what was begun goes on. -EIO: GnuTLS fails.
 */
int ticket_jar_derive(struct ticket_jar *jar, const uint8_t root[KEY_SIZE]);
/* Before the handshake: makes a session take tickets, and hand them out. */
void ticket_jar_offer(struct ticket_jar *jar, gnutls_session_t session,
		      double now);
/* Wipes a key that is too old; the next handshake makes a new one. */
void ticket_jar_expire(struct ticket_jar *jar, double now);

/* What the server has handed out to a client. */
struct ticket;

/* The ticket of an open session; NULL: it has none, or too long a one. */
struct ticket *ticket_new(gnutls_session_t session, double now);
/* Wipes it; NULL is allowed. */
void ticket_free(struct ticket *ticket);
/* Tells whether it is of no use any more. */
bool ticket_expired(const struct ticket *ticket, double now);
/* Before the handshake: asks for it to be resumed, unless it is too old. */
void ticket_use(const struct ticket *ticket, gnutls_session_t session,
		double now);

#endif
