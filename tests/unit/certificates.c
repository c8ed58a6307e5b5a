/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit/certificates.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/reason.h"

#define DAY (24 * 60 * 60)

static char directory[32];

void certificates_begin(void)
{
	strcpy(directory, "/tmp/minivpn-test-XXXXXX");
	assert_non_null(mkdtemp(directory));
}

void certificates_end(void)
{
	DIR *open = opendir(directory);
	struct dirent *entry;

	assert_non_null(open);
	while ((entry = readdir(open)))
		unlinkat(dirfd(open), entry->d_name, 0);
	closedir(open);
	assert_int_equal(rmdir(directory), 0);
}

const char *certificates_path(const char *name, const char *suffix)
{
	static char paths[4][CERTIFICATES_PATH];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, CERTIFICATES_PATH, "%s/%s.%s", directory, name, suffix);
	return path;
}

void certificates_write(const char *path, const void *data, size_t length)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, length), (ssize_t)length);
	close(fd);
}

static void write_datum(const char *name, const char *suffix,
			gnutls_datum_t *pem)
{
	certificates_write(certificates_path(name, suffix), pem->data,
			   pem->size);
	gnutls_free(pem->data);
}

static gnutls_x509_privkey_t make_key(gnutls_pk_algorithm_t algorithm,
				      gnutls_ecc_curve_t curve, unsigned bits)
{
	gnutls_x509_privkey_t key;

	if (algorithm == GNUTLS_PK_UNKNOWN)
		algorithm = GNUTLS_PK_EDDSA_ED25519;
	if (!bits &&
	    (algorithm == GNUTLS_PK_RSA || algorithm == GNUTLS_PK_RSA_PSS))
		bits = 2048;
	if (algorithm == GNUTLS_PK_ECDSA)
		bits = (unsigned)GNUTLS_CURVE_TO_BITS(
			curve ? curve : GNUTLS_ECC_CURVE_SECP256R1);
	assert_int_equal(gnutls_x509_privkey_init(&key), 0);
	assert_int_equal(gnutls_x509_privkey_generate(key, algorithm, bits, 0),
			 0);
	return key;
}

static gnutls_x509_crt_t make_crt(gnutls_x509_privkey_t key, const char *cn,
				  uint8_t serial, int from, int until)
{
	gnutls_x509_crt_t crt;

	assert_int_equal(gnutls_x509_crt_init(&crt), 0);
	gnutls_x509_crt_set_version(crt, 3);
	gnutls_x509_crt_set_key(crt, key);
	gnutls_x509_crt_set_serial(crt, &serial, 1);
	gnutls_x509_crt_set_activation_time(crt, time(NULL) + from * DAY);
	gnutls_x509_crt_set_expiration_time(
		crt, time(NULL) + (until ? until : 30) * DAY);
	if (*cn)
		gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME,
					      0, cn, strlen(cn));
	return crt;
}

void authority_new(struct authority *authority, const char *name)
{
	gnutls_datum_t pem;

	authority->name = name;
	authority->key = make_key(GNUTLS_PK_ECDSA, 0, 0);
	authority->crt = make_crt(authority->key, name, 1, -10, 30);
	gnutls_x509_crt_set_basic_constraints(authority->crt, 1, -1);
	gnutls_x509_crt_set_key_usage(
		authority->crt, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN);
	assert_int_equal(gnutls_x509_crt_sign2(authority->crt, authority->crt,
					       authority->key,
					       GNUTLS_DIG_SHA256, 0),
			 0);
	assert_int_equal(gnutls_x509_crt_export2(authority->crt,
						 GNUTLS_X509_FMT_PEM, &pem),
			 0);
	write_datum(name, "crt", &pem);
}

void authority_free(struct authority *authority)
{
	gnutls_x509_crt_deinit(authority->crt);
	gnutls_x509_privkey_deinit(authority->key);
}

