/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * This checks the peers' addresses and networks against the server's and each
 * other's.
 */
#include "common/config/check.h"

#include <stdlib.h>
#include <string.h>

#include "common/inet.h"

/* A network that belongs to one peer alone, and the line that says so. */
struct claim {
	struct inet_prefix prefix;
	const char *key, *peer;
	unsigned line;
};

struct claims {
	struct claim *items;
	size_t count;
};

static void claim(struct claims *claims, const struct inet_prefix *prefix,
		  const char *key, const struct config_peer *peer,
		  unsigned line)
{
	claims->items[claims->count++] = (struct claim){
		.prefix = *prefix,
		.key = key,
		.peer = peer->name,
		.line = line,
	};
}

static const struct inet_prefix *own(const struct config *config,
				     uint16_t family)
{
	return family == AF_INET ? &config->address4 : &config->address6;
}

/* Returns why an address can't be another's, or NULL. siblings may be NULL. */
static const char *unusable(const struct inet_prefix *server,
			    const struct config *siblings,
			    const struct inet_address *address)
{
	struct inet_prefix network = inet_prefix_network(server);
	struct inet_prefix last = inet_prefix_host(address);
	unsigned bit;

	if (!inet_prefix_contains(server, address))
		return "not in the network of the server's Address";
	if (inet_address_equal(&server->address, address))
		return "this is the server's own";
	if (siblings && config_is_sibling(siblings, address))
		return "this is a sibling's";
	if (inet_address_equal(&network.address, address))
		return "this is the network itself";
	if (address->family != AF_INET)
		return NULL;
	last.address = network.address;
	for (bit = network.length; bit < 32; bit++)
		last.address.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return inet_address_equal(&last.address, address)
		       ? "this is the broadcast address"
		       : NULL;
}

static void check_fixed(struct config_source *source, size_t index,
			const struct inet_address *address,
			struct claims *claims)
{
	const struct config_peer *peer = &source->config->peers[index];
	unsigned line = source->peers[index].given[SCHEMA_PEER_ADDRESS];
	struct inet_prefix host = inet_prefix_host(address);
	char text[INET_ADDRESS_TEXT];
	const char *why;

	/*
	 * A server's Address that is missing or wrong has had its error
	 * already.
	 */
	if (!address->family || (!source->config->address4.address.family &&
				 !source->config->address6.address.family))
		return;
	why = unusable(own(source->config, address->family), source->config,
		       address);
	if (!why) {
		claim(claims, &host, "Address", peer, line);
		return;
	}
	inet_format_address(address, text, sizeof(text));
	diagnostics_error(&source->reports, line, "Address = %s: %s", text,
			  why);
}

static void check_subnet(struct config_source *source, size_t index,
			 const struct inet_prefix *subnet,
			 struct claims *claims)
{
	const struct config_peer *peer = &source->config->peers[index];
	unsigned line = source->peers[index].given[SCHEMA_SUBNETS];
	char text[INET_PREFIX_TEXT];

	if (!inet_prefix_overlaps(own(source->config, subnet->address.family),
				  subnet)) {
		claim(claims, subnet, "Subnets", peer, line);
		return;
	}
	inet_format_prefix(subnet, text, sizeof(text));
	diagnostics_error(
		&source->reports, line,
		"Subnets: %s overlaps the network of the server's Address",
		text);
}

static int by_prefix(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int order = memcmp(&x->prefix.address, &y->prefix.address,
			   sizeof(x->prefix.address));

	if (!order)
		order = x->prefix.length - y->prefix.length;
	if (!order)
		order = x->line < y->line ? -1 : x->line > y->line;
	return order;
}

static void report_clash(struct config_source *source, const struct claim *a,
			 const struct claim *b)
{
	const struct claim *first = a->line <= b->line ? a : b;
	const struct claim *second = first == a ? b : a;
	char text[INET_PREFIX_TEXT], other[INET_PREFIX_TEXT];
	char where[DIAGNOSTICS_LINE_SIZE];

	inet_format_prefix(&second->prefix, text, sizeof(text));
	inet_format_prefix(&first->prefix, other, sizeof(other));
	diagnostics_error(&source->reports, second->line,
			  "%s: %s is taken: [Peer %s] has %s in %s",
			  second->key, text, first->peer, other,
			  diagnostics_line(&source->reports, second->line,
					   first->line, where));
}

/*
 * Two prefixes never overlap by half: where they are sorted, the larger before
 * the smaller, a network is followed by all that lie in it.
 */
static void check_claims(struct config_source *source, struct claims *claims)
{
	const struct claim *outer = claims->items;
	size_t i;

	qsort(claims->items, claims->count, sizeof(*claims->items), by_prefix);
	for (i = 1; i < claims->count; i++) {
		const struct claim *next = &claims->items[i];

		if (inet_prefix_covers(&outer->prefix, &next->prefix))
			report_clash(source, outer, next);
		else
			outer = next;
	}
}

/* Which part of the pool is whose follows from the order of addresses. */
static void check_siblings(struct config_source *source)
{
	const struct config *config = source->config;
	unsigned line = source->main.given[SCHEMA_SIBLINGS];
	char text[INET_ADDRESS_TEXT];
	size_t count4 = 0, count6 = 0;

	for (size_t i = 0; i < config->sibling_count; i++) {
		const struct inet_address *address = &config->siblings[i];
		const char *why =
			unusable(own(config, address->family), NULL, address);

		if (address->family == AF_INET)
			count4++;
		else
			count6++;
		inet_format_address(address, text, sizeof(text));
		if (why)
			diagnostics_error(&source->reports, line,
					  "Siblings = %s: %s", text, why);
	}
	if (config->address4.address.family &&
	    config->address6.address.family && count4 != count6)
		diagnostics_error(&source->reports, line,
				  "Siblings: each has an IPv4 and an IPv6 "
				  "address, as this server has");
	if (config->sibling_count && !source->main.given[SCHEMA_TICKET_KEY])
		diagnostics_error(&source->reports, line,
				  "Siblings: TicketKey is missing, by which "
				  "one knows what another has granted");
}

void config_check_addresses(struct config_source *source)
{
	const struct config *config = source->config;
	struct claims claims = {0};
	size_t i, j, most = 1;

	check_siblings(source);
	for (i = 0; i < config->peer_count; i++)
		most += 2 + config->peers[i].subnet_count;
	claims.items = calloc(most, sizeof(*claims.items));
	if (!claims.items) {
		source->reports.exhausted = true;
		return;
	}
	for (i = 0; i < config->peer_count; i++) {
		const struct config_peer *peer = &config->peers[i];

		check_fixed(source, i, &peer->address4, &claims);
		check_fixed(source, i, &peer->address6, &claims);
		for (j = 0; j < peer->subnet_count; j++)
			check_subnet(source, i, &peer->subnets[j], &claims);
	}
	check_claims(source, &claims);
	free(claims.items);
}
