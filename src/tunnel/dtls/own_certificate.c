/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/dtls/own_certificate.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/file.h"
#include "common/key.h"
#include "common/log.h"
#include "common/reason.h"
#include "tunnel/dtls/certificate.h"
#include "tunnel/dtls/precheck.h"

#define DAY  INT64_C(86400)
#define YEAR (365 * DAY)

/*
 * DTLS 1.2 shows our certificate to everybody: one that is made from a key
 * looks as the one that Debian makes for a machine (ssl-cert), in a container
 * whose name is 12 hexadecimal digits. All of it comes from the private key, so
 * that it stays the same as if it were kept in a file, and does not tell when
 * it was made: a new one is due each year, on a day that the key decides.
 */
#define MADE_NAME_BYTES 6
#define MADE_SERIAL	20
#define MADE_VALID	(3650 * DAY)
/* 2026-01-01; a clock before that has not been set. */
#define MADE_EARLIEST INT64_C(1767225600)

#define OID_BASIC_CONSTRAINTS "2.5.29.19"

/* Who does not have the key cannot tell the result from chance. */
static int derive(const uint8_t private_key[KEY_SIZE], const char *purpose,
		  int64_t number, uint8_t derived[32])
{
	char text[64];
	int length = snprintf(text, sizeof(text), "certificate %s %lld",
			      purpose, (long long)number);

	return gnutls_hmac_fast(GNUTLS_MAC_SHA256, private_key, KEY_SIZE, text,
				(size_t)length, derived) < 0
		       ? -EIO
		       : 0;
}

struct made {
	char name[2 * MADE_NAME_BYTES + 1];
	uint8_t serial[MADE_SERIAL];
	int64_t from;
};

static int make_up(const uint8_t private_key[KEY_SIZE], struct made *made)
{
	int64_t now = time(NULL), day;
	uint8_t bytes[32];
	int err = derive(private_key, "name", 0, bytes);

	if (err)
		return err;
	for (unsigned i = 0; i < MADE_NAME_BYTES; i++)
		snprintf(made->name + 2 * i, 3, "%02x", bytes[i]);
	day = get32(bytes + 8) % YEAR;
	if (now < MADE_EARLIEST)
		now = MADE_EARLIEST;
	made->from = now - (now - day) % YEAR;
	err = derive(private_key, "serial", made->from, bytes);
	if (err)
		return err;
	memcpy(made->serial, bytes, MADE_SERIAL);
	/* It has to be positive, and stays 20 bytes (RFC 5280, 4.1.2.2). */
	made->serial[0] = (made->serial[0] & 0x7f) | 0x40;
	return 0;
}

static int fill_certificate(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key,
			    const struct made *made)
{
	/* An empty sequence says that it is no CA. */
	static const uint8_t no_ca[] = {0x30, 0x00};
	const unsigned length = (unsigned)strlen(made->name);

	if (gnutls_x509_crt_set_version(crt, 3) < 0 ||
	    gnutls_x509_crt_set_serial(crt, made->serial, MADE_SERIAL) < 0 ||
	    gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0,
					  made->name, length) < 0)
		return -EIO;
	if (gnutls_x509_crt_set_activation_time(crt, made->from) < 0 ||
	    gnutls_x509_crt_set_expiration_time(crt, made->from + MADE_VALID) <
		    0)
		return -EIO;
	if (gnutls_x509_crt_set_extension_by_oid(crt, OID_BASIC_CONSTRAINTS,
						 no_ca, sizeof(no_ca), 0) < 0 ||
	    gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME,
						 made->name, length, 0) < 0 ||
	    gnutls_x509_crt_set_key(crt, key) < 0)
		return -EIO;
	/* Ed25519 has a digest of its own (RFC 8410): the argument is unused.
	 */
	return gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA512, 0) < 0
		       ? -EIO
		       : 0;
}

