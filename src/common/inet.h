/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses, prefixes and endpoints of both families as plain values: parsed,
 * printed, compared. An IPv4-mapped IPv6 address is always held as IPv4, so
 * that one peer has one form. Not for resolving names.
 */
#ifndef MINIVPN_COMMON_INET_H
#define MINIVPN_COMMON_INET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/*
 * family is AF_INET, AF_INET6, or AF_UNSPEC (0) for "none". bytes holds 4 or
 * 16 bytes in network order, the rest zero: the value can be compared and
 * hashed as memory (18 bytes, no padding).
 */
struct inet_address {
	uint16_t family;
	uint8_t bytes[16];
};

/* An address with a prefix length in bits; host bits may be set. */
struct inet_prefix {
	struct inet_address address;
	uint8_t length;
};

/* An address and a UDP port in host order; comparable as memory (20 bytes). */
struct inet_endpoint {
	struct inet_address address;
	uint16_t port;
};

/* UDP ports in host order, none of them 0, first not above last. */
struct inet_ports {
	uint16_t first, last;
};

/* Enough for any text that the functions below make, with its zero. */
#define INET_ADDRESS_TEXT  46
#define INET_PREFIX_TEXT   50
#define INET_ENDPOINT_TEXT 54
#define INET_PORTS_TEXT	   12

/* Bytes of an address of this family: 4, 16, or 0. */
size_t inet_size(uint16_t family);

/* "192.0.2.1", "2001:db8::1"; -EINVAL for anything else. */
int inet_parse_address(const char *text, struct inet_address *address);

/* "192.0.2.0/24"; without a length the whole address. Host bits are kept. */
int inet_parse_prefix(const char *text, struct inet_prefix *prefix);

/*
 * "192.0.2.1:4433", "[2001:db8::1]:4433", "4433" (family none),
 * "192.0.2.1" or "2001:db8::1" (port 0: not given). -EINVAL otherwise.
 */
int inet_parse_endpoint(const char *text, struct inet_endpoint *endpoint);

/* "4433", "20000-29999"; -EINVAL otherwise. */
int inet_parse_ports(const char *text, struct inet_ports *ports);

/*
 * Write text into buffer and return buffer; size is one of the sizes above.
 * Family none prints as "none", an endpoint of any address as its port alone,
 * one without a port as its address. IPv6 as RFC 5952 has it.
 */
const char *inet_format_address(const struct inet_address *address,
				char *buffer, size_t size);
const char *inet_format_prefix(const struct inet_prefix *prefix, char *buffer,
			       size_t size);
const char *inet_format_endpoint(const struct inet_endpoint *endpoint,
				 char *buffer, size_t size);

/* A single one as "4433". */
const char *inet_format_ports(const struct inet_ports *ports, char *buffer,
			      size_t size);

bool inet_ports_contain(const struct inet_ports *ports, uint16_t port);
bool inet_ports_overlap(const struct inet_ports *a, const struct inet_ports *b);

bool inet_address_equal(const struct inet_address *a,
			const struct inet_address *b);
bool inet_prefix_equal(const struct inet_prefix *a,
		       const struct inet_prefix *b);
bool inet_endpoint_equal(const struct inet_endpoint *a,
			 const struct inet_endpoint *b);

/* The prefix with its host bits cleared. */
struct inet_prefix inet_prefix_network(const struct inet_prefix *prefix);

/* The last address in the prefix: all host bits set. */
struct inet_address inet_prefix_last(const struct inet_prefix *prefix);

/* The whole address as a prefix: /32 or /128. */
struct inet_prefix inet_prefix_host(const struct inet_address *address);

/* Same family, and the address lies in the prefix. */
bool inet_prefix_contains(const struct inet_prefix *prefix,
			  const struct inet_address *address);

/* inner is equal to outer or a part of it. */
bool inet_prefix_covers(const struct inet_prefix *outer,
			const struct inet_prefix *inner);

/* One covers the other. */
bool inet_prefix_overlaps(const struct inet_prefix *a,
			  const struct inet_prefix *b);

/*
 * A network that is nobody's in public, so that many have it (RFC 1918, 2544,
 * 3927, 4193, 6598), or lies on a link (RFC 4291).
 */
bool inet_prefix_is_private(const struct inet_prefix *prefix);

/*
 * Sorts networks (host bits cleared), and makes them as few as say the same:
 * none is a part of another, no two are the halves of one. Returns how many.
 */
size_t inet_prefixes_merge(struct inet_prefix *prefixes, size_t count);

bool inet_address_is_multicast(const struct inet_address *address);

/* 127.0.0.0/8, ::1. */
bool inet_address_is_loopback(const struct inet_address *address);

/* 4 or 16 network-order bytes to a value; an IPv4-mapped one becomes IPv4. */
struct inet_address inet_address_from_bytes(uint16_t family, const void *bytes);

/* -EAFNOSUPPORT for other families than the two. */
int inet_endpoint_from_sockaddr(const struct sockaddr *sockaddr,
				struct inet_endpoint *endpoint);

/* Fills storage; returns its length in bytes, 0 for family none. */
socklen_t inet_endpoint_to_sockaddr(const struct inet_endpoint *endpoint,
				    struct sockaddr_storage *storage);

/* As above, IPv4 as an IPv4-mapped IPv6 address, for a dual-stack socket. */
socklen_t inet_endpoint_to_sockaddr_mapped(const struct inet_endpoint *endpoint,
					   struct sockaddr_storage *storage);

#endif
