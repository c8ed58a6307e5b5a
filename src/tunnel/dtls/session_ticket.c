/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sessions that go on where an earlier one has ended. */
#include <time.h>

#include "tunnel/dtls/session_internal.h"

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

/*
 * GnuTLS has the time of the full handshake in what it has resumed, by the
 * clock that may be set meanwhile: no ticket is older than it may be.
 */
double session_age(const struct session *session)
{
	gnutls_datum_t data;
	double age = TICKET_LIFETIME;

	if (!session_resumed(session))
		return 0.;
	if (gnutls_session_get_data2(session->tls, &data) < 0)
		return age;
	age = difftime(time(NULL), gnutls_db_check_entry_time(&data));
	gnutls_memset(data.data, 0, data.size);
	gnutls_free(data.data);
	if (age < 0. || age > TICKET_LIFETIME)
		return TICKET_LIFETIME;
	return age;
}
