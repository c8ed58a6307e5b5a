/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/daemon/client.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/config/settings_bound.h"
#include "common/reason.h"
#include "host/daemon/killswitch.h"
#include "host/daemon/lifecycle.h"
#include "host/daemon/mtu.h"
#include "host/daemon/name_servers.h"
#include "host/daemon/namespace.h"
#include "host/daemon/routing.h"
#include "host/daemon/tunnel.h"
#include "host/daemon/uplink.h"
#include "host/kernel/route_search.h"
#include "host/kernel/udp_socket.h"
#include "host/process/server_store.h"

_Static_assert(CHANNEL_ENDPOINTS_MOST == LOOKUP_RESULTS,
	       "the tunnel process is given all that were found");

/* A name server that is dead must not hold up `up` past its deadline. */
#define LOOKUP_SECONDS 6.
/*
 * This is for an answer of any of the addresses, and of one for each further
 * one.
 */
#define PATIENCE_MS 10000
/* Later its name is asked for again the sooner: it may lead elsewhere now. */
#define PATIENCE_AGAIN_MS 5000
/* A service asks again after this for a name that has no address. */
#define AGAIN_SECONDS 5.

static void ask_again(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	host_client_next_endpoint(timer->data);
}

void host_client_init(struct host *host)
{
	ev_timer_init(&host->client->again, ask_again, AGAIN_SECONDS, 0.);
	host->client->again.data = host;
}

/* A server that is away for a night would make a line each attempt (FNV-1a). */
static bool is_news(struct host *host, const char *text)
{
	struct host_client *client = host->client;
	const unsigned count = sizeof(client->logged) / sizeof(uint32_t);
	uint32_t hash = 2166136261u;

	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * 16777619u;
	for (unsigned i = 0; i < count; i++)
		if (client->logged[i] == hash)
			return false;
	client->logged[client->logged_next++ % count] = hash;
	return true;
}

static void forget_logged(struct host_client *client)
{
	memset(client->logged, 0, sizeof(client->logged));
	client->logged_next = 0;
}

/*
 * Until the second address is tried (RFC 8305, section 8); the one that the
 * tunnel was up by is not given up so soon, as connections would not survive
 * another server; but where the network says that it is gone, see
 * client_race_take().
 */
#define LEAD_MS	      300
#define LEAD_AGAIN_MS 2500

int host_client_open_sockets(struct host *host)
{
	int err4 = udp_socket_client(AF_INET, &host->sockets.fds[0]);
	int err6 = udp_socket_client(AF_INET6, &host->sockets.fds[1]);

	/* An attempt beside the live session has a port of its own. */
	udp_socket_client(AF_INET, &host->sockets.fds[2]);
	udp_socket_client(AF_INET6, &host->sockets.fds[3]);
	host->sockets.count = 4;
	host_mtu_sockets(host);
	return err4 && err6 ? err4 : 0;
}

static int plan_device(const struct host *host, struct change_list *list)
{
	if (!host->config->network_namespace)
		return plan_client_device(host->config, list);
	return plan_device_inside(host->config, &host->namespace->place,
				  journal_changes(host->journal), list);
}

int host_client_prepare(struct host *host, struct reason *reason)
{
	struct change_list list = {0};
	int err = host_killswitch_prepare(host, reason);

	if (!err)
		err = host_routing_prepare(host, reason);
	if (err)
		return err;
	err = plan_device(host, &list);
	if (err)
		reason_set(reason, "%s", strerror(-err));
	else
		err = host_transition(host, &list, reason);
	change_list_free(&list);
	return err;
}

static const char *server_text(const struct host *host, char *text, size_t size)
{
	const struct config_host *server =
		&host->config->servers[host->endpoints.current_host];

	const struct inet_ports ports = config_host_ports(server);
	char name[INET_PORTS_TEXT];

	if (ports.first == CONFIG_PORT && ports.last == CONFIG_PORT)
		snprintf(text, size, "%s", server->host);
	else
		snprintf(text, size, "%s:%s", server->host,
			 inet_format_ports(&ports, name, sizeof(name)));
	return text;
}

static void try_one(struct host_endpoints *endpoints,
		    const struct lookup_result *result)
{
	endpoints->current = result->endpoint;
	endpoints->current_host = result->host;
}

/* Of several ports it may be on any. */
static bool is_current(const struct host_endpoints *endpoints,
		       const struct lookup_result *result)
{
	return result->host == endpoints->current_host &&
	       inet_address_equal(&result->endpoint.address,
				  &endpoints->current.address);
}

