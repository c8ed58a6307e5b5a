/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tunnel process as host sees it: its start, its messages, its end. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host/host_private.h"
#include "host/tun.h"

/* The tunnel process says goodbye within this, or is killed. */
#define GOODBYE_MS 1000
/* Pauses before the tunnel process is started again after a crash: 0.1 s,
 * doubled each time; a run of this many crashes is the end. */
#define RESTART_PAUSE	0.1
#define RESTART_CRASHES 8
/* A tunnel process that has lived this long did not crash at its start. */
#define RESTART_FORGIVE 60.

void host_send(struct host *host, const struct channel_message *message)
{
	if (host->channel)
		channel_send(host->channel, message, -1);
}

static void tunnel_message(void *owner, const struct channel_message *message,
			   int fd)
{
	struct host *host = owner;
	bool client = host->config->role == CONFIG_CLIENT;

	if (fd >= 0)
		close(fd); /* nothing that tunnel sends carries one */
	switch ((enum channel_type)message->type) {
	case CHANNEL_LOG:
		log_line(message->log.level, message->log.line);
		return;
	case CHANNEL_READY:
		if (!client)
			host_server_ready(host);
		else if (host->channel)
			channel_send_type(host->channel, CHANNEL_START);
		return;
	case CHANNEL_LOADED:
		host_reload_loaded(host, message);
		return;
	case CHANNEL_FAILED:
		host_stop(host, message->lost.reason);
		return;
	case CHANNEL_STATUS_PEER:
		host_control_peer(host, &message->peer);
		return;
	case CHANNEL_STATUS_END:
		host_control_status_end(host, &message->total);
		return;
	case CHANNEL_LEASE_TAKEN:
		if (!client)
			host_server_lease(host, message);
		return;
	case CHANNEL_ENDPOINT_WANTED:
		if (client)
			host_client_next_endpoint(host);
		return;
	case CHANNEL_CONFIG:
		if (client)
			host_client_config(host, &message->settings);
		return;
	case CHANNEL_UP:
		if (client)
			host_client_up(host, message->up.rtt_us);
		return;
	case CHANNEL_LOST:
		if (client)
			host_client_lost(host, message->lost.error,
					 message->lost.reason);
		return;
	default:
		log_warning("the tunnel process sent a message that is not its "
			    "to send (%u): refused",
			    message->type);
	}
}

/* Ends the tunnel process if it has not ended, and says how it did. */
static int reap_tunnel(struct host *host)
{
	int status = 0;

	channel_free(host->channel);
	host->channel = NULL;
	if (host->tunnel <= 0)
		return 0;
	kill(host->tunnel, SIGKILL);
	while (waitpid(host->tunnel, &status, 0) < 0 && errno == EINTR)
		;
	host->tunnel = 0;
	return status;
}

static double monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* After a crash, or where it could not be started. */
static void start_later(struct host *host)
{
	char text[HOST_REASON_SIZE];
	double pause;

	if (++host->crashes > RESTART_CRASHES) {
		snprintf(text, sizeof(text),
			 "the tunnel process has ended %u times in a row; the "
			 "log says how",
			 host->crashes);
		host_stop(host, text);
		return;
	}
	pause = RESTART_PAUSE * (double)(1u << host->crashes);
	log_notice("starting it again in %.1f s; nothing leaves outside the "
		   "tunnel meanwhile",
		   pause);
	ev_timer_stop(host->loop, &host->restart);
	ev_timer_set(&host->restart, pause, 0.);
	ev_timer_start(host->loop, &host->restart);
}

static void tunnel_closed(void *owner)
{
	struct host *host = owner;
	int status = reap_tunnel(host);

	if (host->state == HOST_STOPPING)
		return;
	host_reload_interrupted(host);
	if (monotonic() - host->tunnel_started > RESTART_FORGIVE)
		host->crashes = 0;
	if (WIFSIGNALED(status))
		log_error("the tunnel process was ended by signal %d (%s)",
			  WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		log_error("the tunnel process ended with status %d",
			  WEXITSTATUS(status));
	if (host->state == HOST_STARTING) {
		host_stop(host, "the tunnel process ended unexpectedly; the "
				"log says more");
		return;
	}
	if (host->config->role == CONFIG_CLIENT)
		host->state = HOST_RECONNECTING;
	start_later(host);
}

static const struct channel_hooks tunnel_hooks = {
	.receive = tunnel_message,
	.closed = tunnel_closed,
};

static void run_tunnel(struct host *host, int channel_fd)
{
	struct tunnel_arguments arguments = {
		.config = host->config,
		.channel_fd = channel_fd,
		.tun_fd = host->context.tun_fd,
		.lock_fd = host->lock_fd,
		.udp_count = host->udp_count,
		.host = getppid(),
	};
	int err;

	err = tun_offload(arguments.tun_fd, host->config->offload,
			  &arguments.tun_header, &arguments.tun_usable);
	if (err) {
		log_error("the tun device does not say how it is set: %s",
			  strerror(-err));
		_exit(1);
	}
	memcpy(arguments.udp_fds, host->udp_fds, sizeof(arguments.udp_fds));
	tunnel_main(&arguments);
}

int host_tunnel_start(struct host *host)
{
	int ends[2], err;

	err = channel_pair(ends);
	if (err)
		return err;
	host->tunnel_started = monotonic();
	host->tunnel = fork();
	if (host->tunnel == 0)
		run_tunnel(host, ends[1]);
	err = host->tunnel < 0 ? -errno : 0;
	close(ends[1]);
	if (!err)
		err = channel_new(&host->channel, host->loop, ends[0],
				  &tunnel_hooks, host);
	if (err)
		close(ends[0]);
	return err;
}

static void restart(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct host *host = timer->data;

	int err = host_tunnel_start(host);

	(void)loop;
	(void)events;
	if (!err)
		return;
	log_error("the tunnel process can't be started: %s", strerror(-err));
	reap_tunnel(host);
	start_later(host);
}

void host_tunnel_stop(struct host *host)
{
	if (host->channel) {
		channel_send_type(host->channel, CHANNEL_STOP);
		channel_flush(host->channel, GOODBYE_MS);
	}
	if (host->tunnel > 0) {
		/* It closes its end of the channel when it ends. */
		if (host->channel)
			channel_drain(host->channel, GOODBYE_MS);
		reap_tunnel(host);
	}
}

void host_tunnel_init(struct host *host)
{
	ev_timer_init(&host->restart, restart, 0., 0.);
	host->restart.data = host;
}
