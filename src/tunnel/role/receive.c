/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/role/receive.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"

/* After so many seconds without a datagram the next may well be a question. */
#define QUIET 1e-3

/* ICMP errors come as errors of a read: the socket itself is well. */
static bool is_icmp_error(int err)
{
	return err == -ECONNREFUSED || err == -EHOSTUNREACH ||
	       err == -ENETUNREACH || err == -EPROTO || err == -EMSGSIZE ||
	       err == -EHOSTDOWN || err == -EACCES || err == -ENOPROTOOPT;
}

/* Is it a record, by a connection ID of ours? Then it is as DTLS has it. */
static bool restore(struct tunnel *tunnel, unsigned secret,
		    struct udp_datagram *datagram)
{
	struct noise_header header;
	struct noise_link_id *id;
	size_t length;

	if (!noise_read(tunnel->noise, secret, datagram->data, datagram->length,
			&header))
		return false;
	id = noise_link_find(&tunnel->links, header.cid);
	length = id ? noise_restore(&header, id->link->explicit,
				    &datagram->data, datagram->length)
		    : 0;
	if (!length)
		return false;
	datagram->length = length;
	datagram->secret = (uint8_t)secret;
	tunnel->arrival.link = id->link;
	tunnel->arrival.move = id->move;
	tunnel->arrival.sequence = header.sequence;
	return true;
}

static bool unwrap(struct tunnel *tunnel, struct udp_datagram *datagram,
		   uint8_t out[NOISE_WRAP_MOST])
{
	unsigned secret;
	ssize_t length =
		noise_unwrap(tunnel->noise, (int64_t)time(NULL), datagram->data,
			     datagram->length, out, &secret);

	if (length < 0)
		return false;
	datagram->data = out;
	datagram->length = (size_t)length;
	datagram->secret = (uint8_t)secret;
	return true;
}

/*
 * What no secret of ours has made gets no answer, and costs no memory and no
 * line of the log.
 */
static void handle_hidden(struct tunnel *tunnel, unsigned socket,
			  struct udp_datagram *datagram)
{
	uint8_t out[NOISE_WRAP_MOST];
	bool found = false;

	for (unsigned i = 0; !found && i < tunnel->config->secret_count; i++)
		found = restore(tunnel, i, datagram);
	tunnel->arrival.socket = socket;
	tunnel->arrival.datagram = datagram;
	if (found || unwrap(tunnel, datagram, out)) {
		tunnel->role->datagram(tunnel->state, socket, datagram);
	} else {
		role_drop(tunnel, NULL, DROP_STRANGER);
		if (tunnel->role->refused)
			tunnel->role->refused(tunnel->state);
	}
	tunnel->arrival.link = NULL;
}

static void handle_message(struct tunnel_socket *socket,
			   struct udp_batch *batch, unsigned i)
{
	struct tunnel *tunnel = socket->tunnel;
	unsigned index = (unsigned)(socket - tunnel->udp);
	struct udp_datagram datagram;
	struct udp_message message;

	if (!udp_batch_message(batch, i, &message))
		return;
	tunnel->tos = message.tos;
	do {
		udp_message_next(&message, &datagram);
		if (tunnel->noise)
			handle_hidden(tunnel, index, &datagram);
		else
			tunnel->role->datagram(tunnel->state, index, &datagram);
	} while (message.length);
}

/* This reads a batch, and returns the number of messages in it. */
static unsigned receive(struct tunnel_socket *socket, struct udp_batch *batch)
{
	struct tunnel *tunnel = socket->tunnel;
	int count = udp_io_receive(&socket->io, batch);

	tunnel->now = clock_now();
	if (count < 0 && is_icmp_error(count))
		tunnel->role->unreachable(
			tunnel->state, (unsigned)(socket - tunnel->udp), count);
	return count > 0 ? (unsigned)count : 0;
}

void receive_all(struct tunnel_socket *socket, struct udp_batch *batch)
{
	struct tunnel *tunnel = socket->tunnel;
	unsigned count = receive(socket, batch);

	path_begin(tunnel->path);
	for (unsigned i = 0; i < count; i++)
		handle_message(socket, batch, i);
	path_flush(tunnel->path);
}

/* libev's own timers have milliseconds. */
static void set_timer(const struct receiver *receiver, double seconds)
{
	const struct itimerspec when = {
		.it_value.tv_nsec = (long)(seconds * 1e9),
	};

	timerfd_settime(receiver->pause.fd, 0, &when, NULL);
}

