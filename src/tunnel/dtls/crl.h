/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Certificate revocation lists (RFC 5280, section 5): which certificates their
 * issuers have revoked. A file of lists is reduced once, by a process that has
 * no packets to carry, to what is asked of it: for each list its issuer, what
 * it is about, and its serial numbers in order. The result is a piece of memory
 * without pointers, which others map and search.
 */
#ifndef MINIVPN_TUNNEL_DTLS_CRL_H
#define MINIVPN_TUNNEL_DTLS_CRL_H

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/reason.h"

struct crl_set;

/* The file of the lists, and the CAs, in PEM, that may have lists. */
struct crl_source {
	const char *path, *ca_path;
	const char *text; /* what has been read already; NULL: path is read */
	size_t length;
	const char *ca;
	size_t ca_length;
};

/* Lists that have been reduced. */
struct crl_bytes {
	uint8_t *data; /* malloc'd */
	size_t length;
};

/*
 * Reads and reduces all lists of a file in PEM. Several of one issuer count
 * together; a delta list (section 5.2.4) needs the whole list that it goes
 * with. Each has to be signed by one of the CAs; what is in one that is not
 * understood and marked as critical refuses the file. -EINVAL, -ENOMEM, -EFBIG
 * or of reading, with one line for the user in reason.
 */
int crl_load(struct crl_bytes *bytes, const struct crl_source *source,
	     struct reason *reason);
/* The same of what has been read already; pem is overwritten. */
int crl_reduce(struct crl_bytes *bytes, char *pem, size_t length,
	       const struct crl_source *source, struct reason *reason);

/*
 * Takes over what crl_load() has made, in any case; or a sealed memfd of it,
 * which is mapped and stays the caller's to close. -EINVAL, -ENOMEM.
 */
int crl_set_new(struct crl_set **set, struct crl_bytes *bytes);
int crl_set_map(struct crl_set **set, int fd);
/* NULL is allowed. */
void crl_set_free(struct crl_set *set);

/*
 * Warns of lists that are out of date. They count all the same, as an authority
 * that is late must not cut off anybody.
 */
void crl_set_warn(const struct crl_set *set, const char *path);

/* Warns of CAs that have no list. */
void crl_set_warn_of_cas(const struct crl_set *set,
			 gnutls_x509_trust_list_t cas, const char *path);

/*
 * Is there a list, not only a delta list, of the certificate's issuer that is
 * about certificates of this kind, and from the same distribution point where
 * it is only that part of the whole (section 5.2.5)?
 */
bool crl_set_covers(const struct crl_set *set, gnutls_x509_crt_t crt);
bool crl_set_revokes(const struct crl_set *set, gnutls_x509_crt_t crt);

#endif
