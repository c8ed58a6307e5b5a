/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/abstract.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/file.h"
#include "common/key.h"
#include "common/log.h"

/*
 * 2000-01-01 to 99991231235959Z, "no well-defined expiration" (RFC 5280,
 * section 4.1.2.5), so that clocks don't matter. GnuTLS 3.7's constant of that
 * name is a day of 2106.
 */
#define VALID_FROM  INT64_C(946684800)
#define VALID_UNTIL INT64_C(253402300799)

#define CRL_DATES                                                              \
	(GNUTLS_CERT_REVOCATION_DATA_SUPERSEDED |                              \
	 GNUTLS_CERT_REVOCATION_DATA_ISSUED_IN_FUTURE)

const char *certificate_date(int64_t when, char date[CERTIFICATE_DATE_SIZE])
{
	time_t seconds = (time_t)when;
	struct tm parts;

	if (!gmtime_r(&seconds, &parts) ||
	    !strftime(date, CERTIFICATE_DATE_SIZE, "%Y-%m-%d %H:%M:%S UTC",
		      &parts))
		snprintf(date, CERTIFICATE_DATE_SIZE, "an unknown date");
	return date;
}

static int fill_certificate(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key)
{
	static const char name[] = "minivpn";
	const uint8_t serial = 1;

	if (gnutls_x509_crt_set_version(crt, 3) < 0 ||
	    gnutls_x509_crt_set_serial(crt, &serial, sizeof(serial)) < 0 ||
	    gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0,
					  name, sizeof(name) - 1) < 0)
		return -EIO;
	if (gnutls_x509_crt_set_activation_time(crt, VALID_FROM) < 0 ||
	    gnutls_x509_crt_set_expiration_time(crt, VALID_UNTIL) < 0)
		return -EIO;
	if (gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE) <
		    0 ||
	    gnutls_x509_crt_set_key(crt, key) < 0)
		return -EIO;
	/* Ed25519 has its own digest (RFC 8410): the argument is a formality */
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

int certificate_make(gnutls_certificate_credentials_t target,
		     const uint8_t private_key[KEY_SIZE])
{
	gnutls_x509_privkey_t key = NULL;
	gnutls_x509_crt_t crt = NULL;
	int error = -ENOMEM;

	if (gnutls_x509_privkey_init(&key) < 0 ||
	    gnutls_x509_crt_init(&crt) < 0)
		goto cleanup;
	error = import_key(key, private_key);
	if (!error)
		error = fill_certificate(crt, key);
	if (!error && gnutls_certificate_set_x509_key(target, &crt, 1, key) < 0)
		error = -EIO;
cleanup:
	if (crt)
		gnutls_x509_crt_deinit(crt);
	if (key)
		gnutls_x509_privkey_deinit(key);
	return error;
}

/* Whose files, and what is in them where that is known: others are read. */
struct source {
	const struct config *config;
	const struct certificate_texts *texts;
};

static int read_file(const char *path, char **text, size_t *length)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int error = fd < 0 ? -errno : file_read(fd, text, length);

	if (fd >= 0)
		close(fd);
	return error;
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
		    gnutls_datum_t *pem, char *reason, size_t size)
{
	const char *path = config_pem_path(source->config, which);
	const char *known =
		source->texts ? source->texts->of[which].text : NULL;
	char *text = NULL;
	size_t length = known ? source->texts->of[which].length : 0;
	int error = known ? copy_text(known, &text, &length)
			  : read_file(path, &text, &length);

	if (error) {
		snprintf(reason, size, "%s: can't be read: %s", path,
			 strerror(-error));
		return error;
	}
	pem->data = (uint8_t *)text;
	pem->size = (unsigned)length;
	return 0;
}

static void free_pem(gnutls_datum_t *pem)
{
	file_free((char *)pem->data, pem->size);
}

/* GnuTLS 3.7 compares them when they are loaded, but not Ed25519 ones. */
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

static int explain_pair(const struct config *config, int code, char *reason,
			size_t size)
{
	switch (code) {
	case GNUTLS_E_CERTIFICATE_KEY_MISMATCH:
		snprintf(reason, size, "%s: is not the key of %s", config->key,
			 config->certificate);
		break;
	case GNUTLS_E_DECRYPTION_FAILED:
		snprintf(reason, size,
			 "%s: is locked by a password; store it without one",
			 config->key);
		break;
	default:
		snprintf(reason, size,
			 "%s, %s: not a certificate and its key in PEM: %s",
			 config->certificate, config->key,
			 gnutls_strerror(code));
	}
	return -EINVAL;
}

