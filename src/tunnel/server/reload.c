/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The server's file has changed: peers come and go, the others stay. */
#include <string.h>

#include "tunnel/server/server_internal.h"

#include "common/reason.h"

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

/* May a connected peer go on under the new file as it is? */
static bool still_allowed(const struct config *now, const struct config *next,
			  const struct peer *peer)
{
	const struct identity *identity =
		session_identity(peer->association->session);
	const struct config_peer *old = config_peer_by_name(now, peer->name);
	const struct config_peer *section =
		config_peer_by_name(next, peer->name);

	if (is_taken(next, peer))
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
static void change_pool(struct server *server, const struct config *now,
			const struct config *next)
{
	struct lease_pool *pool;

	if (inet_prefix_equal(&now->address4, &next->address4) &&
	    inet_prefix_equal(&now->address6, &next->address6))
		return;
	if (lease_pool_new(&pool, &next->address4, &next->address6)) {
		log_error("out of memory: the old pool of addresses stays");
		return;
	}
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
		server_keep_lease(server, &lease);
	return inet_address_equal(&lease.address4, &peer->lease.address4) &&
	       inet_address_equal(&lease.address6, &peer->lease.address6);
}

/*
 * Why a peer can't go on, with a reason to be sent; MESSAGE_CODE_NONE: it can.
 */
static enum message_code objection(struct server *server,
				   const struct config *next,
				   const struct peer *peer,
				   struct reason *reason)
{
	const struct tunnel *tunnel = server->tunnel;
	struct session *session = peer->association->session;

	reason->text[0] = '\0';
	if (session_identity(session)->by_key &&
	    !config_peer_by_name(next, peer->name))
		return MESSAGE_CODE_REMOVED;
	if (session_reverify(session, tunnel->credentials, reason))
		return MESSAGE_CODE_REMOVED;
	return still_allowed(tunnel->config, next, peer) ? MESSAGE_CODE_NONE
							 : MESSAGE_CODE_CHANGED;
}

/* A peer that stays is pushed what has changed for it. */
static void push_changes(struct server *server, struct peer *peer,
			 const struct config *now, const struct config *next)
{
	struct settings old, new;

	peer->keepalive.interval = next->keepalive;
	server_settings(now, peer, &old);
	server_settings(next, peer, &new);
	if (memcmp(&old, &new, sizeof(old)))
		server_push(server, peer, next);
}

void server_reload(void *state, const struct config *next, unsigned mtu)
{
	struct server *server = state;
	const struct config *now = server->tunnel->config;
	struct peer *peer, *following;
	struct reason reason;

	server->mtu = mtu;
	HASH_ITER (hh, server->table.peers, peer, following) {
		enum message_code code = objection(server, next, peer, &reason);

		if (code != MESSAGE_CODE_NONE)
			server_dismiss_with_reason(server, peer, code,
						   reason.text);
	}
	forget_removed(server, now, next);
	change_pool(server, now, next);
	server_fix_addresses(server, next);
	HASH_ITER (hh, server->table.peers, peer, following) {
		if (!keeps_lease(server, peer)) {
			server_dismiss(server, peer, MESSAGE_CODE_CHANGED);
			continue;
		}
		pmtu_session_fix(&peer->pmtu_session, next->mtu);
		server_find_mtu(server, peer);
		push_changes(server, peer, now, next);
	}
	log_set_level(next->log_level);
}