static void hold(struct tunnel_socket *socket)
{
	ev_io_stop(socket->tunnel->loop, &socket->watcher);
	socket->held = true;
}

static void release(struct tunnel *tunnel)
{
	for (unsigned i = 0; i < tunnel->udp_count; i++) {
		struct tunnel_socket *socket = &tunnel->udp[i];

		if (socket->held)
			ev_io_start(tunnel->loop, &socket->watcher);
		socket->held = false;
	}
}

/* Handles what has been received, or as much of it as may go on now. */
static void turn(struct receiver *receiver)
{
	struct tunnel *tunnel = receiver->tunnel;
	bool more = true;
	double pause;

	pacing_begin(&receiver->pacing, tunnel->now);
	path_begin(tunnel->path);
	while (more && receiver->next < receiver->count) {
		handle_message(receiver->socket, receiver->batch,
			       receiver->next++);
		more = pacing_spend(&receiver->pacing,
				    path_small(tunnel->path));
	}
	path_flush(tunnel->path);
	pause = pacing_end(&receiver->pacing);
	if (pause > 0)
		set_timer(receiver, pause);
	receiver->pausing = pause > 0;
}

static void receive_turn(struct receiver *receiver,
			 struct tunnel_socket *socket)
{
	struct tunnel *tunnel = receiver->tunnel;
	double last = receiver->pacing.at;

	receiver->socket = socket;
	receiver->count = receive(socket, receiver->batch);
	receiver->next = 0;
	turn(receiver);
	/*
	 * What this machine's kernel answers by itself is at the tun device by
	 * now.
	 */
	if (tunnel->now - last > QUIET)
		path_from_tun(tunnel->path);
}

static void serve(struct receiver *receiver, struct tunnel_socket *socket)
{
	if (!receiver->pausing)
		receive_turn(receiver, socket);
	if (receiver->pausing)
		hold(socket);
}

static void readable(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct tunnel_socket *socket = watcher->data;

	(void)loop;
	(void)events;
	serve(socket->reader, socket);
}

static void pause_over(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct receiver *receiver = watcher->data;
	uint64_t times;

	(void)loop;
	(void)events;
	if (read(watcher->fd, &times, sizeof(times)) < 0)
		return;
	receiver->tunnel->now = clock_now();
	turn(receiver);
	if (!receiver->pausing)
		release(receiver->tunnel);
}

static int open_socket(struct receiver *receiver, struct tunnel_socket *socket,
		       int fd)
{
	socket->tunnel = receiver->tunnel;
	socket->reader = receiver;
	socket->io.fd = fd;
	if (fd < 0)
		return 0; /* this host does not have the family */
	ev_io_init(&socket->watcher, readable, fd, EV_READ);
	socket->watcher.data = socket;
	return udp_io_init(&socket->io, fd, socket->tunnel->config->offload);
}

int receive_open(struct receiver *receiver, struct tunnel *tunnel,
		 const int *fds, unsigned count)
{
	int timer = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	int err;

	if (timer < 0)
		return -errno;
	receiver->tunnel = tunnel;
	ev_io_init(&receiver->pause, pause_over, timer, EV_READ);
	receiver->pause.data = receiver;
	pacing_init(&receiver->pacing);
	err = udp_batch_new(&receiver->batch);
	tunnel->udp_count = count;
	for (unsigned i = 0; !err && i < count; i++)
		err = open_socket(receiver, &tunnel->udp[i], fds[i]);
	return err;
}

void receive_free(struct receiver *receiver)
{
	udp_batch_free(receiver->batch);
}

void receive_start(struct receiver *receiver)
{
	struct tunnel *tunnel = receiver->tunnel;

	ev_io_start(tunnel->loop, &receiver->pause);
	for (unsigned i = 0; i < tunnel->udp_count; i++) {
		if (tunnel->udp[i].io.fd >= 0)
			ev_io_start(tunnel->loop, &tunnel->udp[i].watcher);
	}
}

void receive_now(struct receiver *receiver)
{
	struct tunnel *tunnel = receiver->tunnel;

	for (unsigned i = 0; i < tunnel->udp_count; i++) {
		if (tunnel->udp[i].io.fd >= 0)
			serve(receiver, &tunnel->udp[i]);
	}
}
