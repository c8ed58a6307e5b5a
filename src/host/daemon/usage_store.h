/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the clients of a server have sent and got in all their sessions, and
 * when each was heard last, on disk: STATEDIR/NAME.usage, one line a client,
 *   NAME SEEN RX-BYTES RX-PACKETS TX-BYTES TX-PACKETS
 * SEEN is Unix time; rx is from the client. The file is written as a whole, and
 * renamed into place: its writer bounds how often. Which address a client has
 * is not here, but in lease_store.h: that is given to others, this is not.
 */
#ifndef MINIVPN_HOST_DAEMON_USAGE_STORE_H
#define MINIVPN_HOST_DAEMON_USAGE_STORE_H

#include <stdint.h>

#include "common/config/settings.h"
#include "common/hash.h"
#include "common/ipc/traffic.h"

struct usage_entry {
	char peer[SETTINGS_NAME_SIZE];
	int64_t seen;
	struct traffic_bytes past;    /* of sessions that are over */
	struct traffic_bytes session; /* of the present one, as far as known */
	UT_hash_handle hh;
};

struct usage_store;

/*
 * No file: an empty store. Lines that can't be read are logged, left out. For
 * who only reads it as well.
 */
int usage_store_open(struct usage_store **store, const char *tunnel);
void usage_store_close(struct usage_store *store);

/*
 * A session of a peer, which was heard at seen, has carried so much by now, and
 * is over or not. -ENOMEM.
 */
int usage_store_put(struct usage_store *store, const char *peer, int64_t seen,
		    const struct traffic_bytes *session, bool over);

/* The present sessions of all are over: what is known of them counts. */
void usage_store_end_all(struct usage_store *store);

/* NULL: nothing is known of it. Valid until something is put. */
const struct usage_entry *usage_store_find(const struct usage_store *store,
					   const char *peer);

/* past and session. */
struct traffic_bytes usage_store_total(const struct usage_entry *entry);

/* Writes the file where something was put since it was read or written. */
int usage_store_save(struct usage_store *store);

#endif
