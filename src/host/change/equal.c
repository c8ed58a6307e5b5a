/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two changes side by side, and a hash of one. The text is what a change is:
 * kinds that come by the thousand are compared by the fields that it is made
 * of, the others, of which there are a few, by the text itself.
 */
#include <string.h>

#include "host/change/change.h"

/* FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/ */
#define FNV_START 0x811c9dc5u
#define FNV_PRIME 0x01000193u

static bool same_place(const struct change *a, const struct change *b)
{
	return (!a->place.name[0] && !b->place.name[0]) ||
	       netns_equal(&a->place, &b->place);
}

static bool equal_link(const struct change *a, const struct change *b)
{
	return strcmp(a->link.device, b->link.device) == 0 &&
	       (a->kind == CHANGE_TUN ||
		(a->link.mtu == b->link.mtu && a->link.queue == b->link.queue));
}

static bool equal_address(const struct change *a, const struct change *b)
{
	return inet_prefix_equal(&a->address.prefix, &b->address.prefix) &&
	       strcmp(a->address.device, b->address.device) == 0;
}

static bool equal_route(const struct rtnl_route *a, const struct rtnl_route *b)
{
	return inet_prefix_equal(&a->destination, &b->destination) &&
	       inet_address_equal(&a->gateway, &b->gateway) &&
	       inet_address_equal(&a->source, &b->source) &&
	       strcmp(a->device, b->device) == 0 && a->metric == b->metric &&
	       a->table == b->table && a->type == b->type &&
	       a->protocol == b->protocol && a->onlink == b->onlink &&
	       a->mtu == b->mtu && a->global == b->global;
}

static bool equal_rule(const struct rtnl_rule *a, const struct rtnl_rule *b)
{
	return a->family == b->family && a->priority == b->priority &&
	       a->mark == b->mark && a->mask == b->mask &&
	       a->unless == b->unless && a->table == b->table &&
	       a->protocol == b->protocol;
}

static bool equal_sysctl(const struct change *a, const struct change *b)
{
	return strcmp(a->sysctl.key, b->sysctl.key) == 0 &&
	       strcmp(a->sysctl.value, b->sysctl.value) == 0 &&
	       strcmp(a->sysctl.before, b->sysctl.before) == 0;
}

static bool equal_text(const struct change *a, const struct change *b)
{
	char one[CHANGE_TEXT_SIZE], other[CHANGE_TEXT_SIZE];

	return change_print(a, one, sizeof(one)) == 0 &&
	       change_print(b, other, sizeof(other)) == 0 &&
	       strcmp(one, other) == 0;
}

bool change_equal(const struct change *a, const struct change *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case CHANGE_TUN:
	case CHANGE_LINK:
		return same_place(a, b) && equal_link(a, b);
	case CHANGE_ADDRESS:
		return same_place(a, b) && equal_address(a, b);
	case CHANGE_ROUTE:
		return same_place(a, b) && equal_route(&a->route, &b->route);
	case CHANGE_RULE:
		return same_place(a, b) && equal_rule(&a->rule, &b->rule);
	case CHANGE_SYSCTL:
		return same_place(a, b) && equal_sysctl(a, b);
	case CHANGE_GATEWAY:
	case CHANGE_KILLSWITCH:
	case CHANGE_MARKS:
	case CHANGE_FILTER:
	case CHANGE_RESOLV_CONF:
	case CHANGE_SYSTEMD_RESOLVED:
	case CHANGE_DIRECTORY:
	case CHANGE_NETNS_MOUNT:
	case CHANGE_NETNS:
	case CHANGE_LOOPBACK:
		return equal_text(a, b);
	}
	return false;
}

static uint32_t hash_bytes(uint32_t hash, const void *bytes, size_t size)
{
	const uint8_t *byte = bytes;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ byte[i]) * FNV_PRIME;
	return hash;
}

static uint32_t hash_prefix(const struct inet_prefix *prefix)
{
	uint32_t hash = hash_bytes(FNV_START, &prefix->address,
				   sizeof(prefix->address));

	return hash_bytes(hash, &prefix->length, sizeof(prefix->length));
}

uint32_t change_hash(const struct change *change)
{
	switch (change->kind) {
	case CHANGE_ADDRESS:
		return hash_prefix(&change->address.prefix);
	case CHANGE_ROUTE:
		return hash_prefix(&change->route.destination);
	case CHANGE_SYSCTL:
		return hash_bytes(FNV_START, change->sysctl.key,
				  strlen(change->sysctl.key));
	case CHANGE_TUN:
	case CHANGE_LINK:
	case CHANGE_RULE:
	case CHANGE_GATEWAY:
	case CHANGE_KILLSWITCH:
	case CHANGE_MARKS:
	case CHANGE_FILTER:
	case CHANGE_RESOLV_CONF:
	case CHANGE_SYSTEMD_RESOLVED:
	case CHANGE_DIRECTORY:
	case CHANGE_NETNS_MOUNT:
	case CHANGE_NETNS:
	case CHANGE_LOOPBACK:
		break;
	}
	return 0;
}
