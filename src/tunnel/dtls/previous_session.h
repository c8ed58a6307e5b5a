/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A session that another has replaced. Its records that are still under way are
 * opened for a few seconds, as the other end may not have known of the new one
 * when it sent them; then its keys are wiped. Packets count, but its alerts and
 * control messages are of no concern any more.
 */
#ifndef MINIVPN_TUNNEL_DTLS_PREVIOUS_SESSION_H
#define MINIVPN_TUNNEL_DTLS_PREVIOUS_SESSION_H

#include <ev.h>

#include "tunnel/dtls/session.h"

/* Tells whether a record is a control message. */
typedef bool (*previous_session_control)(const uint8_t *record, size_t length);

struct previous_session {
	struct ev_loop *loop;
	previous_session_control is_control;
	struct session *session; /* NULL: none, or its time is over */
	bool sealing;		 /* packets are still sealed with its keys */
	ev_timer timer;
};

void previous_session_init(struct previous_session *previous,
			   struct ev_loop *loop,
			   previous_session_control is_control);

/*
 * Takes the session over; the one that was there before is wiped. sealing: the
 * other end takes it as well, but may not have the new keys yet.
 */
void previous_session_keep(struct previous_session *previous,
			   struct session *session, bool sealing);
/* The other end has used the new keys. */
void previous_session_confirm(struct previous_session *previous);
/* The session whose keys packets are sealed with: this, or its successor. */
struct session *previous_session_sealer(struct previous_session *previous,
					struct session *successor);
/* Wipes it, if there is one. */
void previous_session_drop(struct previous_session *previous);

/*
 * Opens a datagram that is one of its records. *plain then is a packet of *size
 * bytes inside the datagram, or *size is 0 for a control message. False: it is
 * another session's, and unchanged.
 */
bool previous_session_open(struct previous_session *previous, uint8_t *datagram,
			   size_t length, uint8_t **plain, size_t *size);

#endif
