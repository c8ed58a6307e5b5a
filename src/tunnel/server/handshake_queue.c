/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/server/handshake_queue.h"

#include <errno.h>
#include <gnutls/crypto.h>

#include "common/clock.h"
#include "tunnel/role/receive.h"

/*
 * Seconds that handshakes get in a turn of the loop; one step of one may take
 * longer.
 */
#define TURN_SECONDS 0.001
/* The part of the processor that they get while there are packets. */
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

/* Whose turn it may be: a queue's, or hellos' that wait in the admission. */
enum {
	TURN_ADMISSION = HANDSHAKE_QUEUE_KINDS,
	TURNS,
};

/*
 * How many of each queue are handled before it is the next one's turn: what
 * has been begun goes before what is new, as else nothing would be finished,
 * and both before what has yet to show that its address is its own.
 */
static const struct {
	size_t size; /* bytes */
	unsigned round;
} kinds[TURNS] = {
	[HANDSHAKE_QUEUE_BEGUN] = {.size = 128 << 10, .round = 8},
	[HANDSHAKE_QUEUE_EARLY] = {.size = 32 << 10, .round = 8},
	[HANDSHAKE_QUEUE_ECHOED] = {.size = 64 << 10, .round = 32},
	[HANDSHAKE_QUEUE_ASKING] = {.size = 64 << 10, .round = 8},
	[TURN_ADMISSION] = {.round = 1},
};

/* Seconds until hellos that wait for a rate are tried again. */
#define ADMIT_AGAIN 0.01

static void read_handshakes(struct handshake_queue *queue)
{
	struct tunnel *tunnel = queue->tunnel;

	for (unsigned i = 0; i < tunnel->udp_count; i++) {
		if (i % TUNNEL_SORTS == TUNNEL_SORT_HANDSHAKE &&
		    tunnel->udp[i].io.fd >= 0)
			receive_all(&tunnel->udp[i], queue->batch);
	}
}

/*
 * Datagrams come from different sockets, and only here are they put in order.
 * What was sent before data that is early has come before it, but may not be
 * read yet.
 */
static bool may_go(struct handshake_queue *queue,
		   enum handshake_queue_kind kind)
{
	if (kind != HANDSHAKE_QUEUE_EARLY ||
	    backlog_empty(queue->waiting[HANDSHAKE_QUEUE_EARLY]))
		return true;
	if (backlog_empty(queue->waiting[HANDSHAKE_QUEUE_BEGUN]))
		read_handshakes(queue);
	return backlog_empty(queue->waiting[HANDSHAKE_QUEUE_BEGUN]);
}

/*
 * To begin a handshake takes as long as to check a hundred hellos, or a
 * thousand where the key is RSA: so these get as much time, as the one that
 * should go first may be among them, or be lost in the socket meanwhile.
 */
static bool may_begin(struct handshake_queue *queue)
{
	if (queue->owed <= 0.)
		return true;
	if (backlog_empty(queue->waiting[HANDSHAKE_QUEUE_BEGUN]) &&
	    backlog_empty(queue->waiting[HANDSHAKE_QUEUE_ECHOED]))
		read_handshakes(queue);
	if (!backlog_empty(queue->waiting[HANDSHAKE_QUEUE_ECHOED]))
		return false;
	queue->owed = 0.;
	return true;
}

static void note_time(struct handshake_queue *queue, double seconds)
{
	if (queue->turn == TURN_ADMISSION)
		queue->owed += seconds;
	else if (queue->turn == HANDSHAKE_QUEUE_ECHOED)
		queue->owed -= seconds;
	if (queue->owed < 0.)
		queue->owed = 0.;
}

/* Handles one of those whose turn it is. False: there is none. */
static bool serve_turn(struct handshake_queue *queue, bool *shown)
{
	struct udp_datagram datagram;
	unsigned socket;

	if (queue->turn == TURN_ADMISSION) {
		*shown = true;
		queue->tunnel->tos = 0;
		return may_begin(queue) && queue->hooks->begin(queue->owner);
	}
	if (!may_go(queue, queue->turn) ||
	    !backlog_take(queue->waiting[queue->turn], &socket, &datagram))
		return false;
	queue->tunnel->tos = datagram.tos;
	*shown = queue->hooks->handle(queue->owner, socket, &datagram);
	return true;
}

