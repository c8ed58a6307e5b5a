/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose turn it is. What strangers ask for waits in queues of fixed size while
 * there are packets to carry, so that a flood of it costs the tunnel's peers no
 * more than a share of the processor, and SLICE of delay. Nor is what has come
 * to the sockets of strangers read before there is time for it: their buffers
 * run over then, and not the one of the peers.
 */
#include <errno.h>
#include <gnutls/crypto.h>

#include "common/clock.h"
#include "tunnel/role/receive.h"
#include "tunnel/server/server_internal.h"

/* Seconds of it in a turn of the loop; one handshake's step may take longer. */
#define SLICE 0.001
/* The part of the processor that strangers get while there are packets. */
#define SHARE 0.1
/*
 * With so many packets a second the server is busy: then they get that part
 * only, and no more of it when there is nothing to be done for a moment, in
 * which others run whom the packets are for. Of those whose address may not be
 * their own it is less.
 */
#define BUSY	      50000
#define BUSY_SECONDS  0.005 /* over which they are counted */
#define SHARE_SPOOFED 0.02

/*
 * How many of each queue are handled before it is the next one's turn: what
 * has been begun goes before what is new, as else nothing would be finished,
 * and both before what has yet to show that its address is its own.
 */
static const struct {
	size_t size; /* bytes */
	unsigned round;
} queues[SERVER_TURNS] = {
	[SERVER_QUEUE_BEGUN] = {.size = 128 << 10, .round = 8},
	[SERVER_QUEUE_EARLY] = {.size = 32 << 10, .round = 8},
	[SERVER_QUEUE_ECHOED] = {.size = 64 << 10, .round = 32},
	[SERVER_QUEUE_ASKING] = {.size = 64 << 10, .round = 8},
	[SERVER_TURN_ADMISSION] = {.round = 1},
};

/*
 * Log lines that strangers cause, at once and a minute: of each network, so
 * that one leaves the others theirs, and in all.
 */
#define LINES_NETWORK		 10.
#define LINES_NETWORK_MINUTE	 6.
#define LINES			 60
#define LINES_MINUTE		 30
#define HELD_BACK_NETWORK	 1.
#define HELD_BACK_NETWORK_MINUTE 1.
#define HELD_BACK		 10
#define HELD_BACK_MINUTE	 6

/* Seconds until hellos that wait for a rate are looked at again. */
#define ADMIT_AGAIN 0.01

/* May this network have one more line? */
static bool network_may_log(struct rate_table *networks,
			    const struct inet_address *from, double now)
{
	struct inet_prefix network = admission_network(from, ADMISSION_NETWORK);
	rate_table_place place = rate_table_find(networks, &network.address,
						 sizeof(network.address));

	if (!rate_table_allows(networks, place, now))
		return false;
	rate_table_take(networks, place, now);
	return true;
}

static bool may_log(struct log_limit *all, struct rate_table *networks,
		    const struct inet_address *from)
{
	double now = clock_now();
	unsigned suppressed;

	if (from && !network_may_log(networks, from, now)) {
		all->suppressed++;
		return false;
	}
	if (!log_allowed(all, now, &suppressed))
		return false;
	if (suppressed)
		log_notice("(%u lines like the next one were left out)",
			   suppressed);
	return true;
}

bool server_may_log(struct server *server, const struct inet_address *from)
{
	return may_log(&server->strangers, server->strangers_network, from);
}

bool server_may_log_held_back(struct server *server,
			      const struct inet_address *from)
{
	return may_log(&server->held_back, server->held_back_network, from);
}

bool server_may_log_peer(struct server *server, const char *name)
{
	double now = clock_now();
	struct peer_limits *limits =
		peer_table_limits(&server->table, name, now);

	return limits && rate_allows(&limits->lines, now);
}

static void hear_handshakes(struct server *server)
{
	struct tunnel *tunnel = server->tunnel;

	for (unsigned i = 0; i < tunnel->udp_count; i++) {
		if (i % TUNNEL_SORTS == TUNNEL_SORT_HANDSHAKE &&
		    tunnel->udp[i].io.fd >= 0)
			receive_all(&tunnel->udp[i], server->batch);
	}
}

/*
 * They come from different sockets: only here are they put in order. What was
 * sent before data that is early has come before it, but may not be read yet.
 */
static bool may_go(struct server *server, enum server_queue queue)
{
	if (queue != SERVER_QUEUE_EARLY ||
	    backlog_empty(server->queues[SERVER_QUEUE_EARLY]))
		return true;
	if (backlog_empty(server->queues[SERVER_QUEUE_BEGUN]))
		hear_handshakes(server);
	return backlog_empty(server->queues[SERVER_QUEUE_BEGUN]);
}

