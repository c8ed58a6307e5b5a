/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/kernel/rtnl_internal.h"

#include <errno.h>
#include <string.h>

/* Exactly as long as the family has it. An IPv4-mapped one stays IPv6 here. */
static int read_address(uint16_t family, const void *bytes, size_t size,
			struct inet_address *address)
{
	if (size == 0 || size != inet_size(family))
		return -EPROTO;
	*address = (struct inet_address){.family = family};
	memcpy(address->bytes, bytes, size);
	return 0;
}

/* attribute may be NULL: address stays as it is. */
static int read_attribute(uint16_t family, const struct nlattr *attribute,
			  struct inet_address *address)
{
	if (!attribute)
		return 0;
	return read_address(family, mnl_attr_get_payload(attribute),
			    mnl_attr_get_payload_len(attribute), address);
}

/* RTA_GATEWAY, or RTA_VIA: a gateway of the other family. */
static int read_gateway(uint16_t family, const struct nlattr *gateway,
			const struct nlattr *via, struct inet_address *address)
{
	const struct rtvia *value;
	size_t size;

	if (!via)
		return read_attribute(family, gateway, address);
	value = mnl_attr_get_payload(via);
	size = mnl_attr_get_payload_len(via);
	if (size < sizeof(*value))
		return -EPROTO;
	return read_address(value->rtvia_family, value->rtvia_addr,
			    size - sizeof(*value), address);
}

static int read_multipath(const struct nlattr *attribute, uint16_t family,
			  struct rtnl_reading *reading)
{
	static const enum mnl_attr_data_type types[] = {
		[RTA_GATEWAY] = MNL_TYPE_BINARY,
		[RTA_VIA] = MNL_TYPE_BINARY,
	};
	const struct rtnexthop *hop = mnl_attr_get_payload(attribute);
	size_t size = mnl_attr_get_payload_len(attribute);
	const struct nlattr *found[RTA_VIA + 1];
	struct netlink_attributes attributes = {
		.types = types,
		.found = found,
		.count = RTA_VIA + 1,
	};

	if (size < sizeof(*hop) || hop->rtnh_len < sizeof(*hop) ||
	    hop->rtnh_len > size || hop->rtnh_ifindex < 0 ||
	    netlink_parse_bytes(RTNH_DATA(hop), hop->rtnh_len - sizeof(*hop),
				&attributes))
		return -EPROTO;
	reading->multipath = true;
	reading->index = hop->rtnh_ifindex;
	reading->route.onlink = hop->rtnh_flags & RTNH_F_ONLINK;
	return read_gateway(family, found[RTA_GATEWAY], found[RTA_VIA],
			    &reading->route.gateway);
}

static int read_mtu(const struct nlattr *attribute, uint32_t *mtu)
{
	static const enum mnl_attr_data_type types[] = {
		[RTAX_MTU] = MNL_TYPE_U32,
	};
	const struct nlattr *found[RTAX_MTU + 1];
	struct netlink_attributes attributes = {
		.types = types,
		.found = found,
		.count = RTAX_MTU + 1,
	};

	if (netlink_parse_nested(attribute, &attributes))
		return -EPROTO;
	if (found[RTAX_MTU])
		*mtu = mnl_attr_get_u32(found[RTAX_MTU]);
	return 0;
}

static int read_nexthop(const struct rtmsg *header, const struct nlattr **found,
			struct rtnl_reading *reading)
{
	if (found[RTA_MULTIPATH])
		return read_multipath(found[RTA_MULTIPATH], header->rtm_family,
				      reading);
	if (found[RTA_OIF])
		reading->index = mnl_attr_get_u32(found[RTA_OIF]);
	reading->route.onlink = header->rtm_flags & RTNH_F_ONLINK;
	return read_gateway(header->rtm_family, found[RTA_GATEWAY],
			    found[RTA_VIA], &reading->route.gateway);
}

static bool is_refusal(uint8_t type)
{
	return type == RTN_UNREACHABLE || type == RTN_BLACKHOLE ||
	       type == RTN_PROHIBIT || type == RTN_THROW;
}

static int read_values(const struct rtmsg *header, const struct nlattr **found,
		       struct rtnl_reading *reading)
{
	struct rtnl_route *route = &reading->route;
	int error;

	route->destination.address.family = header->rtm_family;
	route->destination.length = header->rtm_dst_len;
	route->table = header->rtm_table;
	route->type = header->rtm_type;
	route->protocol = header->rtm_protocol;
	reading->foreign = (header->rtm_flags & RTM_F_CLONED) ||
			   header->rtm_src_len || header->rtm_tos;
	route->opaque = found[RTA_MULTIPATH] || found[RTA_ENCAP_TYPE] ||
			found[RTA_NH_ID];
	if (found[RTA_TABLE])
		route->table = mnl_attr_get_u32(found[RTA_TABLE]);
	if (found[RTA_PRIORITY])
		route->metric = mnl_attr_get_u32(found[RTA_PRIORITY]);
	error = read_attribute(header->rtm_family, found[RTA_DST],
			       &route->destination.address);
	if (!error)
		error = read_attribute(header->rtm_family, found[RTA_PREFSRC],
				       &route->source);
	if (!error && found[RTA_METRICS])
		error = read_mtu(found[RTA_METRICS], &route->mtu);
	if (!error)
		error = read_nexthop(header, found, reading);
	/* IPv6 reports lo for these, IPv4 nothing. */
	if (is_refusal(route->type))
		reading->index = 0;
	return error;
}

int rtnl_read_route(const struct nlmsghdr *message, uint16_t family,
		    struct rtnl_reading *reading)
{
	static const enum mnl_attr_data_type types[] = {
		[RTA_DST] = MNL_TYPE_BINARY,
		[RTA_OIF] = MNL_TYPE_U32,
		[RTA_GATEWAY] = MNL_TYPE_BINARY,
		[RTA_PRIORITY] = MNL_TYPE_U32,
		[RTA_PREFSRC] = MNL_TYPE_BINARY,
		[RTA_METRICS] = MNL_TYPE_NESTED,
		[RTA_MULTIPATH] = MNL_TYPE_BINARY,
		[RTA_TABLE] = MNL_TYPE_U32,
		[RTA_VIA] = MNL_TYPE_BINARY,
		[RTA_ENCAP_TYPE] = MNL_TYPE_U16,
		[RTA_NH_ID] = MNL_TYPE_U32,
	};
	const struct rtmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *found[RTA_NH_ID + 1];
	struct netlink_attributes attributes = {
		.types = types,
		.found = found,
		.count = RTA_NH_ID + 1,
	};

	if ((message->nlmsg_type != RTM_NEWROUTE &&
	     message->nlmsg_type != RTM_DELROUTE) ||
	    netlink_parse(message, sizeof(*header), &attributes) ||
	    header->rtm_family != family ||
	    header->rtm_dst_len > inet_size(family) * 8)
		return -EPROTO;
	*reading = (struct rtnl_reading){0};
	return read_values(header, found, reading);
}
