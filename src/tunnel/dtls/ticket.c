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
	struct ticket_key *key; /* of its own, or shared */
	struct ticket_key own;
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

/* Whoever is killed meanwhile leaves no key, and not a part of one. */
static void set_size(struct ticket_key *key, uint32_t size)
{
	__atomic_store_n(&key->size, size, __ATOMIC_SEQ_CST);
}

static void wipe_key(struct ticket_key *key)
{
	set_size(key, 0);
	explicit_bzero(key, sizeof(*key));
}

int ticket_jar_new(struct ticket_jar **jar, struct ticket_key *shared)
{
	struct ticket_jar *new = calloc(1, sizeof(*new));

	if (!new)
		return -ENOMEM;
	locked_keep(new, sizeof(*new));
	new->key = shared ? shared : &new->own;
	*jar = new;
	return 0;
}

void ticket_jar_free(struct ticket_jar *jar)
{
	if (!jar)
		return;
	wipe_key(jar->key);
	free(jar);
}

/* The process of before may have been anybody's who left one here. */
void ticket_jar_expire(struct ticket_jar *jar, double now)
{
	const struct ticket_key *key = jar->key;
	bool is_valid = key->size == TICKET_KEY_SIZE && key->made <= now &&
			now - key->made < TICKET_LIFETIME;

	if (!is_valid)
		wipe_key(jar->key);
}

/* GnuTLS derives further keys, but whoever has this one could as well. */
static int rotate(struct ticket_jar *jar, double now)
{
	struct ticket_key *key = jar->key;
	gnutls_datum_t new;

	ticket_jar_expire(jar, now);
	if (key->size)
		return 0;
	if (gnutls_session_ticket_key_generate(&new) < 0)
		return -EIO;
	if (new.size == sizeof(key->bytes)) {
		memcpy(key->bytes, new.data, new.size);
		key->made = now;
		set_size(key, new.size);
	}
	wipe(&new);
	return key->size ? 0 : -EIO;
}

void ticket_jar_offer(struct ticket_jar *jar, gnutls_session_t session,
		      double now)
{
	gnutls_datum_t key = {jar->key->bytes, sizeof(jar->key->bytes)};

	if (rotate(jar, now))
		return;
	gnutls_db_set_cache_expiration(session, TICKET_LIFETIME);
	gnutls_session_ticket_enable_server(session, &key);
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
