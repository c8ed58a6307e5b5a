/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/dtls/credentials.h"

#include <errno.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/key.h"
#include "common/reason.h"
#include "tunnel/dtls/aead.h"
#include "tunnel/dtls/certificate.h"
#include "tunnel/dtls/certificate_name.h"

#define AES	 "+AES-128-GCM:+AES-256-GCM"
#define CHACHA20 "+CHACHA20-POLY1305"

/*
 * Nothing is spoken but DTLS 1.2 with forward secrecy and an AEAD (RFC 9325,
 * sections 3 and 4), with signatures from SHA-256 up. Both ends must know the
 * safe renegotiation (RFC 5746), which is never done.
 */
#define PRIORITIES_HEAD "NONE:+VERS-DTLS1.2:+ECDHE-ECDSA:+ECDHE-RSA:"
#define PRIORITIES_TAIL                                                        \
	":+AEAD:+COMP-NULL:+CTYPE-X509"                                        \
	":+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1"                     \
	":+SIGN-EDDSA-ED25519"                                                 \
	":+SIGN-ECDSA-SHA256:+SIGN-ECDSA-SHA384:+SIGN-ECDSA-SHA512"            \
	":+SIGN-RSA-PSS-RSAE-SHA256:+SIGN-RSA-PSS-RSAE-SHA384"                 \
	":+SIGN-RSA-PSS-RSAE-SHA512:+SIGN-RSA-PSS-SHA256"                      \
	":+SIGN-RSA-PSS-SHA384:+SIGN-RSA-PSS-SHA512"                           \
	":+SIGN-RSA-SHA256:+SIGN-RSA-SHA384:+SIGN-RSA-SHA512"                  \
	":%SAFE_RENEGOTIATION:%PROFILE_MEDIUM"

struct credentials {
	unsigned owners;
	gnutls_certificate_credentials_t certificate;
	gnutls_priority_t priorities;
	bool server, by_key;
	uint8_t own_key[KEY_SIZE]; /* by key: the public one */
	/* Client, by key; the other one is all zero where there is none. */
	uint8_t server_key[KEY_SIZE], other_server_key[KEY_SIZE];
	char *server_name; /* client, X.509; NULL: the host's */
	enum config_peer_name peer_name;
	char own_text[CERTIFICATE_TEXT_SIZE];
	struct own_certificate_loaded loaded; /* X.509 */
};

/*
 * Where the file has no order, the client's counts; where it has one, ours
 * does. A processor without instructions for AES, as many of arm, does ChaCha20
 * several times faster.
 */
static const char *priorities(enum config_cipher cipher)
{
	switch (cipher) {
	case CONFIG_AES_GCM:
		return PRIORITIES_HEAD AES ":" CHACHA20 PRIORITIES_TAIL
					   ":%SERVER_PRECEDENCE";
	case CONFIG_CHACHA20:
		return PRIORITIES_HEAD CHACHA20 ":" AES PRIORITIES_TAIL
						":%SERVER_PRECEDENCE";
	case CONFIG_CIPHER_AUTO:
		break;
	}
	if (aead_prefers_chacha20())
		return PRIORITIES_HEAD CHACHA20 ":" AES PRIORITIES_TAIL;
	return PRIORITIES_HEAD AES ":" CHACHA20 PRIORITIES_TAIL;
}

/* The result is the caller's; it is NULL where memory runs out. */
static gnutls_x509_crt_t own_certificate(gnutls_certificate_credentials_t from)
{
	struct certificate_chain chain = {NULL, 0};
	gnutls_x509_crt_t own = NULL;

	if (gnutls_certificate_get_x509_crt(from, 0, &chain.list,
					    &chain.count) < 0 ||
	    !chain.count)
		return NULL;
	own = chain.list[0];
	chain.list[0] = NULL;
	certificate_chain_free(&chain);
	return own;
}

static int load(struct credentials *credentials, const struct config *config,
		struct own_certificate_texts *texts, struct reason *reason)
{
	gnutls_x509_crt_t own;
	int err;

	err = own_certificate_load(credentials->certificate, config, texts,
				   &credentials->loaded, reason);
	if (err)
		return err;
	own = own_certificate(credentials->certificate);
	if (own)
		certificate_describe(own, credentials->own_text);
	gnutls_x509_crt_deinit(own);
	return 0;
}

