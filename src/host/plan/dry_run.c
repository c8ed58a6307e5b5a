/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `up --dry-run`: the plan, printed and not applied. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/reason.h"
#include "host/dns/lookup.h"
#include "host/plan/dry_run.h"
#include "host/plan/namespace.h"
#include "host/plan/plan_internal.h"

static int print_list(const struct change_list *list, FILE *out)
{
	char text[CHANGE_TEXT_SIZE];

	for (size_t i = 0; i < list->count; i++) {
		int err = change_print(&list->items[i], text, sizeof(text));

		if (err)
			return err;
		fprintf(out, "%s\n", text);
	}
	return 0;
}

static int print_table(const struct nft_block *block, const char *netns,
		       FILE *out)
{
	size_t size =
		NFT_BLOCK_TEXT + block->network_count * NFT_BLOCK_NETWORK_TEXT;
	char *text = malloc(size);
	int err = text ? nft_block_print(block, text, size) : -ENOMEM;

	if (!err && netns)
		fprintf(out, "%s%s ",
			netns_is_path(netns) ? "nsenter --net="
					     : "ip netns exec ",
			netns);
	if (!err)
		fprintf(out, "nft '%s'\n", text);
	free(text);
	return err;
}

/* The block stands behind the routes for as long as they are there. */
static int print_block(const struct plan_client *client,
		       const struct change_list *list, FILE *out)
{
	struct nft_block block;
	int err = 0;

	/* A kill switch lets less out; what is too much has none. */
	if (client->config->kill_switch)
		return 0;
	if (plan_block(client->config, &client->routing, list, &block) > 0)
		err = print_table(&block, client->config->network_namespace,
				  out);
	free(block.networks);
	return err;
}

/* The kill switch lets out to every address of every server of the file. */
static int add_killswitch(const struct plan_client *client,
			  struct change_list *list)
{
	const struct config *config = client->config;
	struct plan_servers servers = {0};
	struct lookup_result results[LOOKUP_RESULTS];
	struct reason reason;
	struct change change;

	for (unsigned i = 0; i < config->server_count; i++) {
		size_t found = lookup_now(&config->servers[i], i, results,
					  LOOKUP_RESULTS, &reason);

		plan_servers_add(config, results, found, &servers);
	}
	plan_client_killswitch(config, &servers,
			       plan_routing_mark(&client->routing), &change);
	plan_killswitch_networks(client->rtnl, config, &change);
	return change_list_add(list, &change);
}

/*
 * Whoever may not enter the namespace gets the plan as if nothing were there
 * already.
 */
static int inspect_namespace(const struct config *config,
			     struct plan_inside *inside, bool *found)
{
	int fd, back, failed, err;

	inside->ipv6 = plan_ipv6_usable(config->device);
	err = netns_open(inside->place.name, &fd);
	*found = !err;
	if (err)
		return err == -ENOENT && !netns_is_path(inside->place.name)
			       ? 0
			       : err;
	err = netns_go(fd, &back);
	close(fd);
	if (err)
		return err == -EPERM ? 0 : err;
	err = rtnl_open(&inside->rtnl);
	inside->ipv6 = plan_ipv6_usable(config->device);
	failed = netns_return(back);
	return failed ? failed : err;
}

/* Where the kernel can't be asked, nobody is assumed to have a rule. */
static int find_routing(struct rtnl *rtnl, const struct config *config,
			struct plan_routing *routing)
{
	int err;

	*routing = (struct plan_routing){PLAN_TABLE, {PLAN_TABLE, PLAN_TABLE}};
	/* While it is up itself its own table is the one. */
	if (!rtnl || rtnl_link_get(rtnl, config->device, NULL, NULL) == 0)
		return 0;
	err = plan_routing_find(rtnl, routing);
	if (!err)
		err = plan_routing_front(rtnl, plan_takes_all(config, NULL),
					 routing);
	return err < 0 ? err : 0;
}

static int inside_plan(struct plan_client *client, struct change_list *list,
		       struct reason *reason)
{
	const struct config *config = client->config;
	struct plan_inside inside = {0};
	struct change killswitch;
	bool found;
	int err;