static int import_key(gnutls_x509_privkey_t key,
		      const uint8_t private_key[KEY_SIZE])
{
	uint8_t der[KEY_PKCS8_SIZE];
	gnutls_datum_t datum = {der, sizeof(der)};
	int code;

	key_to_pkcs8(private_key, der);
	code = gnutls_x509_privkey_import_pkcs8(
		key, &datum, GNUTLS_X509_FMT_DER, NULL, GNUTLS_PKCS_PLAIN);
	explicit_bzero(der, sizeof(der));
	return code < 0 ? -EIO : 0;
}

int own_certificate_make(gnutls_certificate_credentials_t target,
			 const uint8_t private_key[KEY_SIZE])
{
	gnutls_x509_privkey_t key = NULL;
	gnutls_x509_crt_t crt = NULL;
	struct made made;
	int err = -ENOMEM;

	if (gnutls_x509_privkey_init(&key) < 0 ||
	    gnutls_x509_crt_init(&crt) < 0)
		goto cleanup;
	err = import_key(key, private_key);
	if (!err)
		err = make_up(private_key, &made);
	if (!err)
		err = fill_certificate(crt, key, &made);
	if (!err && gnutls_certificate_set_x509_key(target, &crt, 1, key) < 0)
		err = -EIO;
cleanup:
	if (crt)
		gnutls_x509_crt_deinit(crt);
	if (key)
		gnutls_x509_privkey_deinit(key);
	return err;
}

/* The files of config; those whose texts are not known are read. */
struct source {
	const struct config *config;
	struct own_certificate_texts *texts;
};

static int read_file(const char *path, char **text, size_t *length)
{
	int fd = file_open(path);
	int err = fd < 0 ? fd : file_read(fd, text, length);

	if (fd >= 0)
		close(fd);
	return err;
}

static int copy_text(const char *from, char **text, size_t *length)
{
	*text = malloc(*length + 1);
	if (!*text)
		return -ENOMEM;
	memcpy(*text, from, *length);
	(*text)[*length] = '\0';
	return 0;
}

static int read_pem(const struct source *source, enum config_pem which,
		    gnutls_datum_t *pem, struct reason *reason)
{
	const char *path = config_pem_path(source->config, which);
	const char *known =
		source->texts ? source->texts->of[which].text : NULL;
	char *text = NULL;
	size_t length = known ? source->texts->of[which].length : 0;
	int err = known ? copy_text(known, &text, &length)
			: read_file(path, &text, &length);

	if (err) {
		reason_set(reason, "%s: can't be read: %s", path,
			   err == -EINVAL ? "it is not a regular file"
					  : strerror(-err));
		return err;
	}
	pem->data = (uint8_t *)text;
	pem->size = (unsigned)length;
	return 0;
}

static void free_pem(gnutls_datum_t *pem)
{
	file_free((char *)pem->data, pem->size);
}

/* GnuTLS 3.7 compares a pair when it is loaded, but not of Ed25519. */
static bool pair_matches(gnutls_certificate_credentials_t target,
			 gnutls_x509_crt_t crt)
{
	uint8_t id[64], crt_id[64];
	size_t length = sizeof(id), crt_length = sizeof(crt_id);
	gnutls_x509_privkey_t key;
	bool matches;

	if (gnutls_certificate_get_x509_key(target, 0, &key) < 0)
		return false;
	matches = gnutls_x509_privkey_get_key_id(key, GNUTLS_KEYID_USE_SHA256,
						 id, &length) >= 0 &&
		  gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA256,
					     crt_id, &crt_length) >= 0 &&
		  length == crt_length && !memcmp(id, crt_id, length);
	gnutls_x509_privkey_deinit(key);
	return matches;
}

