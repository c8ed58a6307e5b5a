/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tunnel process as host sees it: its start, its messages, its end. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "host/daemon/host_internal.h"
#include "host/kernel/tun.h"

/* The tunnel process says goodbye within this, or is killed. */
#define GOODBYE_MS 1000
/* Pauses before the tunnel process is started again after a crash: 0.1 s,
 * doubled each time; a run of this many crashes is the end. */
#define RESTART_PAUSE	0.1
#define RESTART_CRASHES 8
/* Lines about messages that are refused. */
#define REFUSALS_BURST	    5
#define REFUSALS_PER_MINUTE 10
/* A tunnel process that has lived this long did not crash at its start. */
#define RESTART_FORGIVE 60.

void host_send(struct host *host, const struct channel_message *message)
{
	if (host->channel)
		channel_send(host->channel, message, -1);
}

/*
 * True: the message is to be taken. One that misbehaves is ended, and counts as
 * crashed: tunnel_closed() follows.
 */
static bool judge(struct host *host, enum tunnel_policy_verdict verdict)
{
	unsigned left_out;
	int status;

	switch (verdict) {
	case TUNNEL_POLICY_TAKE:
		return true;
	case TUNNEL_POLICY_REFUSE:
		if (log_allowed(&host->refusals, clock_seconds(CLOCK_MONOTONIC),
				&left_out))
			log_warning("the tunnel process sent %s: refused "
				    "(and %u before)",
				    host->policy.reason, left_out);
		return false;
	case TUNNEL_POLICY_END:
		log_error("the tunnel process misbehaves (%s) and is ended",
			  host->policy.reason);
		launcher_end_tunnel(&host->launcher, &status);
		return false;
	case TUNNEL_POLICY_IGNORE:
		break;
	}
	return false;
}

void host_tunnel_refused(struct host *host, const char *reason)
{
	judge(host, tunnel_policy_refused(&host->policy, reason,
					  clock_seconds(CLOCK_MONOTONIC)));
}

static void tunnel_malformed(void *owner)
{
	host_tunnel_refused(owner, "a malformed message");
}

static void take_line(const struct host *host,
		      const struct channel_message *message)
{
	if (host->policy.left_out)
		log_warning("%u lines of the tunnel process were left out: too "
			    "many at once",
			    host->policy.left_out);
	log_line(message->log.level, message->log.line);
}

static void tunnel_ready(struct host *host,
			 const struct channel_message *message)
{
	host->expires = message->ready.expires;
	if (host->config->role == CONFIG_SERVER)
		host_server_ready(host);
	else if (host->channel)
		channel_send_type(host->channel, CHANNEL_START);
	host_reload_ready(host);
}

static void tunnel_message(void *owner, const struct channel_message *message,
			   int fd)
{
	struct host *host = owner;

	if (fd >= 0)
		close(fd); /* nothing that tunnel sends carries one */
	if (!judge(host, tunnel_policy_check(&host->policy, message,
					     clock_seconds(CLOCK_MONOTONIC))))
		return;
	switch ((enum channel_type)message->type) {
	case CHANNEL_LOG:
		take_line(host, message);
		return;
	case CHANNEL_READY:
		tunnel_ready(host, message);
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
		host_leases_taken(host, message);
		return;
	case CHANNEL_ENDPOINT_WANTED:
		host_client_next_endpoint(host);
		return;
	case CHANNEL_ANSWERED:
		host_client_answered(host, &message->answered);
		return;
	case CHANNEL_CONFIG:
		host_client_config(host, &message->settings);
		return;
	case CHANNEL_UP:
		host_client_up(host, message->up.rtt_us);
		return;
	case CHANNEL_MTU:
		if (host->config->role == CONFIG_CLIENT)
			host_mtu_found(host, message->mtu);
		return;
	case CHANNEL_LOST:
		host_client_lost(host, message->lost.error,
				 message->lost.reason);
		return;
	default: /* refused by judge() */
		return;
	}
}

/* Ends the tunnel process if it has not ended, and says how it did. */
static int reap_tunnel(struct host *host)
{
	int status = 0;

	channel_free(host->channel);
	host->channel = NULL;
	/* It does not outlive the launcher: PR_SET_PDEATHSIG. */
	if (host->tunnel > 0 && launcher_end_tunnel(&host->launcher, &status))
		log_error(
			"the launcher process does not say what has become of "
			"the tunnel process");
	host->tunnel = 0;
	return status;
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

	/* Whoever waits for `status` gets what there is. */
	host_control_status_end(host, NULL);
	if (host->state == HOST_STOPPING)
		return;
	host_reload_interrupted(host);
	if (clock_seconds(CLOCK_MONOTONIC) - host->tunnel_started >
	    RESTART_FORGIVE)
		host->crashes = 0;
	if (WIFSIGNALED(status))
		log_error("the tunnel process was ended by signal %d (%s)",
			  WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		log_error("the tunnel process ended with status %d",
			  WEXITSTATUS(status));
	if (host->state == HOST_STARTING && !host->ready) {
		host_stop(host, "the tunnel process ended unexpectedly; the "
				"log says more");
		return;
	}
	if (host->config->role == CONFIG_CLIENT && host->state != HOST_STARTING)
		host->state = HOST_RECONNECTING;
	start_later(host);
}

static const struct channel_hooks tunnel_hooks = {
	.receive = tunnel_message,
	.malformed = tunnel_malformed,
	.closed = tunnel_closed,
};

int host_tunnel_start(struct host *host)
{
	struct tunnel_arguments arguments = {
		.tun_fd = host->context.tun_fd,
		.udp_count = host->udp_count,
	};
	int ends[2], err;

	err = channel_pair(ends);
	if (err)
		return err;
	memcpy(arguments.udp_fds, host->udp_fds, sizeof(arguments.udp_fds));
	arguments.channel_fd = ends[1];
	host->tunnel_started = clock_seconds(CLOCK_MONOTONIC);
	tunnel_policy_begin(&host->policy, host->config);
	err = tun_offload(arguments.tun_fd, host->config->offload,
			  &arguments.tun_header, &arguments.tun_usable);
	if (!err)
		err = launcher_tunnel(&host->launcher, &arguments,
				      &host->tunnel);
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

void host_tunnel_renew(struct host *host)
{
	reap_tunnel(host);
	host_reload_interrupted(host);
	if (host->state == HOST_UP && host->config->role == CONFIG_CLIENT)
		host->state = HOST_RECONNECTING;
	ev_timer_stop(host->loop, &host->restart);
	ev_timer_set(&host->restart, 0., 0.);
	ev_timer_start(host->loop, &host->restart);
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
	host->refusals.burst = REFUSALS_BURST;
	host->refusals.per_minute = REFUSALS_PER_MINUTE;
}
