/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A server on one screen: a line with counts, what needs attention, and a line
 * for each of the busiest clients. status as for status_page.h.
 */
#ifndef MINIVPN_CLI_STATUS_TABLE_H
#define MINIVPN_CLI_STATUS_TABLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "cli/terminal.h"

/*
 * "server: up for 3 h, 500 of 620 clients, ...", as much as there is room for;
 * also of a client's tunnel.
 */
void status_table_head(FILE *out, const struct terminal *terminal,
		       json_t *status);

/* all: every client, however many lines these are. */
void status_table_print(FILE *out, const struct terminal *terminal,
			json_t *status, bool all);

/* The address of an endpoint, without its port. */
#define STATUS_TABLE_ADDRESS 64
const char *status_table_address(char text[STATUS_TABLE_ADDRESS],
				 const char *endpoint);

#endif
