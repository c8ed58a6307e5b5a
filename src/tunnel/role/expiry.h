/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Certificates that are about to expire, said in the log while there is time to
 * renew them: our own at the start and at each reload, a peer's when it comes,
 * and all of them once a day; then also a CRL that has not been replaced.
 */
#ifndef MINIVPN_TUNNEL_ROLE_EXPIRY_H
#define MINIVPN_TUNNEL_ROLE_EXPIRY_H

#include <stdint.h>

#include "tunnel/tunnel_internal.h"

/* Says it once a day from now on; at once for our own. */
void expiry_start(struct tunnel *tunnel);

/* Our own, if it is time. */
void expiry_warn_own(const struct tunnel *tunnel);

/* Somebody else's; name for the log, expires in Unix time, 0: never. */
void expiry_warn_peer(const char *name, int64_t expires);

#endif
