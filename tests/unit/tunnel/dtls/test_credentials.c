/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/log.h"
#include "common/reason.h"
#include "tunnel/dtls/certificate.h"
#include "tunnel/dtls/certificate_name.h"
#include "tunnel/dtls/crl.h"
#include "tunnel/dtls/own_certificate.h"
#include "unit/certificates.h"
#include "unit/fake_time.h"
#include "unit/memory_link.h"

#define YEAR (365 * 86400)

static struct authority authority, stranger;
static char warning[LOG_LINE_SIZE];

static void keep_warning(void *data, enum log_level level, const char *line)
{
	(void)data;
	if (level == LOG_LEVEL_WARNING)
		snprintf(warning, sizeof(warning), "%s", line);
}

static int begin(void **state)
{
	static const struct leaf leaves[] = {
		{.name = "server",
		 .dns = "vpn.example.org",
		 .ip = "192.0.2.7",
		 .purpose = GNUTLS_KP_TLS_WWW_SERVER},
		{.name = "bare",
		 .cn = "",
		 .dns = "vpn.example.org",
		 .purpose = GNUTLS_KP_TLS_WWW_SERVER},
		{.name = "rsa-server",
		 .dns = "vpn.example.org",
		 .purpose = GNUTLS_KP_ANY,
		 .algorithm = GNUTLS_PK_RSA},
		{.name = "wildcard",
		 .dns = "*.example.org",
		 .purpose = GNUTLS_KP_TLS_WWW_SERVER},
		/* A client's, of a CA that does not say what it is for. */
		{.name = "vpn.example.org"},
		{.name = "silent", .dns = "vpn.example.org"},
		{.name = "other-way",
		 .cn = "vpn.example.org",
		 .ip = "192.0.2.7",
		 .purpose = GNUTLS_KP_TLS_WWW_SERVER},
		{.name = "alice", .purpose = GNUTLS_KP_TLS_WWW_CLIENT},
		{.name = "bob", .serial = 66},
		{.name = "ecdsa", .algorithm = GNUTLS_PK_ECDSA},
		{.name = "rsa", .algorithm = GNUTLS_PK_RSA},
		{.name = "old", .from = -9, .until = -1},
		{.name = "early", .from = 3},
		{.name = "nameless", .cn = ""},
		{.name = "odd", .cn = "../etc passwd"},
		{.name = "wrong", .purpose = GNUTLS_KP_TLS_WWW_SERVER},
	};

	(void)state;
	log_set_sink(keep_warning, NULL);
	certificates_begin();
	authority_new(&authority, "ca");
	authority_new(&stranger, "stranger");
	for (size_t i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++)
		authority_issue(&authority, &leaves[i]);
	authority_issue(&stranger, &(struct leaf){.name = "mallory"});
	authority_revoke(&authority, "revoked", 66);
	authority_revoke(&stranger, "other", 66);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	authority_free(&authority);
	authority_free(&stranger);
	certificates_end();
	return 0;
}

/* credentials_new() fails with what and a reason that ends so. */
static void expect_refusal(const struct config *config, int error,
			   const char *path, const char *reason)
{
	struct credentials *credentials = NULL;
	struct reason said = {0};
	char expected[512];

	snprintf(expected, sizeof(expected), "%s: %s", path, reason);
	assert_int_equal(credentials_new(&credentials, config, &said), error);
	assert_null(credentials);
	said.text[strlen(said.text) < strlen(expected) ? strlen(said.text)
						       : strlen(expected)] =
		'\0';
	assert_string_equal(said.text, expected);
}

static void expect_warning_of(enum config_role role, const char *leaf,
			      const char *crl, const char *expected)
{
	warning[0] = '\0';
	credentials_free(x509_credentials(role, leaf, "ca", crl));
	if (!*expected)
		assert_string_equal(warning, "");
	else
		assert_non_null(strstr(warning, expected));
}

static void expect_warning(const char *leaf, const char *crl,
			   const char *expected)
{
	expect_warning_of(CONFIG_CLIENT, leaf, crl, expected);
}

