/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/dtls/previous_session.h"

/* Seconds: no datagram is under way for longer on a path that is of use. */
#define PREVIOUS_SESSION_SECONDS 3.

static void over(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	previous_session_drop(timer->data);
}

void previous_session_init(struct previous_session *previous,
			   struct ev_loop *loop,
			   previous_session_control is_control)
{
	previous->loop = loop;
	previous->is_control = is_control;
	previous->session = NULL;
	previous->sealing = false;
	ev_timer_init(&previous->timer, over, PREVIOUS_SESSION_SECONDS, 0.);
	previous->timer.data = previous;
}

void previous_session_keep(struct previous_session *previous,
			   struct session *session, bool sealing)
{
	previous_session_drop(previous);
	previous->session = session;
	previous->sealing = session && sealing;
	if (!session)
		return;
	ev_timer_set(&previous->timer, PREVIOUS_SESSION_SECONDS, 0.);
	ev_timer_start(previous->loop, &previous->timer);
}

void previous_session_confirm(struct previous_session *previous)
{
	previous->sealing = false;
}

struct session *previous_session_sealer(struct previous_session *previous,
					struct session *successor)
{
	return previous->sealing ? previous->session : successor;
}

void previous_session_drop(struct previous_session *previous)
{
	ev_timer_stop(previous->loop, &previous->timer);
	session_free(previous->session);
	previous->session = NULL;
	previous->sealing = false;
}

bool previous_session_open(struct previous_session *previous, uint8_t *datagram,
			   size_t length, uint8_t **plain, size_t *size)
{
	if (!previous->session)
		return false;
	*size = session_open_only(previous->session, datagram, length, plain);
	if (!*size)
		return false;
	if (previous->is_control(*plain, *size))
		*size = 0;
	return true;
}
