/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control messages on a session, as either end sends and answers them. What a
 * message says is message.h's; what follows from it is the role's.
 */
#ifndef MINIVPN_TUNNEL_CONTROL_CONTROL_H
#define MINIVPN_TUNNEL_CONTROL_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/rate.h"
#include "tunnel/control/message.h"
#include "tunnel/dtls/session.h"

/*
 * How many messages of a peer are taken, and so answered. What a peer needs is
 * far below it, also while it probes the path's MTU.
 */
#define CONTROL_RATE ((struct rate){.burst = 50., .per_second = 20.})

/* Encodes and sends a message; -errno. */
int control_send(struct session *session, const struct message *message);

/* Sends a PING, whose PONG tells the round trip. -errno. */
int control_ping(struct session *session);

/*
 * Answers a PING; a PONG sets *rtt_us, microseconds. True: it was one of the
 * two.
 */
bool control_ping_pong(struct session *session, const struct message *message,
		       uint32_t *rtt_us);

/*
 * Answers a message that message_decode() has refused with err, by an ERROR;
 * but an ERROR itself gets no answer.
 */
void control_answer_error(struct session *session,
			  const struct message *message, int err);

#endif
