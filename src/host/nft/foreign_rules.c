/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/nft/foreign_rules.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <stddef.h>
#include <string.h>

#include "common/bytes.h"

/* The most attributes that any expression here has. */
#define ATTRIBUTES 16

/* What a rule compares next: registers are filled right before. */
enum loaded {
	LOADED_OTHER,
	LOADED_FROM_NAME,
	LOADED_TO_NAME,
	LOADED_FROM_INDEX,
	LOADED_TO_INDEX,
	LOADED_STATE,
	LOADED_SOURCE,
	LOADED_DESTINATION,
	/* These are of a view with a port. */
	LOADED_PROTOCOL,
	LOADED_PORT,
	LOADED_PORTS, /* that it comes from, and then that which it goes to */
	LOADED_CT_STATUS,
};

struct reader {
	const struct nft_view *view;
	struct nft_rule_reading *rule;
	enum loaded loaded;
	uint16_t family; /* of the address that is loaded */
	uint32_t states; /* by the mask that was put on them */
	bool protocols;	 /* one of a set of protocols is asked for */
	bool ports;	 /* a port is */
};

/* This collects all attributes of a nest, none of them checked; -EPROTO. */
static int parse(const struct nlattr *nest, const struct nlattr **found)
{
	static const enum mnl_attr_data_type types[ATTRIBUTES] = {
		[1] = MNL_TYPE_BINARY,	[2] = MNL_TYPE_BINARY,
		[3] = MNL_TYPE_BINARY,	[4] = MNL_TYPE_BINARY,
		[5] = MNL_TYPE_BINARY,	[6] = MNL_TYPE_BINARY,
		[7] = MNL_TYPE_BINARY,	[8] = MNL_TYPE_BINARY,
		[9] = MNL_TYPE_BINARY,	[10] = MNL_TYPE_BINARY,
		[11] = MNL_TYPE_BINARY, [12] = MNL_TYPE_BINARY,
		[13] = MNL_TYPE_BINARY, [14] = MNL_TYPE_BINARY,
		[15] = MNL_TYPE_BINARY,
	};
	struct netlink_attributes attributes = {
		.types = types,
		.found = found,
		.count = ATTRIBUTES,
	};

	memset(found, 0, ATTRIBUTES * sizeof(*found));
	return nest ? netlink_parse_nested(nest, &attributes) : 0;
}

/* All numbers are in network order; absent or odd: fallback. */
static uint32_t number(const struct nlattr *attribute, uint32_t fallback)
{
	if (!attribute || mnl_attr_get_payload_len(attribute) < 4)
		return fallback;
	return ntohl(mnl_attr_get_u32(attribute));
}

static int read_name(const struct nlattr *attribute, char name[NFT_NAME_MAXLEN])
{
	size_t size = attribute ? mnl_attr_get_payload_len(attribute) : 0;
	const char *text = attribute ? mnl_attr_get_payload(attribute) : NULL;

	if (size == 0 || size > NFT_NAME_MAXLEN || !memchr(text, '\0', size))
		return -EPROTO;
	snprintf(name, NFT_NAME_MAXLEN, "%s", text);
	return 0;
}

static bool is_name(const struct nlattr *attribute, const char *name)
{
	size_t size = strlen(name) + 1;

	return attribute && mnl_attr_get_payload_len(attribute) == size &&
	       memcmp(mnl_attr_get_payload(attribute), name, size) == 0;
}

static int read_message(const struct nlmsghdr *message, uint8_t type,
			const struct nlattr **found, uint8_t *family)
{
	static const enum mnl_attr_data_type types[ATTRIBUTES] = {
		[1] = MNL_TYPE_BINARY, [2] = MNL_TYPE_BINARY,
		[3] = MNL_TYPE_BINARY, [4] = MNL_TYPE_BINARY,
		[5] = MNL_TYPE_BINARY,
	};
	const struct nfgenmsg *header = mnl_nlmsg_get_payload(message);
	struct netlink_attributes attributes = {
		.types = types,
		.found = found,
		.count = ATTRIBUTES,
	};

	if (message->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | type) ||
	    netlink_parse(message, sizeof(*header), &attributes))
		return -EPROTO;
	*family = header->nfgen_family;
	return 0;
}

int nft_read_chain(const struct nlmsghdr *message,
		   struct nft_chain_reading *chain)
{
	const struct nlattr *found[ATTRIBUTES], *hook[ATTRIBUTES];
	uint32_t at;

