/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The leases of a server on disk: STATEDIR/NAME.leases, one line a peer,
 *   NAME ADDRESS4|none ADDRESS6|none UNIX-TIME [ENDPOINT ADDRESS|none SOCKET]
 * with where it is connected, and to which of our addresses and sockets, where
 * it has not left; a a later line says more than an earlier one of the same
 * peer or address. Lines are appended, so that what a lease costs does not grow
 * with their number; now and then the file is written anew, and renamed into
 * place.
 */
#ifndef MINIVPN_HOST_DAEMON_LEASE_STORE_H
#define MINIVPN_HOST_DAEMON_LEASE_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "common/config/settings.h"
#include "common/inet.h"

struct lease_entry {
	char peer[SETTINGS_NAME_SIZE];
	struct inet_address address4, address6;
	int64_t used;
	/* As in a message of the channel. */
	struct inet_endpoint outer; /* family none: it is not connected */
	struct inet_address local;
	unsigned socket;
};

struct lease_store;

/* No file: an empty store. Lines that can't be read are logged, left out. */
int lease_store_open(struct lease_store **store, const char *tunnel);
void lease_store_close(struct lease_store *store);

/* Puts or replaces a peer's entry, in memory. */
int lease_store_put(struct lease_store *store, const struct lease_entry *entry);

/* Writes to the file what has changed. */
int lease_store_save(struct lease_store *store);

/*
 * One after the other: the first behind previous, or of all (NULL); NULL: no
 * more. Valid until something is put.
 */
const struct lease_entry *lease_store_next(const struct lease_store *store,
					   const struct lease_entry *previous);

/* A peer's entry, as above; NULL: it has none. */
const struct lease_entry *lease_store_find(struct lease_store *store,
					   const char *peer);

/*
 * How many entries were looked at so far: a few for each that was put, however
 * many there are.
 */
uint64_t lease_store_compared(const struct lease_store *store);

#endif
