/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Links: RTM_NEWLINK and its kin (linux/if_link.h). */
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>

#include "host/kernel/rtnl_internal.h"

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

/* The link is named by name where index is 0. */
static int link_query(struct rtnl *rtnl, unsigned index, const char *name,
		      struct link *link)
{
	struct netlink_buffer buffer;
	struct nlmsghdr *message = netlink_message(&buffer, RTM_GETLINK, 0);
	struct ifinfomsg *header =
		mnl_nlmsg_put_extra_header(message, sizeof(*header));
	int err;

	header->ifi_index = index;
	if (index == 0)
		mnl_attr_put_strz(message, IFLA_IFNAME, name);
	*link = (struct link){0};
	err = netlink_request(&rtnl->netlink, message, link_visit, link);
	if (err)
		return err;
	return link->index ? 0 : -ENODEV;
}

int rtnl_link_read(struct rtnl *rtnl, const char *device,
		   struct rtnl_link *link)
{
	struct link found;
	int err;

	if (!device[0] || strlen(device) >= IFNAMSIZ)
		return -ENODEV;
	err = link_query(rtnl, 0, device, &found);
	if (err)
		return err;
	*link = (struct rtnl_link){found.index, found.mtu, found.flags};
	return 0;
}

int rtnl_link_get(struct rtnl *rtnl, const char *device, unsigned *index,
		  unsigned *mtu)
{
	struct rtnl_link link;
	int err = rtnl_link_read(rtnl, device, &link);

	if (err)
		return err;
	if (index)
		*index = link.index;
	if (mtu)
		*mtu = link.mtu;
	return 0;
}

int rtnl_link_name(struct rtnl *rtnl, unsigned index, char name[IFNAMSIZ])
{
	struct link link;
	int err = link_query(rtnl, index, NULL, &link);

	if (!err)
		memcpy(name, link.name, IFNAMSIZ);
	return err;
}

static int read_kind(const struct nlattr *attribute, struct rtnl_entry *entry)
{
	static const enum mnl_attr_data_type types[] = {
		[IFLA_INFO_KIND] = MNL_TYPE_NUL_STRING,
	};
	const struct nlattr *found[IFLA_INFO_KIND + 1];
	struct netlink_attributes attributes = {
		.types = types,
		.found = found,
		.count = IFLA_INFO_KIND + 1,
	};

	if (netlink_parse_nested(attribute, &attributes))
		return -EPROTO;
	if (found[IFLA_INFO_KIND])
		snprintf(entry->kind, sizeof(entry->kind), "%s",
			 mnl_attr_get_str(found[IFLA_INFO_KIND]));
	return 0;
}

struct listing {
	rtnl_link_visit visit;
	void *data;
};

static int listing_visit(void *data, const struct nlmsghdr *message)
{
	static const enum mnl_attr_data_type types[] = {
		[IFLA_IFNAME] = MNL_TYPE_NUL_STRING,
		[IFLA_MASTER] = MNL_TYPE_U32,
		[IFLA_LINKINFO] = MNL_TYPE_NESTED,
	};
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *found[IFLA_LINKINFO + 1];
	struct netlink_attributes attributes = {
		.types = types,
		.found = found,
		.count = IFLA_LINKINFO + 1,
	};
	struct listing *listing = data;
	struct rtnl_entry entry = {0};

	if (message->nlmsg_type != RTM_NEWLINK ||
	    netlink_parse(message, sizeof(*header), &attributes) ||
	    header->ifi_index <= 0 || !found[IFLA_IFNAME] ||
	    strlen(mnl_attr_get_str(found[IFLA_IFNAME])) >= IFNAMSIZ)
		return -EPROTO;
	strcpy(entry.name, mnl_attr_get_str(found[IFLA_IFNAME]));
	entry.index = header->ifi_index;
	entry.flags = header->ifi_flags;
	if (found[IFLA_MASTER])
		entry.master = mnl_attr_get_u32(found[IFLA_MASTER]);
	if (found[IFLA_LINKINFO] && read_kind(found[IFLA_LINKINFO], &entry))
		return -EPROTO;
	return listing->visit(listing->data, &entry);
}

int rtnl_link_each(struct rtnl *rtnl, rtnl_link_visit visit, void *data)
{
	struct listing listing = {visit, data};
	struct netlink_buffer buffer;
	struct nlmsghdr *message =
		netlink_message(&buffer, RTM_GETLINK, NLM_F_DUMP);

	mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
	return netlink_request(&rtnl->netlink, message, listing_visit,
			       &listing);
}

/* RTM_NEWLINK without NLM_F_CREATE changes a link that is there. */
static int link_message(struct rtnl *rtnl, const char *device,
			struct netlink_buffer *buffer,
			struct nlmsghdr **message, struct ifinfomsg **header)
{
	unsigned index;
	int err = rtnl_link_get(rtnl, device, &index, NULL);

	if (err)
		return err;
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
	int err = link_message(rtnl, device, &buffer, &message, &header);

	if (err)
		return err;
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
	int err = link_message(rtnl, device, &buffer, &message, &header);

	if (err)
		return err;
	mnl_attr_put_u32(message, IFLA_TXQLEN, packets);
	return netlink_request(&rtnl->netlink, message, NULL, NULL);
}

int rtnl_link_no_autoconf(struct rtnl *rtnl, const char *device)
{
	struct netlink_buffer buffer;
	struct nlmsghdr *message;
	struct ifinfomsg *header;
	struct nlattr *families, *inet6;
	int err = link_message(rtnl, device, &buffer, &message, &header);

	if (err)
		return err;
	families = mnl_attr_nest_start(message, IFLA_AF_SPEC);
	inet6 = mnl_attr_nest_start(message, AF_INET6);
	mnl_attr_put_u8(message, IFLA_INET6_ADDR_GEN_MODE,
			IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(message, inet6);
	mnl_attr_nest_end(message, families);
	err = netlink_request(&rtnl->netlink, message, NULL, NULL);
	/* No IPv6 in this kernel, or none on a link with an MTU below 1280. */
	return err == -EAFNOSUPPORT ? 0 : err;
}
