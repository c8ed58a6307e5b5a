/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sessions that go on where an earlier one has ended. */
#include "tunnel/session_private.h"

void session_offer_tickets(struct session *session, struct ticket_jar *jar,
			   double now)
{
	ticket_jar_offer(jar, session->tls, now);
}

void session_resume(struct session *session, const struct ticket *ticket,
		    double now)
{
	ticket_use(ticket, session->tls, now);
}

struct ticket *session_ticket(const struct session *session, double now)
{
	if (session->state != STATE_OPEN || session_resumed(session))
		return NULL;
	return ticket_new(session->tls, now);
}

bool session_resumed(const struct session *session)
{
	return session->state == STATE_OPEN &&
	       gnutls_session_is_resumed(session->tls);
}
