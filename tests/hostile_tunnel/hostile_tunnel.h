/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a tunnel process does that was taken over; see
 * tests/system/test_hostile_tunnel.py. */
#ifndef MINIVPN_TESTS_HOSTILE_TUNNEL_H
#define MINIVPN_TESTS_HOSTILE_TUNNEL_H

#include "tunnel/role/role.h"

/* Returns false where there are no messages of that name. */
bool hostile_tunnel_send(struct tunnel *tunnel, const char *name);

/* What it does on RELOAD of that id, if it is about that. */
void hostile_tunnel_reload(struct tunnel *tunnel, const char *name,
			   uint32_t id);

#endif
