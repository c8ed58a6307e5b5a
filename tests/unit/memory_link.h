/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A client's and a server's session joined by memory: datagrams are lost,
 * swapped and doubled as a seed says, always the same way. The server's session
 * is made as a server does it, once a cookie has come back.
 */
#ifndef MINIVPN_TESTS_MEMORY_LINK_H
#define MINIVPN_TESTS_MEMORY_LINK_H

#include "tunnel/dtls/cookie.h"
#include "tunnel/dtls/session.h"

#define LINK_QUEUE     128
#define LINK_SIZE      2048
#define LINK_SEQUENCES 4096

enum link_side { LINK_CLIENT, LINK_SERVER };

struct link_datagram {
	enum link_side to;
	size_t length;
	uint8_t data[LINK_SIZE];
};

struct memory_link;

struct link_end {
	struct memory_link *link;
	enum link_side side;
	struct session *session;
	unsigned opened, ended, records; /* events so far */
	uint8_t last[LINK_SIZE];	 /* the newest record */
	size_t last_length;
	/* Sequence numbers that it has sent in epoch 1. */
	bool sequences[LINK_SEQUENCES];
	unsigned reused;
};

struct memory_link {
	struct link_end ends[2];
	struct link_datagram queue[LINK_QUEUE];
	size_t count;
	unsigned loss, swap, twice; /* per cent */
	uint32_t seed;
	struct cookie_jar *jar;
	struct credentials *server_credentials;
	struct credentials *owned[2]; /* freed with the link, or NULL */
	unsigned mtu, total;	      /* bytes; milliseconds */
	unsigned retransmission;      /* milliseconds */
	unsigned largest;	      /* what passes, in bytes; 0: all */
	bool refuse;		      /* the server authorizes nobody */
	const uint8_t *preshared[2];  /* KEY_SIZE bytes; NULL: none */
	/* What the client's session is given for its server. */
	const char *host;
	/* For resumption, the caller's; NULL: none. Seconds. */
	struct ticket_jar *tickets;
	const struct ticket *ticket;
	double server_now, client_now;
};

struct memory_link *memory_link_new(uint32_t seed, unsigned loss, unsigned swap,
				    unsigned twice);
void memory_link_free(struct memory_link *link);

/* Makes the client's session and sends its hello. */
void memory_link_start(struct memory_link *link, struct credentials *client,
		       struct credentials *server);

uint32_t memory_link_random(struct memory_link *link);

/* Delivers one datagram; false where there is none under way. */
bool memory_link_step(struct memory_link *link);

/* Hands a datagram to one end as if it had come over the link. */
void memory_link_deliver(struct memory_link *link, enum link_side to,
			 const uint8_t *data, size_t length);

/* Until nothing is under way and no timer runs. */
void memory_link_run(struct memory_link *link);

/* Until nothing is under way, once what timers are due for has been done. */
void memory_link_settle(struct memory_link *link);

/* Until nothing is under way; timers do not count. */
void memory_link_drain(struct memory_link *link);

#endif
