/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a tunnel's file, and for a client what the server pushed, to the list of
 * changes that this host needs, in the order in which they are applied. Reads
 * the host (routes, sysctls), changes nothing.
 */
#ifndef MINIVPN_HOST_PLAN_PLAN_H
#define MINIVPN_HOST_PLAN_PLAN_H

#include <stdbool.h>

#include "common/config/config.h"
#include "common/config/settings.h"
#include "common/reason.h"
#include "host/change/change.h"
#include "host/dns/lookup.h"
#include "host/plan/routing.h"

/* Added to a packet: IP 20 or 40, UDP 8, DTLS record 13 + 24 (RFC 5288). */
#define PLAN_OVERHEAD_IPV4 65
#define PLAN_OVERHEAD_IPV6 85
/* With Secret: of the record's 37 there are 28 (tunnel/noise/noise.h). */
#define PLAN_NOISE_LESS 9

/*
 * All functions return 0, or -errno with one line for the user in reason: why
 * the file can't be carried out on this host and what to do about it.
 */

/* The tun device (made already or not) will take IPv6 addresses. */
bool plan_ipv6_usable(const char *device);

/* Everything for a server. */
int plan_server(struct rtnl *rtnl, const struct config *config,
		struct change_list *list, struct reason *reason);

/*
 * What the user should know of a range of Listen on this host, into reason:
 * ports in it that are in other use. False: nothing.
 */
bool plan_redirect_warning(const struct config_redirect *redirect,
			   struct reason *reason);

/*
 * A server that is up has switched on forwarding itself: which links passed
 * nothing on before that is known from the changes that are applied.
 */
void plan_server_keep_links(const struct change_list *applied,
			    struct change_list *planned);

/*
 * Where a server that is up has switched on forwarding itself, and links have
 * come by which this host is in further networks: adds to list the filters that
 * keep these apart too, in the place of those that are applied. The links that
 * others make for guests and VPNs are left to their own rules. -errno.
 */
int plan_server_new_links(struct rtnl *rtnl, const struct change_list *applied,
			  struct change_list *list);

/* What a client does before it has spoken to the server: its tun device. */
int plan_client_device(const struct config *config, struct change_list *list);

/* What a kill switch lets the tunnel reach. */
struct plan_servers {
	unsigned count;
	struct inet_endpoint list[NFT_KILLSWITCH_SERVERS];
	uint16_t last_ports[NFT_KILLSWITCH_SERVERS]; /* 0: one port alone */
};

/* Adds what was found of the file's servers, as far as there is room. */
void plan_servers_add(const struct config *config,
		      const struct lookup_result *results, size_t count,
		      struct plan_servers *servers);

/*
 * KillSwitch: nothing but DTLS to these servers by packets with that mark, and
 * what the file says.
 */
void plan_client_killswitch(const struct config *config,
			    const struct plan_servers *servers, uint32_t mark,
			    struct change *change);

/* Names in Server: its own questions for them have to pass the kill switch. */
bool plan_killswitch_asks(const struct config *config);

/*
 * KillSwitch = yes, lan: puts in the private networks that the links of this
 * host are in now, instead of those that are there. Nothing where the file does
 * not say so; rtnl is of the namespace of the change (NULL: not known, none).
 * -E2BIG: there are more than fit, and the rest is cut off. After any error
 * the change can be applied.
 */
int plan_killswitch_networks(struct rtnl *rtnl, const struct config *config,
			     struct change *change);

/*
 * Would the kill switch of that file cut off what this host sends to an
 * address? *lan: it would not with KillSwitch = yes, lan.
 */
bool plan_killswitch_cuts(const struct config *config,
			  const struct inet_address *to, bool *lan);

/* settings_bound(), and a line of the log where that has taken some away. */
void plan_bound(const struct config *config, const struct settings *pushed,
		struct settings *settings);

/* What the plan of a client is made from. */
struct plan_client {
	struct rtnl *rtnl; /* where the server is reached; NULL: unknown */
	const struct config *config;
	/* As plan_bound() leaves them; NULL (dry run): the file alone. */
	const struct settings *settings;
	const struct inet_endpoint *server;
	struct plan_routing routing;
};

/*
 * The route to the server as the kernel would have it without the tunnel, for
 * the tunnel's own packets. Nothing where no wanted route covers the server,
 * where it is this host itself, and where the kernel's own entry can't be
 * copied: it has several next hops, among which the kernel chooses.
 */
int plan_client_endpoint(const struct plan_client *client,
			 struct change_list *list, struct reason *reason);

/*
 * The rest: link, addresses, the table of routes with what is to stay outside
 * and the rules that lead there, resolver. Where the tunnel takes everything
 * the last entry of the table is that nothing else is reachable: by whatever
 * the tunnel does not carry, or not any more. A pushed value that the file does
 * not allow, or that clashes with this host, is left out alone and logged as a
 * warning; what is applied already does not clash.
 */
int plan_client(const struct plan_client *client, struct change_list *list,
		struct reason *reason);

/*
 * What of it lets in answers to the tunnel's own packets, and answers what
 * comes to this host past the tunnel: the marks, and that rp_filter heeds them.
 */
int plan_client_marking(const struct plan_client *client,
			struct change_list *list);

/*
 * The throws alone, as plan_client() would make them now: a link may have come
 * or gone. rtnl is that of the tunnel.
 */
int plan_client_outside(struct rtnl *rtnl, const struct config *config,
			const struct settings *settings,
			const struct plan_routing *routing,
			struct change_list *list);

/*
 * Gives the name servers that plan_client() has put into list to systemd-
 * resolved instead, where it is there and resolv_conf leads to it. Where that
 * leads to its list of all servers, the others in the list would go on to be
 * asked: then it is made to lead to its stub too, or replaced if it has none.
 * What is applied already (may be NULL) stays so without asking anybody.
 */
int plan_dns(const struct config *config, const struct settings *settings,
	     const char *resolv_conf, const struct change_list *applied,
	     struct change_list *list);

/* Less is not possible with these inner addresses: RFC 8200, RFC 791. */
unsigned plan_mtu_least(const struct inet_prefix *inner6);

/*
 * The MTU of the tun device: the file's; else what the route to the server, by
 * packets with that mark, carries less the overhead, and not more than settings
 * (may be NULL) say.
 */
unsigned plan_mtu(struct rtnl *rtnl, const struct config *config,
		  const struct settings *settings,
		  const struct inet_endpoint *server, uint32_t mark);

/* The client's routes are for everything, of one family at least. */
bool plan_takes_all(const struct config *config,
		    const struct settings *settings);

#endif