/* The tunnel process is given all of them, the next one first. */
static void send_endpoints(struct host *host)
{
	struct host_endpoints *endpoints = &host->endpoints;
	struct channel_message message = {.type = CHANNEL_ENDPOINTS};
	struct reason reason;
	bool known =
		host->configured && host->client->next < endpoints->count &&
		is_current(endpoints, &endpoints->list[host->client->next]);
	const struct lookup_result *first =
		&endpoints->list[host->client->next % endpoints->count];

	message.endpoints.lead_ms = known ? LEAD_AGAIN_MS : LEAD_MS;
	message.endpoints.patience_ms =
		host->configured ? PATIENCE_AGAIN_MS : PATIENCE_MS;
	for (size_t i = 0; i <= endpoints->count; i++) {
		const struct lookup_result *result =
			i ? &endpoints->list[i - 1] : first;
		struct channel_endpoint *endpoint =
			&message.endpoints.list[message.endpoints.count];

		if (i && result == first)
			continue;
		endpoint->address = result->endpoint;
		endpoint->server = result->host;
		message.endpoints.count++;
	}
	host->client->next = endpoints->count;
	host->client->answered = false;
	try_one(endpoints, first);
	if (host->configured &&
	    host_uplink_route(host, host->config, &host->settings, &reason))
		log_warning("no route to the server: %s", reason.text);
	host_tunnel_send(host, &message);
	host_uplink_note(host);
}

static bool leads_to(const struct config *config,
		     const struct lookup_result *result,
		     const struct inet_endpoint *endpoint)
{
	const struct inet_ports ports =
		config_host_ports(&config->servers[result->host]);

	return inet_address_equal(&result->endpoint.address,
				  &endpoint->address) &&
	       inet_ports_contain(&ports, endpoint->port);
}

void host_client_answered(struct host *host,
			  const struct inet_endpoint *endpoint)
{
	struct host_endpoints *endpoints = &host->endpoints;
	struct reason reason;

	for (size_t i = 0; i < endpoints->count; i++) {
		if (!leads_to(host->config, &endpoints->list[i], endpoint))
			continue;
		try_one(endpoints, &endpoints->list[i]);
		endpoints->current.port = endpoint->port;
		host->client->answered = true;
		if (host->configured &&
		    host_uplink_route(host, host->config, &host->settings,
				      &reason))
			log_warning("no route to the server: %s", reason.text);
		host_uplink_note(host);
		host_start_answered(host);
		return;
	}
	host_tunnel_refused(host,
			    "an answer of a server that it was not given");
}

/*
 * Names that have no address: the end of a start, but for a service; else the
 * known ones go on.
 */
static void unresolved(struct host *host, const char *reason)
{
	struct host_endpoints *endpoints = &host->endpoints;
	char text[HOST_REASON_SIZE];

	if (endpoints->count) {
		if (is_news(host, reason))
			log_warning("%s; trying the addresses known so far",
				    reason);
		return;
	}
	if (host_killswitch_is_applied(host))
		snprintf(text, sizeof(text),
			 "%.300s: check the name in Server and this host's "
			 "name servers; the kill switch is in force until "
			 "minivpn down %s",
			 reason, host->config->name);
	else
		snprintf(text, sizeof(text),
			 "%.300s: check the name in Server and this host's "
			 "name servers",
			 reason);
	if (!host_goes_on(host)) {
		host_stop(host, text);
		return;
	}
	if (is_news(host, text))
		log_warning("%s: %s", host->config->name, text);
	host_tell(host, text);
	ev_timer_start(host->loop, &host->client->again);
}

/* The whole list is tried, once the kill switch lets it pass. */
static void begin_round(struct host *host)
{
	struct reason reason;

	host->client->next = 0;
	lookup_alternate(host->endpoints.list, host->endpoints.count);
	if (host_killswitch_raise(host, &reason))
		host_stop(host, reason.text);
	else
		send_endpoints(host);
}

/* The address can be reached from where the server is, not by the tunnel. */
static bool has_route(const struct host *host, const struct inet_address *to)
{
	struct rtnl_route route;
	int err =
		rtnl_route_get(host_outside(host), to, host_mark(host), &route);

	return !err ? route.type != RTN_UNREACHABLE : !host_uplink_trouble(err);
}