	*chain = (struct nft_chain_reading){0};
	if (read_message(message, NFT_MSG_NEWCHAIN, found, &chain->family) ||
	    read_name(found[NFTA_CHAIN_TABLE], chain->table) ||
	    read_name(found[NFTA_CHAIN_NAME], chain->name) ||
	    parse(found[NFTA_CHAIN_HOOK], hook))
		return -EPROTO;
	/* Other families have other hooks by the same numbers. */
	if (!found[NFTA_CHAIN_HOOK] ||
	    (chain->family != NFPROTO_IPV4 && chain->family != NFPROTO_IPV6 &&
	     chain->family != NFPROTO_INET))
		return 0;
	at = number(hook[NFTA_HOOK_HOOKNUM], NF_INET_NUMHOOKS);
	chain->forward = at == NF_INET_FORWARD;
	chain->input = at == NF_INET_LOCAL_IN;
	chain->drops = (chain->forward || chain->input) &&
		       number(found[NFTA_CHAIN_POLICY], NF_ACCEPT) == NF_DROP;
	return 0;
}

static void load_meta(struct reader *reader, const struct nlattr **data)
{
	/*
	 * An expression with a source register sets something, and matches
	 * nothing.
	 */
	if (!data[NFTA_META_DREG])
		return;
	switch (number(data[NFTA_META_KEY], NFT_META_LEN)) {
	case NFT_META_IIFNAME:
		reader->loaded = LOADED_FROM_NAME;
		return;
	case NFT_META_OIFNAME:
		reader->loaded = LOADED_TO_NAME;
		return;
	case NFT_META_IIF:
		reader->loaded = LOADED_FROM_INDEX;
		return;
	case NFT_META_OIF:
		reader->loaded = LOADED_TO_INDEX;
		return;
	case NFT_META_L4PROTO:
		reader->loaded = LOADED_PROTOCOL;
		return;
	default:
		reader->loaded = LOADED_OTHER;
	}
}

static void load_state(struct reader *reader, const struct nlattr **data)
{
	uint32_t key = number(data[NFTA_CT_KEY], NFT_CT_MARK);

	reader->loaded = key == NFT_CT_STATE	? LOADED_STATE
			 : key == NFT_CT_STATUS ? LOADED_CT_STATUS
						: LOADED_OTHER;
	reader->states = 0;
}

static void load_payload(struct reader *reader, const struct nlattr **data)
{
	uint32_t offset = number(data[NFTA_PAYLOAD_OFFSET], 0);
	uint32_t length = number(data[NFTA_PAYLOAD_LEN], 0);

	uint32_t base = number(data[NFTA_PAYLOAD_BASE], 0);

	reader->loaded = LOADED_OTHER;
	if (base == NFT_PAYLOAD_TRANSPORT_HEADER &&
	    offset == offsetof(struct udphdr, dest) && length == 2)
		reader->loaded = LOADED_PORT;
	if (base == NFT_PAYLOAD_TRANSPORT_HEADER && offset == 0 && length == 4)
		reader->loaded = LOADED_PORTS;
	if (base != NFT_PAYLOAD_NETWORK_HEADER || length == 0)
		return;
	if (offset == offsetof(struct iphdr, protocol) && length == 1)
		reader->loaded = LOADED_PROTOCOL;
	reader->family = AF_INET;
	if (offset == offsetof(struct iphdr, saddr) && length <= 4)
		reader->loaded = LOADED_SOURCE;
	else if (offset == offsetof(struct iphdr, daddr) && length <= 4)
		reader->loaded = LOADED_DESTINATION;
	if (reader->loaded != LOADED_OTHER)
		return;
	reader->family = AF_INET6;
	if (offset == offsetof(struct ip6_hdr, ip6_src))
		reader->loaded = LOADED_SOURCE;
	else if (offset == offsetof(struct ip6_hdr, ip6_dst))
		reader->loaded = LOADED_DESTINATION;
}

/* NF_CT_STATE_BIT() of the kernel is in the host's own byte order. */
static void mask_state(struct reader *reader, const struct nlattr **data)
{
	const struct nlattr *mask[ATTRIBUTES];

	if (reader->loaded == LOADED_STATE &&
	    parse(data[NFTA_BITWISE_MASK], mask) == 0 &&
	    mask[NFTA_DATA_VALUE] &&
	    mnl_attr_get_payload_len(mask[NFTA_DATA_VALUE]) >= 4)
		reader->states = mnl_attr_get_u32(mask[NFTA_DATA_VALUE]);
}

