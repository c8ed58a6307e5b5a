/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/clock.h"
#include "tunnel/tunnel_internal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/process.h"
#include "tunnel/data/oversize.h"
#include "tunnel/data/packet.h"
#include "tunnel/dtls/aead.h"
#include "tunnel/role/expiry.h"
#include "tunnel/hook.h"
#include "tunnel/role/receive.h"
#include "tunnel/reload.h"
#include "tunnel/sandbox.h"
#include "tunnel/scheduler_slice.h"

/* The last log lines and leases reach host within this. */
#define FLUSH_MS 500

void tunnel_drop(struct tunnel *tunnel, struct traffic *peer,
		 enum drop_reason reason)
{
	tunnel->total.drops[reason]++;
	if (peer)
		peer->drops[reason]++;
}

void tunnel_count_sent(struct tunnel *tunnel, struct traffic *peer,
		       const struct udp_run *run, uint64_t bytes)
{
	struct traffic *both[] = {&tunnel->total, peer};

	for (size_t i = 0; i < 2 && both[i]; i++) {
		both[i]->tx_packets += run->sent;
		both[i]->tx_bytes += bytes;
		both[i]->drops[DROP_SEND] += run->count - run->sent;
	}
}

int tunnel_send_control(struct session *session, const struct message *message)
{
	uint8_t record[MESSAGE_SIZE];
	ssize_t length = message_encode(message, record, sizeof(record));

	if (length < 0)
		return (int)length;
	return session_send(session, record, (size_t)length);
}

int tunnel_send_ping(struct session *session)
{
	struct message ping = {
		.type = MESSAGE_PING,
		.version = MESSAGE_VERSION,
		.timestamp = clock_now_us(),
	};

	return tunnel_send_control(session, &ping);
}

bool tunnel_ping_pong(struct session *session, const struct message *message,
		      uint32_t *rtt_us)
{
	struct message pong = {
		.type = MESSAGE_PONG,
		.version = MESSAGE_VERSION,
		.id = message->id,
		.timestamp = message->timestamp,
	};
	uint64_t now;

	if (message->type == MESSAGE_PING) {
		tunnel_send_control(session, &pong);
		return true;
	}
	if (message->type != MESSAGE_PONG)
		return false;
	now = clock_now_us();
	/* A peer can make up a timestamp; it fools only its own figure. */
	if (message->timestamp < now && now - message->timestamp < UINT32_MAX)
		*rtt_us = (uint32_t)(now - message->timestamp);
	return true;
}

void tunnel_answer_error(struct session *session, const struct message *message,
			 int err)
{
	struct message answer = {
		.type = MESSAGE_ERROR,
		.version = MESSAGE_VERSION,
		.id = message->id,
		.code = err == -EOPNOTSUPP ? MESSAGE_CODE_UNKNOWN
					   : MESSAGE_CODE_MALFORMED,
	};

	if (message->type != MESSAGE_ERROR)
		tunnel_send_control(session, &answer);
}

void tunnel_add_counters(struct traffic *traffic, const struct session *session)
{
	const struct session_counters *counters;

	if (!session)
		return;
	counters = session_counters(session);
	traffic->drops[DROP_REPLAYED] += counters->replayed;
	traffic->drops[DROP_FORGED] += counters->forged;
	traffic->drops[DROP_MALFORMED] += counters->malformed;
}

static void log_to_host(void *data, enum log_level level, const char *line)
{
	struct tunnel *tunnel = data;
	struct channel_message message = {.type = CHANNEL_LOG};

	message.log.level = level;
	snprintf(message.log.line, sizeof(message.log.line), "%s", line);
	for (char *c = message.log.line; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	}
	channel_send(tunnel->channel, &message, -1);
}

static void tun_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct tunnel *tunnel = watcher->data;

	(void)loop;
	(void)events;
	tunnel->now = clock_now();
	path_from_tun(tunnel->path);
}

static bool route(void *owner, const uint8_t *packet, size_t length,
		  struct path_target *target)
{
	struct tunnel *tunnel = owner;

	return tunnel->role->route(tunnel->state, packet, length, target);
}

static void sent(void *owner, const struct udp_run *run, uint64_t bytes)
{
	struct tunnel *tunnel = owner;

	tunnel->role->sent(tunnel->state, run, bytes);
}

static void dropped(void *owner, struct traffic *traffic,
		    enum drop_reason reason)
{
	tunnel_drop(owner, traffic, reason);
}

static void refused(void *owner, const struct path_target *target,
		    const uint8_t *bytes, size_t length)
{
	struct tunnel *tunnel = owner;
	uint8_t answer[OVERSIZE_ANSWER_SIZE];
	struct packet packet;
	size_t size;

	tunnel_drop(tunnel, target->traffic, DROP_TOO_BIG);
	if (packet_parse(bytes, length, &packet) ||
	    !refusal_allowed(target->refusals, &packet.source, tunnel->now))
		return;
	size = oversize_answer(bytes, length, target->largest, answer);
	if (size == 0)
		return;
	/*
	 * It goes straight to its receiver, as the kernel's firewall is for
	 * what comes in and goes out.
	 */
	if (!tunnel->role->answer ||
	    !tunnel->role->answer(tunnel->state, answer, size))
		path_answer(tunnel->path, answer, size);
}

static const struct path_hooks path_hooks = {
	.route = route,
	.sent = sent,
	.refused = refused,
	.dropped = dropped,
};

static void stop(struct tunnel *tunnel)
{
	tunnel->role->stop(tunnel->state);
	ev_break(tunnel->loop, EVBREAK_ALL);
}