/* All servers have IPv4 only, and this host has none that leads there. */
static bool lacks_ipv4(const struct host *host)
{
	const struct host_endpoints *endpoints = &host->endpoints;

	for (size_t i = 0; i < endpoints->count; i++) {
		const struct inet_address *address =
			&endpoints->list[i].endpoint.address;

		if (address->family != AF_INET || has_route(host, address))
			return false;
	}
	return true;
}

static void looked_up_behind(void *owner, const struct lookup_result *results,
			     size_t count, const char *reason)
{
	struct host *host = owner;
	struct host_endpoints *endpoints = &host->endpoints;

	(void)reason; /* that there is no IPv4 is the better one */
	host->client->lookup = NULL;
	if (count) {
		memcpy(endpoints->list, results, count * sizeof(*results));
		endpoints->count = count;
		log_notice("%s: this network has no IPv4, but a NAT64 that "
			   "leads to the server",
			   host->config->name);
	}
	begin_round(host);
}

static void looked_up(void *owner, const struct lookup_result *results,
		      size_t count, const char *reason);

static bool has_kill_switch(const struct host *host)
{
	return host->config->kill_switch && !host->config->network_namespace;
}

static int start_process(void *owner, int fd)
{
	return launcher_lookup(owner, fd);
}

static void end_process(void *owner)
{
	launcher_end_lookup(owner);
}

/* behind: the known IPv4 addresses are wanted as a NAT64 has them. */
static void look_up(struct host *host, bool behind)
{
	struct host_endpoints *endpoints = &host->endpoints;
	struct lookup_server outside[LOOKUP_SERVERS];
	struct lookup_question question = {
		.process = {start_process, end_process, &host->launcher},
		.hosts = host->config->servers,
		.count = host->config->server_count,
		.outside = outside,
		.timeout = LOOKUP_SECONDS,
	};

	/*
	 * The usual resolver is at the other end of the dead tunnel, or what
	 * it sends itself does not pass.
	 */
	if (host->configured || has_kill_switch(host))
		question.outside_count = host_name_servers_outside(
			host, outside, LOOKUP_SERVERS);
	if (behind) {
		question.behind = endpoints->list;
		question.behind_count = endpoints->count;
	}
	if (lookup_start(&host->client->lookup, host->loop, &question,
			 behind ? looked_up_behind : looked_up, host))
		host_stop(host, "names can't be resolved: out of resources");
}

static void looked_up(void *owner, const struct lookup_result *results,
		      size_t count, const char *reason)
{
	struct host *host = owner;
	struct host_endpoints *endpoints = &host->endpoints;

	host->client->lookup = NULL;
	if (count) {
		memcpy(endpoints->list, results, count * sizeof(*results));
		endpoints->count = count;
	} else {
		unresolved(host, reason);
	}
	if (!endpoints->count)
		return;
	if (lacks_ipv4(host))
		look_up(host, true);
	else
		begin_round(host);
}

/*
 * Where a kill switch is applied already there may be no network yet, or it is
 * a matter of seconds, and names do not move often: what they were last is
 * tried first.
 */
static bool has_known(struct host *host)
{
	struct host_endpoints *endpoints = &host->endpoints;

	if (!has_kill_switch(host) || !host_killswitch_is_applied(host) ||
	    endpoints->count)
		return false;
	endpoints->count = server_store_known(host->config, endpoints->list);
	return endpoints->count > 0;
}

/* The kill switch is raised before any name is asked for. */
static bool raise_first(struct host *host)
{
	struct reason reason;

	if (!has_kill_switch(host) || host->endpoints.count ||
	    !plan_killswitch_asks(host->config) ||
	    !host_killswitch_raise(host, &reason))
		return true;
	host_stop(host, reason.text);
	return false;
}

void host_client_next_endpoint(struct host *host)
{
	struct host_endpoints *endpoints = &host->endpoints;

	if (host->client->lookup || host->state == HOST_STOPPING)
		return;
	if (host->client->next < endpoints->count) {
		send_endpoints(host);
		return;
	}
	/* Nobody has to wait where all servers have said no, or are silent. */
	if (endpoints->count && host->state == HOST_STARTING &&
	    host->client->refused && !host_goes_on(host)) {
		host_stop(host, host->lifecycle->reason);
		return;
	}
	if (has_known(host)) {
		begin_round(host);
		return;
	}
	if (raise_first(host))
		look_up(host, false);
}

