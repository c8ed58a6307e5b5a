/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/daemon/tunnel.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "host/daemon/lifecycle.h"
#include "host/kernel/tun.h"

/* The tunnel process says goodbye within this, or is killed. */
#define GOODBYE_MS 3000
/* Pauses before the tunnel process is started again after a crash: 0.1 s,
 * doubled each time; a run of this many crashes is the end. */
#define RESTART_PAUSE	0.1
#define RESTART_CRASHES 8
/* Log lines about messages that are refused. */
#define REFUSALS_BURST	    5
#define REFUSALS_PER_MINUTE 10
/* A tunnel process that has lived this long did not crash at its start. */
#define RESTART_FORGIVE 60.

bool host_tunnel_is_ready(const struct host *host)
{
	return host->tunnel->channel && host->tunnel->policy.ready;
}

bool host_tunnel_is_full(const struct host *host)
{
	return host->tunnel->channel && channel_is_full(host->tunnel->channel);
}

int host_tunnel_try_send(struct host *host,
			 const struct channel_message *message, int fd)
{
	struct host_tunnel *tunnel = host->tunnel;
	int err;

	if (!tunnel->channel)
		return -EPIPE;
	err = channel_try_send(tunnel->channel, message, fd);
	/* One answer to it may come. */
	if (!err && message->type == CHANNEL_RELOAD)
		tunnel_policy_reloading(&tunnel->policy);
	return err;
}

void host_tunnel_send(struct host *host, const struct channel_message *message)
{
	if (host->tunnel->channel)
		channel_send(host->tunnel->channel, message, -1);
}

bool host_tunnel_ask_status(struct host *host)
{
	struct host_tunnel *tunnel = host->tunnel;

	if (!tunnel->channel)
		return false;
	if (channel_send_type(tunnel->channel, CHANNEL_STATUS_WANTED))
		return false;
	tunnel_policy_asked(&tunnel->policy);
	return true;
}

/*
 * Returns whether the message is to be taken. A process that misbehaves is
 * ended, and counts as crashed: tunnel_closed() follows.
 */
static bool decide(struct host *host, enum tunnel_policy_verdict verdict)
{
	unsigned left_out;

	switch (verdict) {
	case TUNNEL_POLICY_TAKE:
		return true;
	case TUNNEL_POLICY_REFUSE:
		if (log_allowed(&host->tunnel->refusals,
				clock_seconds(CLOCK_MONOTONIC), &left_out))
			log_warning("the tunnel process sent %s: refused "
				    "(and %u before)",
				    host->tunnel->policy.reason, left_out);
		return false;
	case TUNNEL_POLICY_END:
		log_error("the tunnel process misbehaves (%s) and is ended",
			  host->tunnel->policy.reason);
		host_tunnel_kill(host);
		return false;
	case TUNNEL_POLICY_STALE:
		host->tunnel->hooks->stale(host);
		return false;
	case TUNNEL_POLICY_IGNORE:
		break;
	}
	return false;
}

void host_tunnel_refused(struct host *host, const char *reason)
{
	decide(host, tunnel_policy_refused(&host->tunnel->policy, reason,
					   clock_seconds(CLOCK_MONOTONIC)));
}

static void tunnel_drained(void *owner)
{
	struct host *host = owner;

	host->tunnel->hooks->drained(host);
}

static void tunnel_malformed(void *owner)
{
	host_tunnel_refused(owner, "a malformed message");
}

static void take_line(const struct host_tunnel *tunnel,
		      const struct channel_message *message)
{
	if (tunnel->policy.left_out)
		log_warning("%u lines of the tunnel process were left out: too "
			    "many at once",
			    tunnel->policy.left_out);
	log_event_line(message->log.level, &message->log.event,
		       message->log.line);
}

static void tunnel_message(void *owner, const struct channel_message *message,
			   int fd)
{
	struct host *host = owner;
	struct host_tunnel *tunnel = host->tunnel;

	if (fd >= 0)
		close(fd); /* nothing that tunnel sends carries one */
	if (!decide(host, tunnel_policy_check(&tunnel->policy, message,
					      clock_seconds(CLOCK_MONOTONIC))))
		return;
	if (message->type == CHANNEL_LOG)
		take_line(tunnel, message);
	if (message->type == CHANNEL_READY)
		tunnel->expires = message->ready.expires;
	tunnel->hooks->message(host, message);
}

