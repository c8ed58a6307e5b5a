/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host process: root, owns what minivpn changes of this host, starts the
 * tunnel process and answers the control socket. It reads no datagram.
 */
#ifndef MINIVPN_HOST_HOST_H
#define MINIVPN_HOST_HOST_H

#include <stdbool.h>

#include "common/config/config.h"

/* The most that is written to report_fd, with a zero. */
#define HOST_REPORT_SIZE 4096

struct host_options {
	bool foreground;
	/*
	 * In the background: one end of a stream socket pair. "U" and a line
	 * is written to it once the tunnel is up, and after a newline each what
	 * there is to warn of; "F" and a line where it can't be; that the other
	 * end is closed before means: give up. -1: none.
	 */
	int report_fd;
};

/*
 * Brings the tunnel up, serves until it is told to stop, and puts the host
 * back. Takes over config. Returns the exit status of the program.
 */
int host_run(struct config *config, const struct host_options *options);

#endif
