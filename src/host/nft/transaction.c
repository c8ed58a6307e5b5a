/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/nft/transaction.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "host/nft/nft_internal.h"

/*
 * NFTA_TABLE_USERDATA as nft(8) writes `comment "minivpn"`: type (0, a
 * comment), length, text with its zero. Since Linux 5.10.
 */
static const uint8_t mark[] = "\0\x08" NFT_COMMENT;

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

static struct nlmsghdr *batch_put(struct nft_transaction *batch, uint16_t type,
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

void nft_transaction_next(struct nft_transaction *batch)
{
	if (!mnl_nlmsg_batch_next(batch->messages) ||
	    batch->count == NFT_TRANSACTION_MESSAGES)
		batch->overflow = true;
	/* What follows is written over the last one, and never sent. */
	if (batch->overflow)
		batch->count = NFT_TRANSACTION_MESSAGES - 1;
}

static void put_border(struct nft_transaction *batch, uint16_t type)
{
	struct nlmsghdr *message = batch_put(batch, type, 0, "whole batch");

	put_header(message, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	nft_transaction_next(batch);
}

struct nlmsghdr *nft_transaction_add(struct nft_transaction *batch,
				     uint16_t type, uint16_t flags,
				     const char *name)
{
	struct nlmsghdr *message =
		batch_put(batch, table_type(type), NLM_F_ACK | flags, name);

	put_header(message, batch->family, 0);
	return message;
}

int nft_transaction_begin(struct nft_transaction *batch, struct nft *nft,
			  uint8_t family, const char *table)
{
	memset(batch, 0, sizeof(*batch));
	batch->nft = nft;
	batch->family = family;
	batch->table = table;
	batch->messages =
		mnl_nlmsg_batch_start(batch->buffer, NFT_TRANSACTION_SIZE);
	if (!batch->messages)
		return -ENOMEM;
	put_border(batch, NFNL_MSG_BATCH_BEGIN);
	return 0;
}

int nft_transaction_send(struct nft_transaction *batch, const char **refused)
{
	struct nft *nft = batch->nft;
	unsigned index = 0;
	int error = -EMSGSIZE;

	if (!batch->overflow)
		put_border(batch, NFNL_MSG_BATCH_END);
	if (!batch->overflow)
		error = netlink_batch(&nft->netlink,
				      mnl_nlmsg_batch_head(batch->messages),
				      mnl_nlmsg_batch_size(batch->messages),
				      batch->count, batch->count - 2, &index);
	mnl_nlmsg_batch_stop(batch->messages);
	*refused = batch->names[index];
	nft->reason[0] = '\0';
	if (error)
		snprintf(nft->reason, sizeof(nft->reason), "%s%s%s", *refused,
			 nft->netlink.reason[0] ? ": " : "",
			 nft->netlink.reason);
	return error;
}

void nft_transaction_add_table(struct nft_transaction *batch, uint32_t flags)
{
	struct nlmsghdr *message =
		nft_transaction_add(batch, NFT_MSG_NEWTABLE,
				    NLM_F_CREATE | NLM_F_EXCL, "add table");

	mnl_attr_put_strz(message, NFTA_TABLE_NAME, batch->table);
	mnl_attr_put_u32(message, NFTA_TABLE_FLAGS, htonl(flags));
	mnl_attr_put(message, NFTA_TABLE_USERDATA, sizeof(mark), mark);
	nft_transaction_next(batch);
}

/* By its handle, where it is known, which no later table gets. */
void nft_transaction_del_table(struct nft_transaction *batch, uint64_t handle)
{
	struct nlmsghdr *message =
		nft_transaction_add(batch, NFT_MSG_DELTABLE, 0, "delete table");

	if (handle)
		mnl_attr_put_u64(message, NFTA_TABLE_HANDLE, handle);
	else
		mnl_attr_put_strz(message, NFTA_TABLE_NAME, batch->table);
	nft_transaction_next(batch);
}

static void put_hook(struct nlmsghdr *message, const struct nft_chain *chain)
{
	struct nlattr *hook = mnl_attr_nest_start(message, NFTA_CHAIN_HOOK);

	mnl_attr_put_u32(message, NFTA_HOOK_HOOKNUM, htonl(chain->hook));
	mnl_attr_put_u32(message, NFTA_HOOK_PRIORITY, htonl(chain->priority));
	mnl_attr_nest_end(message, hook);
	mnl_attr_put_u32(message, NFTA_CHAIN_POLICY, htonl(chain->policy));
	mnl_attr_put_strz(message, NFTA_CHAIN_TYPE, chain->type);
}

void nft_transaction_add_chain(struct nft_transaction *batch,
			       const struct nft_chain *chain)
{
	struct nlmsghdr *message = nft_transaction_add(
		batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE, chain->add);

	mnl_attr_put_strz(message, NFTA_CHAIN_TABLE, batch->table);
	mnl_attr_put_strz(message, NFTA_CHAIN_NAME, chain->name);
	if (chain->type)
		put_hook(message, chain);
	nft_transaction_next(batch);
}

/* Data types of nft(8) (its datatype.h), of which the kernel knows nothing. */
#define TYPE_IPADDR  7
#define TYPE_IP6ADDR 8

/*
 * NFTA_SET_USERDATA as nft(8) writes it, by which it reads the set again: type
 * (0, the order of bytes in a key), length, a number (2, big endian).
 */
static void put_byte_order(struct nlmsghdr *message)
{
	static const uint32_t big_endian = 2;
	uint8_t data[2 + sizeof(big_endian)] = {0, sizeof(big_endian)};

	memcpy(data + 2, &big_endian, sizeof(big_endian));
	mnl_attr_put(message, NFTA_SET_USERDATA, sizeof(data), data);
}

static void put_element(struct nlmsghdr *message,
			const struct inet_address *address, uint32_t flags)
{
	struct nlattr *element = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
	struct nlattr *key;

	if (flags)
		mnl_attr_put_u32(message, NFTA_SET_ELEM_FLAGS, htonl(flags));
	key = mnl_attr_nest_start(message, NFTA_SET_ELEM_KEY);
	mnl_attr_put(message, NFTA_DATA_VALUE, inet_size(address->family),
		     address->bytes);
	mnl_attr_nest_end(message, key);
	mnl_attr_nest_end(message, element);
}

/* An interval: its first address, and the one behind its last, if any. */
static void put_network(struct nlmsghdr *message,
			const struct inet_prefix *network)
{
	struct inet_address behind = network->address;
	bool carry = true;

	put_element(message, &network->address, 0);
	for (unsigned bit = network->length; carry && bit-- > 0;) {
		uint8_t value = (uint8_t)(0x80 >> bit % 8);

		carry = behind.bytes[bit / 8] & value;
		behind.bytes[bit / 8] ^= value;
	}
	if (!carry)
		put_element(message, &behind, NFT_SET_ELEM_INTERVAL_END);
}

static void add_networks(struct nft_transaction *batch,
			 const struct nft_set *set)
{
	struct nlmsghdr *message = nft_transaction_add(
		batch, NFT_MSG_NEWSETELEM, NLM_F_CREATE, set->add);
	struct nlattr *list;

	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, batch->table);
	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, set->name);
	list = mnl_attr_nest_start(message, NFTA_SET_ELEM_LIST_ELEMENTS);
	for (size_t i = 0; i < set->count; i++)
		put_network(message, &set->networks[i]);
	mnl_attr_nest_end(message, list);
	nft_transaction_next(batch);
}

