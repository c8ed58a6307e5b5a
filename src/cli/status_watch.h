/* SPDX-License-Identifier: GPL-2.0-or-later */
/* status --watch: the clients of a server, or a client's server, by their rate,
 * redrawn each second.
 */
#ifndef MINIVPN_CLI_STATUS_WATCH_H
#define MINIVPN_CLI_STATUS_WATCH_H

#include <jansson.h>

/*
 * Until the user ends it. status is the first answer of the tunnel name.
 * Returns the program's exit status; a signal ends the program itself.
 */
int status_watch(const char *name, json_t *status);

#endif
