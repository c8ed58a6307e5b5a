/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The stateless cookie exchange (RFC 6347, section 4.2.1): before a peer has
 * shown that it receives at its address, nothing is remembered of it and no
 * more bytes are sent to it than it sent.
 */
#ifndef MINIVPN_TUNNEL_DTLS_COOKIE_H
#define MINIVPN_TUNNEL_DTLS_COOKIE_H

#include <gnutls/dtls.h>
#include <stddef.h>
#include <stdint.h>

#include "common/inet.h"
#include "tunnel/dtls/dtls.h"

#define COOKIE_REPLY_SIZE 128

/* Seconds after which there is a new key; the old one is still accepted. */
#define COOKIE_ROTATION 60

struct cookie_jar;

enum cookie_verdict {
	COOKIE_NOT_HELLO, /* no ClientHello in epoch 0: drop it */
	COOKIE_ASKED,	  /* reply is to be sent; forget the datagram */
	COOKIE_VALID,	  /* the sender has echoed: a session may be made */
};

struct cookie_result {
	uint8_t reply[COOKIE_REPLY_SIZE];
	size_t reply_length;
	/* Where it is COOKIE_VALID, session_server() takes it; and the hello's
	 * client random. */
	gnutls_dtls_prestate_st prestate;
	uint8_t random[DTLS_RANDOM_SIZE];
};

/* -ENOMEM. */
int cookie_jar_new(struct cookie_jar **jar);
void cookie_jar_free(struct cookie_jar *jar);

/* Wipes keys that are accepted no more; the next hello makes new ones. */
void cookie_jar_expire(struct cookie_jar *jar, double now);

/*
 * What cookie_check() can find at best, without the cost of computing a cookie:
 * COOKIE_VALID is a ClientHello with any cookie in it.
 */
enum cookie_verdict cookie_in(const uint8_t *datagram, size_t length);

/*
 * Checks the cookie of a ClientHello that came from there, and makes one where
 * it has none that is valid. now: seconds of any monotonic clock, for the
 * rotation of keys.
 */
enum cookie_verdict cookie_check(struct cookie_jar *jar,
				 const struct inet_endpoint *from,
				 const uint8_t *datagram, size_t length,
				 double now, struct cookie_result *result);

#endif