static void test_own_files(void **state)
{
	struct config config;
	const char *junk = certificates_path("junk", "crt");

	(void)state;
	certificates_write(junk, "junk\n", 5);
	config = *x509_config(CONFIG_CLIENT, "absent", "ca", NULL);
	expect_refusal(&config, -ENOENT, config.certificate,
		       "can't be read: No such file or directory");
	config = *x509_config(CONFIG_CLIENT, "alice", "absent", NULL);
	expect_refusal(&config, -ENOENT, config.ca,
		       "can't be read: No such file or directory");
	config = *x509_config(CONFIG_CLIENT, "alice", "junk", NULL);
	expect_refusal(&config, -EINVAL, config.ca, "holds no certificate");
	config = *x509_config(CONFIG_CLIENT, "alice", "ca", NULL);
	config.crl = (char *)config.ca;
	expect_refusal(&config, -EINVAL, config.crl, "holds no revocation");
	config = *x509_config(CONFIG_CLIENT, "alice", "ca", "other");
	expect_refusal(&config, -EINVAL, config.crl,
		       "is not signed by a CA in ");
	config = *x509_config(CONFIG_CLIENT, "alice", "ca", NULL);
	config.key = (char *)certificates_path("bob", "key");
	expect_refusal(&config, -EINVAL, config.key, "is not the key of ");
	config = *x509_config(CONFIG_CLIENT, "old", "ca", NULL);
	expect_refusal(&config, -EKEYEXPIRED, config.certificate,
		       "expired on 20");
}

static void test_own_warnings(void **state)
{
	(void)state;
	expect_warning("alice", "revoked", "");
	/* There may be one authority for servers, and one for clients. */
	expect_warning("mallory", NULL, "");
	expect_warning("bob", "revoked", "is revoked by");
	ahead = 2 * 86400;
	expect_warning("alice", "revoked", "was to be replaced on 20");
	ahead = 0;
	expect_warning("early", NULL, "is not valid before");
	expect_warning("wrong", NULL, "extendedKeyUsage=clientAuth");
	expect_warning_of(CONFIG_SERVER, "server", NULL, "");
	expect_warning_of(CONFIG_SERVER, "silent", NULL,
			  "extendedKeyUsage=serverAuth");
	expect_warning_of(CONFIG_SERVER, "vpn.example.org", NULL,
			  "subjectAltName=DNS:");
}

static int try_list(const gnutls_datum_t *pem, const gnutls_datum_t *ca)
{
	const struct crl_source source = {
		.path = "list",
		.ca_path = "ca",
		.ca = (char *)ca->data,
		.ca_length = ca->size,
	};
	char *copy = strndup((char *)pem->data, pem->size);
	struct crl_bytes bytes = {NULL, 0};
	struct reason reason = {0};
	int err = crl_reduce(&bytes, copy, pem->size, &source, &reason);

	assert_int_equal(!!err, !!reason.text[0]);
	assert_int_equal(!err, !!bytes.data);
	free(bytes.data);
	free(copy);
	return err;
}

/* Cut anywhere, or with another letter anywhere: never half of it counts. */
static void test_damaged_lists(void **state)
{
	gnutls_datum_t pem, ca;
	unsigned size;

	(void)state;
	assert_int_equal(
		gnutls_load_file(certificates_path("revoked", "crl"), &pem), 0);
	assert_int_equal(gnutls_load_file(certificates_path("ca", "crt"), &ca),
			 0);
	assert_int_equal(try_list(&pem, &ca), 0);
	size = pem.size;
	for (pem.size = 0; pem.size < size - 30; pem.size++)
		assert_int_equal(try_list(&pem, &ca), -EINVAL);
	pem.size = size;
	for (unsigned i = 0; i < size - 30; i++) {
		uint8_t letter = pem.data[i];

		pem.data[i] = letter == 'A' ? 'Q' : 'A';
		if (letter != '\n' && letter != '=')
			assert_int_equal(try_list(&pem, &ca), -EINVAL);
		pem.data[i] = letter;
	}
	gnutls_free(pem.data);
	gnutls_free(ca.data);
}

/* NAME.crt, NAME.key and NAME.crl all have this in them. */
static void write_all(const char *name, const void *data, size_t length)
{
	static const char *const suffixes[] = {"crt", "key", "crl"};

	for (size_t i = 0; i < 3; i++)
		certificates_write(certificates_path(name, suffixes[i]), data,
				   length);
}

