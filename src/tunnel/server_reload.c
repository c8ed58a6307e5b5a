/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The server's file has changed: peers come and go, the others stay. */
#include <string.h>

#include "tunnel/server_private.h"

void server_fix_addresses(struct server *server, const struct config *config)
{
	static const struct inet_address none;

	/* First nobody has any, so that they can change hands. */
	for (size_t i = 0; i < config->peer_count; i++)
		lease_fix(server->pool, config->peers[i].name, &none, &none);
	for (size_t i = 0; i < config->peer_count; i++) {
		const struct config_peer *peer = &config->peers[i];
		int err;

		err = lease_fix(server->pool, peer->name, &peer->address4,
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

static bool is_fixed(const struct inet_address *fixed,
		     const struct inet_address *leased)
{
	return fixed->family && inet_address_equal(fixed, leased);
}

/* Has the new file given one of a peer's addresses to another? */
static bool is_taken(const struct config *next, const struct peer *peer)
{
	for (size_t i = 0; i < next->peer_count; i++) {
		const struct config_peer *other = &next->peers[i];

		if (strcmp(other->name, peer->name) &&
		    (is_fixed(&other->address4, &peer->lease.address4) ||
		     is_fixed(&other->address6, &peer->lease.address6)))
			return true;
	}
	return false;
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
	       same_subnets(old, section);
}

static void forget_removed(struct server *server, const struct config *now,
			   const struct config *next)
{
	for (size_t i = 0; i < now->peer_count; i++) {
		if (!config_peer_by_name(next, now->peers[i].name))
			lease_forget(server->pool, now->peers[i].name);
	}
}

void server_reload(struct server *server, int fd)
{
	struct tunnel *tunnel = server->tunnel;
	struct config *next = NULL;
	struct peer *peer, *following;

	/* host has checked it, and it is checked again. */
	if (fd < 0 || config_map(tunnel->config->path, fd, &next) ||
	    config_keep_unreloadable(tunnel->config, next)) {
		log_error("the new file did not arrive: the old one stays");
		config_free(next);
		return;
	}
	HASH_ITER (hh, server->table.peers, peer, following) {
		const struct identity *identity =
			session_identity(peer->association->session);
		bool known = !identity->by_key ||
			     config_peer_by_name(next, peer->name);

		if (!still_allowed(tunnel->config, next, peer))
			server_dismiss(server, peer,
				       known ? WIRE_CODE_CHANGED
					     : WIRE_CODE_REMOVED);
	}
	forget_removed(server, tunnel->config, next);
	server_fix_addresses(server, next);
	config_free(tunnel->config);
	tunnel->config = next;
}
