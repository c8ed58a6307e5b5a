/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/inet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * An IPv4 address in this prefix is a mapped one (RFC 4291, section 2.5.5.2).
 */
static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

size_t inet_size(uint16_t family)
{
	if (family == AF_INET)
		return 4;
	return family == AF_INET6 ? 16 : 0;
}

/* strtoul() would take a sign, blanks and hexadecimal as well. */
static int parse_number(const char *text, unsigned max, unsigned *number)
{
	unsigned n = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		n = n * 10 + (unsigned)(*text - '0');
		if (n > max)
			return -EINVAL;
	}
	*number = n;
	return 0;
}

static int parse_port(const char *text, uint16_t *port)
{
	unsigned number;

	if (parse_number(text, UINT16_MAX, &number) || !number)
		return -EINVAL;
	*port = (uint16_t)number;
	return 0;
}

int inet_parse_address(const char *text, struct inet_address *address)
{
	uint8_t bytes[16];

	if (inet_pton(AF_INET, text, bytes) == 1)
		*address = inet_address_from_bytes(AF_INET, bytes);
	else if (inet_pton(AF_INET6, text, bytes) == 1)
		*address = inet_address_from_bytes(AF_INET6, bytes);
	else
		return -EINVAL;
	return 0;
}

int inet_parse_prefix(const char *text, struct inet_prefix *prefix)
{
	char host[INET6_ADDRSTRLEN];
	struct inet_address address;
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);
	unsigned bits, max;

	if (length >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, length);
	host[length] = '\0';
	if (inet_parse_address(host, &address))
		return -EINVAL;

	/* The length counts the bits of the address as it is written. */
	max = strchr(host, ':') ? 128 : 32;
	bits = max;
	if (slash && parse_number(slash + 1, max, &bits))
		return -EINVAL;
	if (max == 128 && address.family == AF_INET) {
		if (bits < 96)
			return -EINVAL;
		bits -= 96;
	}
	prefix->address = address;
	prefix->length = (uint8_t)bits;
	return 0;
}

static int parse_bracketed(const char *text, struct inet_endpoint *endpoint)
{
	char host[INET6_ADDRSTRLEN];
	const char *end = strchr(text, ']');
	size_t length;

	if (!end)
		return -EINVAL;
	length = (size_t)(end - text - 1);
	if (length >= sizeof(host))
		return -EINVAL;
	memcpy(host, text + 1, length);
	host[length] = '\0';
	if (!strchr(host, ':') || inet_parse_address(host, &endpoint->address))
		return -EINVAL;
	endpoint->port = 0;
	if (!end[1])
		return 0;
	return end[1] == ':' ? parse_port(end + 2, &endpoint->port) : -EINVAL;
}

static int parse_ipv4_port(const char *text, const char *colon,
			   struct inet_endpoint *endpoint)
{
	char host[INET_ADDRSTRLEN];
	size_t length = (size_t)(colon - text);

	if (length >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, length);
	host[length] = '\0';
	if (inet_parse_address(host, &endpoint->address))
		return -EINVAL;
	return parse_port(colon + 1, &endpoint->port);
}

int inet_parse_endpoint(const char *text, struct inet_endpoint *endpoint)
{
	struct inet_endpoint result = {0};
	const char *colon = strchr(text, ':');
	int error;

	if (*text == '[')
		error = parse_bracketed(text, &result);
	else if (colon && !strchr(colon + 1, ':'))
		error = parse_ipv4_port(text, colon, &result);
	else if (!strpbrk(text, ".:"))
		error = parse_port(text, &result.port);
	else
		error = inet_parse_address(text, &result.address);
	if (!error)
		*endpoint = result;
	return error;
}

int inet_parse_ports(const char *text, struct inet_ports *ports)
{
	const char *dash = strchr(text, '-');
	struct inet_ports result;
	char first[6];

	if (!dash) {
		if (parse_port(text, &result.first))
			return -EINVAL;
		result.last = result.first;
	} else {
		if ((size_t)(dash - text) >= sizeof(first))
			return -EINVAL;
		memcpy(first, text, (size_t)(dash - text));
		first[dash - text] = '\0';
		if (parse_port(first, &result.first) ||
		    parse_port(dash + 1, &result.last) ||
		    result.first > result.last)
			return -EINVAL;
	}
	*ports = result;
	return 0;
}

const char *inet_format_address(const struct inet_address *address,
				char *buffer, size_t size)
{
	if (!inet_size(address->family) ||
	    !inet_ntop(address->family, address->bytes, buffer,
		       (socklen_t)size))
		snprintf(buffer, size, "none");
	return buffer;
}

