/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages of a hostile process at the other end of the channel: what passes
 * the check is safe to be shown as status and to be made a change of.
 */
#include <stdlib.h>
#include <string.h>

#include "common/ipc/channel.h"
#include "host/change/change.h"
#include "host/daemon/reload.h"
#include "host/daemon/status.h"
#include "host/daemon/tunnel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
	if (!good)
		abort();
}

/* What is printed for the journal is one line that is read back. */
static void try_change(const struct change *change)
{
	char text[CHANGE_TEXT_SIZE];
	struct change again;

	if (change_print(change, text, sizeof(text)) < 0)
		return;
	check(strchr(text, '\n') == NULL);
	check(change_parse(text, &again) == 0);
}

static void try_prefix(const struct inet_prefix *prefix)
{
	struct change address = {.kind = CHANGE_ADDRESS};
	struct change route = {.kind = CHANGE_ROUTE};

	strcpy(address.address.device, "tun0");
	address.address.prefix = *prefix;
	try_change(&address);
	strcpy(route.route.device, "tun0");
	route.route.type = RTN_UNICAST;
	route.route.protocol = RTNL_PROTOCOL;
	route.route.destination = inet_prefix_network(prefix);
	try_change(&route);
}

static void try_settings(const struct settings *settings)
{
	struct change change = {.kind = CHANGE_RESOLV_CONF};
	struct resolv_conf *resolv_conf = &change.resolv_conf;

	try_prefix(&settings->address4);
	try_prefix(&settings->address6);
	for (unsigned i = 0; i < settings->route_count; i++)
		try_prefix(&settings->routes[i]);
	strcpy(resolv_conf->name, "office");
	memcpy(resolv_conf->dns, settings->dns, sizeof(resolv_conf->dns));
	resolv_conf->dns_count = settings->dns_count;
	memcpy(resolv_conf->search, settings->search,
	       sizeof(resolv_conf->search));
	resolv_conf->search_count = settings->search_count;
	try_change(&change);
}

static void try_peer(const struct channel_peer *peer)
{
	struct config config = {.role = CONFIG_SERVER};
	struct host host = {.config = &config};
	json_t *object = host_status_peer(&host, peer);
	char *text;

	check(object != NULL);
	text = json_dumps(object, 0);
	check(text != NULL);
	free(text);
	json_decref(object);
}

static void discard(void *data, enum log_level level, const char *line)
{
	(void)data;
	(void)level;
	check(strchr(line, '\n') == NULL);
}

static void begun(struct host *host)
{
	(void)host;
}

static void done(struct host *host, json_t *answer)
{
	(void)host;
	check(json_is_boolean(json_object_get(answer, "ok")));
	json_decref(answer);
}

/* The answer to a reload, which nobody waits for, or somebody does. */
static void try_loaded(const struct channel_message *message)
{
	struct config config = {.role = CONFIG_SERVER, .name = "office"};
	const struct host_reload_hooks hooks = {.begun = begun, .done = done};
	struct host_tunnel tunnel = {0};
	struct host_reload reload = {0};
	struct host host = {
		.config = &config, .tunnel = &tunnel, .reload = &reload};

	log_set_sink(discard, NULL);
	host.loop = ev_loop_new(EVFLAG_AUTO);
	check(host.loop != NULL);
	host_reload_init(&host, &hooks);
	host_reload_loaded(&host, message);
	check(host.config == &config && tunnel.expires == 0);
	/* One that is refused: what is said is for the log and the answer. */
	if (message->loaded.error) {
		reload.config = calloc(1, sizeof(config));
		check(reload.config != NULL);
		reload.id = message->loaded.id;
		host_reload_loaded(&host, message);
		check(host.config == &config && !reload.config);
	}
	host_reload_free(&host);
	ev_loop_destroy(host.loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct channel_message message = {0};
	char text[INET_ENDPOINT_TEXT];

	if (size > sizeof(message))
		size = sizeof(message);
	memcpy(&message, data, size);
	if (channel_check(&message) < 0)
		return 0;
	if (message.type == CHANNEL_CONFIG)
		try_settings(&message.settings);
	else if (message.type == CHANNEL_STATUS_PEER)
		try_peer(&message.peer);
	else if (message.type == CHANNEL_LOADED)
		try_loaded(&message);
	else if (message.type == CHANNEL_ANSWERED)
		check(inet_format_endpoint(&message.answered, text,
					   sizeof(text)) == text);
	return 0;
}
