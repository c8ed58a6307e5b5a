/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Name servers and domains of the tunnel's device in systemd-resolved, by its
 * D-Bus interface (org.freedesktop.resolve1(5)). Nothing but the device's own
 * settings is touched; they go with the device, or with a revert.
 *
 * Every call that talks to the bus gives up after two seconds. Without
 * libsystemd there is nobody to talk to (systemd_resolved_none.c): the text is
 * read and written all the same.
 */
#ifndef MINIVPN_HOST_DNS_SYSTEMD_RESOLVED_H
#define MINIVPN_HOST_DNS_SYSTEMD_RESOLVED_H

#include <ev.h>
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/config/settings.h"
#include "common/inet.h"
#include "common/reason.h"

/* What systemd-resolved writes of all servers, for those who ask them. */
#define SYSTEMD_RESOLVED_UPLINK_FILE "/run/systemd/resolve/resolv.conf"

struct systemd_resolved_link {
	char device[IFNAMSIZ];
	struct inet_address dns[SETTINGS_DNS];
	unsigned dns_count; /* at least one */
	char search[SETTINGS_SEARCH][SETTINGS_DOMAIN_SIZE];
	unsigned search_count;
	/* All names are asked of dns; else those in search only. */
	bool all;
};

/* Whom those who read resolv.conf ask: see systemd_resolved_mode(). */
enum systemd_resolved_mode {
	SYSTEMD_RESOLVED_NONE, /* not systemd-resolved, as far as this file goes
				*/
	SYSTEMD_RESOLVED_STUB, /* its own address */
	SYSTEMD_RESOLVED_UPLINK, /* the servers that it lists, but could ask it
				  */
	SYSTEMD_RESOLVED_LIST,	 /* the servers that it lists: it has no stub */
};

/*
 * Where the file leads to, as systemd-resolved(8) has it under "/etc/resolv
 * .conf". Talks to nobody.
 */
enum systemd_resolved_mode systemd_resolved_mode(const char *resolv_conf);

/* It runs, or is started by this question. */
bool systemd_resolved_answers(void);

/*
 * 0 once the device has the settings and uses them. -errno, with one line in
 * reason; the device is then as it was.
 */
int systemd_resolved_apply(const struct systemd_resolved_link *link,
			   struct reason *reason);

/*
 * 0 also where there is nothing to undo any more: no device, or nobody who
 * answers. 1 where the device has other servers than ours: they stay.
 */
int systemd_resolved_revert(const struct systemd_resolved_link *link,
			    struct reason *reason);

/* 1: the device has our servers. 0: it has not. -errno: nobody says. */
int systemd_resolved_is_applied(const struct systemd_resolved_link *link);

/* resolvectl dns tun0 ... && resolvectl domain tun0 ... && ... */
int systemd_resolved_print(const struct systemd_resolved_link *link, char *text,
			   size_t size);
int systemd_resolved_parse(const char *text,
			   struct systemd_resolved_link *link);

/* -EINVAL where a value has no place in such a command. */
int systemd_resolved_check(const struct systemd_resolved_link *link);

/*
 * Tells when systemd-resolved has been started anew (restarted), or when any
 * device's servers may have changed: also once when it begins to watch.
 */
struct systemd_resolved_watch;
typedef void (*systemd_resolved_changed)(void *owner, bool restarted);

int systemd_resolved_watch_start(struct systemd_resolved_watch **watch,
				 struct ev_loop *loop,
				 systemd_resolved_changed changed, void *owner);
/* NULL is allowed. */
void systemd_resolved_watch_stop(struct systemd_resolved_watch *watch);

#endif
