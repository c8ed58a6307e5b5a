/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A peer comes, is served, and goes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/date.h"
#include "common/reason.h"
#include "common/units.h"
#include "tunnel/role/expiry.h"
#include "tunnel/server/server_internal.h"

#define ELSEWHERE_SECONDS 5.

/* Returns the file's section for an identity, or NULL where there is none. */
static const struct config_peer *find_known(const struct config *config,
					    const struct identity *identity)
{
	return identity->by_key
		       ? config_peer_by_key(config, identity->public_key)
		       : config_peer_by_name(config, identity->name);
}

/* With X.509 the CA's word is enough: a section only adds to it. */
int server_authorize(void *owner, const struct identity *identity,
		     struct reason *reason)
{
	const struct association *association = owner;
	const struct config *config = association->server->tunnel->config;

	if (!identity->by_key || find_known(config, identity))
		return 0;
	reason_set(reason, "key %s is not in the file", identity->text);
	return -EACCES;
}

const uint8_t *server_preshared_key(void *owner,
				    const struct identity *identity)
{
	const struct association *association = owner;
	const struct config_peer *known =
		find_known(association->server->tunnel->config, identity);

	return known ? known->preshared_key : NULL;
}

enum message_code server_bars(const struct config_peer *section,
			      struct reason *reason)
{
	char date[DATE_SIZE];

	reason->text[0] = '\0';
	if (!section)
		return MESSAGE_CODE_NONE;
	if (section->disabled)
		return MESSAGE_CODE_DISABLED;
	if (!section->expires || time(NULL) < section->expires)
		return MESSAGE_CODE_NONE;
	reason_set(reason, "Expires = %s",
		   date_format_end(section->expires, date));
	return MESSAGE_CODE_OVER;
}

bool server_may_log_peer(struct server *server, const char *name)
{
	double now = clock_now();
	struct peer_limits *limits =
		peer_table_limits(&server->table, name, now);

	return limits && rate_allows(&limits->lines, now);
}

void server_announce(struct server *server, struct peer *peer, bool connected)
{
	if (peer->announced == connected ||
	    !server->tunnel->config->peer_routes)
		return;
	peer->announced = connected;
	presence_tell(&server->presence, peer->name, connected);
}

struct traffic_bytes server_untold(const struct peer *peer)
{
	const struct traffic *all = &peer->traffic;
	const struct traffic_bytes *told = &peer->told;

	return (struct traffic_bytes){
		.rx_packets = all->rx_packets - told->rx_packets,
		.rx_bytes = all->rx_bytes - told->rx_bytes,
		.tx_packets = all->tx_packets - told->tx_packets,
		.tx_bytes = all->tx_bytes - told->tx_bytes,
	};
}

/* All of it is told from now on. */
static void set_told(struct peer *peer)
{
	peer->told = (struct traffic_bytes){
		.rx_packets = peer->traffic.rx_packets,
		.rx_bytes = peer->traffic.rx_bytes,
		.tx_packets = peer->traffic.tx_packets,
		.tx_bytes = peer->traffic.tx_bytes,
	};
}

void server_tell_usage(struct server *server, struct peer *peer)
{
	double silent = clock_now() - peer->keepalive.heard;
	struct channel_usage usage = {
		.heard_ms = (uint32_t)(1000. * silent),
		.untold = server_untold(peer),
	};

	memcpy(usage.name, peer->name, sizeof(usage.name));
	usage_tell(&server->usage, &usage);
	set_told(peer);
}

void server_log_end(struct server *server, const struct peer *peer,
		    const char *how, const char *why, const char *more)
{
	char after[UNITS_SIZE], rx[UNITS_SIZE], tx[UNITS_SIZE];

	if (!server_may_log_peer(server, peer->name))
		return;
	log_notice("%s: %s after %s: %s%s%s; %s from it, %s to it", peer->name,
		   how, units_duration(after, clock_now() - peer->came), why,
		   *more ? ": " : "", more,
		   units_bytes(rx, peer->traffic.rx_bytes),
		   units_bytes(tx, peer->traffic.tx_bytes));
}