static void expect_kind(const char *name, const char *certificate,
			const char *key, const char *crl)
{
	struct config config = *x509_config(CONFIG_CLIENT, name, "ca", NULL);

	expect_refusal(&config, -EINVAL, config.certificate, certificate);
	config.certificate = (char *)certificates_path("alice", "crt");
	expect_refusal(&config, -EINVAL, config.key, key);
	config = *x509_config(CONFIG_CLIENT, "alice", "ca", name);
	expect_refusal(&config, -EINVAL, config.crl, crl);
}

/* What somebody has put there instead is said, and how to convert it. */
static void test_other_files(void **state)
{
	static const char csr[] = "-----BEGIN CERTIFICATE REQUEST-----\nx\n";
	static const char locked[] =
		"-----BEGIN ENCRYPTED PRIVATE KEY-----\nx\n";
	gnutls_datum_t pem, der = {NULL, 0};
	struct config config;
	char utf16[64];

	(void)state;
	write_all("empty", "", 0);
	expect_kind("empty", "is empty", "is empty",
		    "holds no revocation list in PEM: it is empty");
	write_all("csr", csr, sizeof(csr) - 1);
	expect_kind("csr", "is a request for a certificate (CSR)",
		    "is a request for a certificate (CSR)",
		    "holds no revocation list in PEM: it is a request");
	write_all("locked", locked, sizeof(locked) - 1);
	expect_kind("locked", "holds a private key that is locked",
		    "holds a private key that is locked",
		    "holds no revocation list in PEM: it holds a private key");
	for (size_t i = 0; i < sizeof(utf16); i++)
		utf16[i] = i % 2 ? '\0' : csr[i / 2];
	write_all("wide", utf16, sizeof(utf16));
	expect_kind("wide", "is text in UTF-16", "is text in UTF-16",
		    "holds no revocation list in PEM: it is text in UTF-16");
	assert_int_equal(
		gnutls_load_file(certificates_path("alice", "crt"), &pem), 0);
	assert_int_equal(gnutls_pem_base64_decode2("CERTIFICATE", &pem, &der),
			 0);
	write_all("der", der.data, der.size);
	expect_kind("der", "is a certificate in DER: openssl x509",
		    "is a certificate in DER",
		    "holds no revocation list in PEM: it is a certificate");
	certificates_write(certificates_path("swapped", "key"), pem.data,
			   pem.size);
	config = *x509_config(CONFIG_CLIENT, "alice", "ca", NULL);
	config.key = (char *)certificates_path("swapped", "key");
	expect_refusal(&config, -EINVAL, config.key, "holds a certificate");
	config.certificate = (char *)certificates_path("bob", "key");
	expect_refusal(&config, -EINVAL, config.certificate,
		       "holds a private key");
	gnutls_free(pem.data);
	gnutls_free(der.data);
}

static void test_expiry(void **state)
{
	struct credentials *credentials =
		x509_credentials(CONFIG_CLIENT, "alice", "ca", NULL);
	uint8_t key[KEY_SIZE] = {1};
	int64_t days = (credentials_expiry(credentials) - time(NULL)) / 86400;

	(void)state;
	assert_in_range(days, 29, 30);
	credentials_free(credentials);
	credentials =
		key_credentials(CONFIG_CLIENT, key, key, CONFIG_CIPHER_AUTO);
	assert_int_equal(credentials_expiry(credentials), 0);
	credentials_free(credentials);
}

/* Of what own_certificate_make() has made; freed by the caller. */
static gnutls_x509_crt_t made_certificate(const uint8_t key[KEY_SIZE])
{
	gnutls_certificate_credentials_t holder;
	gnutls_x509_crt_t *list;
	gnutls_x509_crt_t crt;
	unsigned count;

	assert_int_equal(gnutls_certificate_allocate_credentials(&holder), 0);
	assert_int_equal(own_certificate_make(holder, key), 0);
	assert_int_equal(
		gnutls_certificate_get_x509_crt(holder, 0, &list, &count), 0);
	assert_int_equal(count, 1);
	crt = list[0];
	gnutls_free(list);
	gnutls_certificate_free_credentials(holder);
	return crt;
}

