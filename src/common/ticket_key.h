/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The key of a server's session tickets (tunnel/dtls/ticket.h), in memory that
 * the launcher shares with the tunnel processes that it starts, one after the
 * other: where one dies, the next one takes the tickets of its clients. Who
 * shares it does not read it.
 */
#ifndef MINIVPN_COMMON_TICKET_KEY_H
#define MINIVPN_COMMON_TICKET_KEY_H

#include <stdint.h>

#define TICKET_KEY_SIZE 64 /* GnuTLS has no other */

struct ticket_key {
	/* 0: there is none. It is written last, as its writer may be killed. */
	uint32_t size;
	double made; /* clock_now() */
	uint8_t bytes[TICKET_KEY_SIZE];
};

/* Memory for one, locked; NULL: there is none to be had. */
struct ticket_key *ticket_key_share(void);

/* For a process that is to have nothing of it; NULL is allowed. */
void ticket_key_unmap(struct ticket_key *key);

#endif
