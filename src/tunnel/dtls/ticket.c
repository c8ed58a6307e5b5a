/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/dtls/ticket.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

/* The chain of keys begins on 2026-01-01. */
#define FIRST_STEP (1767225600 / TICKET_STEP)
/* A clock that is far off is no reason to count for ever. */
#define STEPS_MOST 300000

struct ticket_chain {
	bool used;
	int64_t step;
	uint8_t link[KEY_SIZE];
};

struct ticket_jar {
	struct ticket_key *key; /* of its own, or shared */
	struct ticket_key own;
	struct ticket_chain chain;
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
	explicit_bzero(jar, sizeof(*jar));
	free(jar);
}

static int follow(const uint8_t link[KEY_SIZE], gnutls_mac_algorithm_t mac,
		  const char *label, uint8_t *result)
{
	return gnutls_hmac_fast(mac, link, KEY_SIZE, label, strlen(label),
				result) < 0
		       ? -EIO
		       : 0;
}

static int64_t step_now(void)
{
	return (int64_t)time(NULL) / TICKET_STEP;
}

/* What was before can't be found any more then. It does not go back in time. */
static int advance(struct ticket_jar *jar)
{
	struct ticket_chain *chain = &jar->chain;
	int64_t until = step_now();
	int err = 0;

	if (until > FIRST_STEP + STEPS_MOST)
		until = FIRST_STEP + STEPS_MOST;
	if (chain->step < until)
		wipe_key(jar->key);
	while (!err && chain->step < until) {
		err = follow(chain->link, GNUTLS_MAC_SHA256, "minivpn next",
			     chain->link);
		chain->step++;
	}
	if (!err && !jar->key->size)
		err = follow(chain->link, GNUTLS_MAC_SHA512, "minivpn ticket",
			     jar->key->bytes);
	if (!err)
		set_size(jar->key, TICKET_KEY_SIZE);
	return err;
}

int ticket_jar_derive(struct ticket_jar *jar, const uint8_t root[KEY_SIZE])
{
	struct ticket_chain *chain = &jar->chain;

	if (!root && !chain->used)
		return 0;
	wipe_key(jar->key);
	explicit_bzero(chain, sizeof(*chain));
	if (!root)
		return 0;
	chain->used = true;
	chain->step = FIRST_STEP;
	memcpy(chain->link, root, sizeof(chain->link));
	return advance(jar);
}

/* The process of before may have been anybody's who left one here. */
void ticket_jar_expire(struct ticket_jar *jar, double now)
{
	const struct ticket_key *key = jar->key;
	bool is_valid;

	if (jar->chain.used) {
		advance(jar);
		return;
	}
	is_valid = key->size == TICKET_KEY_SIZE && key->made <= now &&
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
	if (jar->chain.used)
		return -EIO;
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
