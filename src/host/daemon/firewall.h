/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of this host's own drops what a server forwards: a firewall, a setting.
 */
#ifndef MINIVPN_HOST_DAEMON_FIREWALL_H
#define MINIVPN_HOST_DAEMON_FIREWALL_H

struct host;

/* Looks for it anew, and warns of it. */
void host_firewall_check(struct host *host);

#endif
