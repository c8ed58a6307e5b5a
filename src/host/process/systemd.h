/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the service manager is about to do with the unit that we are run by:
 * the commands of ExecStop= and ExecStart= are not told (systemd.exec(5)).
 */
#ifndef MINIVPN_HOST_PROCESS_SYSTEMD_H
#define MINIVPN_HOST_PROCESS_SYSTEMD_H

#include <stdbool.h>

struct systemd_view {
	bool booting; /* the machine is on its way up */
	bool shutting_down;
	bool restarting; /* our unit, and not only stopping */
};

/*
 * Asks it, by its own socket: there is no bus yet at boot, nor any more in the
 * end. -ENOENT, and nothing of view is true, where there is no systemd, or this
 * program was built without its library; -ETIMEDOUT and others.
 */
int systemd_ask(struct systemd_view *view);

#endif
