/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One change to the host as a value: it can apply and revert itself, print
 * itself in the words of ip, nft and sysctl, and be written to a journal and
 * read back. What is to be changed is for the plan to say.
 */
#ifndef MINIVPN_HOST_CHANGE_CHANGE_H
#define MINIVPN_HOST_CHANGE_CHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/inet.h"
#include "common/reason.h"
#include "host/dns/resolv_conf.h"
#include "host/dns/systemd_resolved.h"
#include "host/kernel/netns.h"
#include "host/kernel/rtnl.h"
#include "host/kernel/sysctl.h"
#include "host/nft/filter.h"
#include "host/nft/gateway.h"
#include "host/nft/killswitch.h"
#include "host/nft/marks.h"
#include "host/nft/redirect.h"

/* The longest is a table, with its place. */
#define CHANGE_TEXT_SIZE 12288
/* Of the fields alone, and with the text behind them. */
#define CHANGE_RECORD_SIZE 8192
#define CHANGE_ENTRY_SIZE  (CHANGE_RECORD_SIZE + CHANGE_TEXT_SIZE)

enum change_kind {
	CHANGE_TUN, /* ip tuntap add dev tun0 mode tun */
	/* ip link set dev tun0 addrgenmode none txqueuelen 1000 mtu 1435 up */
	CHANGE_LINK,
	CHANGE_ADDRESS, /* ip address add 10.8.0.2/24 dev tun0 */
	/* ip route add 0.0.0.0/1 dev tun0 table 77 proto 77 */
	CHANGE_ROUTE,
	/* ip rule add pref 77 not fwmark 0x4d000001/0xff000001 lookup 77 ... */
	CHANGE_RULE,
	CHANGE_SYSCTL,	    /* sysctl -w net.ipv4.ip_forward=1 # was 0 */
	CHANGE_GATEWAY,	    /* nft 'table ip minivpn-server { ... }' */
	CHANGE_KILLSWITCH,  /* nft 'table inet minivpn-client { ... }' */
	CHANGE_MARKS,	    /* nft 'table inet minivpn.marks-client { ... }' */
	CHANGE_FILTER,	    /* nft 'table ip minivpn.filter-client { ... }' */
	CHANGE_REDIRECT,    /* nft 'table ip minivpn.ports-server { ... }' */
	CHANGE_RESOLV_CONF, /* printf 'nameserver ...\n' >/etc/resolv.conf */
	CHANGE_SYSTEMD_RESOLVED, /* resolvectl dns tun0 10.8.0.1 && ... */
	CHANGE_DIRECTORY,	 /* mkdir /etc/netns */
	CHANGE_NETNS_MOUNT,	 /* mount --bind --make-shared /run/netns ... */
	CHANGE_NETNS,	 /* ip netns add work # net:[4026532281] cookie 7 */
	CHANGE_LOOPBACK, /* ip -n work link set dev lo up */
};
#define CHANGE_KINDS (CHANGE_LOOPBACK + 1)

struct change {
	enum change_kind kind;
	/*
	 * A route only: one that is there already is left alone, not ours.
	 * A matter of applying, so it is no part of text or record.
	 */
	bool may_exist;
	bool struck; /* change_list_strike(); no part of them either */
	/*
	 * The network namespace that it is made in, if it is not our own: ip -n
	 * NAME ..., ip netns exec NAME nft ..., nsenter --net=PATH ip ...; of a
	 * resolver, the namespace whose programs read the file.
	 */
	struct netns place;
	union {
		struct {
			char device[IFNAMSIZ];
			/* CHANGE_LINK only; 0: as it is */
			unsigned mtu, queue;
		} link; /* CHANGE_TUN, CHANGE_LINK */
		struct {
			char device[IFNAMSIZ];
			struct inet_prefix prefix;
		} address;
		struct rtnl_route route;
		struct rtnl_rule rule;
		/*
		 * value equal to before: nothing to write, but a side effect
		 * of another change to be put right after it is reverted.
		 */
		struct {
			char key[SYSCTL_KEY_SIZE];
			char value[SYSCTL_VALUE_SIZE];
			char before[SYSCTL_VALUE_SIZE];
		} sysctl;
		struct nft_gateway gateway;
		struct nft_killswitch killswitch;
		struct nft_marks marks;
		struct nft_filter filter;
		struct nft_redirect redirect;
		struct resolv_conf resolv_conf;
		struct systemd_resolved_link systemd_resolved;
		char directory[NETNS_PATH_SIZE]; /* CHANGE_DIRECTORY */
	};
};

/* What changes work on; owned by the host process. Descriptors are -1 if none.
 */
