/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A table of nf_tables as a value: sets, and chains with their rules. It is
 * described once; one encoder makes it in the kernel, in one transaction, and
 * one printer writes it in the words of nft(8). Every table of ours bears the
 * comment "minivpn": what lacks it is somebody else's, and stays.
 */
#ifndef MINIVPN_HOST_NFT_TABLE_H
#define MINIVPN_HOST_NFT_TABLE_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/nft/nft.h"
#include "host/nft/statement.h"

#define NFT_TABLE_SETS	     6
#define NFT_TABLE_CHAINS     4
#define NFT_TABLE_STATEMENTS 512

/* Without a type it has no hook, priority or policy: rules jump to it. */
struct nft_chain {
	const char *name, *type;
	unsigned hook; /* NF_INET_..., NF_ARP_... */
	int priority;
	uint32_t policy; /* NF_ACCEPT, NF_DROP */
};

/* A named set of networks of one family. */
struct nft_set {
	const char *name;
	uint16_t family;
	/* Host bits cleared; sorted, and none has a part of another. */
	const struct inet_prefix *networks;
	size_t count;
};

/* What its pointers refer to has to outlive it. */
struct nft_table {
	uint8_t family;	  /* NFPROTO_... */
	const char *name; /* of at most NFT_TABLE_NAME_SIZE */
	/* NFT_TABLE_F_...; left out where the kernel does not know them. */
	uint32_t flags;
	bool flags_required; /* no: then it is not made at all */
	/* The text has "flags owner": nft(8) drops the table when it ends. */
	bool owner_printed;
	/* Takes the place of one that is ours already, without a gap. */
	bool replaces;

	struct nft_set sets[NFT_TABLE_SETS];
	struct {
		struct nft_chain chain;
		size_t end; /* of its rules, which follow the previous one's */
	} chains[NFT_TABLE_CHAINS];
	/* Of all rules, each with NFT_END behind it. */
	struct nft_statement statements[NFT_TABLE_STATEMENTS];
	size_t set_count, chain_count, statement_count;
};

/*
 * They describe a table that was set to zero but for its first members. A rule
 * belongs to the chain that was added last. More than fits is a fault of ours.
 */
void nft_table_add_set(struct nft_table *table, const struct nft_set *set);
void nft_table_add_chain(struct nft_table *table,
			 const struct nft_chain *chain);
/* statements: up to NFT_END, which is not counted. */
void nft_table_add_rule(struct nft_table *table,
			const struct nft_statement *statements);

#define NFT_RULE(...)                                                          \
	((const struct nft_statement[]){__VA_ARGS__, {.kind = NFT_END}})

/*
 * Makes the table. -EEXIST where one of that name is there already, or, where
 * it replaces, is somebody else's: that is left as it is.
 */
int nft_table_make(struct nft *nft, const struct nft_table *table);

/*
 * -ENOENT where there is none, or none with our comment: a table of that name
 * that somebody else has made stays. -EPERM where another process owns it. The
 * content of a table that bears our comment is not read. Kernels before
 * 5.10 keep no comments: there a table without an owner goes by its name alone.
 */
int nft_table_del(struct nft *nft, uint8_t family, const char *name);

/* 1: a table of that name is there, whoever's it is; 0: none; -errno. */
int nft_table_has(struct nft *nft, uint8_t family, const char *name);

/* One line that `nft -f` reads, without a newline. -ENOSPC. */
int nft_table_print(const struct nft_table *table, char *text, size_t size);

/* Can nft(8) read them, and the kernel take them? */
bool nft_table_name_valid(const char *name, size_t size);
bool nft_device_name_valid(const char name[IFNAMSIZ]);

/*
 * What stands in text between the first start and the end after it; -EINVAL
 * where there is none, or it does not fit.
 */
int nft_text_between(const char *text, const char *start, const char *end,
		     char *word, size_t size);

#endif
