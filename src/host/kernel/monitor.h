/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Watches this host's network by netlink multicast (rtnetlink(7), nfnetlink),
 * and its sleep. It tells that something of a kind has changed, never what: the
 * owner then reads the host itself. So a notification that is lost (ENOBUFS),
 * or that can't be read, is no more than a reason to read everything.
 */
#ifndef MINIVPN_HOST_KERNEL_MONITOR_H
#define MINIVPN_HOST_KERNEL_MONITOR_H

#include <ev.h>
#include <stddef.h>

enum monitor_what {
	MONITOR_OWN = 1,       /* the tun device, or a route or rule of ours */
	MONITOR_UPLINK = 2,    /* other links, addresses, routes; rules */
	MONITOR_TABLES = 4,    /* nf_tables: tables, chains, rules */
	MONITOR_AWAKE = 8,     /* the machine was suspended, and is back */
	MONITOR_SETTINGS = 16, /* net.ipv4.conf.all and its like */
	MONITOR_LINKS = 32,    /* of what is MONITOR_UPLINK: a link */
	MONITOR_NETWORK = MONITOR_OWN | MONITOR_UPLINK,
};

struct monitor;

/* what: one or more of enum monitor_what. */
typedef void (*monitor_notify)(void *owner, unsigned what);

/*
 * Begins to watch the network namespace of the process. notify is called from
 * the loop: shortly after the first of many changes, and not so often that it
 * would be all that the process does. Without nf_tables in the kernel there
 * are no MONITOR_TABLES. -errno.
 */
int monitor_open(struct monitor **monitor, struct ev_loop *loop,
		 monitor_notify notify, void *owner);
/*
 * The same where the tun device and our routes are in another namespace: that
 * is MONITOR_OWN and MONITOR_TABLES, our own only MONITOR_UPLINK. Takes
 * CAP_SYS_ADMIN.
 */
int monitor_open_inside(struct monitor **monitor, struct ev_loop *loop,
			int netns, monitor_notify notify, void *owner);
/* NULL is allowed. */
void monitor_close(struct monitor *monitor);

/* The index of the tun device: what happens to it is MONITOR_OWN. */
void monitor_device(struct monitor *monitor, unsigned index);

/* notify is called for what within so many seconds, whatever happens. */
void monitor_ask(struct monitor *monitor, unsigned what, double seconds);

/*
 * What the notifications of one datagram are about; 0: of no concern. A pure
 * function over size hostile bytes, aligned as struct nlmsghdr. bus is
 * NETLINK_ROUTE or NETLINK_NETFILTER, device the tun's index.
 */
unsigned monitor_read(int bus, const void *datagram, size_t size,
		      unsigned device);

#endif
