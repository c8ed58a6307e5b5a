/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tunnel process as host sees it: its start, its messages, its end. What a
 * message means for this host is for others to say: host.c wires them.
 */
#ifndef MINIVPN_HOST_DAEMON_TUNNEL_H
#define MINIVPN_HOST_DAEMON_TUNNEL_H

#include "common/ipc/channel.h"
#include "host/daemon/daemon_internal.h"
#include "host/process/tunnel_policy.h"

struct host_tunnel_hooks {
	/* A message that the policy lets pass. */
	void (*message)(struct host *host,
			const struct channel_message *message);
	/* A part of an earlier answer to `status`; its own is still to come. */
	void (*stale)(struct host *host);
	/* There is room in the channel after host_tunnel_is_full(). */
	void (*drained)(struct host *host);
	/* It has ended, and is started again unless host stops. */
	void (*ended)(struct host *host);
};

struct host_tunnel {
	const struct host_tunnel_hooks *hooks;
	struct channel *channel; /* NULL: no tunnel process */
	pid_t pid;
	struct tunnel_policy policy; /* what it may ask for */
	struct log_limit refusals;   /* lines about what it may not */
	unsigned crashes;
	double started;	  /* seconds, monotonic */
	ev_timer restart; /* starts it again */
	int64_t expires;  /* our certificate, Unix time; 0: never */
};

void host_tunnel_init(struct host *host, const struct host_tunnel_hooks *hooks);
/* -errno. */
int host_tunnel_start(struct host *host);
/* Ends it and starts another, which is given today's tun device: no crash. */
void host_tunnel_renew(struct host *host);
/* Ends it, and it counts as crashed. */
void host_tunnel_kill(struct host *host);
/* Asks the tunnel process to say goodbye, and sees it out. */
void host_tunnel_stop(struct host *host);

/* There is one, and it can be asked. */
bool host_tunnel_is_ready(const struct host *host);
/* Who has many messages for it is to go on when drained is called. */
bool host_tunnel_is_full(const struct host *host);
/* Sends to it, if there is one; failures are its end anyway. */
void host_tunnel_send(struct host *host, const struct channel_message *message);
/* The same, with a descriptor (-1: none), where it matters: -errno. */
int host_tunnel_try_send(struct host *host,
			 const struct channel_message *message, int fd);
/*
 * Asks for what `status` shows; what is still to come of an earlier answer is
 * passed over. False: there is none, or it can't be asked.
 */
bool host_tunnel_ask_status(struct host *host);

/* The tunnel process has sent what it may not, "a lease of ...". */
void host_tunnel_refused(struct host *host, const char *reason);

#endif
