/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests: keys, a CA, certificates and revocation lists that are made on
 * the spot, in PEM files of a directory that goes with them, and credentials
 * from them.
 */
#ifndef MINIVPN_TESTS_CERTIFICATES_H
#define MINIVPN_TESTS_CERTIFICATES_H

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "common/config/config.h"
#include "tunnel/dtls/credentials.h"

#define CERTIFICATES_PATH 128

/* Makes the directory; removes it with all that is in it. */
void certificates_begin(void);
void certificates_end(void);

/* "DIRECTORY/NAME.SUFFIX"; four calls share the buffers. */
const char *certificates_path(const char *name, const char *suffix);
void certificates_write(const char *path, const void *data, size_t length);

struct authority {
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t crt;
	const char *name; /* NAME.crt */
};

void authority_new(struct authority *authority, const char *name);
void authority_free(struct authority *authority);

/* Writes NAME.crl: whatever has the serial is revoked; 0: nothing is. */
void authority_revoke(const struct authority *authority, const char *name,
		      uint8_t serial);

struct leaf {
	const char *name; /* NAME.crt, NAME.key */
	const char *cn;	  /* NULL: as the name; "": none */
	const char *dns, *ip, *purpose;
	int from, until; /* days from now; until 0: 30 */
	uint8_t serial;
	gnutls_pk_algorithm_t algorithm; /* 0: Ed25519 */
	gnutls_ecc_curve_t curve;	 /* 0: P-256 */
	unsigned bits;			 /* of RSA; 0: 2048 */
	unsigned usage;			 /* GNUTLS_KEY_*; 0: none said */
	unsigned padding;		 /* bytes that mean nothing */
};

void authority_issue(const struct authority *authority,
		     const struct leaf *leaf);

/* A config for the files of these names; valid until the next call. */
const struct config *x509_config(enum config_role role, const char *leaf,
				 const char *ca, const char *crl);
/* The credentials from it; asserts success. */
struct credentials *x509_credentials(enum config_role role, const char *leaf,
				     const char *ca, const char *crl);

/* server_key is of use for a client only. */
struct credentials *key_credentials(enum config_role role,
				    const uint8_t private_key[KEY_SIZE],
				    const uint8_t server_key[KEY_SIZE],
				    enum config_cipher cipher);

#endif