/* The server that is tried now is the first to be tried again. */
static void keep_endpoint(struct host *host)
{
	const struct host_endpoints *endpoints = &host->endpoints;

	for (size_t i = 0; i < endpoints->count; i++) {
		if (is_current(endpoints, &endpoints->list[i])) {
			host->client->next = i;
			return;
		}
	}
}

static void tell_tunnel(struct host *host)
{
	struct channel_message message = {.type = CHANNEL_MOVED};

	message.moved.rebind = !host_uplink_is_bound(host);
	keep_endpoint(host);
	host_tunnel_send(host, &message);
	/* It was begun on a network that has no answer any more. */
	if (host->client->lookup) {
		lookup_cancel(host->client->lookup);
		host->client->lookup = NULL;
		host_client_next_endpoint(host);
	}
}

void host_client_check(struct host *host, bool awake)
{
	bool moved;

	/* Where no name could be resolved, it is tried again. */
	if (ev_is_active(&host->client->again)) {
		ev_timer_stop(host->loop, &host->client->again);
		host_client_next_endpoint(host);
	}
	if (host->endpoints.current.address.family == AF_UNSPEC)
		return;
	if (!host_uplink_check(host, &moved) && (moved || awake))
		tell_tunnel(host);
}

/*
 * What belongs to a tunnel in our own network namespace. offline: also
 * where no way leads to the server; host_uplink_check() adds it once there is
 * one.
 */
static int plan_here(struct host *host, const struct config *config,
		     const struct settings *settings, bool offline,
		     struct change_list *list, struct reason *reason)
{
	const struct plan_client client =
		host_routing_plan(host, config, settings);
	int err = plan_client_device(config, list);

	if (err)
		return err;
	err = host_uplink_route(host, config, settings, reason);
	if (err && !(offline && host_uplink_trouble(err)))
		return err;
	err = host_uplink_keep(host, list);
	if (!err)
		err = plan_client(&client, list, reason);
	if (err)
		return err;
	return plan_dns(config, settings, host->context.resolv_conf,
			journal_changes(host->journal), list);
}

/*
 * Everything that belongs to this tunnel now, in the order of applying. offline
 * as in plan_here().
 */
static int whole_plan(struct host *host, const struct config *config,
		      const struct settings *settings, bool offline,
		      struct change_list *list, struct reason *reason)
{
	struct plan_inside inside = host_namespace_inside(host);
	struct plan_client client;
	int err;

	host_routing_choose(host, config, settings);
	client = host_routing_plan(host, config, settings);
	if (config->network_namespace)
		err = plan_client_inside(&client, &inside,
					 journal_changes(host->journal), list,
					 reason);
	else
		err = plan_here(host, config, settings, offline, list, reason);
	if (!err)
		host_mtu_limit(host, config, list);
	return err;
}

int host_client_replan(struct host *host, const struct config *next,
		       struct change_list *wanted, struct reason *reason)
{
	struct settings bounded;

	/* Before it has ever been up there is nothing but the device. */
	if (!host->configured)
		return 0;
	plan_bound(next, &host->client->pushed, &bounded);
	return whole_plan(host, next, &bounded, true, wanted, reason);
}

void host_client_take(struct host *host)
{
	host->settings = host->client->pushed;
	settings_bound(host->config, &host->settings);
	host_mtu_take(host);
	host_name_servers_watch(host);
}

void host_client_config(struct host *host, const struct settings *pushed)
{
	double left = host_start_left(host);
	struct settings settings;
	struct channel_message message = {.type = CHANNEL_CONFIGURED};
	struct change_list list = {0};
	struct reason reason = {0};
	int err;

	if (host->endpoints.current.address.family == AF_UNSPEC ||
	    host->state == HOST_STOPPING)
		return;
	plan_bound(host->config, pushed, &settings);
	err = whole_plan(host, host->config, &settings, false, &list, &reason);
	if (!err)
		err = host_transition(host, &list, &reason);
	change_list_free(&list);
	/* What was done here has taken none of the server's time to answer. */
	host_start_prolong(host, left);
	/* The network went while it was set up anew: the next one will do. */
	if (err && host->configured && host_uplink_trouble(err)) {
		log_warning("%s: %s", host->config->name, reason.text);
		/* Whichever it is, the tunnel process has to begin anew. */
		host_uplink_lose(host);
		return;
	}
	if (err) {
		host_stop(host, reason.text[0] ? reason.text : strerror(-err));
		return;
	}
	host->client->pushed = *pushed;
	host->settings = settings;
	host->configured = true;
	/* While it starts, whoever waits for it learns that it does not hold.
	 */
	if (host_routing_check(host, &reason) && host->state == HOST_STARTING) {
		host_stop(host, reason.text);
		return;
	}
	host_mtu_take(host);
	host_name_servers_watch(host);
	message.mtu = host_mtu_current(host);
	host_tunnel_send(host, &message);
}