/* Ends the tunnel process if it has not ended; its status (waitpid(2)). */
static int reap_tunnel(struct host *host)
{
	int status = 0;

	channel_free(host->tunnel->channel);
	host->tunnel->channel = NULL;
	/* It does not outlive the launcher: PR_SET_PDEATHSIG. */
	if (host->tunnel->pid > 0 &&
	    launcher_end_tunnel(&host->launcher, &status))
		log_error(
			"the launcher process does not say what has become of "
			"the tunnel process");
	host->tunnel->pid = 0;
	return status;
}

/* It has crashed, or could not be started. */
static void start_later(struct host *host)
{
	char text[HOST_REASON_SIZE];
	double pause;

	if (++host->tunnel->crashes > RESTART_CRASHES) {
		snprintf(text, sizeof(text),
			 "the tunnel process has ended %u times in a row; the "
			 "log says how",
			 host->tunnel->crashes);
		host_stop(host, text);
		return;
	}
	pause = RESTART_PAUSE * (double)(1u << host->tunnel->crashes);
	log_notice("starting it again in %.1f s; nothing leaves outside the "
		   "tunnel meanwhile",
		   pause);
	ev_timer_stop(host->loop, &host->tunnel->restart);
	ev_timer_set(&host->tunnel->restart, pause, 0.);
	ev_timer_start(host->loop, &host->tunnel->restart);
}

static void tunnel_closed(void *owner)
{
	struct host *host = owner;
	struct host_tunnel *tunnel = host->tunnel;
	bool overrun = channel_is_overrun(tunnel->channel);
	int status = reap_tunnel(host);

	tunnel->hooks->ended(host);
	if (host->state == HOST_STOPPING)
		return;
	if (clock_seconds(CLOCK_MONOTONIC) - tunnel->started > RESTART_FORGIVE)
		tunnel->crashes = 0;
	if (overrun)
		log_error("the tunnel process does not take what it is told, "
			  "and is ended");
	else if (WIFEXITED(status) && WEXITSTATUS(status) == TUNNEL_OVERRUN)
		log_error("the tunnel process has ended: it had more to say "
			  "than we have taken");
	else if (WIFSIGNALED(status))
		log_error("the tunnel process was ended by signal %d (%s)",
			  WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		log_error("the tunnel process ended with status %d",
			  WEXITSTATUS(status));
	if (host->state == HOST_STARTING && !host->lifecycle->ready) {
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
	.drained = tunnel_drained,
	.closed = tunnel_closed,
};

int host_tunnel_start(struct host *host)
{
	struct tunnel_arguments arguments = {
		.tun_fd = host->context.tun_fd,
		.udp_count = host->sockets.count,
	};
	int ends[2], err;

	err = channel_pair(ends);
	if (err)
		return err;
	memcpy(arguments.udp_fds, host->sockets.fds, sizeof(arguments.udp_fds));
	arguments.channel_fd = ends[1];
	host->tunnel->started = clock_seconds(CLOCK_MONOTONIC);
	tunnel_policy_begin(&host->tunnel->policy, host->config);
	err = tun_offload(arguments.tun_fd, host->config->offload,
			  &arguments.tun_header, &arguments.tun_usable);
	if (!err)
		err = launcher_tunnel(&host->launcher, &arguments,
				      &host->tunnel->pid);
	close(ends[1]);
	if (!err)
		err = channel_new(&host->tunnel->channel, host->loop, ends[0],
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

void host_tunnel_kill(struct host *host)
{
	int status;

	launcher_end_tunnel(&host->launcher, &status);
}

void host_tunnel_renew(struct host *host)
{
	reap_tunnel(host);
	host->tunnel->hooks->ended(host);
	if (host->state == HOST_UP && host->config->role == CONFIG_CLIENT)
		host->state = HOST_RECONNECTING;
	ev_timer_stop(host->loop, &host->tunnel->restart);
	ev_timer_set(&host->tunnel->restart, 0., 0.);
	ev_timer_start(host->loop, &host->tunnel->restart);
}

void host_tunnel_stop(struct host *host)
{
	if (host->tunnel->channel) {
		channel_send_type(host->tunnel->channel, CHANNEL_STOP);
		channel_flush(host->tunnel->channel, GOODBYE_MS);
	}
	if (host->tunnel->pid > 0) {
		/* It closes its end of the channel when it ends. */
		if (host->tunnel->channel)
			channel_drain(host->tunnel->channel, GOODBYE_MS);
		reap_tunnel(host);
	}
}

void host_tunnel_init(struct host *host, const struct host_tunnel_hooks *hooks)
{
	host->tunnel->hooks = hooks;
	ev_timer_init(&host->tunnel->restart, restart, 0., 0.);
	host->tunnel->restart.data = host;
	host->tunnel->refusals.burst = REFUSALS_BURST;
	host->tunnel->refusals.per_minute = REFUSALS_PER_MINUTE;
}
