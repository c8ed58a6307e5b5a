/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a stranger's datagrams meet: first the cookie check, which must answer
 * with no more than came and must not be satisfied by who has no cookie; then
 * the server's half of a handshake, as if a cookie had come back. The input is
 * cut into datagrams by two bytes of length before each.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"
#include "common/reason.h"
#include "tunnel/dtls/cookie.h"
#include "tunnel/dtls/session.h"

#define MTU	      1200
#define DATAGRAMS_MAX 12

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
	if (!good)
		abort();
}

static void transmit(void *owner, const uint8_t *datagram, size_t length)
{
	(void)owner;
	check(datagram != NULL && length > 0 && length <= MTU);
}

static int authorize(void *owner, const struct identity *identity,
		     struct reason *reason)
{
	(void)owner;
	reason_set(reason, "%s is nobody", identity->text);
	return -EACCES;
}

static struct credentials *make_credentials(void)
{
	struct config config = {.role = CONFIG_SERVER, .identity = CONFIG_KEYS};
	struct credentials *credentials;
	struct reason reason;

	check(key_generate(config.private_key) == 0);
	check(credentials_new(&credentials, &config, &reason) == 0);
	return credentials;
}

static void ask_cookie(struct cookie_jar *jar, const uint8_t *datagram,
		       size_t length, double now)
{
	static const struct inet_endpoint from = {
		.address = {AF_INET, {192, 0, 2, 1}},
		.port = 50000,
	};
	struct cookie_result result;
	enum cookie_verdict verdict;

	verdict = cookie_check(jar, &from, datagram, length, now, &result);
	check(verdict != COOKIE_VALID);
	if (verdict == COOKIE_ASKED)
		check(result.reply_length > 0 && result.reply_length <= length);
}

static bool feed_session(struct session *session, uint8_t *datagram,
			 size_t length)
{
	enum session_event event;
	uint8_t *record;
	size_t size;

	session_input(session, datagram, length);
	while ((event = session_next(session, &record, &size)) !=
	       SESSION_NONE) {
		/* Nobody is let in: there is nothing to be opened. */
		check(event == SESSION_ENDED);
		check(session_reason(session)[0] && session_error(session) < 0);
		return false;
	}
	check(!session_is_open(session));
	return true;
}

/* A copy of exactly the right size, so that a sanitizer sees its end. */
static bool feed(struct cookie_jar *jar, struct session *session,
		 const uint8_t *data, size_t length, double now)
{
	uint8_t *datagram = malloc(length ? length : 1);
	bool alive;

	check(datagram != NULL);
	memcpy(datagram, data, length);
	ask_cookie(jar, datagram, length, now);
	alive = feed_session(session, datagram, length);
	free(datagram);
	return alive;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct session_hooks hooks = {
		.transmit = transmit,
		.authorize = authorize,
	};
	static struct credentials *credentials;
	/* What a ClientHello with a cookie leaves: it is the second message. */
	gnutls_dtls_prestate_st prestate = {.record_seq = 1, .hsk_read_seq = 1};
	struct session *session;
	struct cookie_jar *jar;
	bool alive = true;

	if (!credentials)
		credentials = make_credentials();
	check(cookie_jar_new(&jar) == 0);
	check(session_server(&session, credentials, &hooks, NULL, &prestate,
			     MTU) == 0);
	for (unsigned i = 0; alive && i < DATAGRAMS_MAX && size >= 2; i++) {
		size_t length = get16(data);

		data += 2;
		size -= 2;
		length = length < size ? length : size;
		alive = feed(jar, session, data, length, i * 40.0);
		data += length;
		size -= length;
	}
	session_free(session);
	cookie_jar_free(jar);
	return 0;
}
