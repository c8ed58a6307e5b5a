/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pages of labels and values: a client's tunnel, one client of a server, what
 * was changed on this machine. status is what the host process answers, see
 * STATUS in minivpn(8). Not for a server's many clients: status_table.h.
 */
#ifndef MINIVPN_CLI_STATUS_PAGE_H
#define MINIVPN_CLI_STATUS_PAGE_H

#include <jansson.h>
#include <stdio.h>

#include "cli/terminal.h"

/* A client's tunnel, with its server. */
void status_page_tunnel(FILE *out, const struct terminal *terminal,
			json_t *status);

/* A server's client, connected or as clients.h knows it. */
void status_page_client(FILE *out, const struct terminal *terminal,
			json_t *client);

/* One change a line, as up --dry-run prints them. */
void status_page_changes(FILE *out, json_t *status);

/* Of an object that may have none: a line about its certificate. */
void status_page_certificate(FILE *out, const struct terminal *terminal,
			     const json_t *object);

/* A warning a line; returns how many lines of the terminal they take. */
unsigned status_page_warnings(FILE *out, const struct terminal *terminal,
			      json_t *status);

#endif