static int explain_pair(const struct config *config, int code,
			struct reason *reason)
{
	switch (code) {
	case GNUTLS_E_CERTIFICATE_KEY_MISMATCH:
		reason_set(reason, "%s: is not the key of %s", config->key,
			   config->certificate);
		break;
	case GNUTLS_E_DECRYPTION_FAILED:
		reason_set(reason,
			   "%s: is locked by a password; store it without one",
			   config->key);
		break;
	default:
		reason_set(reason,
			   "%s, %s: not a certificate and its key in PEM: %s",
			   config->certificate, config->key,
			   gnutls_strerror(code));
	}
	return -EINVAL;
}

static int load_pair(gnutls_certificate_credentials_t target,
		     const struct source *source, struct reason *reason)
{
	gnutls_datum_t crt = {NULL, 0}, key = {NULL, 0};
	int code, err;

	err = read_pem(source, CONFIG_PEM_CERTIFICATE, &crt, reason);
	if (!err)
		err = read_pem(source, CONFIG_PEM_KEY, &key, reason);
	if (!err) {
		code = gnutls_certificate_set_x509_key_mem2(
			target, &crt, &key, GNUTLS_X509_FMT_PEM, NULL, 0);
		if (code < 0)
			err = explain_pair(source->config, code, reason);
	}
	free_pem(&crt);
	free_pem(&key);
	return err;
}

static int load_cas(gnutls_certificate_credentials_t target,
		    const struct source *source, struct reason *reason)
{
	gnutls_datum_t pem = {NULL, 0};
	int code, err = read_pem(source, CONFIG_PEM_CA, &pem, reason);

	if (err)
		return err;
	code = gnutls_certificate_set_x509_trust_mem(target, &pem,
						     GNUTLS_X509_FMT_PEM);
	free_pem(&pem);
	if (code > 0)
		return 0;
	reason_set(reason, "%s: holds no certificate in PEM%s%s",
		   source->config->ca, code ? ": " : "",
		   code ? gnutls_strerror(code) : "");
	return -EINVAL;
}

/* A peer refuses a certificate that has ended, and this ends here too. */
static int check_dates(gnutls_x509_crt_t crt, const char *path,
		       struct reason *reason)
{
	int64_t from = gnutls_x509_crt_get_activation_time(crt);
	int64_t until = gnutls_x509_crt_get_expiration_time(crt);
	char date[CERTIFICATE_DATE_SIZE];
	int64_t now = time(NULL);

	if (until < now) {
		reason_set(reason, "%s: expired on %s", path,
			   certificate_date(until, date));
		return -EKEYEXPIRED;
	}
	if (from > now)
		log_warning("%s: is not valid before %s, and refused until "
			    "then: is this machine's clock right? Else wait, "
			    "or have it issued again",
			    path, certificate_date(from, date));
	return 0;
}

static void check_chain(gnutls_certificate_credentials_t target,
			const struct certificate_chain *chain,
			const struct config *config, const struct crl_set *crl)
{
	gnutls_x509_trust_list_t trust;
	unsigned status = 0;

	gnutls_certificate_get_trust_list(target, &trust);
	if (certificate_verify(trust, chain, NULL,
			       GNUTLS_VERIFY_DISABLE_TIME_CHECKS, &status))
		return;
	if (status & GNUTLS_CERT_SIGNER_NOT_FOUND)
		log_warning("%s: is not signed by a CA in %s",
			    config->certificate, config->ca);
	else if (status)
		log_warning("%s: does not stand up to %s", config->certificate,
			    config->ca);
	else if (crl && crl_set_revokes(crl, chain->list[0]))
		log_warning("%s: is revoked by %s", config->certificate,
			    config->crl);
}

