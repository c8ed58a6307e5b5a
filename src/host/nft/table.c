/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/nft/table.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "host/nft/transaction.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define COMMENT "minivpn"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS	"0123456789"

/* A tunnel's name may hold an @, which nft(8) cannot read, but the kernel. */
#define TABLE_CHARACTERS  LETTERS DIGITS "._-@"
#define DEVICE_CHARACTERS LETTERS DIGITS "._-@:+"

/* Data types of nft(8) (its datatype.h), of which the kernel knows nothing. */
#define TYPE_IPADDR  7
#define TYPE_IP6ADDR 8

/* A message takes no more of a set: networks of IPv6 take 64 bytes each. */
#define NETWORKS_A_MESSAGE 128

/*
 * NFTA_TABLE_USERDATA as nft(8) writes a comment: type (0), length, text with
 * its zero. Since Linux 5.10.
 */
static const uint8_t comment[] = "\0\x08" COMMENT;

void nft_table_add_set(struct nft_table *table, const struct nft_set *set)
{
	assert(table->set_count < NFT_TABLE_SETS);
	table->sets[table->set_count++] = *set;
}

void nft_table_add_chain(struct nft_table *table, const struct nft_chain *chain)
{
	assert(table->chain_count < NFT_TABLE_CHAINS);
	table->chains[table->chain_count].chain = *chain;
	table->chains[table->chain_count++].end = table->statement_count;
}

void nft_table_add_rule(struct nft_table *table,
			const struct nft_statement *statements)
{
	const struct nft_statement *statement = statements;

	assert(table->chain_count);
	do {
		assert(table->statement_count < NFT_TABLE_STATEMENTS);
		table->statements[table->statement_count++] = *statement;
	} while ((statement++)->kind != NFT_END);
	table->chains[table->chain_count - 1].end = table->statement_count;
}

/* What follows makes the whole table in the kernel's form. */

static void add_table(struct nft_transaction *batch,
		      const struct nft_table *table, uint32_t flags)
{
	struct nlmsghdr *message =
		nft_transaction_add(batch, NFT_MSG_NEWTABLE,
				    NLM_F_CREATE | NLM_F_EXCL, "add table", "");

	mnl_attr_put_strz(message, NFTA_TABLE_NAME, table->name);
	mnl_attr_put_u32(message, NFTA_TABLE_FLAGS, htonl(flags));
	mnl_attr_put(message, NFTA_TABLE_USERDATA, sizeof(comment), comment);
	nft_transaction_next(batch);
}

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

/*
 * A network is an interval: its first address, and the one behind its last, if
 * any.
 */
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

/* Some of a set, from first on: as many as a message has room for. */
static void add_networks(struct nft_transaction *batch,
			 const struct nft_table *table,
			 const struct nft_set *set, size_t first)
{
	size_t end = first + NETWORKS_A_MESSAGE;
	struct nlmsghdr *message = nft_transaction_add(
		batch, NFT_MSG_NEWSETELEM, NLM_F_CREATE, "add set", "");
	struct nlattr *list;

	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, table->name);
	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, set->name);
	list = mnl_attr_nest_start(message, NFTA_SET_ELEM_LIST_ELEMENTS);
	for (size_t i = first; i < set->count && i < end; i++)
		put_network(message, &set->networks[i]);
	mnl_attr_nest_end(message, list);
	nft_transaction_next(batch);
}