static int fill(struct credentials *credentials, const struct config *config,
		struct own_certificate_texts *texts, struct reason *reason)
{
	int code;

	if (gnutls_certificate_allocate_credentials(&credentials->certificate) <
	    0)
		goto out_of_memory;
	code = gnutls_priority_init(&credentials->priorities,
				    priorities(config->cipher), NULL);
	if (code < 0) {
		reason_set(reason, "GnuTLS lacks what minivpn needs: %s",
			   gnutls_strerror(code));
		return -ENOTSUP;
	}
	if (config->server_name) {
		credentials->server_name = strdup(config->server_name);
		if (!credentials->server_name)
			goto out_of_memory;
	}
	credentials->peer_name = config->peer_name;
	if (!credentials->by_key)
		return load(credentials, config, texts, reason);
	memcpy(credentials->server_key, config->server_key, KEY_SIZE);
	memcpy(credentials->other_server_key, config->other_server_key,
	       KEY_SIZE);
	code = key_public(config->private_key, credentials->own_key);
	if (!code)
		code = own_certificate_make(credentials->certificate,
					    config->private_key);
	if (code)
		reason_set(reason, "can't make a certificate from PrivateKey");
	strcpy(credentials->own_text, "key ");
	key_format(credentials->own_key, credentials->own_text + 4);
	return code;
out_of_memory:
	reason_set(reason, "out of memory");
	return -ENOMEM;
}

int credentials_new(struct credentials **credentials,
		    const struct config *config, struct reason *reason)
{
	return credentials_from(credentials, config, NULL, reason);
}

int credentials_from(struct credentials **credentials,
		     const struct config *config,
		     struct own_certificate_texts *texts, struct reason *reason)
{
	struct credentials *new = calloc(1, sizeof(*new));
	int err;

	if (!new) {
		reason_set(reason, "out of memory");
		return -ENOMEM;
	}
	new->owners = 1;
	new->server = config->role == CONFIG_SERVER;
	new->by_key = config->identity == CONFIG_KEYS;
	err = fill(new, config, texts, reason);
	if (err) {
		credentials_free(new);
		return err;
	}
	*credentials = new;
	return 0;
}

struct credentials *credentials_keep(struct credentials *credentials)
{
	credentials->owners++;
	return credentials;
}

void credentials_free(struct credentials *credentials)
{
	if (!credentials || --credentials->owners)
		return;
	if (credentials->certificate)
		gnutls_certificate_free_credentials(credentials->certificate);
	if (credentials->priorities)
		gnutls_priority_deinit(credentials->priorities);
	crl_set_free(credentials->loaded.crl);
	free(credentials->server_name);
	free(credentials);
}

int credentials_attach(const struct credentials *credentials,
		       gnutls_session_t session)
{
	if (gnutls_priority_set(session, credentials->priorities) < 0 ||
	    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE,
				   credentials->certificate) < 0)
		return -EPROTO;
	if (!credentials->server)
		return 0;
	gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE);
	/*
	 * The request has no names of CAs: a GnuTLS client finds no match for
	 * an Ed25519 certificate among them, and sends none.
	 */
	gnutls_certificate_send_x509_rdn_sequence(session, 1);
	return 0;
}

static bool is_server_key(const struct credentials *credentials,
			  const uint8_t key[KEY_SIZE])
{
	return !memcmp(key, credentials->server_key, KEY_SIZE) ||
	       (!key_is_zero(credentials->other_server_key) &&
		!memcmp(key, credentials->other_server_key, KEY_SIZE));
}

static int check_key(const struct credentials *credentials,
		     gnutls_x509_crt_t crt, struct identity *identity,
		     struct reason *reason)
{
	identity->by_key = true;
	if (certificate_public_key(crt, identity->public_key)) {
		reason_set(reason, "its key is not an Ed25519 key");
		return -EACCES;
	}
	key_format(identity->public_key, identity->text);
	if (!credentials->server &&
	    !is_server_key(credentials, identity->public_key)) {
		reason_set(reason,
			   "the server's key is %s, not the file's ServerKey",
			   identity->text);
		return -EKEYREJECTED;
	}
	return 0;
}

