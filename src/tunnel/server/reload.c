/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The server's file has changed: peers come and go, the others stay. */
#include <string.h>

#include "tunnel/server/server_internal.h"

#include "common/reason.h"

/* Two files, and in what the new one differs where that is asked for often. */
struct change {
	const struct config *now, *next;
	bool pool;	/* of addresses */
	bool addresses; /* one that is fixed, of anybody */
	bool settings;	/* what all peers are told */
};

void server_fix_addresses(struct server *server, const struct config *config)
{
	static const struct inet_address none;

	/* First nobody has any fixed address, so that they can change hands. */
	for (size_t i = 0; i < config->peer_count; i++)
		lease_pool_fix(server->pool, config->peers[i].name, &none,
			       &none);
	for (size_t i = 0; i < config->peer_count; i++) {
		const struct config_peer *peer = &config->peers[i];
		int err;

		err = lease_pool_fix(server->pool, peer->name, &peer->address4,
				     &peer->address6);
		if (err)
			log_warning("%s: its fixed address can't be had: %s",
				    peer->name, strerror(-err));
	}
}

static bool same_address(const struct inet_address *wanted,
			 const struct inet_address *leased)
{
	return wanted->family == AF_UNSPEC ||
	       inet_address_equal(wanted, leased);
}

static bool same_subnets(const struct config_peer *a,
			 const struct config_peer *b)
{
	if (a->subnet_count != b->subnet_count)
		return false;
	for (size_t i = 0; i < a->subnet_count; i++) {
		if (!inet_prefix_equal(&a->subnets[i], &b->subnets[i]))
			return false;
	}
	return true;
}

static bool is_of_another(const struct config *config, const struct peer *peer,
			  const struct inet_address *address)
{
	const struct config_peer *owner =
		config_peer_by_address(config, address);

	return owner && strcmp(owner->name, peer->name) != 0;
}

/* Has the new file given one of a peer's addresses to another? */
static bool is_taken(const struct config *next, const struct peer *peer)
{
	return is_of_another(next, peer, &peer->lease.address4) ||
	       is_of_another(next, peer, &peer->lease.address6);
}

/* May a connected peer go on under the new file, where it has section? */
static bool still_allowed(const struct change *change,
			  const struct config_peer *section,
			  const struct peer *peer)
{
	const struct identity *identity =
		session_identity(peer->association->session);
	const struct config_peer *old =
		config_peer_by_name(change->now, peer->name);

	if (change->addresses && is_taken(change->next, peer))
		return false;
	if (!section)
		return !identity->by_key && !old;
	if (identity->by_key &&
	    memcmp(section->public_key, identity->public_key, KEY_SIZE))
		return false;
	return same_address(&section->address4, &peer->lease.address4) &&
	       same_address(&section->address6, &peer->lease.address6) && old &&
	       same_subnets(old, section) &&
	       key_equal(old->preshared_key, section->preshared_key);
}

static void forget_removed(struct server *server, const struct config *now,
			   const struct config *next)
{
	for (size_t i = 0; i < now->peer_count; i++) {
		const char *name = now->peers[i].name;

		if (!config_peer_by_name(next, name))
			lease_pool_forget(server->pool, name);
	}
}

static int move_lease(void *data, const struct lease *lease)
{
	lease_pool_restore(data, lease); /* what does not fit gets another */
	return 0;
}

/* Makes another pool, in which a peer keeps what fits into that. */
static void change_pool(struct server *server, const struct config *next)
{
	struct lease_pool *pool;

	if (lease_pool_new(&pool, &next->address4, &next->address6)) {
		log_error("out of memory: the old pool of addresses stays");
		return;
	}
	lease_pool_share(pool, next->siblings, next->sibling_count);
	lease_pool_each(server->pool, move_lease, pool);
	lease_pool_free(server->pool);
	server->pool = pool;
}

/* Does a peer keep its addresses in the pool as it is now? */
static bool keeps_lease(struct server *server, const struct peer *peer)
{
	struct lease lease;
	bool changed;

	if (lease_pool_take(server->pool, peer->name, NULL, (int64_t)ev_time(),
			    &lease, &changed))
		return false;
	if (changed)
		server_keep_lease(server, &lease, peer->association);
	return inet_address_equal(&lease.address4, &peer->lease.address4) &&
	       inet_address_equal(&lease.address6, &peer->lease.address6);
}