void server_drop_association(struct server *server,
			     struct association *association)
{
	struct ev_loop *loop = server->tunnel->loop;
	struct peer *peer = association->peer;

	peer_table_remove(&server->table, association);
	ev_timer_stop(loop, &association->timer);
	previous_session_drop(&association->previous);
	role_count_session(&server->tunnel->total, association->session);
	session_free(association->session);
	noise_link_free(association->link);
	noise_link_free(association->previous_link);
	free(association);
	if (!peer)
		return;
	server_announce(server, peer, false);
	server_tell_usage(server, peer);
	lease_pool_release(server->pool, peer->name, (int64_t)ev_time());
	ev_timer_stop(loop, &peer->watch);
	ev_timer_stop(loop, &peer->push.timer);
	pmtu_session_stop(&peer->pmtu_session);
	run_probe_session_stop(&peer->run_probe);
	peer_table_forget(&server->table, peer);
	free(peer);
}

void server_say_goodbye(struct peer *peer, enum message_code code,
			const char *text)
{
	struct message bye = {
		.type = MESSAGE_BYE,
		.version = MESSAGE_VERSION,
		.code = code,
	};

	snprintf(bye.text, sizeof(bye.text), "%s", text);
	control_send(peer->association->session, &bye);
	session_close(peer->association->session);
}

void server_dismiss_with_reason(struct server *server, struct peer *peer,
				enum message_code code, const char *text)
{
	server_say_goodbye(peer, code, text);
	server_log_end(server, peer, "dismissed", message_code_text(code),
		       text);
	server_drop_association(server, peer->association);
}

void server_dismiss(struct server *server, struct peer *peer,
		    enum message_code code)
{
	server_dismiss_with_reason(server, peer, code, "");
}

/* Refusals have lines of their own, not used up by its coming and going. */
static bool may_log_refusal(struct server *server, const char *name)
{
	double now = clock_now();
	struct peer_limits *limits =
		peer_table_limits(&server->table, name, now);

	return limits && rate_allows(&limits->refusals, now);
}

/*
 * May a peer begin one more session now? Then its address is not charged with
 * the handshake.
 */
static bool may_come(struct server *server, struct association *association,
		     const char *name)
{
	double now = clock_now();
	struct peer_limits *limits =
		peer_table_limits(&server->table, name, now);

	if (!limits || !rate_allows(&limits->sessions, now))
		return false;
	if (association->is_charged)
		admission_return(server->admission, &association->source);
	association->is_charged = false;
	return true;
}

/* Says why a session can't become a peer, and ends it. */
static void refuse(struct server *server, struct association *association,
		   const char *name, enum message_code code, const char *text)
{
	struct message error = {
		.type = MESSAGE_BYE,
		.version = MESSAGE_VERSION,
		.code = code,
	};
	char from[INET_ENDPOINT_TEXT];

	snprintf(error.text, sizeof(error.text), "%s", text);
	control_send(association->session, &error);
	session_close(association->session);
	if (may_log_refusal(server, name))
		log_warning("%s (%s): refused: %s%s%s", name,
			    inet_format_endpoint(&association->outer, from,
						 sizeof(from)),
			    message_code_text(code), *text ? ": " : "", text);
	server_drop_association(server, association);
}

bool server_may_keep_lease(struct server *server, const char *name)
{
	double now = clock_now();
	struct peer_limits *limits =
		peer_table_limits(&server->table, name, now);

	return limits && rate_allows(&limits->leases, now);
}

void server_keep_lease(struct server *server, const struct lease *lease,
		       const struct association *association)
{
	struct channel_message message = {.type = CHANNEL_LEASE_TAKEN};

	memcpy(message.lease.peer, lease->peer, sizeof(message.lease.peer));
	message.lease.address4 = lease->address4;
	message.lease.address6 = lease->address6;
	message.lease.used = lease->used;
	if (association) {
		message.lease.outer = association->outer;
		message.lease.local = association->local;
		message.lease.socket = association->socket;
	}
	channel_send(server->tunnel->channel, &message, -1);
}

/*
 * Seconds, some more than wanted: the timers of a crowd end a hundredth of an
 * interval apart, many at once, and one turn of the loop serves them all. Each
 * by itself would wake the process twice, for its PING and for the PONG.
 */
