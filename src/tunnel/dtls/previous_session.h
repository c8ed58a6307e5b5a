/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Make before break, the other half: a session that another has replaced. Its
 * records that are still on their way are opened for a few seconds, as the
 * other end may not have known yet; then its keys are wiped. What it carries
 * is packets: its alerts and control messages are of no concern any more.
 */
#ifndef MINIVPN_TUNNEL_DTLS_PREVIOUS_SESSION_H
#define MINIVPN_TUNNEL_DTLS_PREVIOUS_SESSION_H

#include <ev.h>

#include "tunnel/dtls/session.h"

struct previous_session {
	struct ev_loop *loop;
	struct session *session; /* NULL: none, or its time is over */
	bool sealing;		 /* packets are still sealed with its keys */
	ev_timer timer;
};

void previous_session_init(struct previous_session *previous,
			   struct ev_loop *loop);

/*
 * Takes the session over; the one that was there before is wiped. sealing: the
 * other end takes it as well, but may not have the new keys yet.
 */
void previous_session_keep(struct previous_session *previous,
			   struct session *session, bool sealing);
/* The other end has used the new keys. */
void previous_session_confirm(struct previous_session *previous);
/* What to seal packets with: the late session, or its successor. */
struct session *previous_session_sealer(struct previous_session *previous,
					struct session *successor);
/* Wipes it, if there is one. */
void previous_session_drop(struct previous_session *previous);

/*
 * Is it one of its records? Then *size is how many bytes of a packet *plain
 * has, inside the datagram; 0 for what is none. Else the datagram is unchanged.
 */
bool previous_session_open(struct previous_session *previous, uint8_t *datagram,
			   size_t length, uint8_t **plain, size_t *size);

#endif