static int load_pair(gnutls_certificate_credentials_t target,
		     const struct source *source, char *reason, size_t size)
{
	gnutls_datum_t crt = {NULL, 0}, key = {NULL, 0};
	int code, error;

	error = read_pem(source, CONFIG_PEM_CERTIFICATE, &crt, reason, size);
	if (!error)
		error = read_pem(source, CONFIG_PEM_KEY, &key, reason, size);
	if (!error) {
		code = gnutls_certificate_set_x509_key_mem2(
			target, &crt, &key, GNUTLS_X509_FMT_PEM, NULL, 0);
		if (code < 0)
			error = explain_pair(source->config, code, reason,
					     size);
	}
	free_pem(&crt);
	free_pem(&key);
	return error;
}

typedef int (*load_trust)(gnutls_certificate_credentials_t target,
			  const gnutls_datum_t *pem,
			  gnutls_x509_crt_fmt_t format);

static int load_list(gnutls_certificate_credentials_t target, load_trust load,
		     const struct source *source, enum config_pem which,
		     const char *what, char *reason, size_t size)
{
	gnutls_datum_t pem = {NULL, 0};
	int code, error = read_pem(source, which, &pem, reason, size);

	if (error)
		return error;
	code = load(target, &pem, GNUTLS_X509_FMT_PEM);
	free_pem(&pem);
	if (code > 0)
		return 0;
	snprintf(reason, size, "%s: holds no %s in PEM%s%s",
		 config_pem_path(source->config, which), what, code ? ": " : "",
		 code ? gnutls_strerror(code) : "");
	return -EINVAL;
}

/* Things that a peer will refuse, or may: the former end it here. */
static int check_dates(gnutls_x509_crt_t crt, const char *path, char *reason,
		       size_t size)
{
	int64_t from = gnutls_x509_crt_get_activation_time(crt);
	int64_t until = gnutls_x509_crt_get_expiration_time(crt);
	char date[CERTIFICATE_DATE_SIZE];
	int64_t now = time(NULL);

	if (until < now) {
		snprintf(reason, size, "%s: expired on %s", path,
			 certificate_date(until, date));
		return -EKEYEXPIRED;
	}
	if (from > now)
		log_warning("%s: is not valid before %s; is the clock right?",
			    path, certificate_date(from, date));
	return 0;
}

static void check_chain(gnutls_certificate_credentials_t target,
			gnutls_x509_crt_t *chain, unsigned length,
			const struct config *config)
{
	gnutls_x509_trust_list_t trust;
	unsigned status = 0;

	gnutls_certificate_get_trust_list(target, &trust);
	if (gnutls_x509_trust_list_verify_crt(trust, chain, length,
					      GNUTLS_VERIFY_DISABLE_TIME_CHECKS,
					      &status, NULL) < 0)
		return;
	if (status & GNUTLS_CERT_REVOKED)
		log_warning("%s: is revoked by %s", config->certificate,
			    config->crl);
	else if (status & GNUTLS_CERT_SIGNER_NOT_FOUND)
		log_warning("%s: is not signed by a CA in %s",
			    config->certificate, config->ca);
	else if (status)
		log_warning("%s: does not stand up to %s", config->certificate,
			    config->ca);
}

static int check_own(gnutls_certificate_credentials_t target,
		     const struct config *config, int64_t *expires,
		     char *reason, size_t size)
{
	gnutls_x509_crt_t *chain;
	unsigned length;
	int error;

	if (gnutls_certificate_get_x509_crt(target, 0, &chain, &length) < 0 ||
	    !length) {
		snprintf(reason, size, "%s: holds no certificate",
			 config->certificate);
		return -EINVAL;
	}
	*expires = gnutls_x509_crt_get_expiration_time(chain[0]);
	error = pair_matches(target, chain[0])
			? check_dates(chain[0], config->certificate, reason,
				      size)
			: explain_pair(config,
				       GNUTLS_E_CERTIFICATE_KEY_MISMATCH,
				       reason, size);
	if (!error)
		check_chain(target, chain, length, config);
	for (unsigned i = 0; i < length; i++)
		gnutls_x509_crt_deinit(chain[i]);
	gnutls_free(chain);
	return error;
}

