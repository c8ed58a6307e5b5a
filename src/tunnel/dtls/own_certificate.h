/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Our own certificate, made from an Ed25519 key or read from PEM files, and the
 * CA and CRL that the files name. Whom to believe is for credentials.c.
 */
#ifndef MINIVPN_TUNNEL_DTLS_OWN_CERTIFICATE_H
#define MINIVPN_TUNNEL_DTLS_OWN_CERTIFICATE_H

#include <gnutls/gnutls.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config/config.h"
#include "common/reason.h"
#include "tunnel/dtls/crl.h"

/*
 * Gives target a certificate that says no more than the key does: it is signed
 * by itself, and has a name and dates that mean nothing and that nobody checks,
 * as keys do not expire. -ENOMEM, -EIO.
 */
int own_certificate_make(gnutls_certificate_credentials_t target,
			 const uint8_t private_key[KEY_SIZE]);

/*
 * The PEM files that a file names; text is NULL where it is to be read. Lists
 * of revoked certificates have been reduced (crl.h); they have no text.
 */
struct own_certificate_texts {
	struct {
		char *text;
		size_t length;
	} of[CONFIG_PEMS];
	struct crl_set *crl;
};

struct own_certificate_loaded {
	int64_t expires;     /* Unix time at which ours ends */
	struct crl_set *crl; /* the caller's; NULL: the file names none */
};

/*
 * Gives target our certificate, its key and the CA that config names, reads the
 * CRL, and checks that they fit together and are in force. What is not in texts
 * (NULL: nothing is) is read from the files; its crl is taken over. What the
 * other end will refuse, or may, is warned of. Else -errno, with one line for
 * the user in reason.
 */
int own_certificate_load(gnutls_certificate_credentials_t target,
			 const struct config *config,
			 struct own_certificate_texts *texts,
			 struct own_certificate_loaded *loaded,
			 struct reason *reason);

#endif
