/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose handshake a server begins next, of those whose address is their own: a
 * hello that has echoed its cookie costs a signature. Each address, and each
 * network, has a rate; a handshake that ends with a peer is given back, so that
 * a thousand clients behind one address are as welcome as one. Within these the
 * order is not that of arrival: first comes who has begun the fewest of late,
 * counted by address, network and region, so that a newcomer passes a crowd,
 * from however many networks that comes. In memory of fixed size, whoever
 * sends.
 */
#ifndef MINIVPN_TUNNEL_SERVER_ADMISSION_H
#define MINIVPN_TUNNEL_SERVER_ADMISSION_H

#include <stdbool.h>
#include <stddef.h>

#include "tunnel/data/udp_io.h"
#include "tunnel/dtls/cookie.h"
#include "tunnel/server/rate_table.h"

/* Longer hellos are not taken. */
#define ADMISSION_HELLO_SIZE 2048

/* Handshakes a second, after a first burst, that need not come to an end. */
#define ADMISSION_ADDRESS_RATE	20
#define ADMISSION_ADDRESS_BURST 100
#define ADMISSION_NETWORK_RATE	40
#define ADMISSION_NETWORK_BURST 200

enum admission_level {
	ADMISSION_ADDRESS, /* IPv4 /32, IPv6 /64 */
	ADMISSION_NETWORK, /* /24, /48 */
	ADMISSION_REGION,  /* /16, /32: for the order only */
	ADMISSION_LEVELS,
};

/* An address as the tables see it, and how they were when it was charged. */
struct admission_source {
	rate_table_place places[ADMISSION_LEVELS];
	double before[ADMISSION_LEVELS], charged;
};

struct admission_hello {
	struct admission_source source;
	unsigned socket;
	struct udp_datagram datagram; /* its data is a copy */
	struct cookie_result cookie;
};

struct admission;

/* -ENOMEM, -EIO. */
int admission_new(struct admission **admission);
/* NULL is allowed. */
void admission_free(struct admission *admission);

/* The network of an address: what a limit counts as one, and a log names. */
struct inet_prefix admission_network(const struct inet_address *address,
				     enum admission_level level);

enum admission_verdict {
	ADMISSION_TAKEN,
	ADMISSION_HELD, /* lost: its address has begun too many */
	ADMISSION_FULL, /* lost: too many wait */
};

/*
 * A hello waits for its turn, in place of another one from its endpoint; its
 * datagram is copied. *lost: whose hello does not wait, be it this one or
 * another, without a datagram's data; that may come again. now: seconds of any
 * monotonic clock, the same in all.
 */
enum admission_verdict admission_put(struct admission *admission,
				     const struct admission_hello *hello,
				     double now, struct admission_hello *lost);

/*
 * The next one, whose source is charged with it; valid until the next call.
 * NULL: there is none, or they wait for their rate (admission_waits()).
 */
struct admission_hello *admission_take(struct admission *admission, double now);
/* How many wait. */
unsigned admission_waits(const struct admission *admission);

/* The handshake has ended with a peer: its source has it back. */
void admission_return(struct admission *admission,
		      const struct admission_source *source);

#endif