const char *inet_format_prefix(const struct inet_prefix *prefix, char *buffer,
			       size_t size)
{
	char address[INET_ADDRESS_TEXT];

	inet_format_address(&prefix->address, address, sizeof(address));
	if (inet_size(prefix->address.family))
		snprintf(buffer, size, "%s/%u", address, prefix->length);
	else
		snprintf(buffer, size, "%s", address);
	return buffer;
}

const char *inet_format_endpoint(const struct inet_endpoint *endpoint,
				 char *buffer, size_t size)
{
	const struct inet_address *address = &endpoint->address;
	char text[INET_ADDRESS_TEXT];

	inet_format_address(address, text, sizeof(text));
	if (!endpoint->port)
		snprintf(buffer, size, "%s", text);
	else if (!inet_size(address->family))
		snprintf(buffer, size, "%u", endpoint->port);
	else if (address->family == AF_INET6)
		snprintf(buffer, size, "[%s]:%u", text, endpoint->port);
	else
		snprintf(buffer, size, "%s:%u", text, endpoint->port);
	return buffer;
}

const char *inet_format_ports(const struct inet_ports *ports, char *buffer,
			      size_t size)
{
	if (ports->first == ports->last)
		snprintf(buffer, size, "%u", ports->first);
	else
		snprintf(buffer, size, "%u-%u", ports->first, ports->last);
	return buffer;
}

bool inet_ports_contain(const struct inet_ports *ports, uint16_t port)
{
	return ports->first <= port && port <= ports->last;
}

bool inet_ports_overlap(const struct inet_ports *a, const struct inet_ports *b)
{
	return a->first <= b->last && b->first <= a->last;
}

bool inet_address_equal(const struct inet_address *a,
			const struct inet_address *b)
{
	return !memcmp(a, b, sizeof(*a));
}

bool inet_prefix_equal(const struct inet_prefix *a, const struct inet_prefix *b)
{
	return a->length == b->length &&
	       inet_address_equal(&a->address, &b->address);
}

bool inet_endpoint_equal(const struct inet_endpoint *a,
			 const struct inet_endpoint *b)
{
	return a->port == b->port &&
	       inet_address_equal(&a->address, &b->address);
}

struct inet_prefix inet_prefix_network(const struct inet_prefix *prefix)
{
	struct inet_prefix network = *prefix;
	size_t byte = prefix->length / CHAR_BIT;

	if (byte >= sizeof(network.address.bytes))
		return network;
	network.address.bytes[byte] &=
		(uint8_t)(0xff00 >> (prefix->length % CHAR_BIT));
	memset(&network.address.bytes[byte + 1], 0,
	       sizeof(network.address.bytes) - byte - 1);
	return network;
}

struct inet_address inet_prefix_last(const struct inet_prefix *prefix)
{
	struct inet_address last = inet_prefix_network(prefix).address;
	size_t byte = prefix->length / CHAR_BIT, size = inet_size(last.family);

	if (byte >= size)
		return last;
	last.bytes[byte] |= 0xff >> (prefix->length % CHAR_BIT);
	memset(&last.bytes[byte + 1], 0xff, size - byte - 1);
	return last;
}

struct inet_prefix inet_prefix_host(const struct inet_address *address)
{
	return (struct inet_prefix){
		.address = *address,
		.length = (uint8_t)(inet_size(address->family) * CHAR_BIT),
	};
}

bool inet_prefix_contains(const struct inet_prefix *prefix,
			  const struct inet_address *address)
{
	struct inet_prefix host = inet_prefix_host(address);

	return inet_prefix_covers(prefix, &host);
}

bool inet_prefix_covers(const struct inet_prefix *outer,
			const struct inet_prefix *inner)
{
	struct inet_prefix a, b;

	if (!inet_size(outer->address.family) || outer->length > inner->length)
		return false;
	a = inet_prefix_network(outer);
	b = *inner;
	b.length = outer->length;
	b = inet_prefix_network(&b);
	return inet_prefix_equal(&a, &b);
}

bool inet_prefix_overlaps(const struct inet_prefix *a,
			  const struct inet_prefix *b)
{
	return inet_prefix_covers(a, b) || inet_prefix_covers(b, a);
}

bool inet_prefix_is_private(const struct inet_prefix *prefix)
{
	static const struct inet_prefix networks[] = {
		{{AF_INET, {10}}, 8},	     {{AF_INET, {172, 16}}, 12},
		{{AF_INET, {192, 168}}, 16}, {{AF_INET, {100, 64}}, 10},
		{{AF_INET, {198, 18}}, 15},  {{AF_INET, {169, 254}}, 16},
		{{AF_INET6, {0xfc}}, 7},     {{AF_INET6, {0xfe, 0x80}}, 10},
	};

	for (size_t i = 0; i < sizeof(networks) / sizeof(networks[0]); i++) {
		if (inet_prefix_covers(&networks[i], prefix))
			return true;
	}
	return false;
}

