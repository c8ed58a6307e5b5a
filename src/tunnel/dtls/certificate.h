/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an X.509 certificate says: the servers it is for, its purpose, its key,
 * and whether a chain of them leads to a CA. What that means for a peer,
 * credentials.c decides; names of peers are certificate_name.h's.
 */
#ifndef MINIVPN_TUNNEL_DTLS_CERTIFICATE_H
#define MINIVPN_TUNNEL_DTLS_CERTIFICATE_H

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/config/config.h"

/* A day as "2026-01-31 23:59:59 UTC", with its zero. */
#define CERTIFICATE_DATE_SIZE 32

/* A certificate, and those of the CAs above it that came with it. */
struct certificate_chain {
	gnutls_x509_crt_t *list;
	unsigned count;
};

/* The chain that the peer has sent, at least one. -EACCES, -ENOMEM. */
int certificate_chain_of_peer(gnutls_session_t session,
			      struct certificate_chain *chain);
void certificate_chain_free(struct certificate_chain *chain);

/*
 * Does a chain lead to one of these CAs? *status as GnuTLS has it, 0: yes.
 * purpose: an OID that an extended key usage has to allow where there is one;
 * NULL: any. flags: GNUTLS_VERIFY_*. -EACCES: it can't be said.
 */
int certificate_verify(gnutls_x509_trust_list_t trust,
		       const struct certificate_chain *chain,
		       const char *purpose, unsigned flags, unsigned *status);

/*
 * Unix time at which the first of them ends, be it one of the CAs: a chain that
 * is valid stays so until then. 0: none ends.
 */
int64_t certificate_chain_end(gnutls_x509_trust_list_t trust,
			      const struct certificate_chain *chain);

/* What the extended key usage says of a purpose (RFC 5280, 4.2.1.12). */
enum certificate_use {
	CERTIFICATE_SILENT, /* it has none */
	CERTIFICATE_ALLOWS, /* that, or any purpose */
	CERTIFICATE_FORBIDS,
};
enum certificate_use certificate_purpose(gnutls_x509_crt_t crt,
					 const char *purpose);

/*
 * Has it a subjectAltName for this name or address (RFC 9525, section 6)? Its
 * CN counts for nothing. name NULL: for any name or address.
 */
bool certificate_names_server(gnutls_x509_crt_t crt, const char *name);

/* The raw Ed25519 key in a certificate; -EACCES where it has another kind. */
int certificate_public_key(gnutls_x509_crt_t crt, uint8_t key[KEY_SIZE]);

const char *certificate_date(int64_t when, char date[CERTIFICATE_DATE_SIZE]);

#endif
