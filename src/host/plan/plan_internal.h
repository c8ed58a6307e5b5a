/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the plans of a client and of a server have in common: the changes to
 * the tun device, and what has to be known of the host.
 */
#ifndef MINIVPN_HOST_PLAN_PLAN_INTERNAL_H
#define MINIVPN_HOST_PLAN_PLAN_INTERNAL_H

#include "common/config/config.h"
#include "common/config/settings.h"
#include "common/reason.h"
#include "host/change/change.h"
#include "host/plan/outside.h"
#include "host/plan/plan.h"
#include "host/plan/routing.h"

/* The kernel has IPv6, though it may be switched off for some devices. */
bool plan_ipv6_exists(void);

/*
 * The name of a device's setting: "net.ipv4.conf.DEVICE.SETTING", a dot in the
 * device's name written as a slash, as sysctl(8) does.
 */
void plan_sysctl_key(char key[SYSCTL_KEY_SIZE], const char *family,
		     const char *device, const char *setting);

/*
 * All devices that have settings of a family ("ipv4", "ipv6"), by name, among
 * them "default" for those to come. Stops where visit returns other than 0,
 * and returns that; -errno.
 */
typedef int (*plan_device_visit)(void *data, const char *family,
				 const char *device);
int plan_each_device(const char *family, plan_device_visit visit, void *data);

/* Each adds one change; -ENOMEM. */
int plan_add_tun(struct change_list *list, const char *device);
int plan_add_link(struct change_list *list, const char *device, unsigned mtu);
int plan_add_address(struct change_list *list, const char *device,
		     const struct inet_prefix *prefix);

/* device NULL: unreachable. Nothing is added where the list has it already. */
int plan_add_route(struct change_list *list, const char *device,
		   const struct inet_prefix *destination);

/* Never anybody's on the other side of a tunnel (RFC 6890). */
bool plan_is_local_only(const struct inet_prefix *prefix);

/* What the address that the server gives is checked against. */
struct plan_pushed {
	struct rtnl *rtnl;
	const struct plan_links *links; /* networks of this host */
	const char *device;		/* the tun */
	uint32_t mark;			/* of the tunnel's own packets */
};

/*
 * 0 where the address can be used, and it and the tunnel's own network are on
 * the device already or free on this host; -errno with the reason.
 */
int plan_check_lease(const struct plan_pushed *plan,
		     const struct inet_prefix *lease, struct reason *reason);

/* Logs what the server wants to go through, and the file does not. */
void plan_log_refused(const struct config *config,
		      const struct settings *settings);

/*
 * The table that restores mark on what belongs to the tunnel itself and, with
 * Inbound, on connections from outside: see host/nft/marks.h. A tunnel in a
 * namespace of its own needs none. -ENOMEM.
 */
int plan_marks(const struct config *config, uint32_t mark,
	       struct change_list *list);

/*
 * *strict: a device drops what comes in by another device than answers would
 * leave by (rp_filter). Then the kernel is made to heed the mark of a packet
 * when it asks by which that is, unless it does so already.
 */
int plan_valid_mark(struct change_list *list, bool *strict);

/*
 * For connections of a family that is unreachable by the tunnel: the kernel
 * looks a route up for an answer before any chain could restore its mark. So
 * what accepts a TCP connection gets the mark that the question was given, and
 * so does an answer that no socket sends (ip-sysctl.rst: tcp_fwmark_accept,
 * fwmark_reflect). Datagrams of UDP servers get none. -ENOMEM.
 */
int plan_mark_answers(uint16_t family, struct change_list *list);

/*
 * The tables that keep out who would come in beside the tunnel: see
 * host/nft/filter.h. Each is to be in the list before the address, so that
 * this is never without it. -ENOMEM.
 */
int plan_filter_client(const char *name, const char *device,
		       const struct inet_address *own,
		       struct change_list *list);
int plan_filter_server(const struct config *config,
		       const struct inet_prefix *own, struct change_list *list);

/* The kernel gives these to clients: ip_local_port_range. */
void plan_local_ports(uint16_t ports[2]);

/* A server's further ports: see host/nft/redirect.h. -ENOMEM. */
int plan_redirects(const struct config *config, struct change_list *list);

/* Gives an error that has no reason yet one; returns error. */
int plan_result(int err, struct reason *reason);

#endif
