/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Warnings of certificates that are about to expire, in the log while there is
 * time to renew them. When they are due is the caller's: our own at the start
 * and at each reload, a peer's when it comes, and all of them once a day.
 */
#ifndef MINIVPN_TUNNEL_ROLE_EXPIRY_H
#define MINIVPN_TUNNEL_ROLE_EXPIRY_H

#include <stdint.h>

#include "common/config/config.h"
#include "tunnel/dtls/credentials.h"

/* Warns of our own certificate, if it is time. */
void expiry_warn_own(const struct credentials *credentials,
		     const struct config *config);

/*
 * The same of a peer's. name: for the log; expires: Unix time, 0: never.
 */
void expiry_warn_peer(const char *name, int64_t expires);

#endif