static int refuse_date(gnutls_x509_crt_t crt, unsigned status,
		       struct reason *reason)
{
	int64_t from = gnutls_x509_crt_get_activation_time(crt);
	int64_t until = gnutls_x509_crt_get_expiration_time(crt);
	char date[CERTIFICATE_DATE_SIZE];
	int64_t now = time(NULL);

	if (until < now)
		reason_set(reason, "its certificate expired on %s",
			   certificate_date(until, date));
	else if (from > now)
		reason_set(reason, "its certificate is not valid before %s",
			   certificate_date(from, date));
	else
		reason_set(reason, "a CA above its certificate %s",
			   status & GNUTLS_CERT_EXPIRED ? "has expired"
							: "is not valid yet");
	return -EKEYEXPIRED;
}

static const struct {
	unsigned status;
	int error;
	const char *reason;
} refusals[] = {
	{GNUTLS_CERT_SIGNER_NOT_FOUND, -ENOKEY,
	 "its certificate is signed by an unknown CA"},
	{GNUTLS_CERT_SIGNER_NOT_CA, -ENOKEY,
	 "its certificate is signed by one that is not a CA"},
	{GNUTLS_CERT_SIGNATURE_FAILURE, -EACCES,
	 "its certificate's signature is wrong"},
	{GNUTLS_CERT_INSECURE_ALGORITHM, -EACCES,
	 "its certificate uses an algorithm that is not safe any more"},
	{GNUTLS_CERT_PURPOSE_MISMATCH, -EACCES,
	 "its certificate is not for this purpose (extended key usage)"},
};

static int refuse(gnutls_x509_crt_t crt, unsigned status, struct reason *reason)
{
	/* Dates that an unknown CA has signed mean nothing: they come last. */
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		if (!(status & refusals[i].status))
			continue;
		reason_set(reason, "%s", refusals[i].reason);
		return refusals[i].error;
	}
	if (status & (GNUTLS_CERT_EXPIRED | GNUTLS_CERT_NOT_ACTIVATED))
		return refuse_date(crt, status, reason);
	reason_set(reason, "its certificate is not valid");
	return -EACCES;
}

/*
 * A list of its issuer has to be there, as what is not in a list of somebody
 * else may be revoked all the same.
 */
static int check_revoked(const struct crl_set *crl,
			 const struct certificate_chain *chain,
			 struct reason *reason)
{
	for (unsigned i = 0; i < chain->count; i++) {
		if (!crl_set_revokes(crl, chain->list[i]))
			continue;
		reason_set(reason, "%s is revoked",
			   i ? "a CA above its certificate"
			     : "its certificate");
		return -EKEYREVOKED;
	}
	if (crl_set_covers(crl, chain->list[0]))
		return 0;
	reason_set(reason, "the CRL has no list of the CA that has signed its "
			   "certificate");
	return -EACCES;
}

/*
 * A client's certificate is no server's: what a CA gives to clients may have
 * any name in it, and often says nothing of what it is for.
 */
static int check_server(gnutls_x509_crt_t crt, const char *name,
			struct reason *reason)
{
	char names[CERTIFICATE_TEXT_SIZE];

	if (!certificate_names_server(crt, NULL)) {
		reason_set(reason,
			   "its certificate is not for %s: it has no "
			   "subjectAltName, which alone counts",
			   name);
		return -EACCES;
	}
	if (!certificate_names_server(crt, name)) {
		certificate_alternatives(crt, names);
		reason_set(reason, "its certificate is not for %s, but for %s",
			   name, names);
		return -EACCES;
	}
	if (certificate_purpose(crt, GNUTLS_KP_TLS_WWW_SERVER) !=
	    CERTIFICATE_ALLOWS) {
		reason_set(reason,
			   "its certificate does not say that it is a server's "
			   "(extendedKeyUsage=serverAuth)");
		return -EACCES;
	}
	return 0;
}

static int check_chain(const struct credentials *credentials,
		       const struct certificate_chain *chain, int64_t *end,
		       struct reason *reason)
{
	const char *purpose = credentials->server ? GNUTLS_KP_TLS_WWW_CLIENT
						  : GNUTLS_KP_TLS_WWW_SERVER;
	gnutls_x509_trust_list_t trust;
	unsigned status = 0;

