/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A client's way to its server, which may be another from one moment on. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "host/daemon/host_internal.h"

/* How soon what could not be found out is asked for again. */
#define AGAIN_SECONDS 2.

bool host_uplink_trouble(int error)
{
	return error == -ENETUNREACH || error == -ENETDOWN ||
	       error == -EHOSTUNREACH || error == -ENODEV;
}

/*
 * The route to the server that is in force, by value: the one in the main
 * table. False: there is none.
 */
static bool find_route(const struct host *host, struct change *route)
{
	const struct change_list *force = journal_changes(host->journal);

	/* None of our routes is where the server is reached. */
	if (host->config->network_namespace)
		return false;
	for (size_t i = 0; i < force->count; i++) {
		if (force->items[i].kind != CHANGE_ROUTE ||
		    force->items[i].route.table)
			continue;
		*route = force->items[i];
		return true;
	}
	return false;
}

/* A setting that we have made is what it is: the plan finds it as wanted. */
int host_uplink_keep(const struct host *host, struct change_list *list)
{
	const struct change_list *force = journal_changes(host->journal);
	struct change route;
	int err = 0;

	for (size_t i = 0; i < force->count && !err; i++) {
		if (force->items[i].kind == CHANGE_SYSCTL)
			err = change_list_add(list, &force->items[i]);
	}
	if (!err && find_route(host, &route))
		err = change_list_add(list, &route);
	return err;
}

/* list has the one that is wanted, or none; there (NULL: none) is lifted. */
static int replace(struct host *host, struct change *there,
		   const struct change_list *list, char *reason, size_t size)
{
	char why[HOST_REASON_SIZE];
	int err;

	if (there && list->count && change_equal(there, &list->items[0])) {
		err = rtnl_route_add(host->context.rtnl, &there->route);
		return err == -EEXIST ? 0 : err;
	}
	if (there && journal_revert(host->journal, &host->context, there, why,
				    sizeof(why)))
		log_warning("%s", why);
	return list->count ? host_ensure(host, &list->items[0], reason, size)
			   : 0;
}

/*
 * What the kernel would do without our route is asked without it: for that
 * moment the tunnel's packets, which are marked, go where they would anyway,
 * and nobody else's follow that route.
 */
int host_uplink_route(struct host *host, const struct config *config,
		      const struct settings *settings, char *reason,
		      size_t size)
{
	const struct plan_client client =
		host_routing_plan(host, config, settings);
	struct change_list list = {0};
	struct change there;
	bool found = find_route(host, &there);
	int err, failed;

	if (config->network_namespace)
		return 0;
	if (found)
		rtnl_route_del(host->context.rtnl, &there.route);
	err = plan_client_endpoint(&client, &list, reason, size);
	failed = replace(host, found ? &there : NULL, &list, reason, size);
	change_list_free(&list);
	return err ? err : failed;
}

/* It is there already in all cases but one: so there is no question before. */
void host_uplink_restore(struct host *host)
{
	struct change there;

	if (find_route(host, &there) &&
	    rtnl_route_add(host->context.rtnl, &there.route) == 0)
		log_info("the route to the server was gone: put back");
}

/* 0: how the kernel would send to the server, but not by the tunnel itself. */
static int find_way(struct host *host, struct rtnl_route *way)
{
	int err = rtnl_route_get(host_outside(host),
				 &host->endpoints.current.address,
				 host_mark(host), way);

	if (!err && (way->type == RTN_UNREACHABLE ||
		     (!host->config->network_namespace &&
		      strcmp(way->device, host->config->device) == 0)))
		err = -ENETUNREACH;
	return err;
}

void host_uplink_note(struct host *host)
{
	struct host_uplink *uplink = &host->uplink;
	struct rtnl_route way;
	int err;

	/* Another way to the same server is news: see host_uplink_check(). */
	if (uplink->way.type != RTN_UNSPEC &&
	    inet_address_equal(&uplink->way.destination.address,
			       &host->endpoints.current.address))
		return;
	err = find_way(host, &way);
	if (err) {
		/* There is none, or it could not be found out. */
		uplink->way.type = RTN_UNSPEC;
		if (host_uplink_trouble(err))
			uplink->gone = true;
		return;
	}
	uplink->way = way;
	uplink->gone = false;
}