static void add_set(struct nft_transaction *batch,
		    const struct nft_table *table, const struct nft_set *set)
{
	bool v4 = set->family == AF_INET;
	struct nlmsghdr *message = nft_transaction_add(
		batch, NFT_MSG_NEWSET, NLM_F_CREATE, "add set", "");

	mnl_attr_put_strz(message, NFTA_SET_TABLE, table->name);
	mnl_attr_put_strz(message, NFTA_SET_NAME, set->name);
	mnl_attr_put_u32(message, NFTA_SET_FLAGS, htonl(NFT_SET_INTERVAL));
	mnl_attr_put_u32(message, NFTA_SET_KEY_TYPE,
			 htonl(v4 ? TYPE_IPADDR : TYPE_IP6ADDR));
	mnl_attr_put_u32(message, NFTA_SET_KEY_LEN,
			 htonl(inet_size(set->family)));
	mnl_attr_put_u32(message, NFTA_SET_ID, htonl(batch->count));
	put_byte_order(message);
	nft_transaction_next(batch);
	for (size_t i = 0; i < set->count; i += NETWORKS_A_MESSAGE)
		add_networks(batch, table, set, i);
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

static void add_chain(struct nft_transaction *batch,
		      const struct nft_table *table,
		      const struct nft_chain *chain)
{
	struct nlmsghdr *message =
		nft_transaction_add(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE,
				    "add chain", chain->name);

	mnl_attr_put_strz(message, NFTA_CHAIN_TABLE, table->name);
	mnl_attr_put_strz(message, NFTA_CHAIN_NAME, chain->name);
	if (chain->type)
		put_hook(message, chain);
	nft_transaction_next(batch);
}

/* Returns the statement behind the rule. */
static size_t add_rule(struct nft_transaction *batch,
		       const struct nft_table *table, const char *chain,
		       size_t at)
{
	struct nlmsghdr *message = nft_transaction_add(
		batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND,
		"add rule to", chain);
	struct nft_encoder encoder = {message, table->family};
	struct nlattr *list;

	mnl_attr_put_strz(message, NFTA_RULE_TABLE, table->name);
	mnl_attr_put_strz(message, NFTA_RULE_CHAIN, chain);
	list = mnl_attr_nest_start(message, NFTA_RULE_EXPRESSIONS);
	for (; table->statements[at].kind != NFT_END; at++)
		nft_statement_put(&encoder, &table->statements[at]);
	mnl_attr_nest_end(message, list);
	nft_transaction_next(batch);
	return at + 1;
}

static void add_all(struct nft_transaction *batch,
		    const struct nft_table *table)
{
	size_t at = 0;

	for (size_t i = 0; i < table->set_count; i++)
		add_set(batch, table, &table->sets[i]);
	for (size_t i = 0; i < table->chain_count; i++) {
		const struct nft_chain *chain = &table->chains[i].chain;

		add_chain(batch, table, chain);
		while (at < table->chains[i].end)
			at = add_rule(batch, table, chain->name, at);
	}
}

/* What the kernel reports of a table that is there. */
struct presence {
	uint64_t handle; /* network order; 0: not known (before Linux 4.16) */
	uint32_t owner;	 /* port; 0: none */
	bool commented;
};

static int presence_visit(void *data, const struct nlmsghdr *message)
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
	struct presence *there = data;

	if (message->nlmsg_type != nft_message_type(NFT_MSG_NEWTABLE) ||
	    netlink_parse(message, sizeof(struct nfgenmsg), &attributes))
		return -EPROTO;
	if (found[NFTA_TABLE_HANDLE])
		there->handle = mnl_attr_get_u64(found[NFTA_TABLE_HANDLE]);
	if (found[NFTA_TABLE_OWNER])
		there->owner = ntohl(mnl_attr_get_u32(found[NFTA_TABLE_OWNER]));
	userdata = found[NFTA_TABLE_USERDATA];
	there->commented =
		userdata &&
		mnl_attr_get_payload_len(userdata) == sizeof(comment) &&
		memcmp(mnl_attr_get_payload(userdata), comment,
		       sizeof(comment)) == 0;
	return 0;
}

/* Returns -ENOENT where there is no such table. */
static int look_up(struct nft *nft, uint8_t family, const char *name,
		   struct presence *there)
{
	struct netlink_buffer buffer;
	struct nlmsghdr *message =
		netlink_message(&buffer, nft_message_type(NFT_MSG_GETTABLE), 0);
	int err;

	nft_put_header(message, family, 0);
	mnl_attr_put_strz(message, NFTA_TABLE_NAME, name);
	*there = (struct presence){0};
	err = netlink_request(&nft->netlink, message, presence_visit, there);
	snprintf(nft->reason, sizeof(nft->reason), "%s",
		 err ? "look for table" : "");
	return err;
}

/*
 * Linux 5.10 is the first that keeps NFTA_TABLE_USERDATA. Before it, a table of
 * ours shows by nothing but its name.
 */
