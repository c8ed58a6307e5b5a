/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * This is what may stand in a channel message: see channel_check() in
 * channel.h.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "common/config/config.h"
#include "common/ipc/channel.h"
#include "common/tunnel_sockets.h"

/*
 * Inner packets have these sizes on the narrowest path there is (RFC 791) and
 * on the widest.
 */
#define MTU_LEAST 400
#define MTU_MOST  65535

/* The kernel has no greater one (include/linux/err.h). */
#define ERRNO_MOST 4095

static bool text_valid(const char *text, size_t size)
{
	size_t length = strnlen(text, size);

	if (length == size)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (!isprint((unsigned char)text[i]))
			return false;
	}
	return true;
}

/* Log lines may quote UTF-8 from files; control characters they may not. */
static bool line_valid(const char *line, size_t size)
{
	size_t length = strnlen(line, size);

	if (length == size)
		return false;
	for (size_t i = 0; i < length; i++) {
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			return false;
	}
	return true;
}

static bool known_family(uint16_t family)
{
	return family == AF_INET || family == AF_INET6;
}

/*
 * An address has to be in the one form that inet.h has for it: a mapped one
 * would be written into the journal and not be read back.
 */
static bool is_canonical(const struct inet_address *address)
{
	struct inet_address same = {0};

	if (known_family(address->family))
		same = inet_address_from_bytes(address->family, address->bytes);
	return inet_address_equal(address, &same);
}

static bool address_valid(const struct inet_address *address, uint16_t family)
{
	return is_canonical(address) &&
	       (address->family == AF_UNSPEC || address->family == family);
}

static bool prefix_valid(const struct inet_prefix *prefix, uint16_t family)
{
	return address_valid(&prefix->address, family) &&
	       prefix->length <= 8 * inet_size(prefix->address.family);
}

static bool settings_valid(const struct settings *settings)
{
	if (!text_valid(settings->name, sizeof(settings->name)) ||
	    !prefix_valid(&settings->address4, AF_INET) ||
	    !prefix_valid(&settings->address6, AF_INET6) ||
	    !address_valid(&settings->server4, AF_INET) ||
	    !address_valid(&settings->server6, AF_INET6) ||
	    settings->route_count > SETTINGS_ROUTES ||
	    settings->dns_count > SETTINGS_DNS ||
	    settings->search_count > SETTINGS_SEARCH)
		return false;
	for (unsigned i = 0; i < settings->route_count; i++) {
		uint16_t family = settings->routes[i].address.family;

		if (!known_family(family) ||
		    !prefix_valid(&settings->routes[i], family))
			return false;
	}
	for (unsigned i = 0; i < settings->dns_count; i++) {
		if (!known_family(settings->dns[i].family) ||
		    !is_canonical(&settings->dns[i]))
			return false;
	}
	for (unsigned i = 0; i < settings->search_count; i++) {
		if (!text_valid(settings->search[i], SETTINGS_DOMAIN_SIZE))
			return false;
	}
	return true;
}

static bool endpoint_valid(const struct inet_endpoint *endpoint)
{
	return known_family(endpoint->address.family) &&
	       is_canonical(&endpoint->address);
}

static bool endpoints_valid(const struct channel_message *message)
{
	uint32_t count = message->endpoints.count;

	if (!count || count > CHANNEL_ENDPOINTS_MOST)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		if (!endpoint_valid(&message->endpoints.list[i].address))
			return false;
	}
	return true;
}

static bool peer_valid(const struct channel_peer *peer)
{
	return text_valid(peer->name, sizeof(peer->name)) &&
	       text_valid(peer->key, sizeof(peer->key)) &&
	       text_valid(peer->cipher, sizeof(peer->cipher)) &&
	       text_valid(peer->library, sizeof(peer->library)) &&
	       peer->runs_lost <= 1 && is_canonical(&peer->endpoint.address) &&
	       address_valid(&peer->address4, AF_INET) &&
	       address_valid(&peer->address6, AF_INET6);
}

