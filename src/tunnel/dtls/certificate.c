/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/dtls/certificate.h"

#include <errno.h>
#include <gnutls/abstract.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "common/inet.h"

/* Certificates that a peer may send: as many as GnuTLS takes in a chain. */
#define CHAIN_MOST 16

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

int certificate_chain_of_peer(gnutls_session_t session,
			      struct certificate_chain *chain)
{
	unsigned count = 0;
	const gnutls_datum_t *raw =
		gnutls_certificate_get_peers(session, &count);

	memset(chain, 0, sizeof(*chain));
	if (!raw || !count || count > CHAIN_MOST)
		return -EACCES;
	chain->list = gnutls_calloc(count, sizeof(*chain->list));
	if (!chain->list)
		return -ENOMEM;
	for (unsigned i = 0; i < count; i++) {
		if (gnutls_x509_crt_init(&chain->list[i]) < 0)
			break;
		chain->count++;
		if (gnutls_x509_crt_import(chain->list[i], &raw[i],
					   GNUTLS_X509_FMT_DER) < 0)
			break;
		if (i + 1 == count)
			return 0;
	}
	certificate_chain_free(chain);
	return -EACCES;
}

void certificate_chain_free(struct certificate_chain *chain)
{
	for (unsigned i = 0; i < chain->count; i++)
		gnutls_x509_crt_deinit(chain->list[i]);
	gnutls_free(chain->list);
	chain->list = NULL;
	chain->count = 0;
}

static int verify(gnutls_x509_trust_list_t trust,
		  const struct certificate_chain *chain, const char *purpose,
		  unsigned flags, unsigned *status)
{
	gnutls_typed_vdata_st data = {GNUTLS_DT_KEY_PURPOSE_OID,
				      (uint8_t *)purpose, 0};

	return gnutls_x509_trust_list_verify_crt2(
		       trust, chain->list, chain->count, &data, purpose ? 1 : 0,
		       flags | (unsigned)GNUTLS_PROFILE_TO_VFLAGS(
				       GNUTLS_PROFILE_MEDIUM),
		       status, NULL) < 0
		       ? -EACCES
		       : 0;
}

/* Does the chain lead to this CA? The CA is freed. */
static int verify_by(gnutls_x509_crt_t ca,
		     const struct certificate_chain *chain, const char *purpose,
		     unsigned flags, unsigned *status)
{
	gnutls_x509_trust_list_t only;
	int err;

	if (gnutls_x509_trust_list_init(&only, 1) < 0) {
		gnutls_x509_crt_deinit(ca);
		return -ENOMEM;
	}
	if (gnutls_x509_trust_list_add_cas(only, &ca, 1, 0) == 1) {
		err = verify(only, chain, purpose, flags, status);
	} else {
		gnutls_x509_crt_deinit(ca);
		err = -EACCES;
	}
	gnutls_x509_trust_list_deinit(only, 1);
	return err;
}

/*
 * A CA with a new key may keep its name, and have both its certificates in the
 * file. GnuTLS takes the first of that name, unless what they have signed
 * says which (authorityKeyIdentifier).
 */
int certificate_verify(gnutls_x509_trust_list_t trust,
		       const struct certificate_chain *chain,
		       const char *purpose, unsigned flags, unsigned *status)
{
	gnutls_x509_trust_list_iter_t iter = NULL;
	gnutls_x509_crt_t ca;
	unsigned other;
	bool found = false;
	int err = verify(trust, chain, purpose, flags, status);

	if (err || !(*status & GNUTLS_CERT_SIGNATURE_FAILURE))
		return err;
	while (gnutls_x509_trust_list_iter_get_ca(trust, &iter, &ca) >= 0) {
		if (found) {
			gnutls_x509_crt_deinit(ca);
			continue;
		}
		if (verify_by(ca, chain, purpose, flags, &other) ||
		    other & (GNUTLS_CERT_SIGNATURE_FAILURE |
			     GNUTLS_CERT_SIGNER_NOT_FOUND))
			continue;
		*status = other;
		found = true;
	}
	return 0;
}

/* What has ended already is of no use to this chain, and does not count. */
static int64_t sooner(int64_t end, gnutls_x509_crt_t crt, int64_t now)
{
	int64_t until = gnutls_x509_crt_get_expiration_time(crt);

	return until >= now && (!end || until < end) ? until : end;
}

