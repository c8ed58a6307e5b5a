/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/daemon/peer_routes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <utlist.h>

#include "common/hash.h"
#include "host/daemon/leases.h"
#include "host/daemon/tunnel.h"
#include "host/kernel/rtnl.h"

/* Routes wait for others of the same event for this long, in seconds. */
#define GATHER_SECONDS 0.01

/* See peer_routes.h. 2026-01-01. */
#define METRIC_EPOCH   1767225600
#define METRIC_SECONDS 4
#define METRIC_MOST    0xffffff

#define LINES_BURST	 5
#define LINES_PER_MINUTE 10

enum { V4, V6, FAMILIES };

/* One address; it is in the queue while wanted and present differ. */
struct peer_routes_route {
	struct inet_address address;
	struct peer_routes_peer *owner; /* who has come last; NULL: nobody */
	uint32_t wanted, present;	/* metrics; 0: none */
	bool queued;
	struct peer_routes_route *prev, *next;
	UT_hash_handle hh;
};

/* A client that is connected. */
struct peer_routes_peer {
	char name[SETTINGS_NAME_SIZE];
	struct peer_routes_route *routes[FAMILIES];
	UT_hash_handle hh;
};

static uint32_t metric_now(void)
{
	uint64_t age = (uint64_t)(time(NULL) - METRIC_EPOCH) / METRIC_SECONDS;

	return METRIC_MOST - age % (METRIC_MOST - RTNL_PEER_METRIC);
}

static void flush_soon(struct host *host, double seconds)
{
	ev_timer *timer = &host->peer_routes->flush;

	if (ev_is_active(timer))
		return;
	ev_timer_set(timer, seconds, 0.);
	ev_timer_start(host->loop, timer);
}

static void want(struct host *host, struct peer_routes_route *route,
		 uint32_t metric)
{
	route->wanted = metric;
	if (!route->queued)
		DL_APPEND(host->peer_routes->queue, route);
	route->queued = true;
	flush_soon(host, GATHER_SECONDS);
}

static void settle(struct host_peer_routes *routes,
		   struct peer_routes_route *route)
{
	if (route->wanted || route->present || route->owner)
		return;
	HASH_DEL(routes->routes, route);
	free(route);
}

static void log_refused(struct host *host, const struct rtnl_peer_route *route)
{
	char text[INET_ADDRESS_TEXT];

	if (log_allowed(&host->peer_routes->lines, ev_now(host->loop), NULL))
		log_warning("PeerRoutes: no route to %s: %s",
			    inet_format_address(&route->address, text,
						sizeof(text)),
			    strerror(-route->err));
}

/* The new one is there before the old one goes. False: it is as it should be.
 */
static bool next_step(const struct peer_routes_route *route,
		      struct rtnl_peer_route *step)
{
	*step = (struct rtnl_peer_route){
		.address = route->address,
		.metric = route->wanted,
		.add = true,
	};
	if (route->wanted && route->wanted != route->present)
		return true;
	step->metric = route->present;
	step->add = false;
	return !route->wanted && route->present;
}

/* The metric of the route that another has taken the place of; 0: none. */
static uint32_t take_step(struct host *host, struct peer_routes_route *route,
			  const struct rtnl_peer_route *step)
{
	uint32_t old = step->add ? route->present : 0;

	if (step->err)
		log_refused(host, step);
	if (step->err && step->add)
		return 0;
	route->present = step->add ? step->metric : 0;
	return old;
}

static int apply(struct host *host, struct rtnl_peer_route *steps, size_t count)
{
	int err = rtnl_peer_routes(host->context.rtnl, host->config->device,
				   steps, count);

	if (err &&
	    log_allowed(&host->peer_routes->lines, ev_now(host->loop), NULL))
		log_warning("PeerRoutes: routes can't be changed: %s",
			    strerror(-err));
	return err;
}

static void flush(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct host *host = timer->data;
	struct host_peer_routes *routes = host->peer_routes;
	struct rtnl_peer_route steps[RTNL_PEER_ROUTES], old[RTNL_PEER_ROUTES];
	struct peer_routes_route *which[RTNL_PEER_ROUTES], *route, *next;
	size_t count = 0, old_count = 0;
	int err = 0;

	(void)loop;
	(void)events;
	DL_FOREACH_SAFE (routes->queue, route, next) {
		if (count == RTNL_PEER_ROUTES)
			break;
		DL_DELETE(routes->queue, route);
		route->queued = false;
		which[count] = route;
		if (next_step(route, &steps[count]))
			count++;
		else
			settle(routes, route);
	}
	if (count)
		err = apply(host, steps, count);
	for (size_t i = 0; i < count; i++) {
		uint32_t metric = 0;

		if (!err)
			metric = take_step(host, which[i], &steps[i]);
		else if (err == -ENODEV)
			which[i]->present = 0;
		if (metric)
			old[old_count++] = (struct rtnl_peer_route){
				.address = which[i]->address,
				.metric = metric,
			};
		settle(routes, which[i]);
	}
	if (old_count)
		apply(host, old, old_count);
	if (routes->queue)
		flush_soon(host, 0.);
}

/* NULL: no memory. */
static struct peer_routes_route *find_route(struct host_peer_routes *routes,
					    const struct inet_address *address)
{
	struct peer_routes_route *route;

	HASH_FIND(hh, routes->routes, address, sizeof(*address), route);
	if (route)
		return route;
	route = calloc(1, sizeof(*route));
	if (!route)
		return NULL;
	route->address = *address;
	HASH_ADD(hh, routes->routes, address, sizeof(route->address), route);
	if (HASH_ADDED(route))
		return route;
	free(route);
	return NULL;
}

