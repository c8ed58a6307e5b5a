/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/dtls/ticket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/locked.h"

/*
 * A ClientHello has to be one datagram, as a server remembers nothing before it
 * has seen the cookie in it: of 1200 bytes (TUNNEL_HANDSHAKE_MTU) some 200 are
 * not the ticket's. A ticket holds the client's certificates; the data that is
 * kept here has the server's as well, and some 200 bytes more. In key mode that
 * is 1182 in all, with a ClientHello of 819. Chains of RSA certificates are
 * longer, and have no tickets.
 */
#define DATA_MOST 1400

struct ticket_jar {
	gnutls_datum_t key; /* without data: there is none at the moment */
	double made;
};

struct ticket {
	gnutls_datum_t data;
	double made;
};

static void wipe(gnutls_datum_t *datum)
{
	if (datum->data)
		explicit_bzero(datum->data, datum->size);
	gnutls_free(datum->data);
	datum->data = NULL;
	datum->size = 0;
}

int ticket_jar_new(struct ticket_jar **jar)
{
	*jar = calloc(1, sizeof(**jar));
	return *jar ? 0 : -ENOMEM;
}

void ticket_jar_free(struct ticket_jar *jar)
{
	if (!jar)
		return;
	wipe(&jar->key);
	free(jar);
}

void ticket_jar_expire(struct ticket_jar *jar, double now)
{
	if (now - jar->made >= TICKET_LIFETIME)
		wipe(&jar->key);
}

/* GnuTLS derives further keys, but whoever has this one could as well. */
static int rotate(struct ticket_jar *jar, double now)
{
	ticket_jar_expire(jar, now);
	if (jar->key.data)
		return 0;
	if (gnutls_session_ticket_key_generate(&jar->key) < 0)
		return -EIO;
	locked_keep(jar->key.data, jar->key.size);
	jar->made = now;
	return 0;
}

void ticket_jar_offer(struct ticket_jar *jar, gnutls_session_t session,
		      double now)
{
	if (rotate(jar, now))
		return;
	gnutls_db_set_cache_expiration(session, TICKET_LIFETIME);
	gnutls_session_ticket_enable_server(session, &jar->key);
}

struct ticket *ticket_new(gnutls_session_t session, double now)
{
	struct ticket *new;

	if (!(gnutls_session_get_flags(session) & GNUTLS_SFLAGS_SESSION_TICKET))
		return NULL;
	new = calloc(1, sizeof(*new));
	if (!new)
		return NULL;
	new->made = now;
	if (gnutls_session_get_data2(session, &new->data) < 0 ||
	    new->data.size > DATA_MOST) {
		ticket_free(new);
		return NULL;
	}
	locked_keep(new->data.data, new->data.size);
	return new;
}

void ticket_free(struct ticket *ticket)
{
	if (!ticket)
		return;
	wipe(&ticket->data);
	free(ticket);
}

bool ticket_expired(const struct ticket *ticket, double now)
{
	return now - ticket->made >= TICKET_LIFETIME;
}

void ticket_use(const struct ticket *ticket, gnutls_session_t session,
		double now)
{
	if (!ticket_expired(ticket, now))
		gnutls_session_set_data(session, ticket->data.data,
					ticket->data.size);
}
