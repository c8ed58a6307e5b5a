/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/daemon/uplink.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "common/reason.h"
#include "host/daemon/monitor.h"
#include "host/daemon/namespace.h"
#include "host/daemon/routing.h"

/* What could not be found out is asked for again after this. */
#define AGAIN_SECONDS 2.

bool host_uplink_trouble(int error)
{
	return error == -ENETUNREACH || error == -ENETDOWN ||
	       error == -EHOSTUNREACH || error == -ENODEV;
}

/*
 * The route to the server that is applied, by value: the one in the main
 * table. False: there is none.
 */
static bool find_route(const struct host *host, struct change *route)
{
	const struct change_list *applied = journal_changes(host->journal);

	/* None of our routes is where the server is reached. */
	if (host->config->network_namespace)
		return false;
	for (size_t i = 0; i < applied->count; i++) {
		if (applied->items[i].kind != CHANGE_ROUTE ||
		    applied->items[i].route.table)
			continue;
		*route = applied->items[i];
		return true;
	}
	return false;
}

/* The plan finds a setting that we have made as wanted, and leaves it out. */
int host_uplink_keep(const struct host *host, struct change_list *list)
{
	const struct change_list *applied = journal_changes(host->journal);
	struct change route;
	int err = 0;

	for (size_t i = 0; i < applied->count && !err; i++) {
		if (applied->items[i].kind == CHANGE_SYSCTL)
			err = change_list_add(list, &applied->items[i]);
	}
	if (!err && find_route(host, &route))
		err = change_list_add(list, &route);
	return err;
}

/* there (NULL: none) is replaced by the one in list, or by none. */
static int replace(struct host *host, struct change *there,
		   const struct change_list *list, struct reason *reason)
{
	struct reason why;
	int err;

	if (there && list->count && change_equal(there, &list->items[0])) {
		err = rtnl_route_add(host->context.rtnl, &there->route);
		return err == -EEXIST ? 0 : err;
	}
	if (there && journal_revert(host->journal, &host->context, there, &why))
		log_warning("%s", why.text);
	return list->count ? host_ensure(host, &list->items[0], reason) : 0;
}

/*
 * What the kernel would do without our route is asked without it: for that
 * moment the tunnel's packets, which are marked, go where they would anyway,
 * and nobody else's follow that route.
 */
int host_uplink_route(struct host *host, const struct config *config,
		      const struct settings *settings, struct reason *reason)
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
	err = plan_client_endpoint(&client, &list, reason);
	failed = replace(host, found ? &there : NULL, &list, reason);
	change_list_free(&list);
	return err ? err : failed;
}

/* The kernel is not asked first: mostly the route is there, and stays. */
void host_uplink_restore(struct host *host)
{
	struct change there;

	if (find_route(host, &there) &&
	    rtnl_route_add(host->context.rtnl, &there.route) == 0)
		log_info("the route to the server was gone: put back");
}

/*
 * This finds how the kernel sends to the server; -ENETUNREACH where that is by
 * the tunnel itself.
 */
static int find_route_now(struct host *host, struct rtnl_route *route)
{
	int err = rtnl_route_get(host_outside(host),
				 &host->endpoints.current.address,
				 host_mark(host), route);

	if (!err && (route->type == RTN_UNREACHABLE ||
		     (!host->config->network_namespace &&
		      strcmp(route->device, host->config->device) == 0)))
		err = -ENETUNREACH;
	return err;
}

void host_uplink_note(struct host *host)
{
	struct host_uplink *uplink = host->uplink;
	struct rtnl_route route;
	int err;

	/* Another route to the same server is news: see host_uplink_check(). */
	if (uplink->route.type != RTN_UNSPEC &&
	    inet_address_equal(&uplink->route.destination.address,
			       &host->endpoints.current.address))
		return;
	err = find_route_now(host, &route);
	if (err) {
		/* There is none, or it could not be found out. */
		uplink->route.type = RTN_UNSPEC;
		if (host_uplink_trouble(err))
			uplink->gone = true;
		return;
	}
	uplink->route = route;
	uplink->gone = false;
}

static bool is_other(const struct rtnl_route *a, const struct rtnl_route *b)
{
	return strcmp(a->device, b->device) != 0 ||
	       !inet_address_equal(&a->gateway, &b->gateway) ||
	       !inet_address_equal(&a->source, &b->source);
}

static void log_gone(struct host *host, const char *reason)
{
	if (!host->uplink->gone)
		log_warning("%s: no way to the server any more (%s): waiting "
			    "for a network",
			    host->config->name, reason);
	host->uplink->gone = true;
}

/* Nothing has changed as long as the kernel does not answer. */
static void ask_again(struct host *host, const char *reason)
{
	if (!host->uplink->unknown)
		log_warning("%s: the way to the server can't be found out: %s",
			    host->config->name, reason);
	host->uplink->unknown = true;
	host_monitor_ask(host, MONITOR_UPLINK, AGAIN_SECONDS);
}

static void log_route(const struct host *host)
{
	const struct rtnl_route *route = &host->uplink->route;
	char gateway[INET_ADDRESS_TEXT] = "", source[INET_ADDRESS_TEXT] = "";

	if (route->gateway.family)
		inet_format_address(&route->gateway, gateway, sizeof(gateway));
	if (route->source.family)
		inet_format_address(&route->source, source, sizeof(source));
	log_event(LOG_LEVEL_NOTICE, LOG_EVENT_MOVED, NULL,
		  "%s: the way to the server is now by %s%s%s%s%s",
		  host->config->name, route->device, gateway[0] ? " via " : "",
		  gateway, source[0] ? ", from " : "", source);
}

/* Sockets that the tunnel process has not connected are bound to no address. */
bool host_uplink_is_bound(const struct host *host)
{
	const struct inet_address *source = &host->uplink->route.source;
	const struct inet_address none = {.family = source->family};
	bool any = false;

	for (unsigned i = 0; i < host->sockets.count; i++) {
		struct sockaddr_storage name;
		struct sockaddr *generic = (struct sockaddr *)&name;
		socklen_t length = sizeof(name);
		struct inet_endpoint own;

		if (getsockname(host->sockets.fds[i], generic, &length) ||
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

void host_uplink_lose(struct host *host)
{
	host->uplink->gone = true;
}

int host_uplink_check(struct host *host, bool *moved)
{
	struct host_uplink *uplink = host->uplink;
	struct rtnl_route route, before = uplink->route;
	struct reason reason = {0};
	int err = 0;

	*moved = false;
	if (host->configured)
		err = host_uplink_route(host, host->config, &host->settings,
					&reason);
	if (!err)
		err = find_route_now(host, &route);
	if (err) {
		if (!reason.text[0])
			reason_set(&reason, "%s", strerror(-err));
		if (host_uplink_trouble(err))
			log_gone(host, reason.text);
		else
			ask_again(host, reason.text);
		return err;
	}
	*moved = uplink->gone ||
		 (before.type != RTN_UNSPEC && is_other(&route, &before));
	uplink->route = route;
	uplink->gone = false;
	uplink->unknown = false;
	if (*moved)
		log_route(host);
	return 0;
}
