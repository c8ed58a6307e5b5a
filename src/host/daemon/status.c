/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/daemon/status.h"

#include <limits.h>
#include <unistd.h>

#include "host/daemon/daemon_internal.h"
#include "host/daemon/killswitch.h"
#include "host/daemon/lifecycle.h"
#include "host/daemon/tunnel.h"
#include "host/daemon/usage.h"
#include "host/daemon/warning.h"

static json_t *address_list(const struct inet_address *address4,
			    const struct inet_address *address6)
{
	json_t *list = json_array();
	char text[INET_ADDRESS_TEXT];

	if (address4->family)
		json_array_append_new(
			list, json_string(inet_format_address(address4, text,
							      sizeof(text))));
	if (address6->family)
		json_array_append_new(
			list, json_string(inet_format_address(address6, text,
							      sizeof(text))));
	return list;
}

static json_t *prefix_list(const struct inet_prefix *prefixes, size_t count)
{
	json_t *list = json_array();
	char text[INET_PREFIX_TEXT];

	for (size_t i = 0; i < count; i++) {
		if (!prefixes[i].address.family)
			continue;
		json_array_append_new(
			list, json_string(inet_format_prefix(&prefixes[i], text,
							     sizeof(text))));
	}
	return list;
}

static json_t *drops(const struct traffic *traffic)
{
	json_t *object = json_object();

	for (int i = 0; i < DROP_REASONS; i++)
		json_object_set_new(
			object, drop_reason_name(i),
			json_integer((json_int_t)traffic->drops[i]));
	return object;
}

static void put_bytes(json_t *object, const struct traffic_bytes *traffic)
{
	const struct {
		const char *name;
		uint64_t value;
	} counters[] = {
		{"rx_bytes", traffic->rx_bytes},
		{"rx_packets", traffic->rx_packets},
		{"tx_bytes", traffic->tx_bytes},
		{"tx_packets", traffic->tx_packets},
	};

	for (size_t i = 0; i < sizeof(counters) / sizeof(*counters); i++)
		json_object_set_new(
			object, counters[i].name,
			json_integer((json_int_t)counters[i].value));
}

static void put_counters(json_t *object, const struct traffic *traffic)
{
	const struct traffic_bytes bytes = {
		.rx_packets = traffic->rx_packets,
		.rx_bytes = traffic->rx_bytes,
		.tx_packets = traffic->tx_packets,
		.tx_bytes = traffic->tx_bytes,
	};

	put_bytes(object, &bytes);
}

/* Of all sessions of a client, as far as they are on disk. */
static void put_total(json_t *object, const struct host *host, const char *name)
{
	const struct usage_entry *entry =
		host->usage->store ? usage_store_find(host->usage->store, name)
				   : NULL;
	struct traffic_bytes total;
	json_t *counters = json_object();

	if (entry && counters) {
		total = usage_store_total(entry);
		put_bytes(counters, &total);
		json_object_set_new(object, "total", counters);
	} else {
		json_decref(counters);
	}
}

static json_t *key_or_null(const char *key)
{
	return key[0] ? json_string(key) : json_null();
}

static json_t *date_or_null(int64_t date)
{
	return date ? json_integer((json_int_t)date) : json_null();
}

json_t *host_status_peer(const struct host *host,
			 const struct channel_peer *peer)
{
	const struct config_peer *known =
		config_peer_by_name(host->config, peer->name);
	char endpoint[INET_ENDPOINT_TEXT];
	json_t *object = json_pack(
		"{s:s,s:o,s:s,s:o,s:o,s:i,s:f,s:o,s:s,s:s,s:o,s:o,s:b}", "name",
		peer->name, "key", key_or_null(peer->key), "endpoint",
		inet_format_endpoint(&peer->endpoint, endpoint,
				     sizeof(endpoint)),
		"addresses", address_list(&peer->address4, &peer->address6),
		"subnets",
		known ? prefix_list(known->subnets, known->subnet_count)
		      : json_array(),
		"connected", (int)peer->connected_s, "last_heard",
		peer->heard_ms / 1000., "rtt_ms",
		peer->rtt_us ? json_real(peer->rtt_us / 1000.) : json_null(),
		"cipher", peer->cipher, "library", peer->library, "drops",
		drops(&peer->traffic), "certificate_expires",
		date_or_null(peer->expires), "runs_lost", (int)peer->runs_lost);

	if (object) {
		put_counters(object, &peer->traffic);
		put_total(object, host, peer->name);
	}
	return object;
}

json_t *host_status_rates(const struct channel_peer *peer)
{
	return json_pack(
		"{s:s,s:o,s:o,s:I,s:I}", "name", peer->name, "addresses",
		address_list(&peer->address4, &peer->address6), "rtt_ms",
		peer->rtt_us ? json_real(peer->rtt_us / 1000.) : json_null(),
		"rx_bytes", (json_int_t)peer->traffic.rx_bytes, "tx_bytes",
		(json_int_t)peer->traffic.tx_bytes);
}

/* force may be NULL. */
static void add_changes(json_t *list, const struct change_list *applied)
{
	char text[CHANGE_TEXT_SIZE];

	for (size_t i = 0; applied && i < applied->count; i++) {
		if (!change_print(&applied->items[i], text, sizeof(text)))
			json_array_append_new(list, json_string(text));
	}
}

