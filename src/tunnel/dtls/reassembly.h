/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Puts the messages of a handshake together from fragments that come in any
 * order, more than once and cut in different ways, and gives them to GnuTLS
 * whole and in order. GnuTLS itself forgets a fragment that does not follow the
 * one before, so that one that is lost costs all that come behind it, each time
 * that they are sent again. Of what is not encrypted only, and after precheck.h
 * has seen it.
 */
#ifndef MINIVPN_TUNNEL_DTLS_REASSEMBLY_H
#define MINIVPN_TUNNEL_DTLS_REASSEMBLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No flight has more messages. */
#define REASSEMBLY_MESSAGES 8

struct reassembly_message;

struct reassembly {
	bool begun;    /* next is known */
	uint16_t next; /* message_seq of the first that is not complete */
	/* By message_seq, from next on; NULL: nothing of it has come. */
	struct reassembly_message *messages[REASSEMBLY_MESSAGES];
	struct reassembly_message *taken; /* what the caller has now */
	size_t offset;			  /* from where on it is still due */
	uint64_t sequence;		  /* of the next record */
};

/*
 * A client expects the first message there is; a server, which has seen one
 * before it had memory for it, the one that comes first.
 */
void reassembly_init(struct reassembly *reassembly, bool server);
void reassembly_free(struct reassembly *reassembly);

/* Takes the messages and fragments of one record's body. -ENOMEM. */
int reassembly_add(struct reassembly *reassembly, const uint8_t *body,
		   size_t length);

/*
 * The next record for GnuTLS: a message, or a part of one that does not fit
 * into a record. It may be used until the next call. False: there is none.
 */
bool reassembly_next(struct reassembly *reassembly, uint8_t **record,
		     size_t *length);

/* Gives another record of epoch 0 the number that follows. */
void reassembly_number(struct reassembly *reassembly, uint8_t *record);

/* Tells whether a part of a message is there, and not the whole. */
bool reassembly_waits(const struct reassembly *reassembly);

#endif
