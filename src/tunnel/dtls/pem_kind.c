/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/dtls/pem_kind.h"

#include <gnutls/pkcs12.h>
#include <gnutls/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define BEGIN "-----BEGIN "

/* What follows BEGIN, and what that is. */
static const struct {
	const char *label, *kind;
	unsigned wanted; /* where it is right: bits of enum config_pem */
} labels[] = {
	{"CERTIFICATE REQUEST-",
	 "is a request for a certificate (CSR): it "
	 "goes to the authority, which sends one back",
	 0},
	{"NEW CERTIFICATE REQUEST-",
	 "is a request for a certificate (CSR): it goes to the authority, "
	 "which sends one back",
	 0},
	{"CERTIFICATE-", "holds a certificate",
	 1u << CONFIG_PEM_CERTIFICATE | 1u << CONFIG_PEM_CA},
	{"X509 CRL-", "holds a list of revoked certificates",
	 1u << CONFIG_PEM_CRL},
	{"ENCRYPTED PRIVATE KEY-",
	 "holds a private key that is locked by a password: openssl pkey -in "
	 "FILE -out NEW writes it without one",
	 0},
	{"OPENSSH PRIVATE KEY-",
	 "holds a key of OpenSSH's form: ssh-keygen -p -m PEM converts it", 0},
	{"PUBLIC KEY-", "holds a public key", 0},
	{"PKCS7-",
	 "is PKCS#7: openssl pkcs7 -print_certs -in FILE -out NEW converts it",
	 0},
	{"PRIVATE KEY-", "holds a private key", 1u << CONFIG_PEM_KEY},
	{"RSA PRIVATE KEY-", "holds a private key", 1u << CONFIG_PEM_KEY},
	{"EC PRIVATE KEY-", "holds a private key", 1u << CONFIG_PEM_KEY},
};

static bool is_certificate(const gnutls_datum_t *der)
{
	gnutls_x509_crt_t crt;
	bool is;

	if (gnutls_x509_crt_init(&crt) < 0)
		return false;
	is = gnutls_x509_crt_import(crt, der, GNUTLS_X509_FMT_DER) >= 0;
	gnutls_x509_crt_deinit(crt);
	return is;
}

static bool is_list(const gnutls_datum_t *der)
{
	gnutls_x509_crl_t crl;
	bool is;

	if (gnutls_x509_crl_init(&crl) < 0)
		return false;
	is = gnutls_x509_crl_import(crl, der, GNUTLS_X509_FMT_DER) >= 0;
	gnutls_x509_crl_deinit(crl);
	return is;
}

static bool is_pkcs12(const gnutls_datum_t *der)
{
	gnutls_pkcs12_t pkcs12;
	bool is;

	if (gnutls_pkcs12_init(&pkcs12) < 0)
		return false;
	is = gnutls_pkcs12_import(pkcs12, der, GNUTLS_X509_FMT_DER, 0) >= 0;
	gnutls_pkcs12_deinit(pkcs12);
	return is;
}

static const char *kind_of_der(const gnutls_datum_t *der)
{
	/* All of them begin with a SEQUENCE. */
	if (der->data[0] != 0x30)
		return "";
	if (is_pkcs12(der))
		return "is PKCS#12: openssl pkcs12 -in FILE -nodes -out NEW "
		       "converts it, key and certificates in one";
	if (is_certificate(der))
		return "is a certificate in DER: openssl x509 -inform DER -in "
		       "FILE -out NEW converts it";
	if (is_list(der))
		return "is a list of revoked certificates in DER: openssl crl "
		       "-inform DER -in FILE -out NEW converts it";
	return "may be a key in DER: openssl pkey -inform DER -in FILE -out "
	       "NEW converts it";
}

static bool is_utf16(const char *text, size_t length)
{
	return length >= 4 &&
	       (!memcmp(text, "\xff\xfe", 2) || !memcmp(text, "\xfe\xff", 2) ||
		(text[0] == '-' && !text[1] && text[2] == '-'));
}

/* The first part decides: a file of the right kind may have others behind. */
static const char *kind_of_pem(const char *text, size_t length,
			       enum config_pem wanted)
{
	const char *begin = memmem(text, length, BEGIN, strlen(BEGIN));
	const char *found = "";

	while (begin) {
		begin += strlen(BEGIN);
		length -= (size_t)(begin - text);
		text = begin;
		for (size_t i = 0; i < sizeof(labels) / sizeof(*labels); i++) {
			size_t size = strlen(labels[i].label);

			if (length < size ||
			    memcmp(begin, labels[i].label, size) != 0)
				continue;
			if (labels[i].wanted & 1u << wanted)
				return "";
			if (!*found)
				found = labels[i].kind;
		}
		begin = memmem(text, length, BEGIN, strlen(BEGIN));
	}
	return found;
}

void pem_kind(const char *text, size_t length, enum config_pem wanted,
	      char kind[PEM_KIND_SIZE])
{
	const gnutls_datum_t der = {(uint8_t *)text, (unsigned)length};
	const char *found;

	if (!length)
		found = "is empty";
	else if (is_utf16(text, length))
		found = "is text in UTF-16: iconv -f UTF-16 -t ASCII FILE "
			"converts it";
	else if (memmem(text, length, BEGIN, strlen(BEGIN)))
		found = kind_of_pem(text, length, wanted);
	else
		found = kind_of_der(&der);
	snprintf(kind, PEM_KIND_SIZE, "%s", found);
}