/*
 * Returns why a peer can't go on, with a reason to be sent, or
 * MESSAGE_CODE_NONE where it can.
 */
static enum message_code objection(struct server *server,
				   const struct change *change,
				   const struct peer *peer,
				   struct reason *reason)
{
	const struct config_peer *section =
		config_peer_by_name(change->next, peer->name);
	struct session *session = peer->association->session;
	enum message_code bar = server_bars(section, reason);

	if (bar != MESSAGE_CODE_NONE)
		return bar;
	if (session_identity(session)->by_key && !section)
		return MESSAGE_CODE_REMOVED;
	if (session_reverify(session, server->tunnel->credentials, reason))
		return MESSAGE_CODE_REMOVED;
	return still_allowed(change, section, peer) ? MESSAGE_CODE_NONE
						    : MESSAGE_CODE_CHANGED;
}

static bool has_fixed(const struct config_peer *peer)
{
	return peer->address4.family || peer->address6.family;
}

/* Has next given or taken a fixed address, by what now says? */
static bool is_fixed_otherwise(const struct config *now,
			       const struct config *next)
{
	for (size_t i = 0; i < next->peer_count; i++) {
		const struct config_peer *peer = &next->peers[i];
		const struct config_peer *old =
			config_peer_by_name(now, peer->name);

		if (old ? !inet_address_equal(&old->address4,
					      &peer->address4) ||
				    !inet_address_equal(&old->address6,
							&peer->address6)
			: has_fixed(peer))
			return true;
	}
	return false;
}

static bool same_siblings(const struct config *a, const struct config *b)
{
	return a->sibling_count == b->sibling_count &&
	       (!a->sibling_count ||
		!memcmp(a->siblings, b->siblings,
			a->sibling_count * sizeof(a->siblings[0])));
}

static struct change compare(const struct config *now,
			     const struct config *next)
{
	return (struct change){
		.now = now,
		.next = next,
		.pool = !inet_prefix_equal(&now->address4, &next->address4) ||
			!inet_prefix_equal(&now->address6, &next->address6) ||
			!same_siblings(now, next),
		.addresses = is_fixed_otherwise(now, next),
		.settings = server_settings_differ(now, next),
	};
}

/* A peer that stays is pushed what has changed for it. */
static void push_changes(struct server *server, struct peer *peer,
			 const struct change *change)
{
	struct settings old, new;

	server_settings(change->now, peer, &old);
	server_settings(change->next, peer, &new);
	if (memcmp(&old, &new, sizeof(old)))
		server_push(server, peer, change->next);
}

static void keep_peer(struct server *server, struct peer *peer,
		      const struct change *change)
{
	const struct config_peer *section =
		config_peer_by_name(change->next, peer->name);

	if ((change->pool || change->addresses) && !keeps_lease(server, peer)) {
		server_dismiss(server, peer, MESSAGE_CODE_CHANGED);
		return;
	}
	peer->expires = section ? section->expires : 0;
	peer->keepalive.interval = change->next->keepalive;
	pmtu_session_fix(&peer->pmtu_session, change->next->mtu);
	server_find_mtu(server, peer);
	if (change->settings)
		push_changes(server, peer, change);
}

/*
 * With ten thousand peers this is one turn of the loop, in which no packet
 * moves: where a file has not changed for a peer, it is looked up twice and no
 * more is done.
 */
void server_reload(void *state, const struct config *next, unsigned mtu)
{
	struct server *server = state;
	const struct change change = compare(server->tunnel->config, next);
	struct peer *peer, *following;
	struct reason reason;

	server->mtu = mtu;
	if (server_share(server, next))
		log_error("TicketKey can't be used: no session is resumed");
	HASH_ITER (hh, server->table.peers, peer, following) {
		enum message_code code =
			objection(server, &change, peer, &reason);

		if (code != MESSAGE_CODE_NONE)
			server_dismiss_with_reason(server, peer, code,
						   reason.text);
	}
	forget_removed(server, change.now, next);
	if (change.pool)
		change_pool(server, next);
	else
		lease_pool_share(server->pool, next->siblings,
				 next->sibling_count);
	if (change.pool || change.addresses)
		server_fix_addresses(server, next);
	HASH_ITER (hh, server->table.peers, peer, following)
		keep_peer(server, peer, &change);
	log_set_level(next->log_level);
}