/* GnuTLS takes any list into use, and one of another CA revokes nothing. */
static int check_list(gnutls_x509_trust_list_t trust, gnutls_x509_crl_t crl,
		      const struct config *config, char *reason, size_t size)
{
	gnutls_datum_t name = {NULL, 0};
	char date[CERTIFICATE_DATE_SIZE];
	gnutls_x509_crt_t issuer = NULL;
	unsigned status = 0;
	int code;

	code = gnutls_x509_crl_get_raw_issuer_dn(crl, &name);
	if (code >= 0)
		code = gnutls_x509_trust_list_get_issuer_by_dn(
			trust, &name, &issuer, GNUTLS_TL_GET_COPY);
	if (code >= 0)
		code = gnutls_x509_crl_verify(crl, &issuer, 1, 0, &status);
	gnutls_free(name.data);
	if (issuer)
		gnutls_x509_crt_deinit(issuer);
	if (status & GNUTLS_CERT_REVOCATION_DATA_SUPERSEDED)
		log_warning(
			"%s: was to be replaced on %s; what has been "
			"revoked since is not known",
			config->crl,
			certificate_date(gnutls_x509_crl_get_next_update(crl),
					 date));
	if (code >= 0 && !(status & ~(GNUTLS_CERT_INVALID | CRL_DATES)))
		return 0;
	snprintf(reason, size, "%s: is not signed by a CA in %s", config->crl,
		 config->ca);
	return -EINVAL;
}

static int load_crl(gnutls_certificate_credentials_t target,
		    const struct source *source, char *reason, size_t size)
{
	gnutls_x509_trust_list_t trust;
	gnutls_datum_t pem = {NULL, 0};
	gnutls_x509_crl_t *lists;
	unsigned count = 0;
	int error = read_pem(source, CONFIG_PEM_CRL, &pem, reason, size);

	if (error)
		return error;
	gnutls_certificate_get_trust_list(target, &trust);
	if (gnutls_x509_crl_list_import2(&lists, &count, &pem,
					 GNUTLS_X509_FMT_PEM, 0) < 0)
		count = 0;
	for (unsigned i = 0; i < count; i++) {
		if (!error)
			error = check_list(trust, lists[i], source->config,
					   reason, size);
		gnutls_x509_crl_deinit(lists[i]);
	}
	if (count)
		gnutls_free(lists);
	free_pem(&pem);
	if (error)
		return error;
	return load_list(target, gnutls_certificate_set_x509_crl_mem, source,
			 CONFIG_PEM_CRL, "revocation list", reason, size);
}

int certificate_load(gnutls_certificate_credentials_t target,
		     const struct config *config,
		     const struct certificate_texts *texts, int64_t *expires,
		     char *reason, size_t size)
{
	const struct source source = {config, texts};
	int error = load_pair(target, &source, reason, size);

	if (!error)
		error = load_list(target, gnutls_certificate_set_x509_trust_mem,
				  &source, CONFIG_PEM_CA, "certificate", reason,
				  size);
	if (!error && config->crl)
		error = load_crl(target, &source, reason, size);
	if (!error)
		error = check_own(target, config, expires, reason, size);
	return error;
}

int certificate_of_peer(gnutls_session_t session, gnutls_x509_crt_t *crt)
{
	unsigned count = 0;
	const gnutls_datum_t *chain =
		gnutls_certificate_get_peers(session, &count);

	if (!chain || !count || gnutls_x509_crt_init(crt) < 0)
		return -EACCES;
	if (gnutls_x509_crt_import(*crt, &chain[0], GNUTLS_X509_FMT_DER) < 0) {
		gnutls_x509_crt_deinit(*crt);
		return -EACCES;
	}
	return 0;
}

int certificate_public_key(gnutls_x509_crt_t crt, uint8_t key[KEY_SIZE])
{
	gnutls_datum_t raw = {NULL, 0};
	gnutls_ecc_curve_t curve;
	gnutls_pubkey_t pubkey;
	int error = -EACCES;

	if (gnutls_pubkey_init(&pubkey) < 0)
		return -EACCES;
	if (gnutls_pubkey_import_x509(pubkey, crt, 0) < 0 ||
	    gnutls_pubkey_get_pk_algorithm(pubkey, NULL) !=
		    GNUTLS_PK_EDDSA_ED25519 ||
	    gnutls_pubkey_export_ecc_raw(pubkey, &curve, &raw, NULL) < 0)
		goto cleanup;
	if (curve == GNUTLS_ECC_CURVE_ED25519 && raw.size == KEY_SIZE) {
		memcpy(key, raw.data, KEY_SIZE);
		error = 0;
	}
cleanup:
	gnutls_free(raw.data);
	gnutls_pubkey_deinit(pubkey);
	return error;
}

int certificate_name(gnutls_x509_crt_t crt, char name[SETTINGS_NAME_SIZE])
{
	size_t length = SETTINGS_NAME_SIZE;

	name[0] = '\0';
	/* A zero inside would make two names look like one. */
	if (gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0,
					  0, name, &length) < 0 ||
	    length >= SETTINGS_NAME_SIZE || strlen(name) != length ||
	    !config_name_valid(name)) {
		name[0] = '\0';
		return -EACCES;
	}
	return 0;
}
