/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Revocation lists. The first byte of the input chooses what the rest is: the
 * file, one list in DER, what the authority signs to make a list of it (as what
 * nobody has signed is not read to its end), or what another process has
 * reduced. What is taken is asked about a certificate of that authority.
 */
#include <errno.h>
#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>

#include "common/key.h"
#include "input.h"
#include "tunnel/dtls/crl.h"

enum kind { TEXT, LIST, SIGNED, REDUCED, KINDS };

#define SIGNATURE_SIZE 64 /* of Ed25519 */
#define HEADER_SIZE    4

/* The authority CN=ca, and what it has issued. */
struct authority {
	gnutls_privkey_t key;
	gnutls_datum_t pem;
	gnutls_x509_crt_t leaf;
};

static void make_key(gnutls_x509_privkey_t key, uint8_t first)
{
	uint8_t private[KEY_SIZE] = {first}, public[KEY_SIZE];
	const gnutls_datum_t k = {private, sizeof(private)};
	const gnutls_datum_t x = {public, sizeof(public)};

	check(key_public(private, public) == 0);
	check(gnutls_x509_privkey_import_ecc_raw(key, GNUTLS_ECC_CURVE_ED25519,
						 &x, NULL, &k) == 0);
}

static void make_crt(gnutls_x509_crt_t crt, const char *name, uint8_t serial,
		     gnutls_x509_privkey_t key)
{
	check(gnutls_x509_crt_set_version(crt, 3) == 0);
	check(gnutls_x509_crt_set_dn(crt, name, NULL) == 0);
	check(gnutls_x509_crt_set_serial(crt, &serial, 1) == 0);
	check(gnutls_x509_crt_set_activation_time(crt, 1700000000) == 0);
	check(gnutls_x509_crt_set_expiration_time(crt, 2000000000) == 0);
	check(gnutls_x509_crt_set_key(crt, key) == 0);
}

static struct authority make_authority(void)
{
	struct authority made;
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t crt;

	check(gnutls_x509_privkey_init(&key) == 0);
	check(gnutls_x509_crt_init(&crt) == 0);
	make_key(key, 1);
	make_crt(crt, "CN=ca", 1, key);
	check(gnutls_x509_crt_set_ca_status(crt, 1) == 0);
	check(gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_CRL_SIGN) == 0);
	check(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA512, 0) == 0);
	check(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &made.pem) ==
	      0);
	check(gnutls_x509_crt_init(&made.leaf) == 0);
	make_crt(made.leaf, "CN=leaf", 5, key);
	check(gnutls_x509_crt_set_crl_dist_points(made.leaf, GNUTLS_SAN_URI,
						  "u:1", 0) == 0);
	check(gnutls_x509_crt_sign2(made.leaf, crt, key, GNUTLS_DIG_SHA512,
				    0) == 0);
	gnutls_x509_crt_deinit(crt);
	check(gnutls_privkey_init(&made.key) == 0);
	check(gnutls_privkey_import_x509(
		      made.key, key, GNUTLS_PRIVKEY_IMPORT_AUTO_RELEASE) == 0);
	return made;
}

/* Room for a header is before the content, which is shorter than 64 KiB. */
static void put_header(uint8_t *header, size_t length)
{
	header[0] = 0x30;
	header[1] = 0x82;
	header[2] = (uint8_t)(length >> 8);
	header[3] = (uint8_t)length;
}

/* CertificateList (RFC 5280, section 5.1); the caller frees it. */
static gnutls_datum_t sign(const struct authority *authority,
			   const struct input *input)
{
	static const uint8_t algorithm[] = {0x30, 5,	0x06, 3,    0x2b,
					    0x65, 0x70, 0x03, 0x41, 0x00};
	size_t length = input->left > 0xf000 ? 0xf000 : input->left;
	size_t inner = HEADER_SIZE + length;
	size_t outer = inner + sizeof(algorithm) + SIGNATURE_SIZE;
	uint8_t *list = malloc(HEADER_SIZE + outer);
	gnutls_datum_t tbs = {list + HEADER_SIZE, (unsigned)inner}, signature;

	check(list != NULL);
	put_header(list, outer);
	put_header(tbs.data, length);
	memcpy(tbs.data + HEADER_SIZE, input->at, length);
	memcpy(tbs.data + inner, algorithm, sizeof(algorithm));
	check(gnutls_privkey_sign_data(authority->key, GNUTLS_DIG_SHA512, 0,
				       &tbs, &signature) == 0);
	check(signature.size == SIGNATURE_SIZE);
	memcpy(tbs.data + inner + sizeof(algorithm), signature.data,
	       SIGNATURE_SIZE);
	gnutls_free(signature.data);
	return (gnutls_datum_t){list, (unsigned)(HEADER_SIZE + outer)};
}

/* A copy in PEM of a list, which is freed. */
static char *wrap(gnutls_datum_t list)
{
	gnutls_datum_t pem;
	char *text;

	check(gnutls_pem_base64_encode2("X509 CRL", &list, &pem) == 0);
	text = strndup((const char *)pem.data, pem.size);
	check(text != NULL);
	gnutls_free(pem.data);
	free(list.data);
	return text;
}

static void ask(const struct authority *authority, struct crl_bytes *bytes,
		bool ours)
{
	struct crl_set *set;
	int err = crl_set_new(&set, bytes);

	check(err == 0 || !ours);
	if (err)
		return;
	crl_set_covers(set, authority->leaf);
	crl_set_revokes(set, authority->leaf);
	crl_set_free(set);
}

static void load(const struct authority *authority, char *text)
{
	const struct crl_source source = {
		.path = "crl.pem",
		.ca_path = "ca.pem",
		.ca = (const char *)authority->pem.data,
		.ca_length = authority->pem.size,
	};
	struct reason reason = {0};
	struct crl_bytes bytes;
	int err = crl_reduce(&bytes, text, strlen(text), &source, &reason);

	check(err == 0 || (err == -EINVAL && reason.text[0]));
	free(text);
	if (!err)
		ask(authority, &bytes, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct authority authority;
	struct input input = {data, size};
	struct crl_bytes bytes;
	gnutls_datum_t list;

	if (!authority.key)
		authority = make_authority();
	switch ((enum kind)(input_byte(&input) % KINDS)) {
	case TEXT:
		load(&authority, input_text(&input));
		break;
	case LIST:
		list.size = (unsigned)input.left;
		list.data = (uint8_t *)input_text(&input);
		load(&authority, wrap(list));
		break;
	case SIGNED:
		load(&authority, wrap(sign(&authority, &input)));
		break;
	case REDUCED:
		bytes.length = input.left;
		bytes.data = (uint8_t *)input_text(&input);
		ask(&authority, &bytes, false);
		break;
	case KINDS:
		break;
	}
	return 0;
}
