/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The server's role, as the tunnel process has it (tunnel/role/role.h). */
#ifndef MINIVPN_TUNNEL_SERVER_SERVER_H
#define MINIVPN_TUNNEL_SERVER_SERVER_H

#include "tunnel/role/role.h"

extern const struct tunnel_role server_role;

/* *state is freed by server_role.free(). -errno. */
int server_new(struct tunnel *tunnel, void **state);

#endif