static bool is_other(const struct rtnl_route *a, const struct rtnl_route *b)
{
	return strcmp(a->device, b->device) != 0 ||
	       !inet_address_equal(&a->gateway, &b->gateway) ||
	       !inet_address_equal(&a->source, &b->source);
}

static void lose_way(struct host *host, const char *reason)
{
	if (!host->uplink.gone)
		log_warning("%s: no way to the server any more (%s): waiting "
			    "for a network",
			    host->config->name, reason);
	host->uplink.gone = true;
}

/* The kernel has not said what is so: nothing has changed until it does. */
static void ask_again(struct host *host, const char *reason)
{
	if (!host->uplink.unknown)
		log_warning("%s: the way to the server can't be found out: %s",
			    host->config->name, reason);
	host->uplink.unknown = true;
	if (host->monitor)
		monitor_ask(host->monitor, MONITOR_UPLINK, AGAIN_SECONDS);
}

static void say_way(const struct host *host)
{
	const struct rtnl_route *way = &host->uplink.way;
	char gateway[INET_ADDRESS_TEXT] = "", source[INET_ADDRESS_TEXT] = "";

	if (way->gateway.family)
		inet_format_address(&way->gateway, gateway, sizeof(gateway));
	if (way->source.family)
		inet_format_address(&way->source, source, sizeof(source));
	log_notice("%s: the way to the server is now by %s%s%s%s%s",
		   host->config->name, way->device, gateway[0] ? " via " : "",
		   gateway, source[0] ? ", from " : "", source);
}

/*
 * Does the tunnel process, which has the same sockets, send from there? It may
 * have bound one meanwhile; and where there was no way, to an address of no
 * use. Those that it has not connected are bound to none.
 */
static bool sends_from(const struct host *host,
		       const struct inet_address *source)
{
	const struct inet_address none = {.family = source->family};
	bool any = false;

	for (unsigned i = 0; i < host->udp_count; i++) {
		struct sockaddr_storage name;
		struct sockaddr *generic = (struct sockaddr *)&name;
		socklen_t length = sizeof(name);
		struct inet_endpoint own;

		if (getsockname(host->udp_fds[i], generic, &length) ||
		    inet_endpoint_from_sockaddr(generic, &own) ||
		    own.address.family != source->family ||
		    inet_address_equal(&own.address, &none))
			continue;
		if (!inet_address_equal(&own.address, source))
			return false;
		any = true;
	}
	return any;
}

static void tell_tunnel(struct host *host)
{
	struct channel_message message = {.type = CHANNEL_MOVED};

	message.moved.rebind = !sends_from(host, &host->uplink.way.source);
	host_client_keep_endpoint(host);
	host_send(host, &message);
	/* It was begun on a network that has no answer any more. */
	if (host->endpoints.lookup) {
		lookup_cancel(host->endpoints.lookup);
		host->endpoints.lookup = NULL;
		host_client_next_endpoint(host);
	}
}

void host_uplink_check(struct host *host, bool awake)
{
	struct host_uplink *uplink = &host->uplink;
	struct rtnl_route way, before = uplink->way;
	char reason[HOST_REASON_SIZE] = "";
	bool moved;
	int err = 0;

	host_client_check(host);
	if (host->endpoints.current.address.family == AF_UNSPEC)
		return;
	if (host->configured)
		err = host_uplink_route(host, host->config, &host->settings,
					reason, sizeof(reason));
	if (!err)
		err = find_way(host, &way);
	if (err) {
		if (!reason[0])
			snprintf(reason, sizeof(reason), "%s", strerror(-err));
		if (host_uplink_trouble(err))
			lose_way(host, reason);
		else
			ask_again(host, reason);
		return;
	}
	moved = uplink->gone ||
		(before.type != RTN_UNSPEC && is_other(&way, &before));
	uplink->way = way;
	uplink->gone = false;
	uplink->unknown = false;
	if (moved)
		say_way(host);
	if (moved || awake)
		tell_tunnel(host);
}
