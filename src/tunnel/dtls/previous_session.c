/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/dtls/previous_session.h"

#include "tunnel/control/message.h"

/* Seconds: longer than any datagram is under way on a path that is of use. */
#define LATE_SECONDS 3.

static void over(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	late_drop(timer->data);
}

void late_init(struct late *late, struct ev_loop *loop)
{
	late->loop = loop;
	late->session = NULL;
	late->sealing = false;
	ev_timer_init(&late->timer, over, LATE_SECONDS, 0.);
	late->timer.data = late;
}

void late_keep(struct late *late, struct session *session, bool sealing)
{
	late_drop(late);
	late->session = session;
	late->sealing = session && sealing;
	if (!session)
		return;
	ev_timer_set(&late->timer, LATE_SECONDS, 0.);
	ev_timer_start(late->loop, &late->timer);
}

void late_confirm(struct late *late)
{
	late->sealing = false;
}

struct session *late_sealer(struct late *late, struct session *successor)
{
	return late->sealing ? late->session : successor;
}

void late_drop(struct late *late)
{
	ev_timer_stop(late->loop, &late->timer);
	session_free(late->session);
	late->session = NULL;
	late->sealing = false;
}

bool late_open(struct late *late, uint8_t *datagram, size_t length,
	       uint8_t **plain, size_t *size)
{
	if (!late->session)
		return false;
	*size = session_open_only(late->session, datagram, length, plain);
	if (!*size)
		return false;
	if (wire_is_control(*plain, *size))
		*size = 0;
	return true;
}