struct change_context {
	struct rtnl *rtnl;
	struct nft *nft;    /* opened by the first table */
	int tun_fd;	    /* opened by CHANGE_TUN, closed by its revert */
	unsigned tun_index; /* of that device, for change_missing(); 0: none */
	const char *resolv_conf; /* "/etc/resolv.conf" but in tests */
	struct netns place;	 /* of rtnl and nft; name "": our own */
	int netns_fd;		 /* one that may be it; -1: it is searched */
	/*
	 * By this a tun device is made in place, also by one who may not enter
	 * it any more; before it is opened it is -errno.
	 */
	int tun_base;
	bool unprivileged; /* may neither mount nor enter a namespace */
	bool holding;	   /* see change_context_hold() */
	struct rtnl_routes *routes; /* while it is; NULL: not read yet */
};

#define CHANGE_CONTEXT_NONE                                                    \
	{                                                                      \
		.tun_fd = -1, .netns_fd = -1, .tun_base = -1                   \
	}

int change_context_open(struct change_context *context);
void change_context_close(struct change_context *context);

/*
 * Opens rtnl and nft in place, where they are not there already. Every change
 * does so by itself. -ENOENT: that namespace is gone, and what was in it.
 */
int change_context_enter(struct change_context *context,
			 const struct netns *place);

/*
 * From hold to release the routes of ours are those that were there when the
 * first one was reverted: the kernel is not asked anew for each of thousands.
 */
void change_context_hold(struct change_context *context);
void change_context_release(struct change_context *context);

/*
 * 0: done, ours to revert. 1: was there already and may be, or is left out
 * because the kernel can't, which is logged: not ours to revert.
 * -errno: not done; reason then holds one line for the user: why, and what to
 * do about it where that is known.
 */
int change_apply(struct change_context *context, const struct change *change,
		 struct reason *reason);

/*
 * 0: undone, or found undone. 1: left as it is, because somebody else has
 * changed it since. -errno: could not be undone. reason (may be NULL, size 0)
 * is set for 1 and errors. Never removes what does not match the change.
 */
int change_revert(struct change_context *context, const struct change *change,
		  struct reason *reason);

/*
 * Is a change that was applied still there? 1: it is gone, or is not as it was
 * made: change_apply() makes it again. 0: it is there, or is of a kind that is
 * not watched by this function (the resolver). A sysctl is gone where it is as
 * it was before. -errno.
 */
int change_missing(struct change_context *context, const struct change *change);

/* It is a table of nf_tables. */
bool change_is_table(const struct change *change);

/* It is one of those that make a namespace, for the others to be in. */
bool change_makes_netns(const struct change *change);

/*
 * It is in a file, and so must its line in the journal be when the kernel
 * crashes: all others are undone by that, and need not wait for a disk.
 */
bool change_outlives_boot(const struct change *change);

/* Where what was made in it is still there, it is not for others to keep. */
bool change_holds_others(const struct change *change);

/* One line without a newline; -ENOSPC. change_parse() reads it: -EINVAL. */
int change_print(const struct change *change, char *text, size_t size);
int change_parse(const char *text, struct change *change);

/*
 * As it is in a journal: kind=address prefix=10.8.0.2/24 device=tun0 # ip ...,
 * the fields that are set and the same as a text, for people. -ENOSPC, -EINVAL
 * where it can't be printed. change_decode() also reads what programs before
 * 0.2 have left there, the text alone; -EINVAL.
 */
int change_encode(const struct change *change, char *text, size_t size);
int change_decode(const char *text, struct change *change);

/*
 * Same kind and same content, as far as it is in a record. How the change is to
 * be applied does not count.
 */
bool change_equal(const struct change *a, const struct change *b);

/*
 * The same for equal changes. It takes in a route's destination, an address
 * and a sysctl's key, and nothing else.
 */
uint32_t change_hash(const struct change *change);

/*
 * A growing list of changes by value, in order, with an index. An item may be
 * altered in place, but for what change_hash() takes in.
 */
struct change_list {
	struct change *items;
	size_t count, capacity;
	uint32_t *slots; /* of the index: see list.c */
	size_t slot_count;
};

/* Copies change to the end; -ENOMEM. */
int change_list_add(struct change_list *list, const struct change *change);

/* Those behind it move up: cheap for the last one, not for many others. */
void change_list_remove(struct change_list *list, size_t position);

/*
 * The same for many of them: from now on it is not found, but until
 * change_list_filter() it is counted, and nothing else may be removed.
 */
void change_list_strike(struct change_list *list, size_t position);

/*
 * Takes out those of which keep says no, and those that were struck out. It is
 * asked once of each, of the last one first, and must not use the list itself.
 */
typedef bool (*change_list_keep)(void *data, const struct change *change);
void change_list_filter(struct change_list *list, change_list_keep keep,
			void *data);

/* The position of the newest equal change, or -ENOENT. */
ssize_t change_list_find(const struct change_list *list,
			 const struct change *change);

/*
 * There is a route of this table (0: main) to this destination in it, whatever
 * its type, gateway and device.
 */
bool change_list_routes(const struct change_list *list, uint32_t table,
			const struct inet_prefix *destination);

void change_list_free(struct change_list *list);

#endif
