/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a peer is told: its addresses, and what the file says for all; and,
 * where that has changed for one that is connected, until it answers.
 */
#include <stdio.h>
#include <string.h>

#include "common/jitter.h"
#include "tunnel/server/server_internal.h"

/*
 * The first is the seconds between the first two CONFIGs, doubled each time;
 * then come the most of them, and how many CONFIGs there are. The keepalive
 * finds a peer that is out of reach meanwhile; one that is there, and does not
 * answer any of them, has to come again.
 */
#define PUSH_PAUSE	0.3
#define PUSH_PAUSE_MOST 5.
#define PUSH_MOST	20
#define PUSH_SPREAD	0.2

static void copy_lists(const struct config *config, struct settings *settings)
{
	for (size_t i = 0;
	     i < config->dns_count && settings->dns_count < SETTINGS_DNS; i++)
		settings->dns[settings->dns_count++] = config->dns[i];
	for (size_t i = 0; i < config->search_count &&
			   settings->search_count < SETTINGS_SEARCH;
	     i++)
		snprintf(settings->search[settings->search_count++],
			 SETTINGS_DOMAIN_SIZE, "%s", config->search[i]);
	if (config->routes_choice != CONFIG_LIST)
		return;
	for (size_t i = 0;
	     i < config->route_count && settings->route_count < SETTINGS_ROUTES;
	     i++)
		settings->routes[settings->route_count++] = config->routes[i];
}

/* Adds all of both families, also of one that the tunnel does not carry. */
static void add_default(struct settings *settings)
{
	settings->routes[settings->route_count++].address.family = AF_INET;
	settings->routes[settings->route_count++].address.family = AF_INET6;
}

void server_settings(const struct config *config, const struct peer *peer,
		     struct settings *settings)
{
	memset(settings, 0, sizeof(*settings));
	snprintf(settings->name, sizeof(settings->name), "%s", peer->name);
	if (peer->lease.address4.family) {
		settings->address4.address = peer->lease.address4;
		settings->address4.length = config->address4.length;
		settings->server4 = config->address4.address;
	}
	if (peer->lease.address6.family) {
		settings->address6.address = peer->lease.address6;
		settings->address6.length = config->address6.length;
		settings->server6 = config->address6.address;
	}
	if (config->routes_choice == CONFIG_DEFAULT)
		add_default(settings);
	copy_lists(config, settings);
	settings->mtu = config->mtu;
	settings->keepalive = config->keepalive;
}

bool server_settings_differ(const struct config *now, const struct config *next)
{
	/* server_settings() knows of a peer its name and its lease. */
	const struct peer anybody = {
		.lease = {.address4 = {.family = AF_INET},
			  .address6 = {.family = AF_INET6}},
	};
	struct settings old, new;

	server_settings(now, &anybody, &old);
	server_settings(next, &anybody, &new);
	return memcmp(&old, &new, sizeof(old)) != 0;
}

void server_fill_config(struct server *server, const struct peer *peer,
			const struct config *config, uint16_t id,
			struct message *message)
{
	*message = (struct message){
		.type = MESSAGE_CONFIG,
		.version = MESSAGE_VERSION,
		.id = id,
		.ecn = true,
	};
	server_settings(config, peer, &message->settings);
	if (peer->association->link) {
		message->has_seed = true;
		memcpy(message->seed, peer->association->link->ours,
		       sizeof(message->seed));
	}
	message->has_proof =
		config->sibling_count &&
		!lease_proof_make(server->proof_key, &peer->lease,
				  (int64_t)ev_time(), message->proof);
}

void server_adopt(struct server *server, struct peer *peer,
		  const struct message *hello)
{
	struct lease wanted = {
		.address4 = hello->settings.address4.address,
		.address6 = hello->settings.address6.address,
	};
	struct lease lease;

	memcpy(wanted.peer, peer->name, sizeof(wanted.peer));
	if (!server->tunnel->config->sibling_count || !hello->has_proof ||
	    !lease_proof_check(server->proof_key, &wanted, (int64_t)ev_time(),
			       hello->proof) ||
	    lease_pool_adopt(server->pool, &wanted, &lease))
		return;
	if (inet_address_equal(&lease.address4, &peer->lease.address4) &&
	    inet_address_equal(&lease.address6, &peer->lease.address6))
		return;
	if (peer_table_move(&server->table, peer, &lease))
		log_warning("%s: no memory for its addresses", peer->name);
	server_keep_lease(server, &lease, peer->association);
}

static void send_config(struct server *server, struct peer *peer,
			const struct config *config)
{
	struct message message;

	server_fill_config(server, peer, config, peer->push.id, &message);
	control_send(peer->association->session, &message);
}

static void push_again(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct peer *peer = timer->data;
	struct server *server = peer->association->server;

	(void)events;
	if (++peer->push.count < PUSH_MOST) {
		send_config(server, peer, server->tunnel->config);
		timer->repeat *= 2.;
		if (timer->repeat > PUSH_PAUSE_MOST)
			timer->repeat = PUSH_PAUSE_MOST;
		timer->repeat = jitter(timer->repeat, PUSH_SPREAD, 0.);
		ev_timer_again(loop, timer);
		return;
	}
	ev_timer_stop(loop, timer);
	server_dismiss(server, peer, MESSAGE_CODE_CHANGED);
}

void server_push_init(struct peer *peer)
{
	ev_timer_init(&peer->push.timer, push_again, 0., PUSH_PAUSE);
	peer->push.timer.data = peer;
}

void server_push(struct server *server, struct peer *peer,
		 const struct config *config)
{
	peer->push.id = (uint16_t)(peer->push.id + 1) | MESSAGE_PUSHED;
	peer->push.count = 0;
	send_config(server, peer, config);
	peer->push.timer.repeat = jitter(PUSH_PAUSE, PUSH_SPREAD, 0.);
	ev_timer_again(server->tunnel->loop, &peer->push.timer);
}

bool server_push_answered(struct server *server, struct peer *peer, uint16_t id)
{
	if (!(id & MESSAGE_PUSHED))
		return false;
	if (id == peer->push.id)
		ev_timer_stop(server->tunnel->loop, &peer->push.timer);
	return true;
}