static unsigned state_matches(uint32_t states)
{
	unsigned match = 0;

	if (states & NF_CT_STATE_BIT(IP_CT_NEW))
		match |= NFT_RULE_NEW;
	if (states & NF_CT_STATE_BIT(IP_CT_ESTABLISHED))
		match |= NFT_RULE_ESTABLISHED;
	return match ? match : NFT_RULE_OTHER_STATE;
}

/* A shorter value than a whole name is a wildcard: "tun*". */
static bool is_device(const struct reader *reader, const void *value,
		      size_t size)
{
	char name[IFNAMSIZ] = "";

	if (reader->loaded == LOADED_FROM_INDEX ||
	    reader->loaded == LOADED_TO_INDEX)
		return size == sizeof(reader->view->index) &&
		       memcmp(value, &reader->view->index, size) == 0;
	memcpy(name, reader->view->device, strlen(reader->view->device));
	return size <= sizeof(name) && memcmp(value, name, size) == 0;
}

/* Is it the tunnel's network, or a part of it (its first bytes alone)? */
static bool is_inner(const struct reader *reader, const void *value,
		     size_t size)
{
	const struct inet_prefix *inner = reader->family == AF_INET
						  ? &reader->view->inner4
						  : &reader->view->inner6;
	size_t bytes = inner->length / 8;

	if (inner->address.family != reader->family)
		return false;
	if (bytes > size)
		bytes = size;
	return bytes > 0 && memcmp(value, inner->address.bytes, bytes) == 0;
}

static unsigned device_match(const struct reader *reader, const void *value,
			     size_t size, bool equal)
{
	bool from = reader->loaded == LOADED_FROM_NAME ||
		    reader->loaded == LOADED_FROM_INDEX;
	bool ours = is_device(reader, value, size);

	if (!equal && !ours)
		return 0;
	if (ours && equal)
		return from ? NFT_RULE_FROM : NFT_RULE_TO;
	return from ? NFT_RULE_FROM_OTHER : NFT_RULE_TO_OTHER;
}

/* The devices that packets from outside never come by; lo is the first one. */
static bool is_inside(const struct reader *reader, const void *value,
		      size_t size)
{
	static const char name[] = "lo";
	static const uint32_t index = 1;
	bool by_name = reader->loaded == LOADED_FROM_NAME;
	const void *lo = by_name ? (const void *)name : &index;
	size_t length = by_name ? sizeof(name) : sizeof(index);

	/* Names are padded to their full size, but those of wildcards. */
	return (size >= length && memcmp(value, lo, length) == 0) ||
	       is_device(reader, value, size);
}

static bool holds(uint32_t operator, uint32_t ours, uint32_t theirs)
{
	switch (operator) {
	case NFT_CMP_EQ:
		return ours == theirs;
	case NFT_CMP_NEQ:
		return ours != theirs;
	case NFT_CMP_LT:
		return ours < theirs;
	case NFT_CMP_LTE:
		return ours <= theirs;
	case NFT_CMP_GT:
		return ours > theirs;
	case NFT_CMP_GTE:
		return ours >= theirs;
	default:
		return true;
	}
}

/* For a view with a port: a first packet to it, that comes from outside. */
static unsigned compare_input(const struct reader *reader, uint32_t operator,
			      const void * value, size_t size)
{
	const uint8_t *bytes = value;
	bool equal = operator== NFT_CMP_EQ;

	switch (reader->loaded) {
	case LOADED_FROM_NAME:
	case LOADED_FROM_INDEX:
		if (!is_inside(reader, value, size))
			return NFT_RULE_OTHER;
		return equal ? NFT_RULE_NEVER : 0;
	case LOADED_STATE:
		return equal ? NFT_RULE_OTHER_STATE
			     : state_matches(reader->states);
	case LOADED_PROTOCOL:
		if (size != 1)
			return NFT_RULE_OTHER;
		return holds(operator, IPPROTO_UDP, bytes[0]) ? 0
							      : NFT_RULE_NEVER;
	case LOADED_PORT:
		if (size != 2)
			return NFT_RULE_OTHER;
		return holds(operator, reader->view->port, get16(bytes))
			       ? 0
			       : NFT_RULE_NEVER;
	case LOADED_PORTS:
		if (equal && size == 4 &&
		    get16(bytes + 2) != reader->view->port)
			return NFT_RULE_NEVER;
		return NFT_RULE_OTHER;
	case LOADED_CT_STATUS:
		/* Nobody has translated it on its way here. */
		return NFT_RULE_NEVER;
	case LOADED_TO_NAME:
	case LOADED_TO_INDEX:
	case LOADED_SOURCE:
	case LOADED_DESTINATION:
	case LOADED_OTHER:
		break;
	}
	return NFT_RULE_OTHER;
}