static bool kernel_keeps_comments(void)
{
	struct utsname system;
	unsigned major, minor;

	if (uname(&system) < 0 ||
	    sscanf(system.release, "%u.%u", &major, &minor) != 2)
		return true;
	return major > 5 || (major == 5 && minor >= 10);
}

/*
 * One with our comment, and not owned by another process: -EPERM where it is,
 * -ENOENT where there is none, or only somebody else's.
 */
static int find_ours(struct nft *nft, uint8_t family, const char *name,
		     struct presence *there)
{
	int err = look_up(nft, family, name, there);

	if (err)
		return err;
	if (there->owner && there->owner != nft->netlink.portid)
		return -EPERM;
	return there->commented || !kernel_keeps_comments() ? 0 : -ENOENT;
}

/* It is named by its handle, where that is known, which no later table gets. */
static void add_deletion(struct nft_transaction *batch, const char *name,
			 const struct presence *there)
{
	struct nlmsghdr *message = nft_transaction_add(batch, NFT_MSG_DELTABLE,
						       0, "delete table", "");

	if (there->handle)
		mnl_attr_put_u64(message, NFTA_TABLE_HANDLE, there->handle);
	else
		mnl_attr_put_strz(message, NFTA_TABLE_NAME, name);
	nft_transaction_next(batch);
}

static int send_table(struct nft *nft, const struct nft_table *table,
		      const struct presence *old, uint32_t flags,
		      bool *table_refused)
{
	struct nft_transaction batch;
	uint16_t refused;
	int err = nft_transaction_begin(&batch, nft, table->family);

	*table_refused = false;
	if (err)
		return err;
	if (old)
		add_deletion(&batch, table->name, old);
	add_table(&batch, table, flags);
	add_all(&batch, table);
	err = nft_transaction_send(&batch, &refused);
	*table_refused = err && refused == NFT_MSG_NEWTABLE;
	return err;
}

int nft_table_make(struct nft *nft, const struct nft_table *table)
{
	bool table_refused, replaces = table->replaces;
	struct presence old;
	int err;

	if (replaces)
		replaces =
			find_ours(nft, table->family, table->name, &old) == 0;
	err = send_table(nft, table, replaces ? &old : NULL, table->flags,
			 &table_refused);
	/* Unknown flags are EOPNOTSUPP, in older kernels EINVAL. */
	if (table_refused && !table->flags_required &&
	    (err == -EOPNOTSUPP || err == -EINVAL))
		err = send_table(nft, table, replaces ? &old : NULL, 0,
				 &table_refused);
	/*
	 * A table that somebody else owns is found by nobody else: EPERM
	 * (nft_table_lookup()). Without privileges it is the whole batch that
	 * is refused.
	 */
	return table_refused && err == -EPERM ? -EEXIST : err;
}

int nft_table_del(struct nft *nft, uint8_t family, const char *name)
{
	struct nft_transaction batch;
	struct presence there;
	uint16_t refused;
	int err = find_ours(nft, family, name, &there);

	if (!err)
		err = nft_transaction_begin(&batch, nft, family);
	if (err)
		return err;
	add_deletion(&batch, name, &there);
	return nft_transaction_send(&batch, &refused);
}

int nft_table_has(struct nft *nft, uint8_t family, const char *name)
{
	struct presence there;
	int err = look_up(nft, family, name, &there);

	if (err)
		return err == -ENOENT ? 0 : err;
	return 1;
}

/* What follows prints the whole table in the words of nft(8). */

static void print_set(struct text *text, const struct nft_set *set)
{
	char name[INET_PREFIX_TEXT];

	text_append(text,
		    "set %s { type ipv%c_addr; flags interval; elements = { ",
		    set->name, set->family == AF_INET ? '4' : '6');
	for (size_t i = 0; i < set->count; i++)
		text_append(text, "%s%s", i ? ", " : "",
			    inet_format_prefix(&set->networks[i], name,
					       sizeof(name)));
	text_append(text, " }; }; ");
}

