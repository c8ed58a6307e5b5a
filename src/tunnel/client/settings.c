/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the server says that is to be in force, and how host hears of it. */
#include "common/clock.h"
#include "common/config/settings_bound.h"
#include "tunnel/client/client_internal.h"

/* Host is sent settings as often; of more the last counts, a little later. */
#define REPORT_BURST 10.
#define REPORT_PAUSE 1.

static void report(struct client *client)
{
	struct channel_message message = {.type = CHANNEL_CONFIG};

	message.settings = client->settings.pushed;
	channel_send(client->tunnel->channel, &message, -1);
}

static void report_later(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	report(timer->data);
}

void client_settings_init(struct client *client)
{
	client->settings.rate.burst = REPORT_BURST;
	client->settings.rate.per_second = 1. / REPORT_PAUSE;
	ev_timer_init(&client->settings.later, report_later, REPORT_PAUSE, 0.);
	client->settings.later.data = client;
}

void client_settings_free(struct client *client)
{
	ev_timer_stop(client->tunnel->loop, &client->settings.later);
	prefix_set_free(&client->settings.inside);
}

/* Sets the networks that the client's own routes lead to. */
static int set_inside(struct client *client, const struct config *config)
{
	const struct settings *settings = &client->settings.bounded;

	switch (config->routes_choice) {
	case CONFIG_LIST:
		return prefix_set_make(&client->settings.inside, config->routes,
				       config->route_count);
	case CONFIG_PUSHED:
		return prefix_set_make(&client->settings.inside,
				       settings->routes, settings->route_count);
	case CONFIG_NONE:
	case CONFIG_DEFAULT:
		break;
	}
	prefix_set_free(&client->settings.inside);
	return 0;
}

void client_settings_bound(struct client *client, const struct config *config)
{
	unsigned own = config->keepalive,
		 theirs = client->settings.pushed.keepalive;

	client->settings.bounded = client->settings.pushed;
	settings_bound(config, &client->settings.bounded);
	if (set_inside(client, config))
		log_warning("out of memory: nothing is taken from the networks "
			    "in Routes");
	/* With a longer keepalive than its own the server would miss us. */
	client->keepalive.interval = theirs && theirs < own ? theirs : own;
}

void client_settings_take(struct client *client, const struct message *message)
{
	client->settings.pushed = message->settings;
	client->ecn = message->ecn;
	client_settings_bound(client, client->tunnel->config);
	if (ev_is_active(&client->settings.later))
		return;
	if (rate_allows(&client->settings.rate, clock_now()))
		report(client);
	else
		ev_timer_start(client->tunnel->loop, &client->settings.later);
}

/* Is it later than the last one, by ids that begin again (RFC 1982)? */
static bool is_newer(uint16_t id, uint16_t last)
{
	unsigned ahead = (unsigned)(id - last) & ~(unsigned)MESSAGE_PUSHED;

	return !last || (ahead && ahead < MESSAGE_PUSHED / 2);
}

void client_settings_pushed(struct client *client,
			    const struct message *message)
{
	if (!is_newer(message->id, client->pushed))
		return;
	client->pushed = message->id;
	client_settings_take(client, message);
}

/* Host routes its name servers into the tunnel, wherever they are. */
static bool is_name_server(const struct client *client,
			   const struct inet_address *source)
{
	const struct config *config = client->tunnel->config;
	const struct settings *settings = &client->settings.bounded;
	bool pushed = config->dns_choice == CONFIG_PUSHED;
	const struct inet_address *servers =
		pushed ? settings->dns : config->dns;
	size_t count = pushed ? settings->dns_count : config->dns_count;

	for (size_t i = 0; i < count; i++) {
		if (inet_address_equal(&servers[i], source))
			return true;
	}
	return false;
}

bool client_settings_allow(const struct client *client,
			   const struct inet_address *source)
{
	const struct settings *settings = &client->settings.bounded;

	return client->tunnel->config->routes_choice == CONFIG_DEFAULT ||
	       inet_prefix_contains(&settings->address4, source) ||
	       inet_prefix_contains(&settings->address6, source) ||
	       /* It may stay where the network that it is in does not. */
	       inet_address_equal(&settings->server4, source) ||
	       inet_address_equal(&settings->server6, source) ||
	       prefix_set_contains(&client->settings.inside, source) ||
	       is_name_server(client, source);
}