static unsigned compare(const struct reader *reader, const struct nlattr **data)
{
	bool equal = number(data[NFTA_CMP_OP], NFT_CMP_LT) == NFT_CMP_EQ;
	const struct nlattr *nest[ATTRIBUTES];
	const void *value;
	size_t size;

	if (parse(data[NFTA_CMP_DATA], nest) || !nest[NFTA_DATA_VALUE])
		return NFT_RULE_OTHER;
	value = mnl_attr_get_payload(nest[NFTA_DATA_VALUE]);
	size = mnl_attr_get_payload_len(nest[NFTA_DATA_VALUE]);
	if (reader->view->port)
		return compare_input(reader,
				     number(data[NFTA_CMP_OP], UINT32_MAX),
				     value, size);
	switch (reader->loaded) {
	case LOADED_FROM_NAME:
	case LOADED_TO_NAME:
	case LOADED_FROM_INDEX:
	case LOADED_TO_INDEX:
		return device_match(reader, value, size, equal);
	case LOADED_STATE:
		/* nft writes "state & mask != 0". */
		return equal ? NFT_RULE_OTHER_STATE
			     : state_matches(reader->states);
	case LOADED_SOURCE:
		if (equal && is_inner(reader, value, size))
			return NFT_RULE_FROM;
		break;
	case LOADED_DESTINATION:
		if (equal && is_inner(reader, value, size))
			return NFT_RULE_TO;
		break;
	case LOADED_PROTOCOL:
	case LOADED_PORT:
	case LOADED_PORTS:
	case LOADED_CT_STATUS:
	case LOADED_OTHER:
		break;
	}
	return NFT_RULE_OTHER;
}

/* The elements of sets are not read: we may be in this one. */
static unsigned look_up(struct reader *reader, const struct nlattr **data)
{
	bool map = data[NFTA_LOOKUP_DREG] &&
		   number(data[NFTA_LOOKUP_DREG], 1) == NFT_REG_VERDICT;

	switch (reader->loaded) {
	case LOADED_FROM_NAME:
	case LOADED_FROM_INDEX:
	case LOADED_SOURCE:
		return NFT_RULE_FROM | NFT_RULE_OTHER;
	case LOADED_TO_NAME:
	case LOADED_TO_INDEX:
	case LOADED_DESTINATION:
		return NFT_RULE_TO | NFT_RULE_OTHER;
	case LOADED_STATE:
		/* ct state vmap { established : accept, ... } */
		if (map)
			reader->rule->verdict = NFT_RULE_ACCEPT;
		return NFT_RULE_ESTABLISHED;
	case LOADED_PROTOCOL:
		reader->protocols = true;
		break;
	case LOADED_PORT:
	case LOADED_PORTS:
	case LOADED_CT_STATUS:
	case LOADED_OTHER:
		break;
	}
	return NFT_RULE_OTHER;
}

static void read_verdict(struct nft_rule_reading *rule,
			 const struct nlattr **data)
{
	const struct nlattr *nest[ATTRIBUTES], *verdict[ATTRIBUTES];

	if (number(data[NFTA_IMMEDIATE_DREG], 1) != NFT_REG_VERDICT ||
	    parse(data[NFTA_IMMEDIATE_DATA], nest) ||
	    parse(nest[NFTA_DATA_VERDICT], verdict))
		return;
	read_name(verdict[NFTA_VERDICT_CHAIN], rule->target);
	switch ((int)number(verdict[NFTA_VERDICT_CODE], NF_QUEUE)) {
	case NF_ACCEPT:
		rule->verdict = NFT_RULE_ACCEPT;
		break;
	case NF_DROP:
		rule->verdict = NFT_RULE_DROP;
		break;
	case NFT_JUMP:
		rule->verdict = NFT_RULE_JUMP;
		break;
	case NFT_GOTO:
		rule->verdict = NFT_RULE_GOTO;
		break;
	case NFT_RETURN:
		rule->verdict = NFT_RULE_RETURN;
		break;
	default:
		break;
	}
}