static void test_self_signed(void **state)
{
	uint8_t key[KEY_SIZE], public_key[KEY_SIZE], found[KEY_SIZE];
	gnutls_x509_crt_t crt;
	unsigned critical;
	int64_t from;

	(void)state;
	assert_int_equal(key_generate(key), 0);
	assert_int_equal(key_public(key, public_key), 0);
	crt = made_certificate(key);
	assert_int_equal(certificate_public_key(crt, found), 0);
	assert_memory_equal(found, public_key, KEY_SIZE);
	assert_int_equal(gnutls_x509_crt_get_version(crt), 3);
	assert_int_equal(gnutls_x509_crt_get_basic_constraints(crt, &critical,
							       NULL, NULL),
			 0);
	from = gnutls_x509_crt_get_activation_time(crt);
	assert_true(from <= time(NULL) && from > time(NULL) - YEAR);
	assert_int_equal(gnutls_x509_crt_get_expiration_time(crt) - from,
			 INT64_C(10) * YEAR);
	gnutls_x509_crt_deinit(crt);
}

static void get_der(const uint8_t key[KEY_SIZE], gnutls_datum_t *der)
{
	gnutls_x509_crt_t crt = made_certificate(key);

	assert_int_equal(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, der),
			 0);
	assert_null(memmem(der->data, der->size, "minivpn", 7));
	gnutls_x509_crt_deinit(crt);
}

/* Are those that are made then, and then, the same? Seconds from now. */
static bool same_der(const uint8_t key[KEY_SIZE], time_t then, time_t later)
{
	gnutls_datum_t one, other;
	bool same;

	ahead = then;
	get_der(key, &one);
	ahead = later;
	get_der(key, &other);
	ahead = 0;
	same = one.size == other.size &&
	       !memcmp(one.data, other.data, one.size);
	gnutls_free(one.data);
	gnutls_free(other.data);
	return same;
}

/* What all have in common is what everybody's have; a start is not seen. */
static void test_self_signed_says_nothing(void **state)
{
	uint8_t key[KEY_SIZE], another[KEY_SIZE];
	char name[SETTINGS_NAME_SIZE], other_name[SETTINGS_NAME_SIZE];
	uint8_t serial[64], other_serial[64];
	size_t size = sizeof(serial), other_size = sizeof(other_serial);
	gnutls_x509_crt_t crt, other;
	unsigned changes = 0;

	(void)state;
	assert_int_equal(key_generate(key), 0);
	assert_int_equal(key_generate(another), 0);
	crt = made_certificate(key);
	other = made_certificate(another);
	assert_int_equal(certificate_name(crt, CONFIG_PEER_CN, name), 0);
	assert_int_equal(certificate_name(other, CONFIG_PEER_CN, other_name),
			 0);
	assert_int_equal(strspn(name, "0123456789abcdef"), 12);
	assert_string_not_equal(name, other_name);
	assert_int_equal(gnutls_x509_crt_get_serial(crt, serial, &size), 0);
	assert_int_equal(
		gnutls_x509_crt_get_serial(other, other_serial, &other_size),
		0);
	assert_int_equal(size, 20);
	assert_memory_not_equal(serial, other_serial, 20);
	assert_true(gnutls_x509_crt_get_activation_time(crt) !=
		    gnutls_x509_crt_get_activation_time(other));
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_crt_deinit(other);
	/* It changes once within a year, and not at a start. */
	assert_true(same_der(key, 0, 0));
	for (time_t at = 0; at < YEAR; at += YEAR / 10)
		changes += !same_der(key, at, at + YEAR / 10);
	assert_int_equal(changes, 1);
	/* A clock that was never set. */
	assert_true(same_der(key, -time(NULL), -time(NULL) + 5 * YEAR));
}

static void test_key_of_other_kind(void **state)
{
	gnutls_datum_t pem;
	gnutls_x509_crt_t crt;
	uint8_t key[KEY_SIZE];

	(void)state;
	assert_int_equal(
		gnutls_load_file(certificates_path("rsa", "crt"), &pem), 0);
	assert_int_equal(gnutls_x509_crt_init(&crt), 0);
	assert_int_equal(gnutls_x509_crt_import(crt, &pem, GNUTLS_X509_FMT_PEM),
			 0);
	assert_int_equal(certificate_public_key(crt, key), -EACCES);
	gnutls_x509_crt_deinit(crt);
	gnutls_free(pem.data);
}

struct meeting {
	const char *server, *server_ca, *server_crl, *client, *client_ca,
		*client_crl;
	const char *host, *server_name;
	unsigned mtu;
	time_t later; /* than now: seconds */
};

