/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "host/netlink.h"
#include "host/nft_internal.h"
#include "host/nft_rule.h"

#define BATCH_SIZE     4096
#define BATCH_MESSAGES 16

/*
 * NFTA_TABLE_USERDATA as nft(8) writes `comment "minivpn"`: type (0, a
 * comment), length, text with its zero. Since Linux 5.10.
 */
static const uint8_t mark[] = "\0\x08" NFT_COMMENT;

struct nft {
	struct netlink netlink;
	char reason[NETLINK_REASON_SIZE + 32];
};

/* One transaction: BATCH_BEGIN, messages of which each is acknowledged, END. */
struct batch {
	struct nft *nft;
	const struct nft_gateway *gateway;
	struct mnl_nlmsg_batch *messages;
	const char *names[BATCH_MESSAGES]; /* for nft_reason() */
	unsigned count;
	bool overflow;
	/* libmnl wants room for a message beyond the limit. */
	_Alignas(struct nlmsghdr) char buffer[2 * BATCH_SIZE];
};

static void put_header(struct nlmsghdr *message, uint8_t family,
		       uint16_t resource)
{
	struct nfgenmsg *header =
		mnl_nlmsg_put_extra_header(message, sizeof(*header));

	header->nfgen_family = family;
	header->version = NFNETLINK_V0;
	header->res_id = htons(resource);
}

static uint16_t table_type(uint16_t type)
{
	return NFNL_SUBSYS_NFTABLES << 8 | type;
}

static struct nlmsghdr *batch_put(struct batch *batch, uint16_t type,
				  uint16_t flags, const char *name)
{
	struct nlmsghdr *message =
		mnl_nlmsg_put_header(mnl_nlmsg_batch_current(batch->messages));

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	message->nlmsg_seq = batch->nft->netlink.sequence + 1 + batch->count;
	batch->names[batch->count++] = name;
	return message;
}

static void batch_next(struct batch *batch)
{
	if (!mnl_nlmsg_batch_next(batch->messages) ||
	    batch->count == BATCH_MESSAGES)
		batch->overflow = true;
}