/*
 * This is -m conntrack --ctstate ..., in the only form that iptables still
 * writes.
 */
static unsigned old_state(const struct nlattr **data)
{
	const struct nlattr *value = data[NFTA_MATCH_INFO];
	struct xt_conntrack_mtinfo3 info;

	if (number(data[NFTA_MATCH_REV], 0) != 3 || !value ||
	    mnl_attr_get_payload_len(value) < sizeof(info))
		return NFT_RULE_OTHER;
	memcpy(&info, mnl_attr_get_payload(value), sizeof(info));
	if (info.match_flags != XT_CONNTRACK_STATE || info.invert_flags)
		return NFT_RULE_OTHER;
	return state_matches(info.state_mask);
}

/* This is -m udp --dport ... */
static unsigned old_port(const struct nlattr **data, uint16_t port)
{
	const struct nlattr *value = data[NFTA_MATCH_INFO];
	struct xt_udp info;
	bool inside;

	if (!value || mnl_attr_get_payload_len(value) < sizeof(info))
		return NFT_RULE_OTHER;
	memcpy(&info, mnl_attr_get_payload(value), sizeof(info));
	inside = port >= info.dpts[0] && port <= info.dpts[1];
	if (inside == !!(info.invflags & XT_UDP_INV_DSTPT))
		return NFT_RULE_NEVER;
	return info.spts[0] == 0 && info.spts[1] == UINT16_MAX ? 0
							       : NFT_RULE_OTHER;
}

/* These are matches of iptables, by way of nft_compat. */
static unsigned old_match(const struct nlattr **data, uint16_t port)
{
	if (is_name(data[NFTA_MATCH_NAME], "conntrack"))
		return old_state(data);
	if (port && is_name(data[NFTA_MATCH_NAME], "udp"))
		return old_port(data, port);
	return is_name(data[NFTA_MATCH_NAME], "comment") ? 0 : NFT_RULE_OTHER;
}

static void read_expression(struct reader *reader, const struct nlattr *name,
			    const struct nlattr **data)
{
	struct nft_rule_reading *rule = reader->rule;

	if (is_name(name, "meta"))
		load_meta(reader, data);
	else if (is_name(name, "ct"))
		load_state(reader, data);
	else if (is_name(name, "payload"))
		load_payload(reader, data);
	else if (is_name(name, "bitwise"))
		mask_state(reader, data);
	else if (is_name(name, "cmp"))
		rule->match |= compare(reader, data);
	else if (is_name(name, "lookup"))
		rule->match |= look_up(reader, data);
	else if (is_name(name, "match"))
		rule->match |= old_match(data, reader->view->port);
	else if (is_name(name, "immediate"))
		read_verdict(rule, data);
	else if (is_name(name, "reject") ||
		 (is_name(name, "target") &&
		  is_name(data[NFTA_TARGET_NAME], "REJECT")))
		rule->verdict = NFT_RULE_DROP;
	else if (!is_name(name, "counter") && !is_name(name, "log") &&
		 !is_name(name, "target"))
		rule->match |= NFT_RULE_OTHER;
}

int nft_read_rule(const struct nlmsghdr *message, const struct nft_view *view,
		  struct nft_rule_reading *rule)
{
	const struct nlattr *found[ATTRIBUTES], *parts[ATTRIBUTES];
	const struct nlattr *data[ATTRIBUTES], *element;
	struct reader reader = {.view = view, .rule = rule};
	uint8_t family;

	*rule = (struct nft_rule_reading){0};
	if (read_message(message, NFT_MSG_NEWRULE, found, &family) ||
	    read_name(found[NFTA_RULE_CHAIN], rule->chain))
		return -EPROTO;
	if (!found[NFTA_RULE_EXPRESSIONS])
		return 0;
	mnl_attr_for_each_nested (element, found[NFTA_RULE_EXPRESSIONS]) {
		if (parse(element, parts) || parse(parts[NFTA_EXPR_DATA], data))
			return -EPROTO;
		read_expression(&reader, parts[NFTA_EXPR_NAME], data);
		reader.ports |= reader.loaded == LOADED_PORT;
	}
	/* Of a set of protocols without a port, UDP is hardly one: ICMP is. */
	if (view->port && reader.protocols && !reader.ports)
		rule->match |= NFT_RULE_NEVER;
	return 0;
}