/* Handles the next that waits. *shown: its address is its own. */
static bool serve_one(struct handshake_queue *queue, bool *shown)
{
	/*
	 * The turn goes around twice, as may_begin() may have read more for the
	 * others.
	 */
	for (unsigned i = 0; i <= 2 * TURNS; i++) {
		if (queue->round && serve_turn(queue, shown)) {
			queue->round--;
			return true;
		}
		queue->turn = (queue->turn + 1) % TURNS;
		queue->round = kinds[queue->turn].round;
	}
	return false;
}

static bool is_empty(const struct handshake_queue *queue, enum tunnel_sort sort)
{
	if (sort == TUNNEL_SORT_ASKING)
		return backlog_empty(queue->waiting[HANDSHAKE_QUEUE_ASKING]);
	return backlog_empty(queue->waiting[HANDSHAKE_QUEUE_BEGUN]) &&
	       backlog_empty(queue->waiting[HANDSHAKE_QUEUE_ECHOED]);
}

/* Sockets are read again, once all that was read has been handled. */
static void listen_again(struct handshake_queue *queue)
{
	struct tunnel *tunnel = queue->tunnel;

	for (unsigned i = 0; i < tunnel->udp_count; i++) {
		if (i % TUNNEL_SORTS != TUNNEL_SORT_RECORD &&
		    tunnel->udp[i].io.fd >= 0 &&
		    is_empty(queue, i % TUNNEL_SORTS))
			ev_io_start(tunnel->loop, &tunnel->udp[i].watcher);
	}
}

static bool is_busy(struct handshake_queue *queue, double now)
{
	const struct traffic *total = &queue->tunnel->total;
	uint64_t packets = total->rx_packets + total->tx_packets;
	double seconds = now - queue->counted;

	if (seconds >= BUSY_SECONDS) {
		queue->is_busy =
			(double)(packets - queue->packets) > BUSY * seconds;
		queue->counted = now;
		queue->packets = packets;
	}
	return queue->is_busy;
}

/*
 * Handles some of what waits, for a bounded time. *rested: when that will have
 * been no more than their part of the processor.
 */
static bool serve_some(struct handshake_queue *queue, double *rested)
{
	double start = clock_now(), now = start, before, pause;
	double spoofed = is_busy(queue, start) ? SHARE_SPOOFED : SHARE;
	bool more, shown = false;

	queue->tunnel->now = start;
	pause = queue->reading / spoofed;
	do {
		more = serve_one(queue, &shown);
		before = now;
		now = clock_now();
		note_time(queue, now - before);
		pause += (now - before) / (shown ? SHARE : spoofed);
	} while (more && now - start < TURN_SECONDS);
	*rested = start + pause;
	return more;
}

static void serve(struct handshake_queue *queue)
{
	struct ev_loop *loop = queue->tunnel->loop;
	bool more = serve_some(queue, &queue->rested);

	/* Packets among them are still where they waited. */
	path_flush(queue->tunnel->path);
	queue->reading = 0.;
	listen_again(queue);
	if (more)
		return;
	ev_idle_stop(loop, &queue->idle);
	ev_prepare_stop(loop, &queue->busy);
	ev_timer_stop(loop, &queue->rest);
	if (admission_waits(queue->admission) > 0) {
		ev_timer_stop(loop, &queue->admit);
		ev_timer_set(&queue->admit, ADMIT_AGAIN, 0.);
		ev_timer_start(loop, &queue->admit);
	}
}

static void wait_for_turn(struct handshake_queue *queue)
{
	ev_idle_start(queue->tunnel->loop, &queue->idle);
	ev_prepare_start(queue->tunnel->loop, &queue->busy);
}

static void admit(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	wait_for_turn(timer->data);
}

static void readable(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct tunnel_socket *socket = watcher->data;
	struct handshake_queue *queue = socket->reader;
	double start = clock_now();

	(void)events;
	ev_io_stop(loop, watcher);
	receive_all(socket, queue->batch);
	queue->reading += clock_now() - start;
	wait_for_turn(queue);
}