	snprintf(inside.place.name, sizeof(inside.place.name), "%s",
		 config->network_namespace);
	err = inspect_namespace(config, &inside, &found);
	if (err)
		reason_set(reason, "Namespace = %s: %s", inside.place.name,
			   err == -EINVAL ? "that is no network namespace"
					  : strerror(-err));
	if (!err && !found)
		err = plan_netns(&inside.place, list);
	if (!err && config->kill_switch) {
		plan_killswitch_inside(config, &inside.place, &killswitch);
		plan_killswitch_networks(inside.rtnl, config, &killswitch);
		err = change_list_add(list, &killswitch);
	}
	if (!err)
		err = find_routing(inside.rtnl, config, &client->routing);
	if (!err)
		err = plan_client_inside(client, &inside, NULL, list, reason);
	rtnl_close(inside.rtnl);
	return err;
}

/* The order is that of `up`. */
static int own_plan(struct plan_client *client, struct change_list *list,
		    struct reason *reason)
{
	const struct config *config = client->config;
	int err = find_routing(client->rtnl, config, &client->routing);

	if (!err)
		err = plan_client_device(config, list);
	if (!err && config->kill_switch)
		err = add_killswitch(client, list);
	if (err)
		return err;
	err = plan_client_endpoint(client, list, reason);
	if (err)
		return err;
	err = plan_client(client, list, reason);
	if (err)
		return err;
	return plan_dns(config, NULL, "/etc/resolv.conf", NULL, list);
}

/* Comments stand for what only the server knows. */
static void print_comments(const struct config *config, FILE *out)
{
	const char *name = config->network_namespace;
	bool routes = config->routes_choice == CONFIG_PUSHED;
	bool servers = config->dns_choice == CONFIG_PUSHED;

	fprintf(out, "# ");
	if (name && netns_is_path(name))
		fprintf(out, "nsenter --net=%s ip", name);
	else if (name)
		fprintf(out, "ip -n %s", name);
	else
		fprintf(out, "ip");
	fprintf(out, " address add ... dev %s: the server says which\n",
		config->device);
	fprintf(out,
		"# and nft tables minivpn.filter-%s, in front of it: ip daddr "
		"... iifname != \"%s\" drop\n",
		config->name, config->device);
	if (routes || servers)
		fprintf(out, "# and the%s%s%s that the server pushes\n",
			routes ? " routes" : "",
			routes && servers ? " and" : "",
			servers ? " name servers" : "");
}

static int client_plan(struct rtnl *rtnl, const struct config *config,
		       struct change_list *list, FILE *out,
		       struct reason *reason)
{
	struct lookup_result server;
	struct plan_client client = {
		.rtnl = rtnl,
		.config = config,
		.server = &server.endpoint,
	};
	int err;

	if (!lookup_now(&config->servers[0], 0, &server, 1, reason))
		return -EHOSTUNREACH;
	err = config->network_namespace ? inside_plan(&client, list, reason)
					: own_plan(&client, list, reason);
	if (err)
		return err;
	print_comments(config, out);
	err = print_list(list, out);
	return err ? err : print_block(&client, list, out);
}

int plan_dry_run(const struct config *config, FILE *out, struct reason *reason)
{
	struct change_list list = {0};
	struct rtnl *rtnl;
	int err = rtnl_open(&rtnl);

	reason->text[0] = '\0';
	if (err) {
		reason_set(reason, "netlink: %s", strerror(-err));
		return err;
	}
	if (config->role == CONFIG_CLIENT)
		err = client_plan(rtnl, config, &list, out, reason);
	else
		err = plan_server(rtnl, config, &list, reason);
	if (!err && config->role == CONFIG_SERVER)
		err = print_list(&list, out);
	if (!err && config->peer_routes)
		fprintf(out,
			"# and while a client is connected: ip route add "
			"ADDRESS dev %s proto %d metric ..., for each "
			"of its addresses\n",
			config->device, RTNL_PROTOCOL);
	if (err && !reason->text[0])
		reason_set(reason, "%s", strerror(-err));
	change_list_free(&list);
	rtnl_close(rtnl);
	return err;
}