	gnutls_certificate_get_trust_list(credentials->certificate, &trust);
	if (certificate_verify(trust, chain, purpose, 0, &status)) {
		reason_set(reason, "its certificate can't be checked");
		return -EACCES;
	}
	if (status)
		return refuse(chain->list[0], status, reason);
	*end = certificate_chain_end(trust, chain);
	return credentials->loaded.crl
		       ? check_revoked(credentials->loaded.crl, chain, reason)
		       : 0;
}

static void say_whose(gnutls_x509_crt_t crt, struct reason *reason)
{
	const struct reason why = *reason;
	char whose[CERTIFICATE_TEXT_SIZE];

	certificate_describe(crt, whose);
	reason_set(reason, "%s (%s)", why.text, whose);
}

static int refuse_nameless(const struct credentials *credentials,
			   gnutls_x509_crt_t crt, struct reason *reason)
{
	char names[CERTIFICATE_TEXT_SIZE];

	certificate_alternatives(crt, names);
	if (credentials->peer_name == CONFIG_PEER_CN)
		reason_set(reason,
			   "its certificate has no CN; with PeerName = SAN its "
			   "subjectAltName would count: %s",
			   names);
	else
		reason_set(reason,
			   "its certificate has no subjectAltName that is a "
			   "name: %s",
			   names);
	say_whose(crt, reason);
	return -EACCES;
}

static int check_x509(const struct credentials *credentials,
		      const struct certificate_chain *chain, const char *host,
		      struct identity *identity, struct reason *reason)
{
	const char *name =
		credentials->server_name ? credentials->server_name : host;
	gnutls_x509_crt_t crt = chain->list[0];
	int err;

	err = check_chain(credentials, chain, &identity->valid_until, reason);
	if (!err && !credentials->server)
		err = check_server(crt, name ? name : "", reason);
	if (err) {
		say_whose(crt, reason);
		return err;
	}
	/* Servers have their names elsewhere (RFC 9525, section 2). */
	if (certificate_name(crt, credentials->peer_name, identity->name) &&
	    credentials->server)
		return refuse_nameless(credentials, crt, reason);
	identity->expires = gnutls_x509_crt_get_expiration_time(crt);
	snprintf(identity->text, sizeof(identity->text), "%s",
		 identity->name[0] || !name ? identity->name : name);
	return 0;
}

int credentials_check(const struct credentials *credentials,
		      gnutls_session_t session, const char *server_host,
		      struct identity *identity, struct reason *reason)
{
	struct certificate_chain chain;
	int err;

	memset(identity, 0, sizeof(*identity));
	if (gnutls_certificate_type_get2(session, GNUTLS_CTYPE_PEERS) !=
		    GNUTLS_CRT_X509 ||
	    certificate_chain_of_peer(session, &chain)) {
		reason_set(reason, "it has no certificate of use");
		return -EACCES;
	}
	err = credentials->by_key
		      ? check_key(credentials, chain.list[0], identity, reason)
		      : check_x509(credentials, &chain, server_host, identity,
				   reason);
	certificate_chain_free(&chain);
	return err;
}

bool credentials_by_key(const struct credentials *credentials)
{
	return credentials->by_key;
}

int credentials_own_name(const struct credentials *credentials,
			 enum config_peer_name by,
			 char name[SETTINGS_NAME_SIZE])
{
	gnutls_x509_crt_t own = own_certificate(credentials->certificate);
	int err = own ? certificate_name(own, by, name) : -ENODATA;

	gnutls_x509_crt_deinit(own);
	return err;
}

const char *credentials_own_text(const struct credentials *credentials)
{
	return credentials->own_text;
}

bool credentials_same_own(const struct credentials *a,
			  const struct credentials *b)
{
	gnutls_datum_t one, other;

	if (a->by_key || b->by_key)
		return a->by_key == b->by_key &&
		       !memcmp(a->own_key, b->own_key, KEY_SIZE);
	return !gnutls_certificate_get_crt_raw(a->certificate, 0, 0, &one) &&
	       !gnutls_certificate_get_crt_raw(b->certificate, 0, 0, &other) &&
	       one.size == other.size &&
	       !memcmp(one.data, other.data, one.size);
}

void credentials_warn(const struct credentials *credentials,
		      const struct config *config)
{
	if (credentials->loaded.crl)
		crl_set_warn(credentials->loaded.crl, config->crl);
}

int64_t credentials_expiry(const struct credentials *credentials)
{
	return credentials->loaded.expires;
}
