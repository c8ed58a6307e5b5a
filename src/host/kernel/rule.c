/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * This is about rules of the routing policy: RTM_NEWRULE and its kin
 * (linux/fib_rules.h).
 */
#include <errno.h>
#include <linux/fib_rules.h>
#include <stdlib.h>
#include <string.h>

#include "host/kernel/rtnl_internal.h"

/* A dump is begun anew so often where changes come in between. */
#define DUMP_ATTEMPTS 16

static int rule_request(struct rtnl *rtnl, uint16_t type, uint16_t flags,
			const struct rtnl_rule *rule)
{
	struct netlink_buffer buffer;
	struct nlmsghdr *message = netlink_message(&buffer, type, flags);
	struct fib_rule_hdr *header =
		mnl_nlmsg_put_extra_header(message, sizeof(*header));

	if (inet_size(rule->family) == 0)
		return -EAFNOSUPPORT;
	header->family = rule->family;
	header->action = FR_ACT_TO_TBL;
	header->flags = rule->unless ? FIB_RULE_INVERT : 0;
	if (rule->table <= UINT8_MAX)
		header->table = rule->table;
	else
		mnl_attr_put_u32(message, FRA_TABLE, rule->table);
	mnl_attr_put_u32(message, FRA_PRIORITY, rule->priority);
	mnl_attr_put_u8(message, FRA_PROTOCOL, rule->protocol);
	if (rule->mask) {
		mnl_attr_put_u32(message, FRA_FWMARK, rule->mark);
		mnl_attr_put_u32(message, FRA_FWMASK, rule->mask);
	}
	return netlink_request(&rtnl->netlink, message, NULL, NULL);
}

int rtnl_rule_add(struct rtnl *rtnl, const struct rtnl_rule *rule)
{
	return rule_request(rtnl, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, rule);
}

int rtnl_rule_del(struct rtnl *rtnl, const struct rtnl_rule *rule)
{
	/* The kernel compares only what it is given: no mark, any mark. */
	int found = rtnl_rule_has(rtnl, rule);

	if (found <= 0)
		return found ? found : -ENOENT;
	return rule_request(rtnl, RTM_DELRULE, 0, rule);
}

/* What makes a rule one for some packets only, but for the mark. */
static bool is_conditional(const struct fib_rule_hdr *header,
			   const struct nlattr **found)
{
	static const uint16_t conditions[] = {
		FRA_DST,	 FRA_SRC,	  FRA_IIFNAME,	 FRA_TUN_ID,
		FRA_OIFNAME,	 FRA_L3MDEV,	  FRA_UID_RANGE, FRA_IP_PROTO,
		FRA_SPORT_RANGE, FRA_DPORT_RANGE,
	};
	size_t count = sizeof(conditions) / sizeof(conditions[0]);

	if (header->dst_len || header->src_len || header->tos)
		return true;
	for (size_t i = 0; i < count; i++) {
		if (found[conditions[i]])
			return true;
	}
	return false;
}

static uint32_t number_of(const struct nlattr *attribute, uint32_t otherwise)
{
	return attribute ? mnl_attr_get_u32(attribute) : otherwise;
}

int rtnl_read_rule(const struct nlmsghdr *message, struct rtnl_rule *rule)
{
	static const enum mnl_attr_data_type types[] = {
		[FRA_DST] = MNL_TYPE_BINARY,
		[FRA_SRC] = MNL_TYPE_BINARY,
		[FRA_IIFNAME] = MNL_TYPE_NUL_STRING,
		[FRA_PRIORITY] = MNL_TYPE_U32,
		[FRA_FWMARK] = MNL_TYPE_U32,
		[FRA_TUN_ID] = MNL_TYPE_U64,
		[FRA_TABLE] = MNL_TYPE_U32,
		[FRA_FWMASK] = MNL_TYPE_U32,
		[FRA_OIFNAME] = MNL_TYPE_NUL_STRING,
		[FRA_L3MDEV] = MNL_TYPE_U8,
		[FRA_UID_RANGE] = MNL_TYPE_BINARY,
		[FRA_PROTOCOL] = MNL_TYPE_U8,
		[FRA_IP_PROTO] = MNL_TYPE_U8,
		[FRA_SPORT_RANGE] = MNL_TYPE_BINARY,
		[FRA_DPORT_RANGE] = MNL_TYPE_BINARY,
	};
	const struct fib_rule_hdr *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *found[FRA_DPORT_RANGE + 1];
	struct netlink_attributes attributes = {
		.types = types,
		.found = found,
		.count = FRA_DPORT_RANGE + 1,
	};

	if ((message->nlmsg_type != RTM_NEWRULE &&
	     message->nlmsg_type != RTM_DELRULE) ||
	    netlink_parse(message, sizeof(*header), &attributes))
		return -EPROTO;
	*rule = (struct rtnl_rule){
		.family = header->family,
		.priority = number_of(found[FRA_PRIORITY], 0),
		.mark = number_of(found[FRA_FWMARK], 0),
		.mask = number_of(found[FRA_FWMASK], 0),
		.unless = header->flags & FIB_RULE_INVERT,
		.protocol = found[FRA_PROTOCOL]
				    ? mnl_attr_get_u8(found[FRA_PROTOCOL])
				    : 0,
		.conditional = is_conditional(header, found),
	};
	if (header->action == FR_ACT_TO_TBL)
		rule->table = number_of(found[FRA_TABLE], header->table);
	return 0;
}

struct rule_list {
	struct rtnl_rule *items;
	size_t count, capacity;
	uint16_t family;
};

static int list_visit(void *data, const struct nlmsghdr *message)
{
	struct rule_list *list = data;
	struct rtnl_rule *items;
	int err;

	if (list->count == list->capacity) {
		list->capacity = list->capacity ? 2 * list->capacity : 16;
		items = reallocarray(list->items, list->capacity,
				     sizeof(*items));
		if (!items)
			return -ENOMEM;
		list->items = items;
	}
	err = rtnl_read_rule(message, &list->items[list->count]);
	if (!err && list->items[list->count].family == list->family)
		list->count++;
	return err;
}

int rtnl_rule_each(struct rtnl *rtnl, uint16_t family, rtnl_rule_visit visit,
		   void *data)
{
	struct rule_list list = {.family = family};
	int err = -EINTR;

	for (int i = 0; i < DUMP_ATTEMPTS && err == -EINTR; i++) {
		struct netlink_buffer buffer;
		struct nlmsghdr *message =
			netlink_message(&buffer, RTM_GETRULE, NLM_F_DUMP);
		struct fib_rule_hdr *header =
			mnl_nlmsg_put_extra_header(message, sizeof(*header));

		header->family = family;
		list.count = 0;
		err = netlink_request(&rtnl->netlink, message, list_visit,
				      &list);
	}
	if (err == -EINTR)
		err = -EAGAIN;
	for (size_t i = 0; !err && i < list.count; i++)
		err = visit(data, &list.items[i]);
	free(list.items);
	return err;
}

static int has_visit(void *data, const struct rtnl_rule *there)
{
	const struct rtnl_rule *rule = data;

	return !there->conditional && there->priority == rule->priority &&
	       there->mark == rule->mark && there->mask == rule->mask &&
	       there->unless == rule->unless && there->table == rule->table &&
	       there->protocol == rule->protocol;
}

int rtnl_rule_has(struct rtnl *rtnl, const struct rtnl_rule *rule)
{
	struct rtnl_rule wanted = *rule;

	return rtnl_rule_each(rtnl, rule->family, has_visit, &wanted);
}
