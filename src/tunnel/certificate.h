/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * X.509 certificates of our own: made from an Ed25519 key, or read from PEM
 * files; and what a certificate says. Whom to believe is for credentials.c.
 */
#ifndef MINIVPN_TUNNEL_CERTIFICATE_H
#define MINIVPN_TUNNEL_CERTIFICATE_H

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config.h"

/* A day as "2026-01-31 23:59:59 UTC", with its zero. */
#define CERTIFICATE_DATE_SIZE 32

/*
 * Gives target a certificate that says no more than the key does: signed by
 * itself, CN "minivpn", valid at any time that a clock may show. -ENOMEM, -EIO.
 */
int certificate_make(gnutls_certificate_credentials_t target,
		     const uint8_t private_key[KEY_SIZE]);

/* What the PEM files hold that a file names; text NULL: not named, or known. */
struct certificate_texts {
	struct {
		char *text;
		size_t length;
	} of[CONFIG_PEMS];
};

/*
 * Gives target our certificate, its key, the CA and the CRL that config names,
 * and looks whether they fit together and are in force. What is not in texts
 * (may be NULL) is read from the files.
 * *expires is the Unix time at which ours ends. Else -errno, with one line for
 * the user in reason.
 */
int certificate_load(gnutls_certificate_credentials_t target,
		     const struct config *config,
		     const struct certificate_texts *texts, int64_t *expires,
		     char *reason, size_t size);

/* The peer's own certificate of a handshake; the caller deinits it. -EACCES. */
int certificate_of_peer(gnutls_session_t session, gnutls_x509_crt_t *crt);

/* The raw Ed25519 key in a certificate; -EACCES where it has another kind. */
int certificate_public_key(gnutls_x509_crt_t crt, uint8_t key[KEY_SIZE]);

/* Its CN where that can serve as a peer's name (config_name_valid); -EACCES. */
int certificate_name(gnutls_x509_crt_t crt, char name[SETTINGS_NAME_SIZE]);

const char *certificate_date(int64_t when, char date[CERTIFICATE_DATE_SIZE]);

#endif