int64_t certificate_chain_end(gnutls_x509_trust_list_t trust,
			      const struct certificate_chain *chain)
{
	gnutls_x509_trust_list_iter_t iter = NULL;
	int64_t now = time(NULL), end = 0;
	gnutls_x509_crt_t ca;

	for (unsigned i = 0; i < chain->count; i++)
		end = sooner(end, chain->list[i], now);
	while (gnutls_x509_trust_list_iter_get_ca(trust, &iter, &ca) >= 0) {
		end = sooner(end, ca, now);
		gnutls_x509_crt_deinit(ca);
	}
	return end;
}

enum certificate_use certificate_purpose(gnutls_x509_crt_t crt,
					 const char *purpose)
{
	enum certificate_use use = CERTIFICATE_SILENT;
	char oid[128];

	for (unsigned i = 0;; i++) {
		size_t size = sizeof(oid);
		int code = gnutls_x509_crt_get_key_purpose_oid(crt, i, oid,
							       &size, NULL);

		if (code == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			return use;
		use = CERTIFICATE_FORBIDS;
		if (code == GNUTLS_E_SHORT_MEMORY_BUFFER)
			continue;
		if (code < 0)
			return use;
		if (!strcmp(oid, purpose) || !strcmp(oid, GNUTLS_KP_ANY))
			return CERTIFICATE_ALLOWS;
	}
}

/*
 * Case does not matter, and a wildcard is the whole of the first label and
 * stands for one label (RFC 9525, section 6.3).
 */
static bool matches_name(const char *pattern, size_t length, const char *name)
{
	size_t name_length = strlen(name), first;

	/* The root's dot is not part of the name. */
	if (name_length && name[name_length - 1] == '.')
		name_length--;
	if (length > 2 && pattern[0] == '*' && pattern[1] == '.') {
		first = strcspn(name, ".");
		if (!first || first >= name_length)
			return false;
		pattern++;
		length--;
		name += first;
		name_length -= first;
		/* A wildcard is not for all of a top-level domain. */
		if (!memchr(pattern + 1, '.', length - 1))
			return false;
	}
	return length == name_length && !memchr(pattern, '\0', length) &&
	       !strncasecmp(pattern, name, length);
}

static bool matches(int type, const char *value, size_t length,
		    const char *name)
{
	struct inet_address address;
	bool is_address = name && !inet_parse_address(name, &address);

	if (type == GNUTLS_SAN_DNSNAME)
		return !name ||
		       (!is_address && matches_name(value, length, name));
	if (type != GNUTLS_SAN_IPADDRESS)
		return false;
	return !name || (is_address && length == inet_size(address.family) &&
			 !memcmp(value, address.bytes, length));
}

bool certificate_names_server(gnutls_x509_crt_t crt, const char *name)
{
	char value[256];

	for (unsigned i = 0;; i++) {
		size_t size = sizeof(value);
		int type = gnutls_x509_crt_get_subject_alt_name(crt, i, value,
								&size, NULL);

		/* It is longer than any name (RFC 1035, section 2.3.4). */
		if (type == GNUTLS_E_SHORT_MEMORY_BUFFER)
			continue;
		if (type < 0)
			return false;
		if (matches(type, value, size, name))
			return true;
	}
}

int certificate_public_key(gnutls_x509_crt_t crt, uint8_t key[KEY_SIZE])
{
	gnutls_datum_t raw = {NULL, 0};
	gnutls_ecc_curve_t curve;
	gnutls_pubkey_t pubkey;
	int err = -EACCES;

	if (gnutls_pubkey_init(&pubkey) < 0)
		return -EACCES;
	if (gnutls_pubkey_import_x509(pubkey, crt, 0) < 0 ||
	    gnutls_pubkey_get_pk_algorithm(pubkey, NULL) !=
		    GNUTLS_PK_EDDSA_ED25519 ||
	    gnutls_pubkey_export_ecc_raw(pubkey, &curve, &raw, NULL) < 0)
		goto cleanup;
	if (curve == GNUTLS_ECC_CURVE_ED25519 && raw.size == KEY_SIZE) {
		memcpy(key, raw.data, KEY_SIZE);
		err = 0;
	}
cleanup:
	gnutls_free(raw.data);
	gnutls_pubkey_deinit(pubkey);
	return err;
}