void authority_revoke(const struct authority *authority, const char *name,
		      uint8_t serial)
{
	gnutls_x509_crl_t crl;
	gnutls_datum_t pem;
	uint8_t number = 1;

	assert_int_equal(gnutls_x509_crl_init(&crl), 0);
	gnutls_x509_crl_set_version(crl, 2);
	gnutls_x509_crl_set_this_update(crl, time(NULL) - DAY);
	gnutls_x509_crl_set_next_update(crl, time(NULL) + DAY);
	gnutls_x509_crl_set_number(crl, &number, 1);
	if (serial)
		assert_int_equal(gnutls_x509_crl_set_crt_serial(
					 crl, &serial, 1, time(NULL) - DAY),
				 0);
	assert_int_equal(gnutls_x509_crl_sign2(crl, authority->crt,
					       authority->key,
					       GNUTLS_DIG_SHA256, 0),
			 0);
	assert_int_equal(
		gnutls_x509_crl_export2(crl, GNUTLS_X509_FMT_PEM, &pem), 0);
	write_datum(name, "crl", &pem);
	gnutls_x509_crl_deinit(crl);
}

static void set_names(gnutls_x509_crt_t crt, const struct leaf *leaf)
{
	uint8_t address[4];

	if (leaf->dns)
		gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME,
						     leaf->dns,
						     strlen(leaf->dns), 0);
	if (leaf->ip) {
		assert_int_equal(inet_pton(AF_INET, leaf->ip, address), 1);
		gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS,
						     address, sizeof(address),
						     GNUTLS_FSAN_APPEND);
	}
	if (leaf->padding) {
		uint8_t *padding = calloc(1, leaf->padding);

		assert_non_null(padding);
		assert_int_equal(
			gnutls_x509_crt_set_extension_by_oid(
				crt, "1.2.3.4.5", padding, leaf->padding, 0),
			0);
		free(padding);
	}
	if (leaf->usage)
		gnutls_x509_crt_set_key_usage(crt, leaf->usage);
	if (leaf->purpose)
		gnutls_x509_crt_set_key_purpose_oid(crt, leaf->purpose, 0);
}

void authority_issue(const struct authority *authority, const struct leaf *leaf)
{
	gnutls_x509_privkey_t key =
		make_key(leaf->algorithm, leaf->curve, leaf->bits);
	gnutls_x509_crt_t crt =
		make_crt(key, leaf->cn ? leaf->cn : leaf->name,
			 leaf->serial ? leaf->serial : 2,
			 leaf->from ? leaf->from : -5, leaf->until);
	gnutls_datum_t pem;

	set_names(crt, leaf);
	assert_int_equal(gnutls_x509_crt_sign2(crt, authority->crt,
					       authority->key,
					       GNUTLS_DIG_SHA256, 0),
			 0);
	assert_int_equal(
		gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem), 0);
	write_datum(leaf->name, "crt", &pem);
	assert_int_equal(gnutls_x509_privkey_export2_pkcs8(
				 key, GNUTLS_X509_FMT_PEM, NULL,
				 GNUTLS_PKCS_PLAIN, &pem),
			 0);
	write_datum(leaf->name, "key", &pem);
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(key);
}

const struct config *x509_config(enum config_role role, const char *leaf,
				 const char *ca, const char *crl)
{
	static struct config config;

	memset(&config, 0, sizeof(config));
	config.role = role;
	config.identity = CONFIG_X509;
	config.certificate = (char *)certificates_path(leaf, "crt");
	config.key = (char *)certificates_path(leaf, "key");
	config.ca = (char *)certificates_path(ca, "crt");
	config.crl = crl ? (char *)certificates_path(crl, "crl") : NULL;
	return &config;
}

static struct credentials *make(const struct config *config)
{
	struct credentials *credentials = NULL;
	struct reason reason = {0};

	credentials_new(&credentials, config, &reason);
	assert_string_equal(reason.text, "");
	assert_non_null(credentials);
	return credentials;
}

struct credentials *x509_credentials(enum config_role role, const char *leaf,
				     const char *ca, const char *crl)
{
	return make(x509_config(role, leaf, ca, crl));
}

struct credentials *key_credentials(enum config_role role,
				    const uint8_t private_key[KEY_SIZE],
				    const uint8_t server_key[KEY_SIZE],
				    enum config_cipher cipher)
{
	struct config config = {.role = role, .identity = CONFIG_KEYS};

	config.cipher = cipher;
	memcpy(config.private_key, private_key, KEY_SIZE);
	if (server_key)
		memcpy(config.server_key, server_key, KEY_SIZE);
	return make(&config);
}