static void begin(struct tunnel *tunnel)
{
	ev_io_start(tunnel->loop, &tunnel->tun);
	receive_start(tunnel);
}

static void host_message(void *owner, const struct channel_message *message,
			 int fd)
{
	struct tunnel *tunnel = owner;
	struct channel_message end = {.type = CHANNEL_STATUS_END};

	tunnel_hook(tunnel, message);
	switch ((enum channel_type)message->type) {
	case CHANNEL_STOP:
		stop(tunnel);
		break;
	case CHANNEL_STATUS_WANTED:
		tunnel->role->status(tunnel->state);
		end.total = tunnel->total;
		channel_send(tunnel->channel, &end, -1);
		break;
	case CHANNEL_PEM:
		reload_pem(tunnel, message->pem.which, fd);
		break;
	case CHANNEL_RELOAD:
		reload_prepare(tunnel, message->reload.id, fd);
		break;
	case CHANNEL_TAKE:
		reload_take(tunnel, message->mtu);
		break;
	case CHANNEL_START:
		begin(tunnel);
		tunnel->role->message(tunnel->state, message, -1);
		break;
	default:
		tunnel->role->message(tunnel->state, message, fd);
	}
	if (fd >= 0)
		close(fd);
}

/* Without host there is nobody who would put the host back: end. */
static void host_gone(void *owner)
{
	struct tunnel *tunnel = owner;

	stop(tunnel);
}

static const struct channel_hooks host_hooks = {
	.receive = host_message,
	.closed = host_gone,
};

static int open_descriptors(struct tunnel *tunnel,
			    const struct tunnel_arguments *arguments)
{
	const struct tun_io tun = {
		.fd = arguments->tun_fd,
		.header = arguments->tun_header,
	};
	int failed = path_new(&tunnel->path, &tun, arguments->tun_usable,
			      &path_hooks, tunnel);

	if (failed)
		return failed;
	ev_io_init(&tunnel->tun, tun_readable, tun.fd, EV_READ);
	tunnel->tun.data = tunnel;
	return receive_open(tunnel, arguments->udp_fds, arguments->udp_count);
}

static void close_others(const struct tunnel_arguments *arguments)
{
	int keep[TUNNEL_SOCKETS + 3] = {arguments->channel_fd,
					arguments->tun_fd, arguments->lock_fd};

	for (unsigned i = 0; i < arguments->udp_count; i++)
		keep[i + 3] = arguments->udp_fds[i];
	fds_close_others(keep, arguments->udp_count + 3);
}

static void fail(struct tunnel *tunnel, int err, const char *reason)
{
	struct channel_message message = {.type = CHANNEL_FAILED};

	message.lost.error = err;
	snprintf(message.lost.reason, sizeof(message.lost.reason), "%s",
		 reason);
	channel_send(tunnel->channel, &message, -1);
}

/* -errno, with what and why in reason. */
static int prepare(struct tunnel *tunnel,
		   const struct tunnel_arguments *arguments, char *reason,
		   size_t size)
{
	bool server = arguments->config->role == CONFIG_SERVER;
	int err, kept_user;

	err = reload_start(tunnel, reason, size);
	if (err)
		return err;
	tunnel->role = server ? &server_role : &client_role;
	err = server ? server_new(tunnel, &tunnel->state)
		     : client_new(tunnel, &tunnel->state);
	if (!err)
		err = open_descriptors(tunnel, arguments);
	if (!err)
		err = sandbox_enter(arguments, &kept_user);
	if (err)
		snprintf(reason, size, "the tunnel process can't be set up: %s",
			 strerror(-err));
	else if (kept_user)
		log_warning("no other user can be had in this user namespace: "
			    "the tunnel process keeps it, without privileges");
	return err;
}

static int say_ready(struct tunnel *tunnel)
{
	struct channel_message message = {.type = CHANNEL_READY};

	message.ready.expires = reload_expiry(tunnel->credentials);
	return channel_send(tunnel->channel, &message, -1);
}

static void reset_signals(void)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
	sigset_t none;

	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		signal(signals[i], SIG_DFL);
	/* Ctrl-C reaches the whole foreground group; host says when to end. */
	signal(SIGINT, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

void tunnel_prepare(void)
{
	aead_prepare();
	scheduler_slice_lengthen();
}

void tunnel_main(const struct tunnel_arguments *arguments)
{
	struct tunnel *tunnel = calloc(1, sizeof(*tunnel));
	char reason[LOG_LINE_SIZE] = "";
	int err;

	reset_signals();
	if (!tunnel)
		_exit(1);
	for (unsigned i = 0; i < CONFIG_PEMS; i++)
		reload_pem(tunnel, i, arguments->pem_fds[i]);
	close_others(arguments);
	tunnel->config = arguments->config;
	tunnel->loop = ev_loop_new(EVFLAG_AUTO);
	if (!tunnel->loop ||
	    channel_new(&tunnel->channel, tunnel->loop, arguments->channel_fd,
			&host_hooks, tunnel))
		_exit(1);
	log_set_sink(log_to_host, tunnel);
	err = prepare(tunnel, arguments, reason, sizeof(reason));
	if (err) {
		fail(tunnel, err, reason);
	} else {
		expiry_start(tunnel);
		err = say_ready(tunnel);
	}
	if (!err)
		ev_run(tunnel->loop, 0);
	channel_flush(tunnel->channel, FLUSH_MS);
	if (tunnel->state)
		tunnel->role->free(tunnel->state);
	udp_batch_free(tunnel->received.batch);
	path_free(tunnel->path);
	reload_free(tunnel);
	credentials_free(tunnel->credentials);
	config_free(tunnel->config);
	_exit(err ? 1 : 0);
}
