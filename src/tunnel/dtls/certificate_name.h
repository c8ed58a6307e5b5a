/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The name by which the holder of a certificate is known as a peer, and what
 * messages say of a certificate. Whatever stands in it is a stranger's text
 * until a CA is known to have signed it, and somebody's choice after that: it
 * gets into names and messages only in a form that is one word, or quoted.
 */
#ifndef MINIVPN_TUNNEL_DTLS_CERTIFICATE_NAME_H
#define MINIVPN_TUNNEL_DTLS_CERTIFICATE_NAME_H

#include <gnutls/x509.h>
#include <stddef.h>

#include "common/config/config.h"

/* Sizes of what certificate_describe() and certificate_alternatives() write. */
#define CERTIFICATE_TEXT_SIZE 256

/*
 * The last CN, which is the most specific, or the first subjectAltName that is
 * a DNS name, an e-mail address or a URI. One that can't be a peer's name
 * (config_name_valid) as it is gets another that can: what is of use in it, and
 * a digest of the whole, so that no two become one. -ENODATA: there is none.
 */
int certificate_name(gnutls_x509_crt_t crt, enum config_peer_name by,
		     char name[SETTINGS_NAME_SIZE]);

/* CN "alice", serial 2a: for people. */
void certificate_describe(gnutls_x509_crt_t crt,
			  char text[CERTIFICATE_TEXT_SIZE]);

/* Its subjectAltNames, quoted, as far as there is room; "none". */
void certificate_alternatives(gnutls_x509_crt_t crt,
			      char text[CERTIFICATE_TEXT_SIZE]);

#endif