static void batch_put_border(struct batch *batch, uint16_t type)
{
	struct nlmsghdr *message = batch_put(batch, type, 0, "whole batch");

	put_header(message, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	batch_next(batch);
}

/* The caller adds attributes, then calls batch_next(). */
static struct nlmsghdr *batch_add(struct batch *batch, uint16_t type,
				  uint16_t flags, const char *name)
{
	struct nlmsghdr *message =
		batch_put(batch, table_type(type), NLM_F_ACK | flags, name);

	put_header(message, batch->gateway->inner.address.family, 0);
	return message;
}

static int batch_begin(struct batch *batch, struct nft *nft,
		       const struct nft_gateway *gateway)
{
	memset(batch, 0, sizeof(*batch));
	batch->nft = nft;
	batch->gateway = gateway;
	batch->messages = mnl_nlmsg_batch_start(batch->buffer, BATCH_SIZE);
	if (!batch->messages)
		return -ENOMEM;
	batch_put_border(batch, NFNL_MSG_BATCH_BEGIN);
	return 0;
}

/* Frees the batch. *refused: the name of the message that was refused. */
static int batch_send(struct batch *batch, const char **refused)
{
	struct nft *nft = batch->nft;
	unsigned index = 0;
	int error = -EMSGSIZE;

	if (!batch->overflow) {
		batch_put_border(batch, NFNL_MSG_BATCH_END);
		error = netlink_batch(&nft->netlink,
				      mnl_nlmsg_batch_head(batch->messages),
				      mnl_nlmsg_batch_size(batch->messages),
				      batch->count, batch->count - 2, &index);
	}
	mnl_nlmsg_batch_stop(batch->messages);
	*refused = batch->names[index];
	nft->reason[0] = '\0';
	if (error)
		snprintf(nft->reason, sizeof(nft->reason), "%s%s%s", *refused,
			 nft->netlink.reason[0] ? ": " : "",
			 nft->netlink.reason);
	return error;
}

static void add_table(struct batch *batch, uint32_t flags)
{
	struct nlmsghdr *message =
		batch_add(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL,
			  "add table");

	mnl_attr_put_strz(message, NFTA_TABLE_NAME, batch->gateway->table);
	mnl_attr_put_u32(message, NFTA_TABLE_FLAGS, htonl(flags));
	mnl_attr_put(message, NFTA_TABLE_USERDATA, sizeof(mark), mark);
	batch_next(batch);
}

struct chain {
	const char *name, *type, *add,
		*add_rule; /* the last two for messages */
	unsigned hook;
	int priority;
};

static const struct chain postrouting = {
	.name = "postrouting",
	.type = "nat",
	.add = "add chain postrouting",
	.add_rule = "add rule to postrouting",
	.hook = NF_INET_POST_ROUTING,
	.priority = NF_IP_PRI_NAT_SRC,
};

static const struct chain forward = {
	.name = "forward",
	.type = "filter",
	.add = "add chain forward",
	.add_rule = "add rule to forward",
	.hook = NF_INET_FORWARD,
	.priority = NF_IP_PRI_MANGLE,
};

static void add_chain(struct batch *batch, const struct chain *chain)
{
	struct nlmsghdr *message =
		batch_add(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE, chain->add);
	struct nlattr *hook;

	mnl_attr_put_strz(message, NFTA_CHAIN_TABLE, batch->gateway->table);
	mnl_attr_put_strz(message, NFTA_CHAIN_NAME, chain->name);
	hook = mnl_attr_nest_start(message, NFTA_CHAIN_HOOK);
	mnl_attr_put_u32(message, NFTA_HOOK_HOOKNUM, htonl(chain->hook));
	mnl_attr_put_u32(message, NFTA_HOOK_PRIORITY, htonl(chain->priority));
	mnl_attr_nest_end(message, hook);
	mnl_attr_put_u32(message, NFTA_CHAIN_POLICY, htonl(NF_ACCEPT));
	mnl_attr_put_strz(message, NFTA_CHAIN_TYPE, chain->type);
	batch_next(batch);
}

typedef void (*rule_put)(struct nlmsghdr *message,
			 const struct nft_gateway *gateway);

static void add_rule(struct batch *batch, const struct chain *chain,
		     rule_put put)
{
	struct nlmsghdr *message =
		batch_add(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND,
			  chain->add_rule);

	mnl_attr_put_strz(message, NFTA_RULE_TABLE, batch->gateway->table);
	mnl_attr_put_strz(message, NFTA_RULE_CHAIN, chain->name);
	put(message, batch->gateway);
	batch_next(batch);
}

static int gateway_send(struct nft *nft, const struct nft_gateway *gateway,
			uint32_t flags, bool *table_refused)
{
	const char *refused;
	struct batch batch;
	int error = batch_begin(&batch, nft, gateway);

	if (error)
		return error;
	add_table(&batch, flags);
	if (gateway->masquerade) {
		add_chain(&batch, &postrouting);
		add_rule(&batch, &postrouting, nft_rule_masquerade);
	}
	add_chain(&batch, &forward);
	add_rule(&batch, &forward, nft_rule_clamp_out);
	add_rule(&batch, &forward, nft_rule_clamp_in);
	error = batch_send(&batch, &refused);
	*table_refused = error && strcmp(refused, "add table") == 0;
	return error;
}

int nft_gateway_add(struct nft *nft, const struct nft_gateway *gateway)
{
	bool table_refused;
	int error = nft_gateway_check(gateway);

	if (error)
		return error;
	error = gateway_send(nft, gateway, NFT_TABLE_F_OWNER, &table_refused);
	/* Unknown flags are EOPNOTSUPP, in older kernels EINVAL. */
	if (table_refused && (error == -EOPNOTSUPP || error == -EINVAL))
		error = gateway_send(nft, gateway, 0, &table_refused);
	/*
	 * A table that somebody else owns is not looked at any further: EPERM
	 * (nft_table_lookup()). Without privileges it is the whole batch that
	 * is refused.
	 */
	if (table_refused && error == -EPERM)
		error = -EEXIST;
	return error;
}

struct table {
	uint64_t handle; /* network order; 0: not said (before Linux 4.16) */
	uint32_t owner;	 /* port; 0: none */
	bool marked;
};

static int table_visit(void *data, const struct nlmsghdr *message)
{
	static const enum mnl_attr_data_type types[] = {
		[NFTA_TABLE_HANDLE] = MNL_TYPE_U64,
		[NFTA_TABLE_USERDATA] = MNL_TYPE_BINARY,
		[NFTA_TABLE_OWNER] = MNL_TYPE_U32,
	};
	const struct nlattr *found[NFTA_TABLE_OWNER + 1], *userdata;
	struct netlink_attributes attributes = {
		.types = types,
		.found = found,
		.count = NFTA_TABLE_OWNER + 1,
	};
	struct table *table = data;

	if (message->nlmsg_type != table_type(NFT_MSG_NEWTABLE) ||
	    netlink_parse(message, sizeof(struct nfgenmsg), &attributes))
		return -EPROTO;
	if (found[NFTA_TABLE_HANDLE])
		table->handle = mnl_attr_get_u64(found[NFTA_TABLE_HANDLE]);
	if (found[NFTA_TABLE_OWNER])
		table->owner = ntohl(mnl_attr_get_u32(found[NFTA_TABLE_OWNER]));
	userdata = found[NFTA_TABLE_USERDATA];
	table->marked =
		userdata &&
		mnl_attr_get_payload_len(userdata) == sizeof(mark) &&
		memcmp(mnl_attr_get_payload(userdata), mark, sizeof(mark)) == 0;
	return 0;
}

static int table_get(struct nft *nft, const struct nft_gateway *gateway,
		     struct table *table)
{
	struct netlink_buffer buffer;
	struct nlmsghdr *message =
		netlink_message(&buffer, table_type(NFT_MSG_GETTABLE), 0);
	int error;

	put_header(message, gateway->inner.address.family, 0);
	mnl_attr_put_strz(message, NFTA_TABLE_NAME, gateway->table);
	*table = (struct table){0};
	error = netlink_request(&nft->netlink, message, table_visit, table);
	nft->reason[0] = '\0';
	if (error)
		snprintf(nft->reason, sizeof(nft->reason), "look for table");
	return error;
}

/*
 * Linux 5.10 is the first that keeps NFTA_TABLE_USERDATA. Before it, a table of
 * ours shows by nothing but its name.
 */
static bool kernel_keeps_marks(void)
{
	struct utsname system;
	unsigned major, minor;

	if (uname(&system) < 0 ||
	    sscanf(system.release, "%u.%u", &major, &minor) != 2)
		return true;
	return major > 5 || (major == 5 && minor >= 10);
}

/*
 * By its handle, which no later table gets, so that what is deleted is what was
 * looked at.
 */
int nft_gateway_del(struct nft *nft, const struct nft_gateway *gateway)
{
	struct nlmsghdr *message;
	const char *refused;
	struct table table;
	struct batch batch;
	int error = nft_gateway_check(gateway);

	if (!error)
		error = table_get(nft, gateway, &table);
	if (error)
		return error;
	if (table.owner && table.owner != nft->netlink.portid)
		return -EPERM;
	if (!table.marked && kernel_keeps_marks())
		return -ENOENT;
	error = batch_begin(&batch, nft, gateway);
	if (error)
		return error;
	message = batch_add(&batch, NFT_MSG_DELTABLE, 0, "delete table");
	if (table.handle)
		mnl_attr_put_u64(message, NFTA_TABLE_HANDLE, table.handle);
	else
		mnl_attr_put_strz(message, NFTA_TABLE_NAME, gateway->table);
	batch_next(&batch);
	return batch_send(&batch, &refused);
}

/* The number of the ruleset: asked only to see whether there is an answer. */
static int probe(struct nft *nft)
{
	struct netlink_buffer buffer;
	struct nlmsghdr *message =
		netlink_message(&buffer, table_type(NFT_MSG_GETGEN), 0);
	int error;

	put_header(message, AF_UNSPEC, 0);
	error = netlink_request(&nft->netlink, message, NULL, NULL);
	/* EINVAL: no such subsystem (nfnetlink_rcv_msg()). */
	return error == -EINVAL ? -EPROTONOSUPPORT : error;
}

int nft_open(struct nft **nft)
{
	struct nft *new = calloc(1, sizeof(*new));
	int error;

	if (!new)
		return -ENOMEM;
	error = netlink_open(&new->netlink, NETLINK_NETFILTER);
	if (!error)
		error = probe(new);
	if (error) {
		nft_close(new);
		return error;
	}
	*nft = new;
	return 0;
}

void nft_close(struct nft *nft)
{
	if (!nft)
		return;
	netlink_close(&nft->netlink);
	free(nft);
}

const char *nft_reason(const struct nft *nft)
{
	return nft->reason;
}