/* The link after the handshake of two ends with these certificates. */
static struct memory_link *meet(const struct meeting *meeting)
{
	struct memory_link *link = memory_link_new(1, 0, 0, 0);
	struct credentials *server = x509_credentials(
		CONFIG_SERVER, meeting->server ? meeting->server : "server",
		meeting->server_ca ? meeting->server_ca : "ca",
		meeting->server_crl);
	struct credentials *client = NULL;
	struct config config =
		*x509_config(CONFIG_CLIENT, meeting->client,
			     meeting->client_ca ? meeting->client_ca : "ca",
			     meeting->client_crl);
	struct reason reason;

	config.server_name = (char *)meeting->server_name;
	assert_int_equal(credentials_new(&client, &config, &reason), 0);
	link->host = meeting->host ? meeting->host : "vpn.example.org";
	if (meeting->mtu)
		link->mtu = meeting->mtu;
	ahead = meeting->later;
	link->owned[0] = client;
	link->owned[1] = server;
	memory_link_start(link, client, server);
	memory_link_run(link);
	ahead = 0;
	return link;
}

static void expect_open(const struct meeting *meeting, const char *name)
{
	struct memory_link *link = meet(meeting);
	const struct session *client = link->ends[LINK_CLIENT].session;
	const struct session *server = link->ends[LINK_SERVER].session;

	assert_string_equal(session_reason(client), "");
	assert_string_equal(session_reason(server), "");
	assert_true(session_is_open(client) && session_is_open(server));
	assert_false(session_identity(server)->by_key);
	assert_string_equal(session_identity(server)->name, meeting->client);
	assert_string_equal(session_identity(server)->text, meeting->client);
	assert_true(session_identity(server)->expires > time(NULL));
	assert_string_equal(session_identity(client)->text, name);
	memory_link_free(link);
}

/* refuser says why to its log, the other one what the alert tells it. */
static void expect_refused(const struct meeting *meeting,
			   enum link_side refuser, const char *why,
			   const char *told)
{
	struct memory_link *link = meet(meeting);
	const struct session *session = link->ends[refuser].session;

	assert_int_equal(session_error(session), -EACCES);
	assert_int_equal(strncmp(session_reason(session), why, strlen(why)), 0);
	session = link->ends[!refuser].session;
	assert_int_equal(session_error(session), -EPERM);
	assert_int_equal(strncmp(session_reason(session), told, strlen(told)),
			 0);
	assert_non_null(strstr(session_reason(session), " (CN \"")
				?: strstr(session_reason(session), " (no CN"));
	memory_link_free(link);
}

static void test_accepted(void **state)
{
	(void)state;
	expect_open(&(struct meeting){.client = "alice"}, "server");
	expect_open(&(struct meeting){.client = "ecdsa"}, "server");
	expect_open(&(struct meeting){.client = "rsa", .server = "rsa-server"},
		    "rsa-server");
	expect_open(&(struct meeting){.client = "alice",
				      .server = "wildcard",
				      .server_name = "VPN.Example.org."},
		    "wildcard");
	expect_open(&(struct meeting){.client = "alice", .host = "192.0.2.7"},
		    "server");
	expect_open(&(struct meeting){.client = "alice",
				      .host = "10.0.0.1",
				      .server_name = "vpn.example.org"},
		    "server");
	expect_open(&(struct meeting){.client = "alice", .server = "bare"},
		    "vpn.example.org");
	expect_open(&(struct meeting){.client = "alice",
				      .server_crl = "revoked",
				      .client_crl = "revoked"},
		    "server");
	/* Certificates in many fragments. */
	expect_open(&(struct meeting){.client = "rsa", .mtu = 228}, "server");
}

static void test_client_refused(void **state)
{
	(void)state;
	expect_refused(&(struct meeting){.client = "early"}, LINK_SERVER,
		       "its certificate is not valid before 20",
		       "the server refuses our certificate: it is expired or "
		       "not valid yet");
	expect_refused(
		&(struct meeting){.client = "bob", .server_crl = "revoked"},
		LINK_SERVER, "its certificate is revoked",
		"the server refuses our certificate: it is revoked");
	expect_refused(
		&(struct meeting){.client = "mallory"}, LINK_SERVER,
		"its certificate is signed by an unknown CA",
		"the server refuses our certificate: it is not signed by its "
		"CA");
	expect_refused(&(struct meeting){.client = "nameless"}, LINK_SERVER,
		       "its certificate has no CN; with PeerName = SAN its "
		       "subjectAltName would count: none (no CN, serial 02)",
		       "the server refuses our certificate: it is not valid, "
		       "or for another name or purpose (no CN, serial 02)");
	expect_refused(&(struct meeting){.client = "wrong"}, LINK_SERVER,
		       "its certificate is not for this purpose",
		       "the server refuses our certificate: it is not valid, "
		       "or for another name or purpose");
}