/* What a peer has had; another may have it by now. */
static void release(struct host *host, struct peer_routes_peer *peer,
		    int family)
{
	struct peer_routes_route *route = peer->routes[family];

	peer->routes[family] = NULL;
	if (!route || route->owner != peer)
		return;
	route->owner = NULL;
	want(host, route, 0);
}

static void grant(struct host *host, struct peer_routes_peer *peer, int family,
		  const struct inet_address *address)
{
	struct peer_routes_route *route = peer->routes[family];

	if (route && !inet_address_equal(&route->address, address))
		release(host, peer, family);
	if (!address->family)
		return;
	route = find_route(host->peer_routes, address);
	if (!route)
		return;
	/* Its former owner must not keep what may be freed. */
	if (route->owner && route->owner != peer)
		route->owner->routes[family] = NULL;
	route->owner = peer;
	peer->routes[family] = route;
	want(host, route, metric_now());
}

static const struct inet_address *choose(const struct inet_address *fixed,
					 const struct inet_address *leased)
{
	return fixed && fixed->family ? fixed : leased;
}

/* Family none: it has no such address that is the file's to give. */
static void find_addresses(const struct host *host, const char *name,
			   struct inet_address address[FAMILIES])
{
	static const struct lease_entry none;
	const struct config *config = host->config;
	const struct config_peer *known = config_peer_by_name(config, name);
	const struct lease_entry *lease =
		lease_store_find(host->leases->store, name);
	const struct inet_prefix *own[] = {&config->address4,
					   &config->address6};

	/* The last reload may have removed it. */
	if (!lease || (!known && config->identity == CONFIG_KEYS))
		lease = &none;
	address[V4] =
		*choose(known ? &known->address4 : NULL, &lease->address4);
	address[V6] =
		*choose(known ? &known->address6 : NULL, &lease->address6);
	for (int family = 0; family < FAMILIES; family++) {
		/* A lease may be from before the last reload. */
		if (!inet_prefix_contains(own[family], &address[family]) ||
		    inet_address_equal(&own[family]->address, &address[family]))
			address[family] = (struct inet_address){0};
	}
}

static void disconnected(struct host *host, struct peer_routes_peer *peer)
{
	for (int family = 0; family < FAMILIES; family++)
		release(host, peer, family);
	HASH_DEL(host->peer_routes->peers, peer);
	free(peer);
}

/* NULL, or why it can't be. */
static const char *connected(struct host *host, const char *name,
			     struct peer_routes_peer *peer)
{
	struct host_peer_routes *routes = host->peer_routes;
	struct inet_address addresses[FAMILIES];

	if (!peer) {
		if (HASH_COUNT(routes->peers) >= host->config->max_clients)
			return "more clients than MaxClients";
		peer = calloc(1, sizeof(*peer));
		if (!peer)
			return NULL;
		snprintf(peer->name, sizeof(peer->name), "%s", name);
		HASH_ADD_STR(routes->peers, name, peer);
		if (!HASH_ADDED(peer)) {
			free(peer);
			return NULL;
		}
	}
	find_addresses(host, name, addresses);
	for (int family = 0; family < FAMILIES; family++)
		grant(host, peer, family, &addresses[family]);
	return NULL;
}

void host_peer_routes_take(struct host *host,
			   const struct channel_message *message)
{
	if (!host->config->peer_routes) {
		host_tunnel_refused(host, "peers that nobody asked for");
		return;
	}
	for (uint32_t i = 0; i < message->peers.count; i++) {
		const char *name = message->peers.list[i].name;
		struct peer_routes_peer *peer;
		const char *why = NULL;

		HASH_FIND_STR(host->peer_routes->peers, name, peer);
		if (message->peers.list[i].connected)
			why = connected(host, name, peer);
		else if (peer)
			disconnected(host, peer);
		else
			why = "a peer that has gone and never came";
		if (why)
			host_tunnel_refused(host, why);
	}
}

void host_peer_routes_end(struct host *host)
{
	struct peer_routes_peer *peer, *next;

	if (host->state == HOST_STOPPING)
		return;
	HASH_ITER (hh, host->peer_routes->peers, peer, next)
		disconnected(host, peer);
}

void host_peer_routes_renew(struct host *host)
{
	struct peer_routes_route *route, *next;

	HASH_ITER (hh, host->peer_routes->routes, route, next) {
		if (route->wanted)
			route->present = 0;
		want(host, route, route->wanted);
	}
}

void host_peer_routes_init(struct host *host)
{
	struct host_peer_routes *routes = host->peer_routes;

	ev_init(&routes->flush, flush);
	routes->flush.data = host;
	routes->lines.burst = LINES_BURST;
	routes->lines.per_minute = LINES_PER_MINUTE;
}

void host_peer_routes_free(struct host *host)
{
	struct host_peer_routes *routes = host->peer_routes;
	struct peer_routes_peer *peer, *next_peer;
	struct peer_routes_route *route, *next;

	ev_timer_stop(host->loop, &routes->flush);
	HASH_ITER (hh, routes->peers, peer, next_peer) {
		HASH_DEL(routes->peers, peer);
		free(peer);
	}
	HASH_ITER (hh, routes->routes, route, next) {
		HASH_DEL(routes->routes, route);
		free(route);
	}
	routes->queue = NULL;
}
