/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A new file for a running tunnel, as both roles take it up: host hands over
 * its text and those of the PEM files that it names, as the tunnel process can
 * read no file any more. First everything is made ready, which may fail and
 * changes nothing; then it is taken. What follows from it is up to the role.
 */
#ifndef MINIVPN_TUNNEL_RELOAD_H
#define MINIVPN_TUNNEL_RELOAD_H

#include "tunnel/tunnel_private.h"

/* CHANNEL_PEM: keeps what is in fd. */
void reload_pem(struct tunnel *tunnel, unsigned which, int fd);

/* CHANNEL_RELOAD: the file itself; answers CHANNEL_LOADED. */
void reload_prepare(struct tunnel *tunnel, uint32_t id, int fd);

/* CHANNEL_TAKE: what is ready is in force, and the role is told. */
void reload_take(struct tunnel *tunnel);

/* CHANNEL_LOADED, to id (0: the start): 0, or error and reason. */
void reload_answer(struct tunnel *tunnel, uint32_t id, int error,
		   const char *reason);

void reload_free(struct tunnel *tunnel);

#endif
