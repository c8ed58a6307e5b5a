/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a client shows to a sibling of its server, so that it gets the addresses
 * there that it had: that they were granted, to whom, and when, sealed by a key
 * that follows from TicketKey. A client's word alone would do for it to take
 * the address of another that is connected to the other server.
 *
 * These are pure functions over memory.
 */
#ifndef MINIVPN_TUNNEL_SERVER_LEASE_PROOF_H
#define MINIVPN_TUNNEL_SERVER_LEASE_PROOF_H

#include <stdbool.h>
#include <stdint.h>

#include "common/key.h"
#include "tunnel/control/message.h"
#include "tunnel/server/lease_pool.h"

/* -EIO: GnuTLS fails. */
int lease_proof_key(const uint8_t ticket_key[KEY_SIZE], uint8_t key[KEY_SIZE]);

/* now: Unix time. -EIO. */
int lease_proof_make(const uint8_t key[KEY_SIZE], const struct lease *lease,
		     int64_t now, uint8_t proof[MESSAGE_PROOF_SIZE]);

/* Was it made for this peer and these addresses, within LEASE_KEPT? */
bool lease_proof_check(const uint8_t key[KEY_SIZE], const struct lease *lease,
		       int64_t now, const uint8_t proof[MESSAGE_PROOF_SIZE]);

#endif