void nft_transaction_add_set(struct nft_transaction *batch,
			     const struct nft_set *set)
{
	bool v4 = set->family == AF_INET;
	struct nlmsghdr *message = nft_transaction_add(batch, NFT_MSG_NEWSET,
						       NLM_F_CREATE, set->add);

	assert(set->count <= NFT_SET_NETWORKS);
	mnl_attr_put_strz(message, NFTA_SET_TABLE, batch->table);
	mnl_attr_put_strz(message, NFTA_SET_NAME, set->name);
	mnl_attr_put_u32(message, NFTA_SET_FLAGS, htonl(NFT_SET_INTERVAL));
	mnl_attr_put_u32(message, NFTA_SET_KEY_TYPE,
			 htonl(v4 ? TYPE_IPADDR : TYPE_IP6ADDR));
	mnl_attr_put_u32(message, NFTA_SET_KEY_LEN,
			 htonl(inet_size(set->family)));
	mnl_attr_put_u32(message, NFTA_SET_ID, htonl(batch->count));
	put_byte_order(message);
	nft_transaction_next(batch);
	if (set->count)
		add_networks(batch, set);
}

struct nlmsghdr *nft_transaction_add_rule(struct nft_transaction *batch,
					  const struct nft_chain *chain)
{
	struct nlmsghdr *message = nft_transaction_add(
		batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND,
		chain->add_rule);

	mnl_attr_put_strz(message, NFTA_RULE_TABLE, batch->table);
	mnl_attr_put_strz(message, NFTA_RULE_CHAIN, chain->name);
	return message;
}

struct nft_transaction_rule
nft_transaction_begin_rule(struct nft_transaction *batch,
			   const struct nft_chain *chain)
{
	struct nlmsghdr *message = nft_transaction_add_rule(batch, chain);

	return (struct nft_transaction_rule){
		.batch = batch,
		.message = message,
		.list = mnl_attr_nest_start(message, NFTA_RULE_EXPRESSIONS),
	};
}

void nft_transaction_end_rule(struct nft_transaction_rule rule)
{
	mnl_attr_nest_end(rule.message, rule.list);
	nft_transaction_next(rule.batch);
}

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
	struct nft_table *table = data;

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

int nft_table_get(struct nft *nft, uint8_t family, const char *name,
		  struct nft_table *table)
{
	struct netlink_buffer buffer;
	struct nlmsghdr *message =
		netlink_message(&buffer, table_type(NFT_MSG_GETTABLE), 0);
	int error;

	put_header(message, family, 0);
	mnl_attr_put_strz(message, NFTA_TABLE_NAME, name);
	*table = (struct nft_table){0};
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

int nft_table_get_ours(struct nft *nft, uint8_t family, const char *name,
		       struct nft_table *table)
{
	int error = nft_table_get(nft, family, name, table);

	if (error)
		return error;
	if (table->owner && table->owner != nft->netlink.portid)
		return -EPERM;
	return table->marked || !kernel_keeps_marks() ? 0 : -ENOENT;
}

int nft_table_del(struct nft *nft, uint8_t family, const char *name)
{
	const char *refused;
	struct nft_table table;
	struct nft_transaction batch;
	int error = nft_table_get_ours(nft, family, name, &table);

	if (!error)
		error = nft_transaction_begin(&batch, nft, family, name);
	if (error)
		return error;
	nft_transaction_del_table(&batch, table.handle);
	return nft_transaction_send(&batch, &refused);
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
