/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a tunnel's file, and for a client what the server said, to the list of
 * changes that this host needs, in the order in which they are applied. Reads
 * the host (routes, sysctls), changes nothing.
 */
#ifndef MINIVPN_HOST_PLAN_H
#define MINIVPN_HOST_PLAN_H

#include "common/config.h"
#include "common/settings.h"
#include "host/change.h"

/* Added to a packet: IP 20 or 40, UDP 8, DTLS record 13 + 24 (RFC 5288). */
#define PLAN_OVERHEAD_IPV4 65
#define PLAN_OVERHEAD_IPV6 85

/*
 * All functions return 0, or -errno with one line for the user in reason: why
 * the file can't be carried out on this host and what to do about it.
 */

/* Everything for a server. */
int plan_server(struct rtnl *rtnl, const struct config *config,
		struct change_list *list, char *reason, size_t size);

/* What a client does before it has spoken to the server: its tun device. */
int plan_client_device(const struct config *config, struct change_list *list);

/* KillSwitch: nothing but DTLS to these servers. */
void plan_client_killswitch(const struct config *config,
			    const struct inet_endpoint *servers, size_t count,
			    struct change *change);

/* config_bound(), and a line of the log where it has taken something away. */
void plan_bound(const struct config *config, const struct settings *said,
		struct settings *settings);

/*
 * The route to the server by today's gateway: nothing where no wanted route
 * covers the server, or it is this host itself.
 */
int plan_client_endpoint(struct rtnl *rtnl, const struct config *config,
			 const struct settings *settings,
			 const struct inet_endpoint *server,
			 struct change_list *list, char *reason, size_t size);

/*
 * The rest: link, addresses, routes, unreachable routes for a family that a
 * default tunnel does not carry, resolver. settings NULL (dry run): what the
 * file alone says. A pushed value that the file does not allow, or that clashes
 * with this host, is left out alone and logged as a warning; what is in force
 * already does not clash. settings are as plan_bound() leaves them.
 */
int plan_client(struct rtnl *rtnl, const struct config *config,
		const struct settings *settings,
		const struct inet_endpoint *server, struct change_list *list,
		char *reason, size_t size);

/*
 * Gives the name servers that plan_client() has put into list to systemd-
 * resolved instead, where it is there and resolv_conf leads to it. Where that
 * leads to its list of all servers, the others in the list would go on to be
 * asked: then it is made to lead to its stub too, or replaced if it has none.
 * What is in force (may be NULL) stays so without
 * asking anybody.
 */
int plan_resolved(const struct config *config, const struct settings *settings,
		  const char *resolv_conf, const struct change_list *force,
		  struct change_list *list);

/* Less is not possible with these inner addresses: RFC 8200, RFC 791. */
unsigned plan_mtu_least(const struct inet_prefix *inner6);

/*
 * The MTU of the tun device: the file's; else what the way to the server
 * carries less the overhead, and not more than settings (may be NULL) say.
 */
unsigned plan_mtu(struct rtnl *rtnl, const struct config *config,
		  const struct settings *settings,
		  const struct inet_endpoint *server);

/* The client's routes are for everything, of one family at least. */
bool plan_takes_all(const struct config *config,
		    const struct settings *settings);

#endif
