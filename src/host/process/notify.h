/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The readiness protocol of sd_notify(3): a datagram to $NOTIFY_SOCKET. */
#ifndef MINIVPN_HOST_PROCESS_NOTIFY_H
#define MINIVPN_HOST_PROCESS_NOTIFY_H

/* state: "READY=1" and the like. Nothing happens where nobody listens. */
void notify_send(const char *state);

#endif
