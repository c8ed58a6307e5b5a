/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * This is about addresses of links: RTM_NEWADDR and its kin (linux/if_addr.h).
 */
#include <errno.h>
#include <linux/if_addr.h>
#include <string.h>

#include "host/kernel/rtnl_internal.h"

static int address_request(struct rtnl *rtnl, uint16_t type, uint16_t flags,
			   const char *device, const struct inet_prefix *prefix)
{
	size_t size = inet_size(prefix->address.family);
	struct netlink_buffer buffer;
	struct nlmsghdr *message;
	struct ifaddrmsg *header;
	unsigned index;
	int err;

	if (size == 0)
		return -EAFNOSUPPORT;
	err = rtnl_link_get(rtnl, device, &index, NULL);
	if (err)
		return err;
	message = netlink_message(&buffer, type, flags);
	header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
	header->ifa_family = prefix->address.family;
	header->ifa_prefixlen = prefix->length;
	header->ifa_index = index;
	/*
	 * Without duplicate address detection, which a tun device has no use
	 * for. IPv6 would still wait for the kernel's worker to find that out
	 * (addrconf_dad_start()), and until then give connections, for as long
	 * as they last, the address of another device.
	 */
	if (prefix->address.family == AF_INET6)
		header->ifa_flags = IFA_F_NODAD;
	mnl_attr_put(message, IFA_LOCAL, size, prefix->address.bytes);
	mnl_attr_put(message, IFA_ADDRESS, size, prefix->address.bytes);
	return netlink_request(&rtnl->netlink, message, NULL, NULL);
}

int rtnl_address_add(struct rtnl *rtnl, const char *device,
		     const struct inet_prefix *prefix)
{
	return address_request(rtnl, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL,
			       device, prefix);
}

int rtnl_address_del(struct rtnl *rtnl, const char *device,
		     const struct inet_prefix *prefix)
{
	int err = address_request(rtnl, RTM_DELADDR, 0, device, prefix);

	/*
	 * ENXIO says that the link carries no IPv6 at all (inet6_addr_del()).
	 */
	return err == -ENXIO ? -EADDRNOTAVAIL : err;
}

struct address_search {
	const struct inet_prefix *prefix;
	unsigned index;
	bool found;
};

static int address_visit(void *data, const struct nlmsghdr *message)
{
	static const enum mnl_attr_data_type types[] = {
		[IFA_ADDRESS] = MNL_TYPE_BINARY,
		[IFA_LOCAL] = MNL_TYPE_BINARY,
	};
	const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *found[IFA_LOCAL + 1], *own;
	struct netlink_attributes attributes = {
		.types = types,
		.found = found,
		.count = IFA_LOCAL + 1,
	};
	struct address_search *search = data;
	const struct inet_prefix *prefix = search->prefix;
	size_t size = inet_size(prefix->address.family);

	if (message->nlmsg_type != RTM_NEWADDR ||
	    netlink_parse(message, sizeof(*header), &attributes))
		return -EPROTO;
	/* IPv6 has IFA_LOCAL only where the other end has an address too. */
	own = found[IFA_LOCAL] ? found[IFA_LOCAL] : found[IFA_ADDRESS];
	if (own && header->ifa_index == search->index &&
	    header->ifa_family == prefix->address.family &&
	    header->ifa_prefixlen == prefix->length &&
	    mnl_attr_get_payload_len(own) == size &&
	    memcmp(mnl_attr_get_payload(own), prefix->address.bytes, size) == 0)
		search->found = true;
	return 0;
}

int rtnl_address_has(struct rtnl *rtnl, const char *device,
		     const struct inet_prefix *prefix)
{
	struct address_search search = {.prefix = prefix};
	struct netlink_buffer buffer;
	struct nlmsghdr *message;
	struct ifaddrmsg *header;
	int err = rtnl_link_get(rtnl, device, &search.index, NULL);

	if (err)
		return err;
	message = netlink_message(&buffer, RTM_GETADDR, NLM_F_DUMP);
	header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
	header->ifa_family = prefix->address.family;
	header->ifa_index = search.index;
	err = netlink_request(&rtnl->netlink, message, address_visit, &search);
	return err ? err : search.found;
}

struct address_listing {
	rtnl_address_visit visit;
	void *data;
};

static int listing_visit(void *data, const struct nlmsghdr *message)
{
	static const enum mnl_attr_data_type types[] = {
		[IFA_ADDRESS] = MNL_TYPE_BINARY,
		[IFA_LOCAL] = MNL_TYPE_BINARY,
	};
	const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *found[IFA_LOCAL + 1], *network;
	struct netlink_attributes attributes = {
		.types = types,
		.found = found,
		.count = IFA_LOCAL + 1,
	};
	struct address_listing *listing = data;
	struct inet_prefix prefix = {0};
	size_t size;

	if (message->nlmsg_type != RTM_NEWADDR ||
	    netlink_parse(message, sizeof(*header), &attributes))
		return -EPROTO;
	size = inet_size(header->ifa_family);
	/* Point to point, IFA_ADDRESS is the other end, and the network's. */
	network = found[IFA_ADDRESS] ? found[IFA_ADDRESS] : found[IFA_LOCAL];
	if (!size || !network || mnl_attr_get_payload_len(network) != size ||
	    header->ifa_prefixlen > 8 * size)
		return 0;
	prefix.address.family = header->ifa_family;
	memcpy(prefix.address.bytes, mnl_attr_get_payload(network), size);
	prefix.length = header->ifa_prefixlen;
	return listing->visit(listing->data, header->ifa_index, &prefix);
}

int rtnl_address_each(struct rtnl *rtnl, rtnl_address_visit visit, void *data)
{
	struct address_listing listing = {visit, data};
	struct netlink_buffer buffer;
	struct nlmsghdr *message =
		netlink_message(&buffer, RTM_GETADDR, NLM_F_DUMP);

	mnl_nlmsg_put_extra_header(message, sizeof(struct ifaddrmsg));
	return netlink_request(&rtnl->netlink, message, listing_visit,
			       &listing);
}
