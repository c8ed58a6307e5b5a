/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One whole connection to a server, to see what comes of it: the handshake, and
 * what the server gives. Nothing is carried, and then it says that it ends. It
 * blocks; what a client does in earnest is client.h's.
 */
#ifndef MINIVPN_TUNNEL_CLIENT_TRIAL_H
#define MINIVPN_TUNNEL_CLIENT_TRIAL_H

#include "common/config/config.h"
#include "common/config/settings.h"
#include "common/reason.h"
#include "tunnel/dtls/credentials.h"

struct client_trial {
	const struct config *config;
	struct credentials *credentials;
	const char *server_host; /* as the file names it */
	int fd;			 /* a UDP socket, connected to the server */
};

/*
 * 0 with what the server gives, as message_decode() leaves it; or, with why in
 * reason, as session_error(), and -EPERM where the server ends it by a message.
 * By read(2) and write(2) of fd alone, so that a process may do it that can do
 * nothing else; it takes 8 seconds at most.
 */
int client_trial_run(const struct client_trial *trial,
		     struct settings *settings, struct reason *reason);

#endif