/* The loop has nothing else to do. */
static void idle(struct ev_loop *loop, ev_idle *watcher, int events)
{
	struct handshake_queue *queue = watcher->data;
	double now = clock_now();

	(void)events;
	if (now >= queue->rested || !is_busy(queue, now)) {
		serve(queue);
		return;
	}
	ev_idle_stop(loop, watcher);
	ev_timer_stop(loop, &queue->rest);
	ev_timer_set(&queue->rest, queue->rested - now, 0.);
	ev_timer_start(loop, &queue->rest);
}

static void rested(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct handshake_queue *queue = timer->data;

	(void)events;
	ev_idle_start(loop, &queue->idle);
	serve(queue);
}

/*
 * This runs before each turn of the loop, so that a busy server does not forget
 * them.
 */
static void busy(struct ev_loop *loop, ev_prepare *watcher, int events)
{
	struct handshake_queue *queue = watcher->data;

	(void)loop;
	(void)events;
	if (clock_now() >= queue->rested)
		serve(queue);
}

void handshake_queue_put(struct handshake_queue *queue,
			 enum handshake_queue_kind kind, unsigned socket,
			 const struct udp_datagram *datagram)
{
	struct inet_prefix network =
		admission_network(&datagram->peer.address, ADMISSION_NETWORK);

	/*
	 * A sender that has yet to echo a cookie may give any address as its
	 * own.
	 */
	if (!backlog_put(queue->waiting[kind], socket, datagram,
			 kind == HANDSHAKE_QUEUE_ASKING ? NULL : &network)) {
		role_drop(queue->tunnel, NULL, DROP_STRANGER);
		return;
	}
	wait_for_turn(queue);
}

void handshake_queue_listen(struct handshake_queue *queue)
{
	struct tunnel *tunnel = queue->tunnel;

	for (unsigned i = 0; i < tunnel->udp_count; i++) {
		ev_io *watcher = &tunnel->udp[i].watcher;

		if (i % TUNNEL_SORTS == TUNNEL_SORT_RECORD ||
		    tunnel->udp[i].io.fd < 0)
			continue;
		ev_io_stop(tunnel->loop, watcher);
		tunnel->udp[i].reader = queue;
		ev_set_cb(watcher, readable);
		ev_set_priority(watcher, EV_MINPRI);
		ev_io_start(tunnel->loop, watcher);
	}
}

int handshake_queue_init(struct handshake_queue *queue, struct tunnel *tunnel,
			 const struct admission *admission,
			 const struct handshake_queue_hooks *hooks, void *owner)
{
	struct siphash_key key;
	int err = gnutls_rnd(GNUTLS_RND_RANDOM, &key, sizeof(key)) ? -EIO : 0;

	*queue = (struct handshake_queue){
		.tunnel = tunnel,
		.admission = admission,
		.hooks = hooks,
		.owner = owner,
	};
	ev_idle_init(&queue->idle, idle);
	ev_prepare_init(&queue->busy, busy);
	ev_init(&queue->rest, rested);
	ev_init(&queue->admit, admit);
	queue->idle.data = queue->busy.data = queue->rest.data =
		queue->admit.data = queue;
	if (!err)
		err = udp_batch_new(&queue->batch);
	for (unsigned i = 0; !err && i < HANDSHAKE_QUEUE_KINDS; i++)
		err = backlog_new(&queue->waiting[i], kinds[i].size, &key);
	return err;
}

void handshake_queue_free(struct handshake_queue *queue)
{
	struct ev_loop *loop;

	if (!queue->tunnel)
		return;
	loop = queue->tunnel->loop;
	ev_idle_stop(loop, &queue->idle);
	ev_prepare_stop(loop, &queue->busy);
	ev_timer_stop(loop, &queue->rest);
	ev_timer_stop(loop, &queue->admit);
	udp_batch_free(queue->batch);
	for (unsigned i = 0; i < HANDSHAKE_QUEUE_KINDS; i++)
		backlog_free(queue->waiting[i]);
}
