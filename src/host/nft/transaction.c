/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/nft/transaction.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void nft_put_header(struct nlmsghdr *message, uint8_t family, uint16_t resource)
{
	struct nfgenmsg *header =
		mnl_nlmsg_put_extra_header(message, sizeof(*header));

	header->nfgen_family = family;
	header->version = NFNETLINK_V0;
	header->res_id = htons(resource);
}

uint16_t nft_message_type(uint16_t type)
{
	return NFNL_SUBSYS_NFTABLES << 8 | type;
}

static struct nlmsghdr *batch_put(struct nft_transaction *batch, uint16_t type,
				  uint16_t flags, const char *what,
				  const char *name)
{
	struct nlmsghdr *message =
		mnl_nlmsg_put_header(mnl_nlmsg_batch_current(batch->messages));
	unsigned index = batch->count++;

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	message->nlmsg_seq = batch->nft->netlink.sequence + 1 + index;
	batch->sent[index].type = NFNL_MSG_TYPE(type);
	batch->sent[index].what = what;
	batch->sent[index].name = name;
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
	struct nlmsghdr *message = batch_put(batch, type, 0, "whole batch", "");

	nft_put_header(message, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	nft_transaction_next(batch);
}

struct nlmsghdr *nft_transaction_add(struct nft_transaction *batch,
				     uint16_t type, uint16_t flags,
				     const char *what, const char *name)
{
	struct nlmsghdr *message = batch_put(batch, nft_message_type(type),
					     NLM_F_ACK | flags, what, name);

	nft_put_header(message, batch->family, 0);
	return message;
}

int nft_transaction_begin(struct nft_transaction *batch, struct nft *nft,
			  uint8_t family)
{
	memset(batch, 0, sizeof(*batch));
	batch->nft = nft;
	batch->family = family;
	batch->messages =
		mnl_nlmsg_batch_start(batch->buffer, NFT_TRANSACTION_SIZE);
	if (!batch->messages)
		return -ENOMEM;
	put_border(batch, NFNL_MSG_BATCH_BEGIN);
	return 0;
}

static void set_reason(const struct nft_transaction *batch, unsigned index)
{
	struct nft *nft = batch->nft;
	const char *name = batch->sent[index].name;
	const char *kernel = nft->netlink.reason;

	snprintf(nft->reason, sizeof(nft->reason), "%s%s%s%s%s",
		 batch->sent[index].what, name[0] ? " " : "", name,
		 kernel[0] ? ": " : "", kernel);
}

int nft_transaction_send(struct nft_transaction *batch, uint16_t *refused)
{
	struct nft *nft = batch->nft;
	unsigned index = 0;
	int err = -EMSGSIZE;

	if (!batch->overflow)
		put_border(batch, NFNL_MSG_BATCH_END);
	if (!batch->overflow)
		err = netlink_batch(&nft->netlink,
				    mnl_nlmsg_batch_head(batch->messages),
				    mnl_nlmsg_batch_size(batch->messages),
				    batch->count, batch->count - 2, &index);
	mnl_nlmsg_batch_stop(batch->messages);
	*refused = batch->sent[index].type;
	nft->reason[0] = '\0';
	if (err)
		set_reason(batch, index);
	return err;
}

/* The number of the ruleset: asked only to see whether there is an answer. */
static int probe(struct nft *nft)
{
	struct netlink_buffer buffer;
	struct nlmsghdr *message =
		netlink_message(&buffer, nft_message_type(NFT_MSG_GETGEN), 0);
	int err;

	nft_put_header(message, AF_UNSPEC, 0);
	err = netlink_request(&nft->netlink, message, NULL, NULL);
	/*
	 * EINVAL says that the kernel has no such subsystem
	 * (nfnetlink_rcv_msg()).
	 */
	return err == -EINVAL ? -EPROTONOSUPPORT : err;
}

int nft_open(struct nft **nft)
{
	struct nft *new = calloc(1, sizeof(*new));
	int err;

	if (!new)
		return -ENOMEM;
	err = netlink_open(&new->netlink, NETLINK_NETFILTER);
	if (!err)
		err = probe(new);
	if (err) {
		nft_close(new);
		return err;
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