static void test_server_refused(void **state)
{
	(void)state;
	expect_refused(&(struct meeting){.client = "alice",
					 .host = "other.example.org"},
		       LINK_CLIENT,
		       "its certificate is not for other.example.org, but for "
		       "\"vpn.example.org\", 192.0.2.7 (CN \"server\", ",
		       "the client refuses our certificate: it is not valid, "
		       "or for another name or purpose");
	expect_refused(
		&(struct meeting){.client = "alice", .host = "192.0.2.8"},
		LINK_CLIENT, "its certificate is not for 192.0.2.8",
		"the client refuses our certificate: it is not valid, or for "
		"another name or purpose");
	expect_refused(
		&(struct meeting){.client = "alice", .client_ca = "stranger"},
		LINK_CLIENT, "its certificate is signed by an unknown CA",
		"the client refuses our certificate: it is not signed by its "
		"CA");
	expect_refused(&(struct meeting){.client = "alice",
					 .server = "bob",
					 .client_crl = "revoked"},
		       LINK_CLIENT, "its certificate is revoked",
		       "the client refuses our certificate: it is revoked");
	expect_refused(&(struct meeting){.client = "rsa",
					 .server = "alice",
					 .server_name = "alice"},
		       LINK_CLIENT, "its certificate is not for this purpose",
		       "the client refuses our certificate: it is not valid, "
		       "or for another name or purpose");
}

