/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When there is a sieve before the sockets of records. It knows the sessions of
 * the moment in which it was made, so it is gone as soon as there is another,
 * and after FLOOD_FILTER_SECONDS in any case: then it is seen again whether
 * there is anything to be held back. Addresses that have begun a handshake may
 * pass; of one that has a session as well, what is too old for that is still
 * held back, as a replay can begin a handshake (but not end it).
 */
#include <errno.h>
#include <gnutls/crypto.h>
#include <string.h>

#include "tunnel/server/server_internal.h"
#include "tunnel/server/flood_filter_bpf.h"

/* A flood: as many records refused within so many seconds. */
#define FLOOD		     256
#define FLOOD_SECONDS	     0.02
#define FLOOD_FILTER_SECONDS 1.
/* Between two of them, as the making of one takes time too. */
#define PAUSE_SECONDS 0.02

/* Where handshakes come to the same socket there is none. */
static bool is_sieved(const struct tunnel *tunnel, unsigned socket)
{
	return socket % TUNNEL_SORTS == TUNNEL_SORT_RECORD &&
	       tunnel->udp[socket].io.fd >= 0 &&
	       tunnel->udp[socket + TUNNEL_SORT_HANDSHAKE].io.fd >= 0;
}

void server_flood_filter_lift(struct server *server)
{
	struct tunnel *tunnel = server->tunnel;

	if (!server->flood_filter.is_attached)
		return;
	server->flood_filter.is_attached = false;
	ev_timer_stop(tunnel->loop, &server->flood_filter.lift);
	for (unsigned i = 0; i < tunnel->udp_count; i++) {
		if (is_sieved(tunnel, i))
			flood_filter_detach(tunnel->udp[i].io.fd);
	}
}

void server_flood_filter_pending(struct server *server,
				 const struct inet_endpoint *outer)
{
	if (!peer_table_live(&server->table, outer))
		server_flood_filter_lift(server);
}

static void lift(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	server_flood_filter_lift(timer->data);
}

static int make(struct server *server, struct flood_filter *flood_filter)
{
	struct flood_filter_source sources[FLOOD_FILTER_SOURCES];
	struct association *one;
	uint64_t salt;
	size_t count = 0;

	if (HASH_COUNT(server->table.live) + HASH_COUNT(server->table.pending) >
	    FLOOD_FILTER_SOURCES)
		return -E2BIG;
	for (one = server->table.live; one; one = one->hh.next)
		sources[count++] = (struct flood_filter_source){
			one->outer, session_floor(one->session)};
	for (one = server->table.pending; one; one = one->hh.next) {
		if (!peer_table_live(&server->table, &one->outer))
			sources[count++] =
				(struct flood_filter_source){one->outer, 0};
	}
	if (gnutls_rnd(GNUTLS_RND_NONCE, &salt, sizeof(salt)))
		return -EIO;
	return flood_filter_make(flood_filter, sources, count, salt);
}

static int attach(struct server *server)
{
	struct tunnel *tunnel = server->tunnel;
	struct flood_filter flood_filter;
	int err = make(server, &flood_filter);

	for (unsigned i = 0; !err && i < tunnel->udp_count; i++) {
		if (is_sieved(tunnel, i))
			err = flood_filter_attach(&flood_filter,
						  tunnel->udp[i].io.fd);
	}
	return err;
}

static void hold_back(struct server *server)
{
	int err;

	/* There may not be room for two. */
	server_flood_filter_lift(server);
	server->flood_filter.is_attached = true;
	err = attach(server);
	server->flood_filter.made = server->tunnel->now;
	ev_timer_set(&server->flood_filter.lift, FLOOD_FILTER_SECONDS, 0.);
	ev_timer_start(server->tunnel->loop, &server->flood_filter.lift);
	if (err && err != -E2BIG && server_may_log(server, NULL))
		log_notice("a flood of records can't be held back: %s",
			   strerror(-err));
}

void server_flood_filter_refused(struct server *server)
{
	double now = server->tunnel->now;

	if (server->flood_filter.refused++ == 0)
		server->flood_filter.since = now;
	if (server->flood_filter.refused < FLOOD)
		return;
	server->flood_filter.refused = 0;
	if (now - server->flood_filter.since <= FLOOD_SECONDS &&
	    now - server->flood_filter.made >= PAUSE_SECONDS)
		hold_back(server);
}

void server_flood_filter_init(struct server *server)
{
	ev_init(&server->flood_filter.lift, lift);
	server->flood_filter.lift.data = server;
}
