/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pool: which inner addresses belong to which peer. A peer keeps its
 * addresses for as long as nobody else needs them: a lease that is not in use
 * is given away only when the pool has nothing else left, the longest unused
 * first. Pure memory: the host process keeps the file.
 */
#ifndef MINIVPN_TUNNEL_SERVER_LEASE_POOL_H
#define MINIVPN_TUNNEL_SERVER_LEASE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config/settings.h"
#include "common/inet.h"

struct lease_pool;

struct lease {
	char peer[SETTINGS_NAME_SIZE];
	/* Whole addresses; family none where the tunnel has no such family. */
	struct inet_address address4, address6;
	int64_t used; /* Unix time of its last use */
};

/*
 * own4, own6: the server's addresses with the length of the network; family
 * none for a family that is not carried. Network, broadcast and the server's
 * own address are never leased. -ENOMEM.
 */
int lease_pool_new(struct lease_pool **pool, const struct inet_prefix *own4,
		   const struct inet_prefix *own6);
void lease_pool_free(struct lease_pool *pool);

/*
 * The network is shared with servers that have these addresses: they are leased
 * to nobody, and of the others what is chosen here is chosen by none of them.
 * Which of them may be given up to whom it was leased there is LEASE_KEPT's to
 * say: a lease that is not in use is given away only after so many seconds. To
 * be called before anything is leased; the addresses outlive the pool.
 */
#define LEASE_KEPT 86400
void lease_pool_share(struct lease_pool *pool,
		      const struct inet_address *siblings, size_t count);

/*
 * The peer has proved that a sibling has granted it the addresses of wanted,
 * and has them from now on, unless somebody else is connected with one. *lease
 * is what it has then, in use. Fixed addresses, and those of a family that
 * wanted has not, stay. -EADDRINUSE, -EADDRNOTAVAIL (none that can be leased),
 * -ENOENT (the peer has nothing here): nothing was changed. -ENOMEM.
 */
int lease_pool_adopt(struct lease_pool *pool, const struct lease *wanted,
		     struct lease *lease);

/*
 * Fixed addresses of a peer (either family none: leased as for others, even if
 * it was fixed before). They are taken from whoever leases them now, also while
 * it is in use: its next lease_pool_take() gives it another. Nothing is changed
 * on -EINVAL: not in the pool or not usable; -EEXIST: fixed for another peer.
 * -ENOMEM.
 */
int lease_pool_fix(struct lease_pool *pool, const char *peer,
		   const struct inet_address *address4,
		   const struct inet_address *address6);

/* Forgets a peer, with its fixed addresses and its lease. */
void lease_pool_forget(struct lease_pool *pool, const char *peer);

/*
 * A lease from the file; -EINVAL, -EEXIST where it can't be honoured. A family
 * that is not carried, or for which the peer has a fixed address, is passed
 * over. The order of lease_pool_fix() and lease_pool_restore() does not matter.
 */
int lease_pool_restore(struct lease_pool *pool, const struct lease *lease);

/*
 * The peer's addresses: the fixed ones, those it had, those of request (may be
 * NULL) where they are free, or the lowest free ones. It is in use
 * until lease_pool_release(). -EADDRNOTAVAIL: the pool is exhausted. *changed
 * (may be NULL): whether the file has to be written again. -EINVAL: the name
 * does not fit; -ENOMEM.
 */
int lease_pool_take(struct lease_pool *pool, const char *peer,
		    const struct lease *request, int64_t now,
		    struct lease *lease, bool *changed);

/*
 * Calls visit for each peer that has addresses, fixed ones too, in no order;
 * stops where it returns other than 0, and returns that. visit must not change
 * the pool.
 */
typedef int (*lease_visit)(void *data, const struct lease *lease);
int lease_pool_each(const struct lease_pool *pool, lease_visit visit,
		    void *data);

/* The peer is gone; its lease stays its own while there is room. */
void lease_pool_release(struct lease_pool *pool, const char *peer, int64_t now);

#endif
