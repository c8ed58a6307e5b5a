/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A new file for a running tunnel, as both roles take it up: host hands over
 * its text and those of the PEM files that it names, as the tunnel process can
 * read no file any more. First everything is made ready, which may fail and
 * changes nothing; then it is taken. What follows from it is up to the role.
 */
#ifndef MINIVPN_TUNNEL_RELOAD_H
#define MINIVPN_TUNNEL_RELOAD_H

#include "common/config/load.h"
#include "common/reason.h"
#include "tunnel/dtls/own_certificate.h"
#include "tunnel/role/role.h"

struct reload {
	struct tunnel *tunnel;
	struct own_certificate_texts texts; /* arrived so far */
	struct config *config;		    /* ready to be taken, or NULL */
	struct credentials *credentials;
	/* Serves packets while a file is read; run may be NULL. */
	struct config_pause pause;
};

/* CHANNEL_PEM, or one from the launcher: keeps what is in fd, if it is one. */
void reload_pem(struct reload *reload, unsigned which, int fd);

/* At the start: makes tunnel->credentials, as credentials_from(). */
int reload_start(struct reload *reload, struct tunnel *tunnel,
		 struct reason *reason);

/* CHANNEL_RELOAD: the file itself; answers CHANNEL_LOADED. */
void reload_prepare(struct reload *reload, uint32_t id, int fd);

/*
 * CHANNEL_TAKE: what is ready comes into force, also for the role. mtu as
 * there.
 */
void reload_take(struct reload *reload, unsigned mtu);

/* When our own certificate ends, as CHANNEL_READY has it: Unix time, or 0. */
int64_t reload_expiry(const struct credentials *credentials);

void reload_free(struct reload *reload);

#endif
