/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/tunnel.h"

#include <errno.h>
#include <linux/sched/types.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/kernel.h"
#include "common/process.h"
#include "common/reason.h"
#include "tunnel/client/client.h"
#include "tunnel/data/oversize.h"
#include "tunnel/data/packet.h"
#include "tunnel/dtls/aead.h"
#include "tunnel/reload.h"
#include "tunnel/role/expiry.h"
#include "tunnel/role/receive.h"
#include "tunnel/sandbox.h"
#include "tunnel/server/server.h"

/* Milliseconds within which the last log lines and leases reach host. */
#define FLUSH_MS 500

/*
 * The length of a turn in nanoseconds. Others have 0.7 ms with one processor,
 * 2.8 ms with eight or more (sysctl_sched_base_slice in kernel/sched/fair.c).
 */
#define SLICE UINT64_C(5000000)

#define DAY 86400

/* The process: what its roles have no part in. */
struct process {
	struct tunnel tunnel;
	struct reload reload;
	struct receiver receiver;
	struct {
		unsigned asked; /* STATUS_WANTED without an END */
		bool begun;	/* the first of these answers ... */
		bool told;	/* ... which lacks no more than its END */
	} status;
	unsigned unlogged; /* lines that host has not got */
	ev_io tun;
	ev_timer daily;
};

__attribute__((weak)) void tunnel_hook(struct tunnel *tunnel,
				       const struct channel_message *message)
{
	(void)tunnel;
	(void)message;
}

static void log_to_host(void *data, enum log_level level, const char *line)
{
	struct process *process = data;
	struct channel_message message = {.type = CHANNEL_LOG};

	message.log.level = level;
	snprintf(message.log.line, sizeof(message.log.line), "%s", line);
	for (char *c = message.log.line; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	}
	if (channel_try_send(process->tunnel.channel, &message, -1))
		process->unlogged++;
}

/* Lines may be left out where host is busy, but not without a word. */
static void tell_unlogged(struct process *process)
{
	unsigned count = process->unlogged;

	process->unlogged = 0;
	if (count)
		log_warning("%u lines of the log are left out here: there were "
			    "too many at once",
			    count);
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
	role_drop(owner, traffic, reason);
}