/* Another client's certificate does not make a server, whatever is in it. */
static void test_no_server(void **state)
{
	static const struct {
		const char *server, *name, *why;
	} cases[] = {
		{"vpn.example.org", NULL,
		 "its certificate is not for vpn.example.org: it has no "
		 "subjectAltName"},
		{"other-way", NULL,
		 "its certificate is not for vpn.example.org"},
		{"silent", NULL,
		 "its certificate does not say that it is a server's"},
		{"wildcard", "example.org",
		 "its certificate is not for example.org"},
		{"wildcard", "a.vpn.example.org",
		 "its certificate is not for a.vpn.example.org"},
		{"wildcard", ".example.org",
		 "its certificate is not for .example.org"},
		{"other-way", "192.0.2.70",
		 "its certificate is not for 192.0.2.70"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_refused(&(struct meeting){.client = "alice",
						 .server = cases[i].server,
						 .server_name = cases[i].name},
			       LINK_CLIENT, cases[i].why,
			       "the client refuses our certificate: it is not "
			       "valid, or for another name or purpose");
}

/* Our own expired certificate is refused at start: it has to age. */
static void test_expired(void **state)
{
	struct meeting meeting = {.client = "brief"};

	(void)state;
	authority_issue(&authority,
			&(struct leaf){.name = "brief", .until = 1});
	authority_issue(&authority,
			&(struct leaf){.name = "brief-server",
				       .dns = "vpn.example.org",
				       .purpose = GNUTLS_KP_TLS_WWW_SERVER,
				       .until = 1});
	meeting.later = 3 * 86400;
	expect_refused(&meeting, LINK_SERVER, "its certificate expired on 20",
		       "the server refuses our certificate: it is expired or "
		       "not valid yet");
	meeting.client = "alice";
	meeting.server = "brief-server";
	expect_refused(&meeting, LINK_CLIENT, "its certificate expired on 20",
		       "the client refuses our certificate: it is expired or "
		       "not valid yet");
	meeting.server = NULL;
	meeting.server_name = NULL;
	meeting.later = 29 * 86400 + 86400 + 60;
	expect_refused(&meeting, LINK_CLIENT, "its certificate expired on 20",
		       "the client refuses our certificate: it is expired or "
		       "not valid yet");
}

/* NAME.SUFFIX becomes what both others have. */
static void join(const char *name, const char *suffix, const char *one,
		 const char *other)
{
	gnutls_datum_t first, second;
	char both[16384];

	assert_int_equal(
		gnutls_load_file(certificates_path(one, suffix), &first), 0);
	assert_int_equal(
		gnutls_load_file(certificates_path(other, suffix), &second), 0);
	assert_true(first.size + second.size <= sizeof(both));
	memcpy(both, first.data, first.size);
	memcpy(both + first.size, second.data, second.size);
	certificates_write(certificates_path(name, suffix), both,
			   first.size + second.size);
	gnutls_free(first.data);
	gnutls_free(second.data);
}

/* What can sign comes up at both ends; what can't is said when it is loaded. */
static void test_kinds_of_keys(void **state)
{
	static const struct {
		struct leaf leaf;
		const char *refused;
	} cases[] = {
		{{.name = "p384",
		  .algorithm = GNUTLS_PK_ECDSA,
		  .curve = GNUTLS_ECC_CURVE_SECP384R1},
		 NULL},
		{{.name = "pss", .algorithm = GNUTLS_PK_RSA_PSS}, NULL},
		{{.name = "signing",
		  .algorithm = GNUTLS_PK_RSA,
		  .usage = GNUTLS_KEY_DIGITAL_SIGNATURE},
		 NULL},
		{{.name = "ed448", .algorithm = GNUTLS_PK_EDDSA_ED448},
		 "a key of this kind (EdDSA (Ed448)) can't be used"},
		{{.name = "rsa1024", .algorithm = GNUTLS_PK_RSA, .bits = 1024},
		 "its key has 1024 bits"},
		{{.name = "agree", .usage = GNUTLS_KEY_KEY_AGREEMENT},
		 "its key usage does not allow a handshake"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct leaf leaf = cases[i].leaf;
		const struct config *config;

		leaf.dns = "vpn.example.org";
		leaf.purpose = GNUTLS_KP_ANY;
		authority_issue(&authority, &leaf);
		if (!cases[i].refused) {
			expect_open(&(struct meeting){.client = leaf.name,
						      .server = leaf.name},
				    leaf.name);
			continue;
		}
		config = x509_config(CONFIG_SERVER, leaf.name, "ca", NULL);
		expect_refusal(config, -EINVAL, config->certificate,
			       cases[i].refused);
	}
}

/* It stands in the file of the CAs, but a list says that it is revoked. */
static void test_revoked_ca(void **state)
{
	struct authority issuing;

	(void)state;
	authority_new(&issuing, "issuing");
	authority_issue(&issuing, &(struct leaf){.name = "carol"});
	authority_revoke(&issuing, "nobody", 0);
	authority_revoke(&issuing, "itself", 1);
	join("both", "crt", "ca", "issuing");
	join("nobody", "crl", "revoked", "nobody");
	join("itself", "crl", "revoked", "itself");
	expect_open(&(struct meeting){.client = "carol",
				      .server_ca = "both",
				      .server_crl = "nobody"},
		    "server");
	expect_refused(&(struct meeting){.client = "carol",
					 .server_ca = "both",
					 .server_crl = "itself"},
		       LINK_SERVER,
		       "its certificate is signed by an unknown CA (CN "
		       "\"carol\", serial 02)",
		       "the server refuses our certificate: it is not signed "
		       "by its CA (CN \"carol\", serial 02)");
	credentials_free(
		x509_credentials(CONFIG_SERVER, "server", "both", "itself"));
	assert_non_null(strstr(warning, "CN=issuing is revoked by"));
	expect_open(&(struct meeting){.client = "alice",
				      .server_ca = "both",
				      .server_crl = "itself"},
		    "server");
	authority_free(&issuing);
}

/* A certificate with this CN, and this e-mail address, where not NULL. */
static gnutls_x509_crt_t named(const char *cn, size_t length, const char *email)
{
	gnutls_x509_crt_t crt;
	gnutls_datum_t der;

	assert_int_equal(gnutls_x509_crt_init(&crt), 0);
	gnutls_x509_crt_set_version(crt, 3);
	gnutls_x509_crt_set_key(crt, authority.key);
	gnutls_x509_crt_set_serial(crt, "\x2a", 1);
	gnutls_x509_crt_set_activation_time(crt, time(NULL));
	gnutls_x509_crt_set_expiration_time(crt, time(NULL) + 60);
	if (cn)
		assert_int_equal(gnutls_x509_crt_set_dn_by_oid(
					 crt, GNUTLS_OID_X520_COMMON_NAME, 0,
					 cn, (unsigned)length),
				 0);
	if (email)
		gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_RFC822NAME,
						     email, strlen(email), 0);
	assert_int_equal(gnutls_x509_crt_sign2(crt, authority.crt,
					       authority.key, GNUTLS_DIG_SHA256,
					       0),
			 0);
	/* GnuTLS has the names only of what it has read. */
	assert_int_equal(
		gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der), 0);
	gnutls_x509_crt_deinit(crt);
	assert_int_equal(gnutls_x509_crt_init(&crt), 0);
	assert_int_equal(gnutls_x509_crt_import(crt, &der, GNUTLS_X509_FMT_DER),
			 0);
	gnutls_free(der.data);
	return crt;
}

/* Its name by CN begins so, and is a name. */
static void expect_name(const char *cn, const char *expected,
			char name[SETTINGS_NAME_SIZE])
{
	gnutls_x509_crt_t crt = named(cn, strlen(cn), NULL);

	assert_int_equal(certificate_name(crt, CONFIG_PEER_CN, name), 0);
	assert_true(config_name_valid(name));
	if (!strchr(expected, '*'))
		assert_string_equal(name, expected);
	else
		assert_int_equal(
			strncmp(name, expected, strcspn(expected, "*")), 0);
	gnutls_x509_crt_deinit(crt);
}

/* Whatever is in a CN has a name, and no two have the same. */
static void test_names(void **state)
{
	char name[SETTINGS_NAME_SIZE], other[SETTINGS_NAME_SIZE];
	char long_cn[65];

	(void)state;
	memset(long_cn, 'x', 64);
	long_cn[64] = '\0';
	expect_name("alice", "alice", name);
	expect_name("alice@example.org", "alice@example.org", name);
	expect_name("Alice Smith", "Alice_Smith-*", name);
	expect_name("Alice  Smith", "Alice_Smith-*", other);
	assert_string_not_equal(name, other);
	expect_name("J\xc3\xbcrgen", "J_rgen-*", other);
	expect_name(long_cn, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-*",
		    other);
	expect_name("..", "_.-*", other);
	expect_name("eve\n<3>minivpn: mallory: connected", "eve_3_minivpn_*",
		    other);
	/* Nobody can have the name that was made for somebody else. */
	expect_name("Alice Smith", "Alice_Smith-*", name);
	expect_name(name, "Alice_Smith-*", other);
	assert_string_not_equal(name, other);
}

static void test_other_names(void **state)
{
	gnutls_x509_crt_t crt = named(NULL, 0, "bob@example.org");
	char name[SETTINGS_NAME_SIZE], text[CERTIFICATE_TEXT_SIZE];

	(void)state;
	assert_int_equal(certificate_name(crt, CONFIG_PEER_CN, name), -ENODATA);
	assert_int_equal(certificate_name(crt, CONFIG_PEER_SAN, name), 0);
	assert_string_equal(name, "bob@example.org");
	certificate_describe(crt, text);
	assert_string_equal(text, "no CN, serial 2a");
	gnutls_x509_crt_deinit(crt);
	/* A zero does not end it. */
	crt = named("alice\0x", 7, NULL);
	assert_int_equal(certificate_name(crt, CONFIG_PEER_CN, name), 0);
	assert_string_not_equal(name, "alice");
	assert_true(config_name_valid(name));
	assert_int_equal(certificate_name(crt, CONFIG_PEER_SAN, name),
			 -ENODATA);
	gnutls_x509_crt_deinit(crt);
	/* A quote does not end it, nor a line's end, nor what turns it; the
	 * strokes are GnuTLS's. */
	crt = named("a\", serial 1\n\x1b[2J\xe2\x80\xae", 20, NULL);
	certificate_describe(crt, text);
	assert_string_equal(text, "CN \"a\\?\\, serial 1??[2J???\", serial 2a");
	gnutls_x509_crt_deinit(crt);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_files),
		cmocka_unit_test(test_own_warnings),
		cmocka_unit_test(test_other_files),
		cmocka_unit_test(test_damaged_lists),
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_self_signed),
		cmocka_unit_test(test_self_signed_says_nothing),
		cmocka_unit_test(test_key_of_other_kind),
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_client_refused),
		cmocka_unit_test(test_server_refused),
		cmocka_unit_test(test_no_server),
		cmocka_unit_test(test_expired),
		cmocka_unit_test(test_revoked_ca),
		cmocka_unit_test(test_kinds_of_keys),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_other_names),
	};

	return cmocka_run_group_tests(tests, begin, finish);
}
