/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records of an open session by GnuTLS's own functions: alerts and handshake
 * messages always, application data where record.c does not know the suite.
 */
#ifndef MINIVPN_TUNNEL_DTLS_RECORD_LIBRARY_H
#define MINIVPN_TUNNEL_DTLS_RECORD_LIBRARY_H

#include <gnutls/gnutls.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tunnel/dtls/transport.h"

/*
 * Reads the one record of length bytes. Application data is written over it:
 * its length is returned. 0: nothing for us; -ECONNRESET: a close_notify or a
 * fatal alert, see gnutls_alert_get(). *discarded grows by 1 for one that is
 * forged or replayed. GnuTLS may answer, so record_sync() before and after.
 */
ssize_t record_library_open(struct transport *transport, uint8_t *record,
			    size_t length, uint64_t *discarded);

/* Seals plain as one record. -EMSGSIZE, -EKEYEXPIRED, -EPIPE. */
ssize_t record_library_seal(struct transport *transport, uint8_t *out,
			    size_t size, const uint8_t *plain, size_t length);

#endif