static void refused(void *owner, const struct path_target *target,
		    const uint8_t *bytes, size_t length)
{
	struct tunnel *tunnel = owner;
	uint8_t answer[OVERSIZE_ANSWER_SIZE];
	struct packet packet;
	size_t size;

	role_drop(tunnel, target->traffic, DROP_TOO_BIG);
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

static void joined_refused(void *owner, int err)
{
	struct tunnel *tunnel = owner;
	const struct channel_message message = {
		.type = CHANNEL_TUN_REFUSES,
		.tun_refuses.error = err,
	};

	channel_send(tunnel->channel, &message, -1);
}

static const struct path_hooks path_hooks = {
	.route = route,
	.sent = sent,
	.refused = refused,
	.dropped = dropped,
	.joined_refused = joined_refused,
};

static void stop(struct tunnel *tunnel)
{
	tunnel->role->stop(tunnel->state);
	ev_break(tunnel->loop, EVBREAK_ALL);
}

static void begin(struct process *process)
{
	ev_io_start(process->tunnel.loop, &process->tun);
	receive_start(&process->receiver);
}

/* While a long file is read. Timers and what host says wait until that is over.
 */
static void serve_packets(void *owner)
{
	struct process *process = owner;
	struct tunnel *tunnel = &process->tunnel;

	if (!ev_is_active(&process->tun))
		return; /* it has not begun */
	tunnel->now = clock_now();
	path_from_tun(tunnel->path);
	receive_now(&process->receiver);
}

static bool tell_peers(struct process *process)
{
	const struct tunnel *tunnel = &process->tunnel;
	bool first = !process->status.begun;

	process->status.begun = true;
	if (!process->status.told)
		process->status.told =
			tunnel->role->status(tunnel->state, first);
	return process->status.told;
}

/*
 * Tells as much as the channel has room for, and goes on when that is drained.
 * No END may be lost: host counts them, to know which answer it is that comes.
 */
static void tell_status(struct process *process)
{
	struct tunnel *tunnel = &process->tunnel;
	struct channel_message end = {.type = CHANNEL_STATUS_END};

	while (process->status.asked && tell_peers(process)) {
		end.total = tunnel->total;
		if (channel_send(tunnel->channel, &end, -1))
			return;
		process->status.begun = process->status.told = false;
		process->status.asked--;
	}
}

static void host_drained(void *owner)
{
	tell_unlogged(owner);
	tell_status(owner);
}

/* Handles a message for the process itself. False: it is for the role. */
static bool handle_message(struct process *process,
			   const struct channel_message *message, int fd)
{
	struct tunnel *tunnel = &process->tunnel;

	switch ((enum channel_type)message->type) {
	case CHANNEL_STOP:
		stop(tunnel);
		return true;
	case CHANNEL_STATUS_WANTED:
		process->status.asked++;
		tell_status(process);
		return true;
	case CHANNEL_PEM:
		reload_pem(&process->reload, message->pem.which, fd);
		return true;
	case CHANNEL_RELOAD:
		reload_prepare(&process->reload, message->reload.id, fd);
		return true;
	case CHANNEL_TAKE:
		reload_take(&process->reload, message->mtu);
		return true;
	case CHANNEL_START:
		begin(process);
		return false;
	case CHANNEL_READY:
	case CHANNEL_LOG:
	case CHANNEL_ENDPOINT_WANTED:
	case CHANNEL_CONFIG:
	case CHANNEL_UP:
	case CHANNEL_LOST:
	case CHANNEL_FAILED:
	case CHANNEL_LEASE_TAKEN:
	case CHANNEL_PEERS:
	case CHANNEL_USAGE:
	case CHANNEL_STATUS_PEER:
	case CHANNEL_STATUS_END:
	case CHANNEL_LOADED:
	case CHANNEL_MTU:
	case CHANNEL_ANSWERED:
	case CHANNEL_TUN_REFUSES:
	case CHANNEL_LEASE:
	case CHANNEL_ENDPOINTS:
	case CHANNEL_CONFIGURED:
	case CHANNEL_MOVED:
	case CHANNEL_DISCONNECT:
	case CHANNEL_TYPES:
		break;
	}
	return false;
}

static void host_message(void *owner, const struct channel_message *message,
			 int fd)
{
	struct process *process = owner;
	struct tunnel *tunnel = &process->tunnel;

	tunnel_hook(tunnel, message);
	if (!handle_message(process, message, fd))
		tunnel->role->message(tunnel->state, message, fd);
	if (fd >= 0)
		close(fd);
}

/* Without host there is nobody who would put the host back: end. */
static void host_gone(void *owner)
{
	struct process *process = owner;

	stop(&process->tunnel);
}

static const struct channel_hooks host_hooks = {
	.receive = host_message,
	.drained = host_drained,
	.closed = host_gone,
};

static int open_descriptors(struct process *process,
			    const struct tunnel_arguments *arguments)
{
	struct tunnel *tunnel = &process->tunnel;
	const struct tun_io tun = {
		.fd = arguments->tun_fd,
		.header = arguments->tun_header,
	};
	int failed = path_new(&tunnel->path, &tun, arguments->tun_usable,
			      &path_hooks, tunnel);

	if (failed)
		return failed;
	ev_io_init(&process->tun, tun_readable, tun.fd, EV_READ);
	process->tun.data = tunnel;
	return receive_open(&process->receiver, tunnel, arguments->udp_fds,
			    arguments->udp_count);
}

static void close_others(const struct tunnel_arguments *arguments)
{
	int keep[TUNNEL_SOCKETS + 3] = {arguments->channel_fd,
					arguments->tun_fd, arguments->lock_fd};

	for (unsigned i = 0; i < arguments->udp_count; i++)
		keep[i + 3] = arguments->udp_fds[i];
	process_close_others(keep, arguments->udp_count + 3);
}

static void fail(struct tunnel *tunnel, int err, const char *reason)
{
	struct channel_message message = {.type = CHANNEL_FAILED};

	message.lost.error = err;
	snprintf(message.lost.reason, sizeof(message.lost.reason), "%s",
		 reason);
	channel_send(tunnel->channel, &message, -1);
}

/*
 * Makes the role and enters the sandbox. -errno, with what and why in reason.
 */
static int prepare(struct process *process,
		   const struct tunnel_arguments *arguments,
		   struct reason *reason)
{
	struct tunnel *tunnel = &process->tunnel;
	bool server = arguments->config->role == CONFIG_SERVER;
	int err, kept_user;

	process->reload.pause.run = serve_packets;
	process->reload.pause.owner = process;
	err = reload_start(&process->reload, tunnel, reason);
	if (err)
		return err;
	tunnel->role = server ? &server_role : &client_role;
	if (tunnel->config->secret_count)
		err = noise_new(&tunnel->noise, tunnel->config->secrets,
				tunnel->config->secret_count, server);
	if (!err)
		err = server ? server_new(tunnel, &tunnel->state)
			     : client_new(tunnel, &tunnel->state);
	config_hide_ticket_key(tunnel->config);
	if (!err)
		err = open_descriptors(process, arguments);
	tunnel->damages_runs = kernel_damages_runs();
	if (!err)
		err = sandbox_enter(arguments, &kept_user);
	if (err)
		reason_set(reason, "the tunnel process can't be set up: %s",
			   strerror(-err));
	else if (kept_user)
		log_warning("no other user can be had in this user namespace: "
			    "the tunnel process keeps it, without privileges");
	return err;
}

static void warn_daily(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct tunnel *tunnel = timer->data;

	(void)loop;
	(void)events;
	expiry_warn_own(tunnel->credentials, tunnel->config);
	credentials_warn(tunnel->credentials, tunnel->config);
	tunnel->role->expiring(tunnel->state);
}

static void watch_expiry(struct process *process)
{
	struct tunnel *tunnel = &process->tunnel;

	expiry_warn_own(tunnel->credentials, tunnel->config);
	ev_timer_init(&process->daily, warn_daily, DAY, DAY);
	process->daily.data = tunnel;
	ev_timer_start(tunnel->loop, &process->daily);
}

static int report_ready(struct tunnel *tunnel)
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
	/*
	 * Ctrl-C reaches the whole foreground group, but host decides when to
	 * end.
	 */
	signal(SIGINT, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void lengthen_slice(void)
{
	struct sched_attr attributes = {0};

	if (syscall(SYS_sched_getattr, 0, &attributes, sizeof(attributes), 0) <
	    0)
		return;
	if (attributes.sched_runtime > SLICE)
		return; /* somebody has asked for more */
	attributes.sched_runtime = SLICE;
	syscall(SYS_sched_setattr, 0, &attributes, 0);
}

void tunnel_prepare(void)
{
	aead_prepare();
	lengthen_slice();
}

/* The process ends: what holds secrets is wiped, the rest is the kernel's. */
static void clear(struct process *process)
{
	struct tunnel *tunnel = &process->tunnel;

	if (tunnel->state)
		tunnel->role->free(tunnel->state);
	receive_free(&process->receiver);
	path_free(tunnel->path);
	reload_free(&process->reload);
	credentials_free(tunnel->credentials);
	config_free(tunnel->config);
	noise_free(tunnel->noise);
}

void tunnel_main(const struct tunnel_arguments *arguments)
{
	struct process *process = calloc(1, sizeof(*process));
	struct reason reason = {0};
	struct tunnel *tunnel;
	int err;

	reset_signals();
	if (!process)
		_exit(1);
	tunnel = &process->tunnel;
	for (unsigned i = 0; i < CONFIG_PEMS; i++)
		reload_pem(&process->reload, i, arguments->pem_fds[i]);
	close_others(arguments);
	tunnel->config = arguments->config;
	tunnel->ticket_key = arguments->ticket_key;
	tunnel->loop = ev_loop_new(EVFLAG_AUTO);
	if (!tunnel->loop ||
	    channel_new(&tunnel->channel, tunnel->loop, arguments->channel_fd,
			&host_hooks, process))
		_exit(1);
	log_set_sink(log_to_host, process);
	err = prepare(process, arguments, &reason);
	if (err) {
		fail(tunnel, err, reason.text);
	} else {
		watch_expiry(process);
		err = report_ready(tunnel);
	}
	if (!err)
		ev_run(tunnel->loop, 0);
	channel_flush(tunnel->channel, FLUSH_MS);
	clear(process);
	if (!err && channel_is_overrun(tunnel->channel))
		err = TUNNEL_OVERRUN;
	_exit(err < 0 ? 1 : err);
}