/*
 * To begin a handshake takes as long as to look at a hundred hellos, or at a
 * thousand where the key is RSA: so these get as much time, as the one that
 * should go first may be among them, or be lost in the socket meanwhile.
 */
static bool may_begin(struct server *server)
{
	if (server->owed <= 0.)
		return true;
	if (backlog_empty(server->queues[SERVER_QUEUE_BEGUN]) &&
	    backlog_empty(server->queues[SERVER_QUEUE_ECHOED]))
		hear_handshakes(server);
	if (!backlog_empty(server->queues[SERVER_QUEUE_ECHOED]))
		return false;
	server->owed = 0.;
	return true;
}

static void note_time(struct server *server, double seconds)
{
	if (server->turn == SERVER_TURN_ADMISSION)
		server->owed += seconds;
	else if (server->turn == SERVER_QUEUE_ECHOED)
		server->owed -= seconds;
	if (server->owed < 0.)
		server->owed = 0.;
}

/* The next of those whose turn it is; false: there is none. */
static bool serve_turn(struct server *server, bool *shown)
{
	struct udp_datagram datagram;
	unsigned socket;

	if (server->turn == SERVER_TURN_ADMISSION) {
		*shown = true;
		server->tunnel->tos = 0;
		return may_begin(server) && server_handshake_next(server);
	}
	if (!may_go(server, server->turn) ||
	    !backlog_take(server->queues[server->turn], &socket, &datagram))
		return false;
	server->tunnel->tos = datagram.tos;
	*shown = server_handshake(server, socket, &datagram);
	return true;
}

/* The next of those that wait, and whether it has shown its address. */
static bool serve_one(struct server *server, bool *shown)
{
	/* Twice around, as may_begin() may have heard more for the others. */
	for (unsigned i = 0; i <= 2 * SERVER_TURNS; i++) {
		if (server->round && serve_turn(server, shown)) {
			server->round--;
			return true;
		}
		server->turn = (server->turn + 1) % SERVER_TURNS;
		server->round = queues[server->turn].round;
	}
	return false;
}

static bool is_empty(const struct server *server, enum tunnel_sort sort)
{
	if (sort == TUNNEL_SORT_ASKING)
		return backlog_empty(server->queues[SERVER_QUEUE_ASKING]);
	return backlog_empty(server->queues[SERVER_QUEUE_BEGUN]) &&
	       backlog_empty(server->queues[SERVER_QUEUE_ECHOED]);
}

/* Reads on, once all that was read has been handled. */
static void listen_again(struct server *server)
{
	struct tunnel *tunnel = server->tunnel;

	for (unsigned i = 0; i < tunnel->udp_count; i++) {
		if (i % TUNNEL_SORTS != TUNNEL_SORT_RECORD &&
		    tunnel->udp[i].io.fd >= 0 &&
		    is_empty(server, i % TUNNEL_SORTS))
			ev_io_start(tunnel->loop, &tunnel->udp[i].watcher);
	}
}

static bool is_busy(struct server *server, double now)
{
	const struct traffic *total = &server->tunnel->total;
	uint64_t packets = total->rx_packets + total->tx_packets;
	double seconds = now - server->counted;

	if (seconds >= BUSY_SECONDS) {
		server->is_busy =
			(double)(packets - server->packets) > BUSY * seconds;
		server->counted = now;
		server->packets = packets;
	}
	return server->is_busy;
}

/* For a slice of time; *rested: when it has been no more than their part. */
static bool serve_some(struct server *server, double *rested)
{
	double start = clock_now(), now = start, before, pause;
	double spoofed = is_busy(server, start) ? SHARE_SPOOFED : SHARE;
	bool more, shown = false;

	server->tunnel->now = start;
	pause = server->reading / spoofed;
	do {
		more = serve_one(server, &shown);
		before = now;
		now = clock_now();
		note_time(server, now - before);
		pause += (now - before) / (shown ? SHARE : spoofed);
	} while (more && now - start < SLICE);
	*rested = start + pause;
	return more;
}

static void serve(struct server *server)
{
	struct ev_loop *loop = server->tunnel->loop;
	bool more = serve_some(server, &server->rested);

	/* Packets among them are still where they waited. */
	path_flush(server->tunnel->path);
	server->reading = 0.;
	listen_again(server);
	if (more)
		return;
	ev_idle_stop(loop, &server->idle);
	ev_prepare_stop(loop, &server->busy);
	ev_timer_stop(loop, &server->rest);
	if (admission_waits(server->admission)) {
		ev_timer_stop(loop, &server->admit);
		ev_timer_set(&server->admit, ADMIT_AGAIN, 0.);
		ev_timer_start(loop, &server->admit);
	}
}

