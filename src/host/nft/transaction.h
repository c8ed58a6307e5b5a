/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Transactions of nf_tables: BATCH_BEGIN, messages each of which is
 * acknowledged, BATCH_END. All of them take effect, or none. What is in the
 * messages is the business of table.c.
 */
#ifndef MINIVPN_HOST_NFT_TRANSACTION_H
#define MINIVPN_HOST_NFT_TRANSACTION_H

#include <stdbool.h>
#include <stdint.h>

#include "host/kernel/netlink.h"
#include "host/nft/nft.h"

/* The kernel takes a transaction by one call: below net.core.wmem_default. */
#define NFT_TRANSACTION_SIZE	 196608
#define NFT_TRANSACTION_MESSAGES 160
/* The largest message: networks of a set. */
#define NFT_MESSAGE_SIZE 16384

struct nft {
	struct netlink netlink;
	char reason[NETLINK_REASON_SIZE + 64];
};

struct nft_transaction {
	struct nft *nft;
	uint8_t family;
	struct mnl_nlmsg_batch *messages;
	struct {
		uint16_t type; /* NFT_MSG_... */
		/* What nft_reason() calls it: "add chain", "forward". */
		const char *what, *name;
	} sent[NFT_TRANSACTION_MESSAGES];
	unsigned count;
	bool overflow;
	/* libmnl wants room for a message beyond the limit. */
	_Alignas(struct nlmsghdr) char buffer[NFT_TRANSACTION_SIZE +
					      NFT_MESSAGE_SIZE];
};

/* NFPROTO_... of a message, in the header that each of nfnetlink has. */
void nft_put_header(struct nlmsghdr *message, uint8_t family,
		    uint16_t resource);

/* NFT_MSG_... as the type of a message. */
uint16_t nft_message_type(uint16_t type);

/* family: NFPROTO_... of all messages. -ENOMEM. */
int nft_transaction_begin(struct nft_transaction *batch, struct nft *nft,
			  uint8_t family);

/*
 * A message of type NFT_MSG_... to which the caller adds attributes, and then
 * calls nft_transaction_next(). what and name (may be "") outlive the batch.
 */
struct nlmsghdr *nft_transaction_add(struct nft_transaction *batch,
				     uint16_t type, uint16_t flags,
				     const char *what, const char *name);
void nft_transaction_next(struct nft_transaction *batch);

/*
 * Sends and frees the batch. *refused: the type of the message that the kernel
 * has refused. -EMSGSIZE where it has grown too large; then nothing is sent.
 */
int nft_transaction_send(struct nft_transaction *batch, uint16_t *refused);

#endif
