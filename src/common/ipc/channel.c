/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/clock.h"
#include "common/ipc/channel.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <utlist.h>

#include "common/process.h"

/* This is a bound and no size: a sender of many messages asks for room. */
#define CHANNEL_QUEUE 32768
/* The same for what may be left out. */
#define CHANNEL_TRIED 4096
/* A sender of many pauses when so many messages wait. */
#define CHANNEL_FULL 64
/*
 * No more messages are read in one turn, so that the rest of the loop does not
 * starve.
 */
#define CHANNEL_TURN 64

struct queued {
	struct channel_message message;
	int fd;
	struct queued *next, *prev;
};

struct channel {
	struct ev_loop *loop;
	int fd;
	const struct channel_hooks *hooks;
	void *owner;
	ev_io reader, writer;
	struct queued *queue;
	unsigned queued;
	bool overrun;
};

int channel_pair(int fds[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC,
		       0, fds) < 0)
		return -errno;
	return 0;
}

static int send_now(int socket, const struct channel_message *message, int fd)
{
	const struct process_fds fds = {.list = {fd}, .count = fd >= 0};
	int err = process_send(socket, message, sizeof(*message), &fds);

	/*
	 * The kernel has no memory now; the message is sent later, as both ends
	 * wait for it.
	 */
	return err == -ENOBUFS || err == -ENOMEM ? -EAGAIN : err;
}

static void queue_drop(struct channel *channel, struct queued *item)
{
	DL_DELETE(channel->queue, item);
	channel->queued--;
	if (item->fd >= 0)
		close(item->fd);
	free(item);
}

static int queue_add(struct channel *channel,
		     const struct channel_message *message, int fd)
{
	struct queued *item;

	item = malloc(sizeof(*item));
	if (!item)
		return -ENOMEM;
	item->message = *message;
	item->fd = -1;
	if (fd >= 0) {
		item->fd = dup(fd);
		if (item->fd < 0) {
			free(item);
			return -errno;
		}
	}
	DL_APPEND(channel->queue, item);
	channel->queued++;
	return 0;
}

/* Returns -EAGAIN where the kernel's buffer is full. */
static int queue_send(struct channel *channel)
{
	while (channel->queue) {
		int err = send_now(channel->fd, &channel->queue->message,
				   channel->queue->fd);

		if (err)
			return err;
		queue_drop(channel, channel->queue);
	}
	return 0;
}

static void writable(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct channel *channel = watcher->data;

	(void)events;
	if (queue_send(channel) == -EAGAIN)
		return;
	ev_io_stop(loop, watcher);
	if (channel->hooks->drained)
		channel->hooks->drained(channel->owner);
}

/*
 * Returns the first descriptor that came along, or -1, and closes the others,
 * which would stay open unseen.
 */
static int take_fd(struct process_fds *fds)
{
	int fd = fds->count ? fds->list[0] : -1;

	for (unsigned i = 1; i < fds->count; i++)
		close(fds->list[i]);
	return fd;
}

/*
 * Returns 1 for a message handed over or refused, 0 where there is none, and
 * -errno at the end.
 */
static int receive_one(struct channel *channel)
{
	struct channel_message message;
	struct process_fds fds;
	ssize_t got =
		process_receive(channel->fd, &message, sizeof(message), &fds);
	int fd;

	if (got < 0 && got != -EMSGSIZE)
		return got == -EAGAIN ? 0 : (int)got;
	if (got == 0)
		return -EPIPE;
	fd = take_fd(&fds);
	if (got != sizeof(message) || channel_check(&message)) {
		if (channel->hooks->malformed)
			channel->hooks->malformed(channel->owner);
		else
			log_warning("channel: a malformed message was refused");
		if (fd >= 0)
			close(fd);
		return 1;
	}
	channel->hooks->receive(channel->owner, &message, fd);
	return 1;
}

static void readable(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct channel *channel = watcher->data;

	(void)events;
	for (int i = 0; i < CHANNEL_TURN; i++) {
		int got = channel->overrun ? -EPIPE : receive_one(channel);

		if (got > 0)
			continue;
		if (got < 0) {
			ev_io_stop(loop, watcher);
			channel->hooks->closed(channel->owner);
		}
		return;
	}
}

int channel_new(struct channel **result, struct ev_loop *loop, int fd,
		const struct channel_hooks *hooks, void *owner)
{
	struct channel *channel = calloc(1, sizeof(*channel));

	if (!channel)
		return -ENOMEM;
	channel->loop = loop;
	channel->fd = fd;
	channel->hooks = hooks;
	channel->owner = owner;
	ev_io_init(&channel->reader, readable, fd, EV_READ);
	ev_io_init(&channel->writer, writable, fd, EV_WRITE);
	channel->reader.data = channel;
	channel->writer.data = channel;
	ev_io_start(loop, &channel->reader);
	*result = channel;
	return 0;
}

void channel_free(struct channel *channel)
{
	if (!channel)
		return;
	ev_io_stop(channel->loop, &channel->reader);
	ev_io_stop(channel->loop, &channel->writer);
	while (channel->queue)
		queue_drop(channel, channel->queue);
	close(channel->fd);
	free(channel);
}

bool channel_is_full(const struct channel *channel)
{
	return channel->queued >= CHANNEL_FULL;
}

static int send_within(struct channel *channel, unsigned most,
		       const struct channel_message *message, int fd)
{
	int err;

	if (!channel->queue) {
		err = send_now(channel->fd, message, fd);
		if (err != -EAGAIN)
			return err;
	}
	if (channel->queued >= most)
		return -ENOBUFS;
	err = queue_add(channel, message, fd);
	if (!err)
		ev_io_start(channel->loop, &channel->writer);
	return err;
}

int channel_send(struct channel *channel, const struct channel_message *message,
		 int fd)
{
	int err = send_within(channel, CHANNEL_QUEUE, message, fd);

	if (!err || channel->overrun)
		return err;
	/* What waits goes as well: it would be a conversation with gaps. */
	channel->overrun = true;
	ev_feed_event(channel->loop, &channel->reader, EV_READ);
	return err;
}

int channel_try_send(struct channel *channel,
		     const struct channel_message *message, int fd)
{
	return send_within(channel, CHANNEL_TRIED, message, fd);
}

bool channel_is_overrun(const struct channel *channel)
{
	return channel->overrun;
}

int channel_send_type(struct channel *channel, enum channel_type type)
{
	struct channel_message message = {.type = type};

	return channel_send(channel, &message, -1);
}

void channel_flush(struct channel *channel, int timeout_ms)
{
	struct pollfd ready = {.fd = channel->fd, .events = POLLOUT};
	int64_t end = clock_ms(CLOCK_MONOTONIC) + timeout_ms, left = timeout_ms;

	while (left > 0 && queue_send(channel) == -EAGAIN) {
		if (poll(&ready, 1, (int)left) <= 0)
			return;
		left = end - clock_ms(CLOCK_MONOTONIC);
	}
}

void channel_drain(struct channel *channel, int timeout_ms)
{
	struct pollfd ready = {.fd = channel->fd, .events = POLLIN};
	int64_t end = clock_ms(CLOCK_MONOTONIC) + timeout_ms, left = timeout_ms;

	while (left > 0 && poll(&ready, 1, (int)left) > 0) {
		if (receive_one(channel) < 0)
			return;
		left = end - clock_ms(CLOCK_MONOTONIC);
	}
}
