/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Certificate revocation lists (RFC 5280, section 5): which certificates their
 * issuers have revoked. GnuTLS needs microseconds and hundreds of bytes for
 * each entry, in a process that has packets to carry meanwhile; here an entry
 * is a pointer into the list, and a search is a binary one.
 */
#ifndef MINIVPN_TUNNEL_DTLS_CRL_H
#define MINIVPN_TUNNEL_DTLS_CRL_H

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/reason.h"

struct crl_set;

/* The files, for reasons and warnings, and the CAs that may have lists. */
struct crl_source {
	const char *path, *ca_path;
	gnutls_x509_trust_list_t cas;
};

/*
 * Takes all lists of a file in PEM: one of each issuer at least, several count
 * together, delta lists (section 5.2.4) as well. Each has to be signed by one
 * of source->cas. Warns of lists that are out of date, and of CAs that have
 * none. -EINVAL, -ENOMEM, with one line for the user in reason.
 */
int crl_set_new(struct crl_set **set, const gnutls_datum_t *pem,
		const struct crl_source *source, struct reason *reason);
/* NULL is allowed. */
void crl_set_free(struct crl_set *set);

/*
 * Warns of lists that are out of date. They count all the same, as an authority
 * that is late must not cut off anybody. crl_set_new() does it as well.
 */
void crl_set_warn(const struct crl_set *set, const char *path);

/* Is there a list, not only a delta list, of the certificate's issuer? */
bool crl_set_covers(const struct crl_set *set, gnutls_x509_crt_t crt);
bool crl_set_revokes(const struct crl_set *set, gnutls_x509_crt_t crt);

#endif