static double until_shared_end(double now, double wanted, double interval)
{
	double step = interval / 100.;

	return (double)((int64_t)((now + wanted) / step) + 1) * step - now;
}

static void watch(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct peer *peer = timer->data;
	double again;

	(void)events;
	switch (keepalive_due(&peer->keepalive, clock_now(), &again)) {
	case KEEPALIVE_GONE:
		server_dismiss(peer->association->server, peer,
			       MESSAGE_CODE_SILENT);
		return;
	case KEEPALIVE_PING:
	case KEEPALIVE_DOUBT: /* the client's to act on */
		control_ping(peer->association->session);
		break;
	case KEEPALIVE_FINE:
		break;
	}
	again = until_shared_end(ev_now(loop), again, peer->keepalive.interval);
	ev_timer_set(timer, again, 0.);
	ev_timer_start(loop, timer);
}

/*
 * Make before break: the older session serves on until the client is known to
 * have the new keys.
 */
static void keep_previous(struct server *server,
			  struct association *association,
			  struct association *older)
{
	role_count_session(&server->tunnel->total, older->session);
	previous_session_keep(&association->previous, older->session, true);
	older->session = NULL;
	association->previous_link = older->link;
	older->link = NULL;
	if (association->previous_link)
		association->previous_link->owner = association;
}

/* What of an older session goes on in the one that takes its place. */
struct inheritance {
	struct traffic traffic;
	double came; /* 0: there is none */
	bool announced;
};

/*
 * A peer that was silent may have been with a sibling meanwhile: then host has
 * to be told anew, so that the later of both routes is this one.
 */
static bool has_stayed(const struct peer *peer)
{
	return clock_now() - peer->keepalive.heard < ELSEWHERE_SECONDS;
}

/*
 * The new session takes the place of every older one of this peer, whose
 * counters go on.
 */
static void replace_older(struct server *server,
			  struct association *association, const char *name,
			  struct inheritance *inheritance)
{
	struct association *there =
		peer_table_connected(&server->table, &association->outer);
	struct peer *older = peer_table_by_name(&server->table, name);

	if (older) {
		inheritance->came = older->came;
		inheritance->traffic = older->traffic;
		role_count_session(&inheritance->traffic,
				   older->association->session);
	}
	if (older && there && there->peer == older && has_stayed(older)) {
		inheritance->announced = older->announced;
		older->announced = false;
	}
	if (there && there->peer == older)
		keep_previous(server, association, there);
	if (there)
		server_drop_association(server, there);
	older = peer_table_by_name(&server->table, name);
	if (older)
		server_dismiss(server, older, MESSAGE_CODE_REPLACED);
}

static int make_peer(struct server *server, struct association *association,
		     const char *name, const struct lease *lease)
{
	const struct config *config = server->tunnel->config;
	const struct config_peer *section = config_peer_by_name(config, name);
	struct peer *peer = calloc(1, sizeof(*peer));
	double now = clock_now();

	if (!peer)
		return -ENOMEM;
	snprintf(peer->name, sizeof(peer->name), "%s", name);
	peer->lease = *lease;
	peer->expires = section ? section->expires : 0;
	if (peer_table_add(&server->table, peer, section)) {
		free(peer);
		return -ENOMEM;
	}
	peer->association = association;
	association->peer = peer;
	peer->since = peer->came = now;
	peer->control = CONTROL_RATE;
	keepalive_start(&peer->keepalive, config->keepalive, now);
	pmtu_session_init(&peer->pmtu_session, server->tunnel->loop,
			  config->mtu, NULL, NULL);
	run_probe_session_init(&peer->run_probe, server->tunnel->loop,
			       &server_run_probe_hooks, peer);
	ev_timer_init(&peer->watch, watch, peer->keepalive.asked - now, 0.);
	peer->watch.data = peer;
	ev_timer_start(server->tunnel->loop, &peer->watch);
	return 0;
}

