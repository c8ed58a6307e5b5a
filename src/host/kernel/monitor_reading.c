/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The notifications of the kernel: see monitor_read() in monitor.h. */
#include <errno.h>
#include <limits.h>
#include <linux/if_addr.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netconf.h>

#include "host/kernel/monitor.h"
#include "host/kernel/rtnl_internal.h"

static unsigned of_index(int index, unsigned device)
{
	return index > 0 && (unsigned)index == device ? MONITOR_OWN
						      : MONITOR_UPLINK;
}

static unsigned read_link(const struct nlmsghdr *message, unsigned device)
{
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return MONITOR_NETWORK;
	return of_index(header->ifi_index, device);
}

static unsigned read_address(const struct nlmsghdr *message, unsigned device)
{
	const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return MONITOR_NETWORK;
	return of_index((int)header->ifa_index, device);
}

static unsigned read_route(const struct nlmsghdr *message, unsigned device)
{
	const struct rtmsg *header = mnl_nlmsg_get_payload(message);
	struct rtnl_reading reading;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return MONITOR_NETWORK;
	/* Those of multicast routers, and of others that we have nothing of. */
	if (header->rtm_family != AF_INET && header->rtm_family != AF_INET6)
		return 0;
	if (rtnl_read_route(message, header->rtm_family, &reading))
		return MONITOR_NETWORK;
	if (reading.route.protocol == RTNL_PROTOCOL)
		return MONITOR_OWN;
	/* What it has replaced is not said (inet_rtm_newroute()). */
	if (message->nlmsg_flags & NLM_F_REPLACE)
		return MONITOR_NETWORK;
	return of_index((int)reading.index, device);
}

static unsigned read_rule(const struct nlmsghdr *message)
{
	struct rtnl_rule rule;

	if (rtnl_read_rule(message, &rule))
		return MONITOR_NETWORK;
	return rule.protocol == RTNL_PROTOCOL ? MONITOR_OWN : MONITOR_UPLINK;
}

/*
 * Forwarding, rp_filter and others. Each device that comes has its own, by the
 * hundred on a host of containers, and none of them is a setting of ours.
 */
static unsigned read_settings(const struct nlmsghdr *message)
{
	static const enum mnl_attr_data_type types[] = {
		[NETCONFA_IFINDEX] = MNL_TYPE_U32,
	};
	const struct nlattr *found[NETCONFA_IFINDEX + 1];
	struct netlink_attributes attributes = {
		.types = types,
		.found = found,
		.count = NETCONFA_IFINDEX + 1,
	};

	if (netlink_parse(message, sizeof(struct netconfmsg), &attributes) ||
	    !found[NETCONFA_IFINDEX])
		return MONITOR_SETTINGS;
	return (int)mnl_attr_get_u32(found[NETCONFA_IFINDEX]) ==
			       NETCONFA_IFINDEX_ALL
		       ? MONITOR_SETTINGS
		       : 0;
}

static unsigned read_network(const struct nlmsghdr *message, unsigned device)
{
	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return read_link(message, device);
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return read_address(message, device);
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return read_route(message, device);
	case RTM_NEWRULE:
	case RTM_DELRULE:
		return read_rule(message);
	case RTM_NEWNETCONF:
		return read_settings(message);
	default:
		return 0;
	}
}

/* Elements of sets come and go by the thousand, and take no table away. */
static unsigned read_tables(const struct nlmsghdr *message)
{
	if (NFNL_SUBSYS_ID(message->nlmsg_type) != NFNL_SUBSYS_NFTABLES)
		return 0;
	switch (NFNL_MSG_TYPE(message->nlmsg_type)) {
	case NFT_MSG_NEWTABLE:
	case NFT_MSG_DELTABLE:
	case NFT_MSG_NEWCHAIN:
	case NFT_MSG_DELCHAIN:
	case NFT_MSG_NEWRULE:
	case NFT_MSG_DELRULE:
		return MONITOR_TABLES;
	default:
		return 0;
	}
}

unsigned monitor_read(int bus, const void *datagram, size_t size,
		      unsigned device)
{
	const struct nlmsghdr *message = datagram;
	int left = size < INT_MAX ? (int)size : INT_MAX;
	unsigned what = 0;

	while (netlink_whole(message, left)) {
		what |= bus == NETLINK_ROUTE ? read_network(message, device)
					     : read_tables(message);
		message = mnl_nlmsg_next(message, &left);
	}
	/* What is left over is no message. */
	if (left > 0)
		what |= bus == NETLINK_ROUTE
				? MONITOR_NETWORK | MONITOR_SETTINGS
				: MONITOR_TABLES;
	return what;
}
