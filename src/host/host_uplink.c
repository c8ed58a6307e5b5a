/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A client's way to its server, which may be another from one moment on. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "host/host_private.h"

/*
 * Of two routes to one server, while the new one takes over from the old one,
 * which the kernel would else refuse as the same (fib_table_insert()).
 */
#define METRIC_OTHER 1

/* How often a route that somebody removes is put back. */
#define AGAIN_BURST	 5
#define AGAIN_PER_MINUTE 30
#define AGAIN_SECONDS	 (60. / AGAIN_PER_MINUTE)

bool host_uplink_trouble(int error)
{
	return error == -ENETUNREACH || error == -ENETDOWN ||
	       error == -EHOSTUNREACH || error == -ENODEV;
}

static bool same_destination(const struct change *change,
			     const struct change *other)
{
	return change->kind == CHANGE_ROUTE &&
	       inet_prefix_equal(&change->route.destination,
				 &other->route.destination);
}

/* In all but the metric. */
static bool same_way(const struct change *change, const struct change *other)
{
	struct change copy = *change;

	if (!same_destination(change, other))
		return false;
	copy.route.metric = other->route.metric;
	return change_equal(&copy, other);
}

/* The route in force that leads the same way; NULL. */
static const struct change *find_same(const struct host *host,
				      const struct change *wanted)
{
	const struct change_list *force = journal_changes(host->journal);

	for (size_t i = 0; i < force->count; i++) {
		if (same_way(&force->items[i], wanted))
			return &force->items[i];
	}
	return NULL;
}

void host_uplink_adopt(const struct host *host, struct change_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct change *there = find_same(host, &list->items[i]);

		if (there)
			list->items[i].route.metric = there->route.metric;
	}
}

/* Routes to the same server that lead another way: of an old network. */
static void drop_others(struct host *host, const struct change *wanted)
{
	const struct change_list *force = journal_changes(host->journal);
	char why[HOST_REASON_SIZE];

	for (size_t i = force->count; i-- > 0;) {
		struct change change = force->items[i];

		if (!same_destination(&change, wanted) ||
		    same_way(&change, wanted))
			continue;
		if (journal_revert(host->journal, &host->context, &change, why,
				   sizeof(why)))
			log_warning("%s", why);
	}
}

static uint32_t free_metric(const struct host *host,
			    const struct change *wanted)
{
	const struct change_list *force = journal_changes(host->journal);

	for (size_t i = 0; i < force->count; i++) {
		if (same_destination(&force->items[i], wanted) &&
		    force->items[i].route.metric == 0)
			return METRIC_OTHER;
	}
	return 0;
}

/* The kernel flushes it with its device, whatever the journal says. */
static int add_again(struct host *host, const struct change *change)
{
	struct host_uplink *uplink = &host->uplink;
	int missing = change_missing(&host->context, change), err;

	if (missing <= 0)
		return missing;
	uplink->again.burst = AGAIN_BURST;
	uplink->again.per_minute = AGAIN_PER_MINUTE;
	if (!log_allowed(&uplink->again, ev_now(host->loop), NULL)) {
		if (host->monitor)
			monitor_ask(host->monitor, MONITOR_UPLINK,
				    AGAIN_SECONDS);
		return 0;
	}
	err = rtnl_route_add(host->context.rtnl, &change->route);
	if (!err)
		log_info("the route to the server was gone: put back");
	return err == -EEXIST ? 0 : err;
}

static int move_route(struct host *host, struct change *wanted, char *reason,
		      size_t size)
{
	const struct change *there = find_same(host, wanted);
	int err;

	if (there) {
		err = add_again(host, there);
		if (err)
			snprintf(reason, size, "the route to the server: %s",
				 strerror(-err));
	} else {
		wanted->route.metric = free_metric(host, wanted);
		err = host_ensure(host, wanted, false, reason, size);
	}
	if (!err)
		drop_others(host, wanted);
	return err;
}

int host_uplink_route(struct host *host, char *reason, size_t size)
{
	struct change_list list = {0};
	int err;

	/* None of our routes is where the server is reached. */
	if (host->config->network_namespace)
		return 0;
	err = plan_client_endpoint(host->context.rtnl, host->config,
				   &host->settings, &host->endpoints.current,
				   &list, reason, size);
	for (size_t i = 0; !err && i < list.count; i++)
		err = move_route(host, &list.items[i], reason, size);
	change_list_free(&list);
	return err;
}

/* 0: how the kernel would send to the server, but not by the tunnel itself. */
static int find_way(struct host *host, struct rtnl_route *way)
{
	int err = rtnl_route_get(host_outside(host),
				 &host->endpoints.current.address, way);

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

	/* Another way to the same server is news: see host_uplink_look(). */
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
	if (host->endpoints.resolving) {
		resolve_cancel(host->endpoints.resolving);
		host->endpoints.resolving = NULL;
		host_client_next_endpoint(host);
	}
}

void host_uplink_look(struct host *host, bool awake)
{
	struct host_uplink *uplink = &host->uplink;
	struct rtnl_route way, before = uplink->way;
	char reason[HOST_REASON_SIZE] = "";
	bool moved;
	int err = 0;

	if (host->endpoints.current.address.family == AF_UNSPEC)
		return;
	if (host->configured)
		err = host_uplink_route(host, reason, sizeof(reason));
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