/* Our own kernel has no route there: the text says what is missing. */
static const char *missing(const struct host *host)
{
	const struct host_endpoints *endpoints = &host->endpoints;
	uint16_t family = endpoints->current.address.family;
	bool ipv4 = family == AF_INET;
	struct rtnl_route route;

	for (size_t i = 0; i < endpoints->count; i++) {
		if (endpoints->list[i].endpoint.address.family != family)
			family = AF_UNSPEC;
	}
	if (family == AF_UNSPEC ||
	    route_search_internet(host_outside(host), ipv4 ? AF_INET6 : AF_INET,
				  RTNL_MARK_OUTSIDE, &route))
		return "no way leads there: is this host connected to a "
		       "network?";
	return ipv4 ? "it has only an IPv4 address, and this network has no "
		      "IPv4, nor a NAT64"
		    : "it has only an IPv6 address, and this network has no "
		      "IPv6";
}

void host_client_lost(struct host *host, int error, const char *reason)
{
	struct host_endpoints *endpoints = &host->endpoints;
	char via[INET_ENDPOINT_TEXT], server[300], more[32] = "";
	char text[HOST_REASON_SIZE];

	if (host->state == HOST_STOPPING)
		return;
	if (error == -ENETUNREACH && !host->client->answered &&
	    endpoints->count)
		reason = missing(host);
	inet_format_endpoint(&endpoints->current, via, sizeof(via));
	if (!host->client->answered && endpoints->count > 1)
		snprintf(more, sizeof(more), ", and %zu more addresses",
			 endpoints->count - 1);
	if (endpoints->current.address.family == AF_UNSPEC)
		snprintf(text, sizeof(text), "%.300s", reason);
	else
		snprintf(text, sizeof(text), "server %.200s (%s%s): %.200s",
			 server_text(host, server, sizeof(server)), via, more,
			 reason);
	if (is_news(host, text))
		log_warning("%s: %s", host->config->name, text);
	host_attempt_failed(host, error, text);
	if (error == -EPERM || error == -EACCES)
		host->client->refused = true;
	if (host->state == HOST_UP)
		host->state = HOST_RECONNECTING;
}

static void format_rtt(uint32_t rtt_us, char *text, size_t size)
{
	double ms = rtt_us / 1000.;

	snprintf(text, size, "%.*f ms", ms < 1. ? 2 : ms < 10. ? 1 : 0, ms);
}

static void describe(const struct host *host, char *line, size_t size)
{
	char text[2][INET_ADDRESS_TEXT] = {"", ""};
	char server[300], via[INET_ENDPOINT_TEXT], rtt[24];
	struct inet_prefix list[2];
	size_t count = host_addresses(host, list, 2);

	for (size_t i = 0; i < count; i++)
		inet_format_address(&list[i].address, text[i], sizeof(text[i]));
	format_rtt(host->client->rtt_us, rtt, sizeof(rtt));
	snprintf(line, size, "%s: up on %s%s%s, %s%s%s, via %.200s (%s), %s",
		 host->config->name, host->config->device,
		 host->namespace->place.name[0] ? " in " : "",
		 host->namespace->place.name, text[0], count > 1 ? ", " : "",
		 text[1], server_text(host, server, sizeof(server)),
		 inet_format_endpoint(&host->endpoints.current, via,
				      sizeof(via)),
		 rtt);
}

void host_client_up(struct host *host, uint32_t rtt_us)
{
	char line[HOST_REASON_SIZE];

	if (!host->configured || host->state == HOST_STOPPING)
		return;
	host->client->rtt_us = rtt_us;
	/* The one that works is the first to be tried when it is lost. */
	keep_endpoint(host);
	forget_logged(host->client);
	describe(host, line, sizeof(line));
	if (host->state == HOST_RECONNECTING) {
		log_notice("%s", line);
		host_tell(host, line);
	}
	host_up(host, line);
}

void host_client_free(struct host *host)
{
	host_mtu_free(host);
	ev_timer_stop(host->loop, &host->client->again);
	lookup_cancel(host->client->lookup);
	host->client->lookup = NULL;
}