static void log_connected(const struct association *association,
			  const struct lease *lease)
{
	char from[INET_ENDPOINT_TEXT], v4[INET_ADDRESS_TEXT],
		v6[INET_ADDRESS_TEXT];
	bool both = lease->address4.family && lease->address6.family;

	if (!server_may_log_peer(association->server, association->peer->name))
		return;
	log_notice(
		"%s: connected from %s, has %s%s%s, %s%s",
		association->peer->name,
		inet_format_endpoint(&association->outer, from, sizeof(from)),
		lease->address4.family
			? inet_format_address(&lease->address4, v4, sizeof(v4))
			: "",
		both ? ", " : "",
		lease->address6.family
			? inet_format_address(&lease->address6, v6, sizeof(v6))
			: "",
		session_cipher(association->session),
		session_resumed(association->session) ? ", resumed" : "");
}

/* Gives the association a peer of that name, or says why it can't have one. */
static enum message_code settle(struct server *server,
				struct association *association,
				const char *name, struct lease *lease,
				const char **why)
{
	const struct config *config = server->tunnel->config;
	int64_t now = (int64_t)ev_time();
	bool changed;
	int err;

	*why = "the server is out of memory";
	peer_table_remove(&server->table, association);
	if (peer_table_add_connected(&server->table, association))
		return MESSAGE_CODE_REFUSED;
	association->proved = clock_now() - session_age(association->session);
	if (HASH_COUNT(server->table.peers) >= config->max_clients) {
		*why = "the server has as many clients as it takes "
		       "(MaxClients)";
		return MESSAGE_CODE_REFUSED;
	}
	err = lease_pool_take(server->pool, name, NULL, now, lease, &changed);
	if (err == -EADDRNOTAVAIL) {
		*why = "no address left in the pool";
		return MESSAGE_CODE_EXHAUSTED;
	}
	if (!err && make_peer(server, association, name, lease)) {
		lease_pool_release(server->pool, name, now);
		err = -ENOMEM;
	}
	if (err)
		return MESSAGE_CODE_REFUSED;
	if (changed || server_may_keep_lease(server, name))
		server_keep_lease(server, lease, association);
	return MESSAGE_CODE_NONE;
}

/* The association has a peer of that name from now on. False: it is gone. */
static bool install(struct server *server, struct association *association,
		    const char *name)
{
	struct inheritance inheritance = {0};
	enum message_code code;
	struct lease lease;
	const char *why;

	replace_older(server, association, name, &inheritance);
	flood_filter_lift(&server->flood_filter);
	code = settle(server, association, name, &lease, &why);
	if (code != MESSAGE_CODE_NONE) {
		if (inheritance.announced)
			presence_tell(&server->presence, name, false);
		refuse(server, association, name, code, why);
		return false;
	}
	association->peer->traffic = inheritance.traffic;
	set_told(association->peer);
	if (inheritance.came > 0.)
		association->peer->came = inheritance.came;
	association->peer->announced = inheritance.announced;
	log_connected(association, &lease);
	if (server_may_log_peer(server, name))
		expiry_warn_peer(
			name, session_identity(association->session)->expires);
	return true;
}

bool server_admit(struct server *server, struct association *association)
{
	const struct config *config = server->tunnel->config;
	const struct identity *identity =
		session_identity(association->session);
	const struct config_peer *known = find_known(config, identity);
	const char *name = known ? known->name : identity->name;
	struct reason reason;
	enum message_code bar = server_bars(known, &reason);

	if (identity->by_key && !known) {
		refuse(server, association, identity->text,
		       MESSAGE_CODE_REMOVED, "its key has left the file");
		return false;
	}
	if (bar != MESSAGE_CODE_NONE) {
		refuse(server, association, name, bar, reason.text);
		return false;
	}
	/* The handshake may have been begun before a reload. */
	if (session_reverify(association->session, server->tunnel->credentials,
			     &reason)) {
		refuse(server, association, name, MESSAGE_CODE_REFUSED,
		       reason.text);
		return false;
	}
	/* The session that the peer has is left alone. */
	if (!may_come(server, association, name)) {
		refuse(server, association, name, MESSAGE_CODE_REFUSED,
		       "too many sessions begun with its key: does another "
		       "machine use it as well?");
		return false;
	}
	return install(server, association, name);
}
