/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TLS alerts (RFC 5246, section 7.2) in both directions: which one tells the
 * peer why we refuse it, and in words what one means that the peer has sent.
 */
#ifndef MINIVPN_TUNNEL_DTLS_ALERT_H
#define MINIVPN_TUNNEL_DTLS_ALERT_H

#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/reason.h"

/* Returns the alert for an error of credentials_check(). */
gnutls_alert_description_t alert_for_refusal(int err);

/* The alert for a GnuTLS code that ends a handshake. */
gnutls_alert_description_t alert_for_failure(int code);

/*
 * Puts one line for the log into reason, and returns what session_error() is to
 * return. by_server: the server has sent it; by_key: in key mode.
 */
int alert_explain(gnutls_alert_description_t alert, bool by_server, bool by_key,
		  struct reason *reason);

#endif