static void wait_for_turn(struct server *server)
{
	ev_idle_start(server->tunnel->loop, &server->idle);
	ev_prepare_start(server->tunnel->loop, &server->busy);
}

static void admit(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	wait_for_turn(timer->data);
}

static void strangers_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct tunnel_socket *socket = watcher->data;
	struct server *server = socket->reader;
	double start = clock_now();

	(void)events;
	ev_io_stop(loop, watcher);
	receive_all(socket, server->batch);
	server->reading += clock_now() - start;
	wait_for_turn(server);
}

/* Nothing else is there to be done. */
static void idle(struct ev_loop *loop, ev_idle *watcher, int events)
{
	struct server *server = watcher->data;
	double now = clock_now();

	(void)events;
	if (now >= server->rested || !is_busy(server, now)) {
		serve(server);
		return;
	}
	ev_idle_stop(loop, watcher);
	ev_timer_stop(loop, &server->rest);
	ev_timer_set(&server->rest, server->rested - now, 0.);
	ev_timer_start(loop, &server->rest);
}

static void rested(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct server *server = timer->data;

	(void)events;
	ev_idle_start(loop, &server->idle);
	serve(server);
}

/* Before each turn of the loop, so that a busy server does not forget them. */
static void busy(struct ev_loop *loop, ev_prepare *watcher, int events)
{
	struct server *server = watcher->data;

	(void)loop;
	(void)events;
	if (clock_now() >= server->rested)
		serve(server);
}

void server_queue(struct server *server, enum server_queue queue,
		  unsigned socket, const struct udp_datagram *datagram)
{
	struct inet_prefix network =
		admission_network(&datagram->peer.address, ADMISSION_NETWORK);

	/* Who has yet to echo a cookie may give any address as its own. */
	if (!backlog_put(server->queues[queue], socket, datagram,
			 queue == SERVER_QUEUE_ASKING ? NULL : &network)) {
		role_drop(server->tunnel, NULL, DROP_STRANGER);
		return;
	}
	wait_for_turn(server);
}

void server_queues_listen(struct server *server)
{
	struct tunnel *tunnel = server->tunnel;

	for (unsigned i = 0; i < tunnel->udp_count; i++) {
		ev_io *watcher = &tunnel->udp[i].watcher;

		if (i % TUNNEL_SORTS == TUNNEL_SORT_RECORD ||
		    tunnel->udp[i].io.fd < 0)
			continue;
		ev_io_stop(tunnel->loop, watcher);
		tunnel->udp[i].reader = server;
		ev_set_cb(watcher, strangers_readable);
		ev_set_priority(watcher, EV_MINPRI);
		ev_io_start(tunnel->loop, watcher);
	}
}

static int make_limits(struct server *server)
{
	int err;

	server->strangers =
		(struct log_limit){.burst = LINES, .per_minute = LINES_MINUTE};
	server->held_back = (struct log_limit){.burst = HELD_BACK,
					       .per_minute = HELD_BACK_MINUTE};
	err = rate_table_new(&server->strangers_network, LINES_NETWORK,
			     LINES_NETWORK_MINUTE / 60.);
	if (!err)
		err = rate_table_new(&server->held_back_network,
				     HELD_BACK_NETWORK,
				     HELD_BACK_NETWORK_MINUTE / 60.);
	return err;
}

int server_queues_new(struct server *server)
{
	struct siphash_key key;
	int err = gnutls_rnd(GNUTLS_RND_RANDOM, &key, sizeof(key)) ? -EIO : 0;

	ev_idle_init(&server->idle, idle);
	ev_prepare_init(&server->busy, busy);
	ev_init(&server->rest, rested);
	ev_init(&server->admit, admit);
	server->idle.data = server->busy.data = server->rest.data =
		server->admit.data = server;
	if (!err)
		err = make_limits(server);
	if (!err)
		err = admission_new(&server->admission);
	if (!err)
		err = udp_batch_new(&server->batch);
	for (unsigned i = 0; !err && i < SERVER_QUEUES; i++)
		err = backlog_new(&server->queues[i], queues[i].size, &key);
	return err;
}

void server_queues_free(struct server *server)
{
	ev_idle_stop(server->tunnel->loop, &server->idle);
	ev_prepare_stop(server->tunnel->loop, &server->busy);
	ev_timer_stop(server->tunnel->loop, &server->rest);
	ev_timer_stop(server->tunnel->loop, &server->admit);
	admission_free(server->admission);
	rate_table_free(server->strangers_network);
	rate_table_free(server->held_back_network);
	udp_batch_free(server->batch);
	for (unsigned i = 0; i < SERVER_QUEUES; i++)
		backlog_free(server->queues[i]);
}