static const char *hook_name(uint8_t family, unsigned hook)
{
	static const char *const names[] = {
		[NF_INET_PRE_ROUTING] = "prerouting",
		[NF_INET_LOCAL_IN] = "input",
		[NF_INET_FORWARD] = "forward",
		[NF_INET_LOCAL_OUT] = "output",
		[NF_INET_POST_ROUTING] = "postrouting",
	};

	/* Its hooks have other numbers, and we use but this one. */
	if (family == NFPROTO_ARP)
		return "input";
	assert(hook < COUNT(names));
	return names[hook];
}

/* nft(8) writes a priority by its distance from one that has a name. */
static void print_priority(struct text *text, int priority)
{
	static const struct {
		const char *name;
		int priority;
	} names[] = {
		{"raw", NF_IP_PRI_RAW},	       {"mangle", NF_IP_PRI_MANGLE},
		{"dstnat", NF_IP_PRI_NAT_DST}, {"filter", NF_IP_PRI_FILTER},
		{"srcnat", NF_IP_PRI_NAT_SRC},
	};
	size_t nearest = 0;
	int distance;

	for (size_t i = 0; i < COUNT(names); i++) {
		if (abs(priority - names[i].priority) <
		    abs(priority - names[nearest].priority))
			nearest = i;
	}
	distance = priority - names[nearest].priority;
	text_append(text, "priority %s", names[nearest].name);
	if (distance)
		text_append(text, " %c %d", distance < 0 ? '-' : '+',
			    abs(distance));
	text_append(text, "; ");
}

static void print_chain(struct text *text, const struct nft_table *table,
			const struct nft_chain *chain)
{
	text_append(text, "chain %s { ", chain->name);
	if (!chain->type)
		return;
	text_append(text, "type %s hook %s ", chain->type,
		    hook_name(table->family, chain->hook));
	print_priority(text, chain->priority);
	text_append(text, "policy %s; ",
		    chain->policy == NF_DROP ? "drop" : "accept");
}

/* Returns the statement behind the rule. */
static size_t print_rule(struct text *text, const struct nft_table *table,
			 size_t at)
{
	const char *between = "";

	for (; table->statements[at].kind != NFT_END; at++) {
		text_append(text, "%s", between);
		nft_statement_print(&table->statements[at], text);
		between = " ";
	}
	text_append(text, "; ");
	return at + 1;
}

static const char *family_name(uint8_t family)
{
	switch (family) {
	case NFPROTO_IPV4:
		return "ip";
	case NFPROTO_IPV6:
		return "ip6";
	case NFPROTO_ARP:
		return "arp";
	default:
		return "inet";
	}
}

int nft_table_print(const struct nft_table *table, char *buffer, size_t size)
{
	struct text text = {.buffer = buffer, .size = size};
	size_t at = 0;

	text_append(&text, "table %s %s { comment \"" COMMENT "\"; %s",
		    family_name(table->family), table->name,
		    table->owner_printed ? "flags owner; " : "");
	for (size_t i = 0; i < table->set_count; i++)
		print_set(&text, &table->sets[i]);
	for (size_t i = 0; i < table->chain_count; i++) {
		print_chain(&text, table, &table->chains[i].chain);
		while (at < table->chains[i].end)
			at = print_rule(&text, table, at);
		text_append(&text, "}; ");
	}
	text_append(&text, "}");
	return text_fits(&text) ? 0 : -ENOSPC;
}

static bool name_valid(const char *name, size_t size, const char *characters)
{
	size_t length = strnlen(name, size);

	return length > 0 && length < size &&
	       strspn(name, characters) == length;
}

/* A first digit or dash would be no name for nft(8). */
bool nft_table_name_valid(const char *name, size_t size)
{
	return name_valid(name, size, TABLE_CHARACTERS) &&
	       !strchr(DIGITS "-@", name[0]);
}

bool nft_device_name_valid(const char name[IFNAMSIZ])
{
	return name_valid(name, IFNAMSIZ, DEVICE_CHARACTERS);
}

int nft_text_between(const char *text, const char *start, const char *end,
		     char *word, size_t size)
{
	const char *from = strstr(text, start), *to;

	if (!from)
		return -EINVAL;
	from += strlen(start);
	to = strstr(from, end);
	if (!to || (size_t)(to - from) >= size)
		return -EINVAL;
	memcpy(word, from, to - from);
	word[to - from] = '\0';
	return 0;
}
