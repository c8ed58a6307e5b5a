/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The client's role, as the tunnel process has it (tunnel/role/role.h). */
#ifndef MINIVPN_TUNNEL_CLIENT_CLIENT_H
#define MINIVPN_TUNNEL_CLIENT_CLIENT_H

#include "tunnel/role/role.h"

extern const struct tunnel_role client_role;

/* *state is freed by client_role.free(). -errno. */
int client_new(struct tunnel *tunnel, void **state);

#endif