static json_t *changes(const struct host *host)
{
	json_t *list = json_array();

	add_changes(list,
		    host->journal ? journal_changes(host->journal) : NULL);
	add_changes(list, host_killswitch_changes(host));
	return list;
}

/* What the person who runs this should know of. */
static json_t *warnings(const struct host *host)
{
	json_t *list = json_array();

	const char *text;

	for (unsigned i = 0; (text = host_warning(host, i)) != NULL; i++)
		json_array_append_new(list, json_string(text));
	return list;
}

static json_t *own_addresses(const struct host *host)
{
	struct inet_prefix list[2];

	return prefix_list(list, host_addresses(host, list, 2));
}

static json_t *redirect(const struct config_redirect *redirect)
{
	bool brackets = redirect->address.family == AF_INET6;
	char address[INET_ADDRESS_TEXT] = "*", ports[INET_PORTS_TEXT];

	if (redirect->address.family)
		inet_format_address(&redirect->address, address,
				    sizeof(address));
	return json_sprintf(
		"%s%s%s:%s to %u", brackets ? "[" : "", address,
		brackets ? "]" : "",
		inet_format_ports(&redirect->ports, ports, sizeof(ports)),
		redirect->to);
}

static json_t *listen_list(const struct config *config)
{
	json_t *list = json_array();
	char text[INET_ENDPOINT_TEXT];

	for (size_t i = 0; i < config->listen_count; i++) {
		const struct inet_endpoint *endpoint = &config->listen[i];

		if (endpoint->address.family)
			inet_format_endpoint(endpoint, text, sizeof(text));
		else
			snprintf(text, sizeof(text), "*:%u", endpoint->port);
		json_array_append_new(list, json_string(text));
	}
	for (size_t i = 0; i < config->redirect_count; i++)
		json_array_append_new(list, redirect(&config->redirects[i]));
	return list;
}

/* The client's one peer, also while there is no session with it. */
static json_t *server_object(const struct host *host, json_t *peer)
{
	const struct host_endpoints *endpoints = &host->endpoints;
	const struct config_host *server =
		&host->config->servers[endpoints->current_host];
	json_t *object = json_incref(peer);
	char text[INET_ENDPOINT_TEXT + 256], name[INET_PORTS_TEXT];
	struct inet_ports ports;

	if (!object)
		object = json_object();
	ports = config_host_ports(server);
	snprintf(text, sizeof(text), "%s:%s", server->host,
		 inet_format_ports(&ports, name, sizeof(name)));
	json_object_set_new(object, "host", json_string(text));
	if (!json_object_get(object, "endpoint") &&
	    endpoints->current.address.family)
		json_object_set_new(object, "endpoint",
				    json_string(inet_format_endpoint(
					    &endpoints->current, text,
					    INET_ENDPOINT_TEXT)));
	return object;
}

static const char *state_name(const struct host *host)
{
	switch (host->state) {
	case HOST_STARTING:
		return "connecting";
	case HOST_RECONNECTING:
		return "reconnecting";
	case HOST_UP:
		if (host_is_warned(host, HOST_WARNING_ROUTES))
			return "leaking";
		return host->tunnel->channel ? "up" : "restarting";
	case HOST_STOPPING:
		break;
	}
	return "stopping";
}

/* With certificates others than those of the file may come. */
static json_t *known_clients(const struct config *config)
{
	if (config->identity == CONFIG_X509)
		return json_null();
	return json_integer((json_int_t)config->peer_count);
}

/* The file's path, valid in whatever directory the reader is. */
static json_t *file_of(const struct config *config)
{
	char directory[PATH_MAX];

	if (*config->path == '/' || !getcwd(directory, sizeof(directory)))
		return json_string(config->path);
	return json_sprintf("%s/%s", directory, config->path);
}

json_t *host_status(const struct host *host, json_t *peer,
		    const struct traffic *total, bool whole)
{
	static const struct traffic none;
	const struct config *config = host->config;
	bool server = config->role == CONFIG_SERVER;
	double uptime = host_uptime(host);
	json_t *traffic = json_object();
	json_t *status;
	unsigned mtu = 0;

	if (!total)
		total = &none;
	if (host->context.rtnl)
		rtnl_link_get(host->context.rtnl, config->device, NULL, &mtu);
	put_counters(traffic, total);
	status = json_pack(
		"{s:s,s:s,s:s,s:s,s:i,s:o,s:f,s:i,s:i,s:o,s:o,s:o}", "name",
		config->name, "role", server ? "server" : "client", "state",
		state_name(host), "device", config->device, "mtu", (int)mtu,
		"addresses", own_addresses(host), "uptime", uptime, "pid",
		(int)getpid(), "tunnel_pid", (int)host->tunnel->pid, "traffic",
		traffic, "drops", drops(total), "changes",
		whole ? changes(host) : json_array());
	if (!status)
		return NULL;
	json_object_set_new(status, "noise",
			    json_boolean(config->secret_count > 0));
	if (config->network_namespace)
		json_object_set_new(status, "namespace",
				    json_string(config->network_namespace));
	json_object_set_new(status, "file", file_of(config));
	json_object_set_new(status, "warnings", warnings(host));
	json_object_set_new(status, "certificate_expires",
			    date_or_null(host->tunnel->expires));
	if (server) {
		json_object_set_new(status, "listen", listen_list(config));
		json_object_set_new(status, "known", known_clients(config));
	} else {
		json_object_set_new(status, "server",
				    server_object(host, peer));
	}
	return status;
}
