/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who we are and whom we believe, in GnuTLS's terms: the certificate that is
 * self-signed from an Ed25519 key or read from PEM, the priorities, and the
 * check of the peer's certificate. Made once, used by every session.
 */
#ifndef MINIVPN_TUNNEL_DTLS_CREDENTIALS_H
#define MINIVPN_TUNNEL_DTLS_CREDENTIALS_H

#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config/config.h"
#include "common/reason.h"
#include "tunnel/dtls/own_certificate.h"

struct credentials;

/*
 * Who is at the other end: whoever holds public_key (key mode), or the name in
 * a certificate that the CA has signed. Text for the log in text.
 */
struct identity {
	bool by_key;
	uint8_t public_key[KEY_SIZE];  /* by_key */
	char name[SETTINGS_NAME_SIZE]; /* certificate_name(); "" by key */
	int64_t expires;	       /* Unix time of notAfter; X.509 only */
	/* The first notAfter of it and the CAs above it: see session.h. */
	int64_t valid_until;
	char text[SETTINGS_NAME_SIZE]; /* the key in base64, or the name */
};

/*
 * Reads PEM files where the file names any, so it is called before privileges
 * are dropped. On failure one line for the user in reason (expired, does not
 * match the key, not readable, not signed by the CA ...).
 */
int credentials_new(struct credentials **credentials,
		    const struct config *config, struct reason *reason);
/*
 * The same with the contents of PEM files that have been read already; their
 * lists of revoked certificates are taken over.
 */
int credentials_from(struct credentials **credentials,
		     const struct config *config,
		     struct own_certificate_texts *texts,
		     struct reason *reason);
/* Adds an owner; each has to call credentials_free(). */
struct credentials *credentials_keep(struct credentials *credentials);
void credentials_free(struct credentials *credentials);

/* Sets a session's certificate and priorities, and asks for the peer's. */
int credentials_attach(const struct credentials *credentials,
		       gnutls_session_t session);

/*
 * Checks the peer's certificate as it stands in the session now: chain,
 * validity, revocation and (client) the server's name, or the key's form. A
 * client also compares with ServerKey. Fills identity; otherwise, with reason
 * ("its certificate expired on ..."): -EKEYEXPIRED (or not valid yet),
 * -EKEYREVOKED, -ENOKEY (no CA of ours), -EKEYREJECTED (not ServerKey),
 * -EACCES (the rest). Also for resumed sessions. Whether a client's identity
 * is one of the file's peers is for the server to say.
 */
int credentials_check(const struct credentials *credentials,
		      gnutls_session_t session, const char *server_host,
		      struct identity *identity, struct reason *reason);

/* Tells whether peers are known by their keys, not by what a CA has signed. */
bool credentials_by_key(const struct credentials *credentials);

/*
 * By what name our certificate makes us known, as a server's PeerName says.
 * -ENODATA: by none.
 */
int credentials_own_name(const struct credentials *credentials,
			 enum config_peer_name by,
			 char name[SETTINGS_NAME_SIZE]);

/* Our own key, or certificate, for people: "key ...", "CN ...". */
const char *credentials_own_text(const struct credentials *credentials);

/* Do both have the same certificate of our own, or the same key? */
bool credentials_same_own(const struct credentials *a,
			  const struct credentials *b);

/* Warns of a CRL that is out of date by now; config is the same as above. */
void credentials_warn(const struct credentials *credentials,
		      const struct config *config);

/* Unix time at which our own certificate ends; 0 in key mode. */
int64_t credentials_expiry(const struct credentials *credentials);

#endif
