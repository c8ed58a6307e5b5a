/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Transactions of nf_tables, and whole tables in them: BATCH_BEGIN, messages
 * each of which is acknowledged, BATCH_END. Only for nft*.c, which say what is
 * in the tables.
 */
#ifndef MINIVPN_HOST_NFT_TRANSACTION_H
#define MINIVPN_HOST_NFT_TRANSACTION_H

#include <stdbool.h>
#include <stdint.h>

#include "host/kernel/netlink.h"
#include "host/nft/gateway.h"

#define NFT_TRANSACTION_SIZE	 65536
#define NFT_TRANSACTION_MESSAGES 128
/* The largest message: a set of networks with all that are in it. */
#define NFT_MESSAGE_SIZE 16384

struct nft {
	struct netlink netlink;
	char reason[NETLINK_REASON_SIZE + 32];
};

struct nft_transaction {
	struct nft *nft;
	uint8_t family;
	const char *table;
	struct mnl_nlmsg_batch *messages;
	const char *names[NFT_TRANSACTION_MESSAGES]; /* for nft_reason() */
	unsigned count;
	bool overflow;
	/* libmnl wants room for a message beyond the limit. */
	_Alignas(struct nlmsghdr) char buffer[NFT_TRANSACTION_SIZE +
					      NFT_MESSAGE_SIZE];
};

/* Without a type it has no hook, priority or policy: rules jump to it. */
struct nft_chain {
	const char *name, *type;
	const char *add, *add_rule; /* for nft_reason() */
	unsigned hook;
	int priority;
	uint32_t policy; /* NF_ACCEPT, NF_DROP */
};

/* A named set of networks, for nft_lookup(). */
struct nft_set {
	const char *name;
	const char *add; /* for nft_reason() */
	uint16_t family;
	/* Host bits cleared; sorted, and none has a part of another. */
	const struct inet_prefix *networks;
	size_t count; /* at most NFT_SET_NETWORKS */
};

#define NFT_SET_NETWORKS 128

/* family: as in nfgenmsg; table outlives the batch. -ENOMEM. */
int nft_transaction_begin(struct nft_transaction *batch, struct nft *nft,
			  uint8_t family, const char *table);
/*
 * Sends and frees the batch. *refused: the name of the message that was
 * refused. -EMSGSIZE where it has grown too large; then nothing is sent.
 */
int nft_transaction_send(struct nft_transaction *batch, const char **refused);

/* A message to which the caller adds attributes before nft_transaction_next().
 */
struct nlmsghdr *nft_transaction_add(struct nft_transaction *batch,
				     uint16_t type, uint16_t flags,
				     const char *name);
void nft_transaction_next(struct nft_transaction *batch);

/* The table with our mark; NLM_F_EXCL. flags: NFT_TABLE_F_... */
void nft_transaction_add_table(struct nft_transaction *batch, uint32_t flags);
/* handle 0: by its name. */
void nft_transaction_del_table(struct nft_transaction *batch, uint64_t handle);
void nft_transaction_add_chain(struct nft_transaction *batch,
			       const struct nft_chain *chain);
void nft_transaction_add_set(struct nft_transaction *batch,
			     const struct nft_set *set);
/* The caller adds NFTA_RULE_EXPRESSIONS, then calls nft_transaction_next(). */
struct nlmsghdr *nft_transaction_add_rule(struct nft_transaction *batch,
					  const struct nft_chain *chain);

/* A rule whose expressions are put into its message one by one. */
struct nft_transaction_rule {
	struct nft_transaction *batch;
	struct nlmsghdr *message;
	struct nlattr *list;
};

struct nft_transaction_rule
nft_transaction_begin_rule(struct nft_transaction *batch,
			   const struct nft_chain *chain);
void nft_transaction_end_rule(struct nft_transaction_rule rule);

struct nft_table {
	uint64_t handle; /* network order; 0: not said (before Linux 4.16) */
	uint32_t owner;	 /* port; 0: none */
	bool marked;
};

/* -ENOENT. */
int nft_table_get(struct nft *nft, uint8_t family, const char *name,
		  struct nft_table *table);
/*
 * One with our mark, and not owned by another process: -EPERM where it is,
 * -ENOENT where there is none, or only somebody else's.
 */
int nft_table_get_ours(struct nft *nft, uint8_t family, const char *name,
		       struct nft_table *table);
/* That which nft_table_get_ours() finds. */
int nft_table_del(struct nft *nft, uint8_t family, const char *name);

#endif
