/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/kernel/rtnl.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <stdlib.h>
#include <string.h>

#include "host/kernel/rtnl_internal.h"

int rtnl_open(struct rtnl **rtnl)
{
	struct rtnl *new = calloc(1, sizeof(*new));
	int error;

	if (!new)
		return -ENOMEM;
	error = netlink_open(&new->netlink, NETLINK_ROUTE);
	if (error) {
		free(new);
		return error;
	}
	*rtnl = new;
	return 0;
}

void rtnl_close(struct rtnl *rtnl)
{
	if (!rtnl)
		return;
	netlink_close(&rtnl->netlink);
	free(rtnl);
}

const char *rtnl_reason(const struct rtnl *rtnl)
{
	return rtnl->netlink.reason;
}

struct link {
	unsigned index, mtu, flags;
	char name[IFNAMSIZ];
};

static int link_visit(void *data, const struct nlmsghdr *message)
{
	static const enum mnl_attr_data_type types[] = {
		[IFLA_IFNAME] = MNL_TYPE_NUL_STRING,
		[IFLA_MTU] = MNL_TYPE_U32,
	};
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *found[IFLA_MTU + 1];
	struct netlink_attributes attributes = {
		.types = types,
		.found = found,
		.count = IFLA_MTU + 1,
	};
	struct link *link = data;
	const char *name;

	if (message->nlmsg_type != RTM_NEWLINK ||
	    netlink_parse(message, sizeof(*header), &attributes) ||
	    header->ifi_index <= 0 || !found[IFLA_IFNAME] || !found[IFLA_MTU])
		return -EPROTO;
	name = mnl_attr_get_str(found[IFLA_IFNAME]);
	if (strlen(name) >= sizeof(link->name))
		return -EPROTO;
	strcpy(link->name, name);
	link->index = header->ifi_index;
	link->flags = header->ifi_flags;
	link->mtu = mnl_attr_get_u32(found[IFLA_MTU]);
	return 0;
}

/* By name where index is 0. */
static int link_query(struct rtnl *rtnl, unsigned index, const char *name,
		      struct link *link)
{
	struct netlink_buffer buffer;
	struct nlmsghdr *message = netlink_message(&buffer, RTM_GETLINK, 0);
	struct ifinfomsg *header =
		mnl_nlmsg_put_extra_header(message, sizeof(*header));
	int error;

	header->ifi_index = index;
	if (index == 0)
		mnl_attr_put_strz(message, IFLA_IFNAME, name);
	*link = (struct link){0};
	error = netlink_request(&rtnl->netlink, message, link_visit, link);
	if (error)
		return error;
	return link->index ? 0 : -ENODEV;
}

int rtnl_link_read(struct rtnl *rtnl, const char *device,
		   struct rtnl_link *link)
{
	struct link found;
	int error;

	if (!device[0] || strlen(device) >= IFNAMSIZ)
		return -ENODEV;
	error = link_query(rtnl, 0, device, &found);
	if (error)
		return error;
	*link = (struct rtnl_link){found.index, found.mtu, found.flags};
	return 0;
}

int rtnl_link_get(struct rtnl *rtnl, const char *device, unsigned *index,
		  unsigned *mtu)
{
	struct rtnl_link link;
	int error = rtnl_link_read(rtnl, device, &link);

	if (error)
		return error;
	if (index)
		*index = link.index;
	if (mtu)
		*mtu = link.mtu;
	return 0;
}

int rtnl_link_name(struct rtnl *rtnl, unsigned index, char name[IFNAMSIZ])
{
	struct link link;
	int error = link_query(rtnl, index, NULL, &link);

	if (!error)
		memcpy(name, link.name, IFNAMSIZ);
	return error;
}

/* RTM_NEWLINK without NLM_F_CREATE changes a link that is there. */
static int link_message(struct rtnl *rtnl, const char *device,
			struct netlink_buffer *buffer,
			struct nlmsghdr **message, struct ifinfomsg **header)
{
	unsigned index;
	int error = rtnl_link_get(rtnl, device, &index, NULL);

	if (error)
		return error;
	*message = netlink_message(buffer, RTM_NEWLINK, 0);
	*header = mnl_nlmsg_put_extra_header(*message, sizeof(**header));
	(*header)->ifi_index = index;
	return 0;
}

int rtnl_link_set(struct rtnl *rtnl, const char *device, unsigned mtu, bool up)
{
	struct netlink_buffer buffer;
	struct nlmsghdr *message;
	struct ifinfomsg *header;
	int error = link_message(rtnl, device, &buffer, &message, &header);

	if (error)
		return error;
	if (up) {
		header->ifi_flags = IFF_UP;
		header->ifi_change = IFF_UP;
	}
	if (mtu)
		mnl_attr_put_u32(message, IFLA_MTU, mtu);
	return netlink_request(&rtnl->netlink, message, NULL, NULL);
}

int rtnl_link_queue(struct rtnl *rtnl, const char *device, unsigned packets)
{
	struct netlink_buffer buffer;
	struct nlmsghdr *message;
	struct ifinfomsg *header;
	int error = link_message(rtnl, device, &buffer, &message, &header);

	if (error)
		return error;
	mnl_attr_put_u32(message, IFLA_TXQLEN, packets);
	return netlink_request(&rtnl->netlink, message, NULL, NULL);
}

int rtnl_link_no_autoconf(struct rtnl *rtnl, const char *device)
{
	struct netlink_buffer buffer;
	struct nlmsghdr *message;
	struct ifinfomsg *header;
	struct nlattr *families, *inet6;
	int error = link_message(rtnl, device, &buffer, &message, &header);

	if (error)
		return error;
	families = mnl_attr_nest_start(message, IFLA_AF_SPEC);
	inet6 = mnl_attr_nest_start(message, AF_INET6);
	mnl_attr_put_u8(message, IFLA_INET6_ADDR_GEN_MODE,
			IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(message, inet6);
	mnl_attr_nest_end(message, families);
	error = netlink_request(&rtnl->netlink, message, NULL, NULL);
	/* No IPv6 in this kernel, or none on a link with an MTU below 1280. */
	return error == -EAFNOSUPPORT ? 0 : error;
}

static int address_request(struct rtnl *rtnl, uint16_t type, uint16_t flags,
			   const char *device, const struct inet_prefix *prefix)
{
	size_t size = inet_size(prefix->address.family);
	struct netlink_buffer buffer;
	struct nlmsghdr *message;
	struct ifaddrmsg *header;
	unsigned index;
	int error;

	if (size == 0)
		return -EAFNOSUPPORT;
	error = rtnl_link_get(rtnl, device, &index, NULL);
	if (error)
		return error;
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
	int error = address_request(rtnl, RTM_DELADDR, 0, device, prefix);

	/* ENXIO: the link carries no IPv6 at all (inet6_addr_del()). */
	return error == -ENXIO ? -EADDRNOTAVAIL : error;
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
	int error = rtnl_link_get(rtnl, device, &search.index, NULL);

	if (error)
		return error;
	message = netlink_message(&buffer, RTM_GETADDR, NLM_F_DUMP);
	header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
	header->ifa_family = prefix->address.family;
	header->ifa_index = search.index;
	error = netlink_request(&rtnl->netlink, message, address_visit,
				&search);
	return error ? error : search.found;
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
