/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The server's side of the control socket: see common/ipc/control_socket.h for
 * the protocol. NULL is allowed for a control that was not opened.
 */
#ifndef MINIVPN_HOST_DAEMON_CONTROL_H
#define MINIVPN_HOST_DAEMON_CONTROL_H

#include <jansson.h>

#include "common/ipc/channel.h"
#include "common/reason.h"

struct host;
struct host_control;

/* -errno, with the reason. */
int host_control_open(struct host_control **control, struct host *host,
		      struct reason *reason);
void host_control_close(struct host_control *control);

/* A reload begins: it is for all that have asked so far. */
void host_control_reloading(struct host_control *control);
/* To these; takes over answer. */
void host_control_reloaded(struct host_control *control, json_t *answer);
/* Answers and closes all connections that asked for the end. */
void host_control_stopped(struct host_control *control, bool clean);

/* From the tunnel process: what was asked for `status`. */
void host_control_peer(struct host_control *control,
		       const struct channel_peer *peer);
/* It is still at an answer that was given up: ours begins later. */
void host_control_status_delayed(struct host_control *control);
/* To those who follow what happens. */
void host_control_event(struct host_control *control, enum log_level level,
			const char *line, const struct log_event *event);

/* All have come; total NULL: it does not answer. */
void host_control_status_end(struct host_control *control,
			     const struct traffic *total);

#endif
