/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/dtls/cookie.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/locked.h"
#include "tunnel/dtls/dtls.h"
#include "tunnel/dtls/precheck.h"

/* These are offsets in a record that a ClientHello begins. */
#define OFFSET_RANDOM  (DTLS_HELLO + DTLS_HELLO_RANDOM)
#define OFFSET_SESSION (DTLS_HELLO + DTLS_HELLO_SESSION_ID)

/* A cookie is bound to a family, an address and a port. */
#define CLIENT_SIZE (2 + 16 + 2)

struct cookie_jar {
	uint8_t keys[2][GNUTLS_COOKIE_KEY_SIZE]; /* [0] is the newer one */
	bool used;				 /* there are keys */
	double rotated;
};

static int new_key(uint8_t key[GNUTLS_COOKIE_KEY_SIZE])
{
	return gnutls_rnd(GNUTLS_RND_KEY, key, GNUTLS_COOKIE_KEY_SIZE) < 0
		       ? -EIO
		       : 0;
}

int cookie_jar_new(struct cookie_jar **jar)
{
	*jar = calloc(1, sizeof(**jar));
	if (!*jar)
		return -ENOMEM;
	locked_keep(*jar, sizeof(**jar));
	return 0;
}

void cookie_jar_free(struct cookie_jar *jar)
{
	if (!jar)
		return;
	explicit_bzero(jar, sizeof(*jar));
	free(jar);
}

void cookie_jar_expire(struct cookie_jar *jar, double now)
{
	double age = now - jar->rotated;

	/* After two whole periods without a hello both are too old. */
	if (age >= 2. * COOKIE_ROTATION)
		explicit_bzero(jar, sizeof(*jar));
	else if (age >= COOKIE_ROTATION)
		explicit_bzero(jar->keys[1], sizeof(jar->keys[1]));
}

static int rotate(struct cookie_jar *jar, double now)
{
	cookie_jar_expire(jar, now);
	if (jar->used && now - jar->rotated < COOKIE_ROTATION)
		return 0;
	if (jar->used)
		memcpy(jar->keys[1], jar->keys[0], sizeof(jar->keys[1]));
	else if (new_key(jar->keys[1]) < 0)
		return -EIO;
	if (new_key(jar->keys[0]) < 0) {
		/* The old key must not go on beside its own copy. */
		explicit_bzero(jar, sizeof(*jar));
		return -EIO;
	}
	jar->used = true;
	jar->rotated = now;
	return 0;
}

static void describe_client(const struct inet_endpoint *from,
			    uint8_t client[CLIENT_SIZE])
{
	memcpy(client, &from->address.family, 2);
	memcpy(client + 2, from->address.bytes, 16);
	memcpy(client + 18, &from->port, 2);
}

static ssize_t keep_reply(gnutls_transport_ptr_t owner, const void *data,
			  size_t length)
{
	struct cookie_result *result = owner;

	if (length > sizeof(result->reply))
		return -1;
	memcpy(result->reply, data, length);
	result->reply_length = length;
	return (ssize_t)length;
}

static bool verify(struct cookie_jar *jar, uint8_t client[CLIENT_SIZE],
		   const uint8_t *datagram, size_t length,
		   struct cookie_result *result)
{
	for (unsigned i = 0; i < 2; i++) {
		gnutls_datum_t key = {jar->keys[i], GNUTLS_COOKIE_KEY_SIZE};

		/*
		 * GnuTLS only reads the message, though its type is not const.
		 */
		if (!gnutls_dtls_cookie_verify(&key, client, CLIENT_SIZE,
					       (void *)datagram, length,
					       &result->prestate))
			return true;
	}
	return false;
}

enum cookie_verdict cookie_in(const uint8_t *datagram, size_t length)
{
	size_t hello = precheck_client_hello(datagram, length), at;

	if (!hello)
		return COOKIE_NOT_HELLO;
	/* The cookie is behind the session ID; both have a byte of length. */
	at = OFFSET_SESSION + 1 + datagram[OFFSET_SESSION];
	if (at >= hello)
		return COOKIE_NOT_HELLO;
	return datagram[at] ? COOKIE_VALID : COOKIE_ASKED;
}

enum cookie_verdict cookie_check(struct cookie_jar *jar,
				 const struct inet_endpoint *from,
				 const uint8_t *datagram, size_t length,
				 double now, struct cookie_result *result)
{
	gnutls_datum_t key = {jar->keys[0], GNUTLS_COOKIE_KEY_SIZE};
	uint8_t client[CLIENT_SIZE];
	size_t hello;

	memset(result, 0, sizeof(*result));
	/* GnuTLS's check does not look at the message's type or fragments. */
	hello = precheck_client_hello(datagram, length);
	if (!hello || rotate(jar, now) < 0)
		return COOKIE_NOT_HELLO;
	describe_client(from, client);
	memcpy(result->random, datagram + OFFSET_RANDOM, DTLS_RANDOM_SIZE);
	if (verify(jar, client, datagram, hello, result))
		return COOKIE_VALID;
	memset(&result->prestate, 0, sizeof(result->prestate));
	/* The answer has the hello's sequence number (RFC 6347, 4.2.1). */
	result->prestate.record_seq = datagram[DTLS_LENGTH - 1];
	if (gnutls_dtls_cookie_send(&key, client, sizeof(client),
				    &result->prestate, result,
				    keep_reply) < 0 ||
	    result->reply_length > length)
		return COOKIE_NOT_HELLO;
	return COOKIE_ASKED;
}