/* A larger network comes before its parts. */
static int compare_prefixes(const void *a, const void *b)
{
	const struct inet_prefix *x = a, *y = b;
	int order;

	if (x->address.family != y->address.family)
		return x->address.family < y->address.family ? -1 : 1;
	order = memcmp(x->address.bytes, y->address.bytes,
		       sizeof(x->address.bytes));
	return order ? order : (int)x->length - (int)y->length;
}

/* Where the two are the halves of one network, a becomes that one. */
static bool join_halves(struct inet_prefix *a, const struct inet_prefix *b)
{
	struct inet_prefix whole = *a;

	if (!a->length || a->length != b->length)
		return false;
	whole.length--;
	if (!inet_prefix_covers(&whole, b))
		return false;
	*a = inet_prefix_network(&whole);
	return true;
}

size_t inet_prefixes_merge(struct inet_prefix *prefixes, size_t count)
{
	size_t kept = 0;

	if (count)
		qsort(prefixes, count, sizeof(*prefixes), compare_prefixes);
	for (size_t i = 0; i < count; i++) {
		if (kept &&
		    inet_prefix_covers(&prefixes[kept - 1], &prefixes[i]))
			continue;
		prefixes[kept++] = prefixes[i];
		while (kept > 1 &&
		       join_halves(&prefixes[kept - 2], &prefixes[kept - 1]))
			kept--;
	}
	return kept;
}

bool inet_address_is_multicast(const struct inet_address *address)
{
	if (address->family == AF_INET)
		return (address->bytes[0] & 0xf0) == 0xe0;
	return address->family == AF_INET6 && address->bytes[0] == 0xff;
}

bool inet_address_is_loopback(const struct inet_address *address)
{
	if (address->family == AF_INET)
		return address->bytes[0] == 127;
	return address->family == AF_INET6 &&
	       !memcmp(address->bytes, &in6addr_loopback,
		       sizeof(in6addr_loopback));
}

struct inet_address inet_address_from_bytes(uint16_t family, const void *bytes)
{
	struct inet_address address = {.family = family};

	/* Constant sizes make these plain moves, once for each packet. */
	if (family == AF_INET) {
		memcpy(address.bytes, bytes, 4);
	} else if (family == AF_INET6 &&
		   !memcmp(bytes, mapped, sizeof(mapped))) {
		address.family = AF_INET;
		memcpy(address.bytes, (const uint8_t *)bytes + sizeof(mapped),
		       4);
	} else if (family == AF_INET6) {
		memcpy(address.bytes, bytes, 16);
	} else {
		address.family = AF_UNSPEC;
	}
	return address;
}

int inet_endpoint_from_sockaddr(const struct sockaddr *sockaddr,
				struct inet_endpoint *endpoint)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	switch (sockaddr->sa_family) {
	case AF_INET:
		memcpy(&in, sockaddr, sizeof(in));
		endpoint->address =
			inet_address_from_bytes(AF_INET, &in.sin_addr);
		endpoint->port = ntohs(in.sin_port);
		return 0;
	case AF_INET6:
		memcpy(&in6, sockaddr, sizeof(in6));
		endpoint->address =
			inet_address_from_bytes(AF_INET6, &in6.sin6_addr);
		endpoint->port = ntohs(in6.sin6_port);
		return 0;
	default:
		return -EAFNOSUPPORT;
	}
}

static socklen_t store_ipv6(const uint8_t bytes[16], uint16_t port,
			    struct sockaddr_storage *storage)
{
	struct sockaddr_in6 in6 = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(port),
	};

	memcpy(&in6.sin6_addr, bytes, sizeof(in6.sin6_addr));
	memset(storage, 0, sizeof(*storage));
	memcpy(storage, &in6, sizeof(in6));
	return sizeof(in6);
}

socklen_t inet_endpoint_to_sockaddr(const struct inet_endpoint *endpoint,
				    struct sockaddr_storage *storage)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_port = htons(endpoint->port),
	};

	switch (endpoint->address.family) {
	case AF_INET:
		memcpy(&in.sin_addr, endpoint->address.bytes,
		       sizeof(in.sin_addr));
		memset(storage, 0, sizeof(*storage));
		memcpy(storage, &in, sizeof(in));
		return sizeof(in);
	case AF_INET6:
		return store_ipv6(endpoint->address.bytes, endpoint->port,
				  storage);
	default:
		return 0;
	}
}

socklen_t inet_endpoint_to_sockaddr_mapped(const struct inet_endpoint *endpoint,
					   struct sockaddr_storage *storage)
{
	uint8_t bytes[16];

	if (endpoint->address.family != AF_INET)
		return inet_endpoint_to_sockaddr(endpoint, storage);
	memcpy(bytes, mapped, sizeof(mapped));
	memcpy(bytes + sizeof(mapped), endpoint->address.bytes, 4);
	return store_ipv6(bytes, endpoint->port, storage);
}