/* The other end checks the purpose and, of a server, the names. */
static void check_use(gnutls_x509_crt_t crt, const struct config *config)
{
	const char *path = config->certificate;
	const char *endpoint = config->endpoint.host;

	if (config->role == CONFIG_CLIENT) {
		if (certificate_purpose(crt, GNUTLS_KP_TLS_WWW_CLIENT) ==
		    CERTIFICATE_FORBIDS)
			log_warning("%s: the server refuses it, as it is not "
				    "for clients: have it issued again with "
				    "extendedKeyUsage=clientAuth",
				    path);
		return;
	}
	if (certificate_purpose(crt, GNUTLS_KP_TLS_WWW_SERVER) !=
	    CERTIFICATE_ALLOWS)
		log_warning("%s: clients refuse it, as it does not say that it "
			    "is a server's: have it issued again with "
			    "extendedKeyUsage=serverAuth",
			    path);
	if (!certificate_names_server(crt, NULL))
		log_warning("%s: clients refuse it, as it has no "
			    "subjectAltName: have it issued again with "
			    "subjectAltName=DNS:%s",
			    path, endpoint ? endpoint : "NAME-OF-THE-SERVER");
}

/*
 * The other end takes one message of that size for the whole chain (RFC 5246,
 * section 7.4.2: the chain and each certificate have three bytes of length).
 */
static int check_length(const struct certificate_chain *chain, const char *path,
			struct reason *reason)
{
	size_t length = 3;

	for (unsigned i = 0; i < chain->count; i++) {
		gnutls_datum_t der = {NULL, 0};

		if (gnutls_x509_crt_export2(chain->list[i], GNUTLS_X509_FMT_DER,
					    &der) < 0)
			continue;
		length += 3 + der.size;
		gnutls_free(der.data);
	}
	if (length <= PRECHECK_MESSAGE_MAX)
		return 0;
	reason_set(
		reason,
		"%s: %zu bytes of certificates are more than the %u that the "
		"other end takes: leave out the CA's own, or have shorter "
		"ones issued",
		path, length, (unsigned)PRECHECK_MESSAGE_MAX);
	return -EMSGSIZE;
}

/*
 * Both ends sign in a handshake, whatever their key (RFC 5246, section 7.4.2).
 * One that can't, or by a kind that nobody here speaks, would end it without a
 * word of why.
 */
static int check_signing(gnutls_x509_crt_t crt, const char *path,
			 struct reason *reason)
{
	unsigned bits = 0, least = 0, usage, critical;
	int kind = gnutls_x509_crt_get_pk_algorithm(crt, &bits);

	if (kind == GNUTLS_PK_RSA || kind == GNUTLS_PK_RSA_PSS)
		least = 2048;
	else if (kind == GNUTLS_PK_ECDSA || kind == GNUTLS_PK_EDDSA_ED25519)
		least = 256;
	if (!least) {
		reason_set(reason,
			   "%s: a key of this kind (%s) can't be used: have it "
			   "issued again for one that is Ed25519, ECDSA or RSA",
			   path,
			   kind < 0 ? "unknown"
				    : gnutls_pk_algorithm_get_name(
					      (gnutls_pk_algorithm_t)kind));
		return -EINVAL;
	}
	if (bits < least) {
		reason_set(
			reason,
			"%s: its key has %u bits, and everybody refuses "
			"less than %u: have it issued again for a longer one",
			path, bits, least);
		return -EINVAL;
	}
	if (gnutls_x509_crt_get_key_usage(crt, &usage, &critical) >= 0 &&
	    !(usage & GNUTLS_KEY_DIGITAL_SIGNATURE)) {
		reason_set(reason,
			   "%s: its key usage does not allow a handshake: have "
			   "it issued again with keyUsage=digitalSignature",
			   path);
		return -EINVAL;
	}
	return 0;
}

static int check_own(gnutls_certificate_credentials_t target,
		     const struct config *config,
		     struct own_certificate_loaded *loaded,
		     struct reason *reason)
{
	const char *path = config->certificate;
	struct certificate_chain chain = {NULL, 0};
	int err;