static bool lease_valid(const struct channel_message *message)
{
	const struct inet_endpoint *outer = &message->lease.outer;

	return text_valid(message->lease.peer, sizeof(message->lease.peer)) &&
	       message->lease.peer[0] && !strpbrk(message->lease.peer, " \t") &&
	       address_valid(&message->lease.address4, AF_INET) &&
	       address_valid(&message->lease.address6, AF_INET6) &&
	       is_canonical(&outer->address) &&
	       address_valid(&message->lease.local, outer->address.family) &&
	       message->lease.socket < TUNNEL_SOCKETS;
}

static bool peers_valid(const struct channel_message *message)
{
	uint32_t count = message->peers.count;

	if (!count || count > CHANNEL_PEERS_MOST)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		if (!text_valid(message->peers.list[i].name,
				sizeof(message->peers.list[i].name)) ||
		    message->peers.list[i].connected > 1)
			return false;
	}
	return true;
}

static bool usage_valid(const struct channel_message *message)
{
	uint32_t count = message->usage.count;

	if (!count || count > CHANNEL_PEERS_MOST)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		if (!text_valid(message->usage.list[i].name,
				sizeof(message->usage.list[i].name)))
			return false;
	}
	return true;
}

static bool content_valid(const struct channel_message *message)
{
	switch ((enum channel_type)message->type) {
	case CHANNEL_LOG:
		return message->log.level >= LOG_LEVEL_ERROR &&
		       message->log.level <= LOG_LEVEL_DEBUG &&
		       line_valid(message->log.line, sizeof(message->log.line));
	case CHANNEL_CONFIG:
		return settings_valid(&message->settings);
	case CHANNEL_LOST:
	case CHANNEL_FAILED:
		return message->lost.error <= 0 &&
		       line_valid(message->lost.reason,
				  sizeof(message->lost.reason));
	case CHANNEL_LOADED:
		return message->loaded.error <= 0 &&
		       message->loaded.expires >= 0 &&
		       line_valid(message->loaded.reason,
				  sizeof(message->loaded.reason));
	case CHANNEL_READY:
		return message->ready.expires >= 0;
	case CHANNEL_PEM:
		return message->pem.which < CONFIG_PEMS;
	case CHANNEL_LEASE:
	case CHANNEL_LEASE_TAKEN:
		return lease_valid(message);
	case CHANNEL_DISCONNECT:
		return text_valid(message->disconnect.peer,
				  sizeof(message->disconnect.peer));
	case CHANNEL_STATUS_PEER:
		return peer_valid(&message->peer);
	case CHANNEL_PEERS:
		return peers_valid(message);
	case CHANNEL_USAGE:
		return usage_valid(message);
	case CHANNEL_ENDPOINTS:
		return endpoints_valid(message);
	case CHANNEL_ANSWERED:
		return endpoint_valid(&message->answered);
	case CHANNEL_TUN_REFUSES:
		return message->tun_refuses.error < 0 &&
		       message->tun_refuses.error >= -ERRNO_MOST;
	case CHANNEL_MTU:
		return message->mtu >= MTU_LEAST && message->mtu <= MTU_MOST;
	case CHANNEL_START:
	case CHANNEL_CONFIGURED:
	case CHANNEL_TAKE:
		return message->mtu <= MTU_MOST;
	case CHANNEL_ENDPOINT_WANTED:
	case CHANNEL_UP:
	case CHANNEL_STATUS_END:
	case CHANNEL_MOVED:
	case CHANNEL_STATUS_WANTED:
	case CHANNEL_RELOAD:
	case CHANNEL_STOP:
		return true;
	case CHANNEL_TYPES:
		break;
	}
	return false;
}

int channel_check(const struct channel_message *message)
{
	return content_valid(message) ? 0 : -EPROTO;
}
