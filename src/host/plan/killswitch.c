/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * This makes the table of KillSwitch from a client's file and this host's
 * links.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "host/plan/namespace.h"
#include "host/plan/outside.h"
#include "host/plan/plan.h"

_Static_assert(NFT_KILLSWITCH_EXCLUDE == CONFIG_KILL_SWITCH_EXCLUDE,
	       "all that `check` lets pass");

/* Without memory nothing is let out, which is the safe side. */
static void put_exclude(const struct config *config,
			struct nft_killswitch *killswitch)
{
	size_t count = config->exclude_count;
	struct inet_prefix *list = calloc(count + 1, sizeof(*list));

	for (size_t i = 0; list && i < count; i++)
		list[i] = config->exclude[i];
	count = list ? inet_prefixes_merge(list, count) : 0;
	for (size_t i = 0; i < count && i < NFT_KILLSWITCH_EXCLUDE; i++)
		killswitch->exclude[killswitch->exclude_count++] = list[i];
	free(list);
}

/* Exclude = lan means the same, and public networks too. */
static bool lets_links_out(const struct config *config)
{
	return config->kill_switch_lan ||
	       (config->kill_switch_exclude && config->exclude_lan);
}

bool plan_killswitch_asks(const struct config *config)
{
	struct inet_address address;

	/* Names are asked for where the tunnel is, not in its namespace. */
	if (config->network_namespace)
		return false;
	for (size_t i = 0; i < config->server_count; i++) {
		if (inet_parse_address(config->servers[i].host, &address))
			return true;
	}
	return false;
}

void plan_servers_add(const struct config *config,
		      const struct lookup_result *results, size_t count,
		      struct plan_servers *servers)
{
	for (size_t i = 0; i < count && servers->count < NFT_KILLSWITCH_SERVERS;
	     i++) {
		servers->list[servers->count] = results[i].endpoint;
		servers->last_ports[servers->count++] =
			config->servers[results[i].host].last;
	}
}

/* servers may be NULL: none. */
void plan_client_killswitch(const struct config *config,
			    const struct plan_servers *servers, uint32_t mark,
			    struct change *change)
{
	struct nft_killswitch *killswitch = &change->killswitch;

	*change = (struct change){.kind = CHANGE_KILLSWITCH};
	snprintf(killswitch->table, sizeof(killswitch->table), "minivpn-%s",
		 config->name);
	snprintf(killswitch->device, sizeof(killswitch->device), "%s",
		 config->device);
	if (servers) {
		killswitch->count = servers->count;
		memcpy(killswitch->servers, servers->list,
		       servers->count * sizeof(servers->list[0]));
		memcpy(killswitch->last_ports, servers->last_ports,
		       servers->count * sizeof(servers->last_ports[0]));
	}
	killswitch->names = plan_killswitch_asks(config);
	if (killswitch->count || killswitch->names) {
		killswitch->mark = mark & PLAN_ROUTING_MASK;
		killswitch->mask = PLAN_ROUTING_MASK;
	}
	if (config->kill_switch_exclude)
		put_exclude(config, killswitch);
	killswitch->lan = lets_links_out(config);
}

void plan_killswitch_inside(const struct config *config,
			    const struct netns *place, struct change *change)
{
	plan_client_killswitch(config, NULL, 0, change);
	change->place = *place;
}

/* Link-local addresses are let out whatever links there are. */
static bool is_let_out(const struct config *config,
		       const struct inet_prefix *network)
{
	static const struct inet_prefix link_local = {{AF_INET6, {0xfe, 0x80}},
						      10};

	return !inet_prefix_covers(&link_local, network) &&
	       plan_links_own(network, config->kill_switch_exclude &&
					       config->exclude_lan);
}

/*
 * The networks themselves and not all of 10.0.0.0/8 and its like: while the
 * tunnel is down, what is for a private network at its other end would go to
 * the default gateway, which may be anybody's.
 */
int plan_killswitch_networks(struct rtnl *rtnl, const struct config *config,
			     struct change *change)
{
	struct nft_killswitch *killswitch = &change->killswitch;
	struct plan_links links = {0};
	struct inet_prefix *list;
	size_t count = 0;
	int err;

	killswitch->network_count = 0;
	if (!killswitch->lan || !rtnl)
		return 0;
	err = plan_links_read(rtnl, config->device, &links);
	list = calloc(links.count + 1, sizeof(*list));
	if (!err && !list)
		err = -ENOMEM;
	for (size_t i = 0; !err && i < links.count; i++) {
		if (is_let_out(config, &links.items[i].network))
			list[count++] = links.items[i].network;
	}
	if (!err)
		count = inet_prefixes_merge(list, count);
	for (size_t i = 0; !err && i < count; i++) {
		if (i < NFT_KILLSWITCH_NETWORKS)
			killswitch->networks[killswitch->network_count++] =
				list[i];
		else
			err = -E2BIG;
	}
	free(list);
	plan_links_free(&links);
	return err;
}

static bool lets_out(const struct config *config, struct rtnl *rtnl,
		     const struct inet_address *to)
{
	struct change change;

	plan_client_killswitch(config, NULL, 0, &change);
	plan_killswitch_networks(rtnl, config, &change);
	return nft_killswitch_lets_out(&change.killswitch, to);
}

bool plan_killswitch_cuts(const struct config *config,
			  const struct inet_address *to, bool *lan)
{
	struct config other = *config;
	struct rtnl *rtnl = NULL;
	bool cuts;

	*lan = false;
	/* With Namespace it filters there alone. */
	if (!config->kill_switch || config->network_namespace ||
	    inet_address_is_loopback(to) || rtnl_open(&rtnl))
		return false;
	other.kill_switch_lan = true;
	cuts = !lets_out(config, rtnl, to);
	*lan = lets_out(&other, rtnl, to);
	rtnl_close(rtnl);
	return cuts;
}
