/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Namespace: the tun device and all that belongs to it are in another network
 * namespace, the UDP sockets stay in ours. What takes CAP_SYS_ADMIN is done
 * here, before it is given up: sockets in there are opened, by which host goes
 * on to work; and to remove a namespace that we have made is left to the
 * janitor.
 */
#ifndef MINIVPN_HOST_DAEMON_NAMESPACE_H
#define MINIVPN_HOST_DAEMON_NAMESPACE_H

#include "common/reason.h"
#include "host/kernel/netns.h"
#include "host/plan/namespace.h"
#include "host/process/janitor.h"

struct host;

struct host_namespace {
	struct netns place; /* name "": our own */
	bool new;	    /* ours, and to have that name */
	bool ipv6;	    /* a device in there may have it */
	char resolv_conf[NETNS_PATH_SIZE];
	struct rtnl *outside; /* in our own */
};

/*
 * Where the file has a Namespace: finds it, or makes one that has no name yet,
 * and opens what works in there: host->context is in there then. -errno with
 * the reason.
 */
int host_namespace_open(struct host *host, struct reason *reason);
/* Gives a new one its name, by the journal. */
int host_namespace_make(struct host *host, struct reason *reason);
/*
 * Reverts the journal, by the janitor where that alone can do it; how many
 * changes could not be undone.
 */
int host_namespace_revert(struct host *host, struct janitor *janitor);
void host_namespace_close(struct host *host);

/* What plan_client_inside() is given, where there is a Namespace. */
struct plan_inside host_namespace_inside(const struct host *host);
/* From where the server is reached. */
struct rtnl *host_outside(const struct host *host);

#endif