	if (gnutls_certificate_get_x509_crt(target, 0, &chain.list,
					    &chain.count) < 0 ||
	    !chain.count) {
		reason_set(reason, "%s: holds no certificate", path);
		return -EINVAL;
	}
	loaded->expires = gnutls_x509_crt_get_expiration_time(chain.list[0]);
	err = pair_matches(target, chain.list[0])
		      ? check_dates(chain.list[0], path, reason)
		      : explain_pair(config, GNUTLS_E_CERTIFICATE_KEY_MISMATCH,
				     reason);
	if (!err)
		err = check_signing(chain.list[0], path, reason);
	if (!err)
		err = check_length(&chain, path, reason);
	if (!err) {
		check_chain(target, &chain, config, loaded->crl);
		check_use(chain.list[0], config);
	}
	certificate_chain_free(&chain);
	return err;
}

static int read_crl(const struct source *source, struct crl_set **crl,
		    struct reason *reason)
{
	const struct config *config = source->config;
	struct crl_bytes bytes = {NULL, 0};
	gnutls_datum_t ca = {NULL, 0};
	struct crl_source lists = {
		.path = config->crl,
		.ca_path = config->ca,
	};
	int err = read_pem(source, CONFIG_PEM_CA, &ca, reason);

	if (err)
		return err;
	lists.ca = (const char *)ca.data;
	lists.ca_length = ca.size;
	err = crl_load(&bytes, &lists, reason);
	free_pem(&ca);
	if (err)
		return err;
	err = crl_set_new(crl, &bytes);
	if (err)
		reason_set(reason, "%s: %s", config->crl, strerror(-err));
	return err;
}

/* A CA that another one has revoked speaks for nobody any more. */
static void drop_revoked_cas(gnutls_x509_trust_list_t cas,
			     const struct crl_set *crl,
			     const struct config *config)
{
	gnutls_x509_trust_list_iter_t iter = NULL;
	gnutls_x509_crt_t ca, revoked = NULL;
	gnutls_datum_t name = {NULL, 0};

	/* The list must not change under the iterator. */
	while (gnutls_x509_trust_list_iter_get_ca(cas, &iter, &ca) >= 0) {
		if (!revoked && crl_set_revokes(crl, ca))
			revoked = ca;
		else
			gnutls_x509_crt_deinit(ca);
	}
	if (!revoked)
		return;
	gnutls_x509_crt_get_dn2(revoked, &name);
	log_warning("%s: %s is revoked by %s: whoever has a certificate of "
		    "that CA is refused; take it out",
		    config->ca, name.data ? (const char *)name.data : "a CA",
		    config->crl);
	gnutls_free(name.data);
	if (gnutls_x509_trust_list_remove_cas(cas, &revoked, 1) == 1)
		drop_revoked_cas(cas, crl, config);
	gnutls_x509_crt_deinit(revoked);
}

static int load_crl(gnutls_certificate_credentials_t target,
		    const struct source *source, struct crl_set **crl,
		    struct reason *reason)
{
	struct own_certificate_texts *texts = source->texts;
	gnutls_x509_trust_list_t cas;

	if (texts && texts->crl) {
		*crl = texts->crl;
		texts->crl = NULL;
	} else {
		int err = read_crl(source, crl, reason);

		if (err)
			return err;
	}
	gnutls_certificate_get_trust_list(target, &cas);
	crl_set_warn(*crl, source->config->crl);
	crl_set_warn_of_cas(*crl, cas, source->config->crl);
	drop_revoked_cas(cas, *crl, source->config);
	return 0;
}

int own_certificate_load(gnutls_certificate_credentials_t target,
			 const struct config *config,
			 struct own_certificate_texts *texts,
			 struct own_certificate_loaded *loaded,
			 struct reason *reason)
{
	const struct source source = {config, texts};
	int err;

	memset(loaded, 0, sizeof(*loaded));
	err = load_pair(target, &source, reason);
	if (!err)
		err = load_cas(target, &source, reason);
	if (!err && config->crl)
		err = load_crl(target, &source, &loaded->crl, reason);
	if (!err)
		err = check_own(target, config, loaded, reason);
	if (err) {
		crl_set_free(loaded->crl);
		loaded->crl = NULL;
	}
	return err;
}
