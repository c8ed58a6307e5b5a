/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A server's clients, whether they are connected or not: what its file and its
 * leases have of them. Each is an object as STATUS in minivpn(8) has it, with
 * further fields:
 *   fixed        whether its addresses are the file's; else they are a lease
 *   last_seen    when it was last connected, Unix time, or null
 * and without those of a session where it has none.
 */
#ifndef MINIVPN_CLI_CLIENTS_H
#define MINIVPN_CLI_CLIENTS_H

#include <jansson.h>
#include <stdbool.h>

struct config;

/*
 * An object of them by name, in the order of the file; NULL: no memory. Leases
 * that can't be read are left out, and that is said.
 */
json_t *clients_known(const struct config *config);

/*
 * Adds what the running server answers. false, and nothing, where it runs by
 * another file.
 */
bool clients_add_connected(json_t *clients, const struct config *config,
			   json_t *status);

#endif
