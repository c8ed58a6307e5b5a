/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lists of revoked certificates as authorities publish them. They are made
 * byte by byte here, as GnuTLS and openssl make only the plain kind.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <gnutls/abstract.h>

#include "common/log.h"
#include "common/memfd.h"
#include "tunnel/dtls/crl.h"
#include "unit/certificates.h"

#define SEQUENCE 0x30

/* Extensions, each SEQUENCE { OID, BOOLEAN critical, OCTET STRING }. */
#define NUMBER(n) "\x30\x0a\x06\x03\x55\x1d\x14\x04\x03\x02\x01" n
#define DELTA(n)  "\x30\x0d\x06\x03\x55\x1d\x1b\x01\x01\xff\x04\x03\x02\x01" n
/* issuingDistributionPoint of nothing but one flag, [n] TRUE */
#define ONLY(n)                                                                \
	"\x30\x0f\x06\x03\x55\x1d\x1c\x01\x01\xff\x04\x05\x30\x03" n "\x01\xff"
/* ... and of a name, URI u:n */
#define POINT(n)                                                               \
	"\x30\x15\x06\x03\x55\x1d\x1c\x01\x01\xff\x04\x0b\x30\x09\xa0\x07\xa0" \
	"\x05\x86\x03u:" n
#define UNKNOWN			 "\x30\x0c\x06\x03\x2a\x03\x04\x01\x01\xff\x04\x02\x05\x00"
#define UNKNOWN_BUT_NOT_CRITICAL "\x30\x09\x06\x03\x2a\x03\x04\x04\x02\x05\x00"
/* Of entries: a reason (superseded), and certificateIssuer. */
#define REASON "\x30\x0a\x06\x03\x55\x1d\x15\x04\x03\x0a\x01\x04"
#define OF_ANOTHER                                                             \
	"\x30\x0e\x06\x03\x55\x1d\x1d\x01\x01\xff\x04\x04\x30\x02\xa4\x00"

struct bytes {
	uint8_t *data;
	size_t length, size;
};

struct wanted {
	const struct authority *by;
	uint8_t serial;		/* that is revoked; 0: none */
	const char *extensions; /* of the list */
	const char *entry;	/* extensions of the entry */
};

static struct authority ca, other, renewed;
static char warning[LOG_LINE_SIZE];

static void keep_warning(void *data, enum log_level level, const char *line)
{
	(void)data;
	if (level == LOG_LEVEL_WARNING)
		snprintf(warning, sizeof(warning), "%s", line);
}

static void add(struct bytes *bytes, const void *data, size_t length)
{
	if (bytes->length + length > bytes->size) {
		bytes->size = 2 * (bytes->length + length);
		bytes->data = realloc(bytes->data, bytes->size);
		assert_non_null(bytes->data);
	}
	if (length)
		memcpy(bytes->data + bytes->length, data, length);
	bytes->length += length;
}

/* An element with this content, which is freed. */
static void wrap(struct bytes *to, uint8_t tag, struct bytes *content)
{
	const size_t length = content->length;
	const uint8_t head[] = {tag,
				0x84,
				(uint8_t)(length >> 24),
				(uint8_t)(length >> 16),
				(uint8_t)(length >> 8),
				(uint8_t)length};
	const uint8_t brief[] = {tag, (uint8_t)length};

	if (length < 0x80)
		add(to, brief, sizeof(brief));
	else if (length < 0x100)
		add(to, (uint8_t[]){tag, 0x81, (uint8_t)length}, 3);
	else if (length < 0x10000)
		add(to, (uint8_t[]){tag, 0x82, head[4], head[5]}, 4);
	else
		add(to, head, sizeof(head));
	add(to, content->data, length);
	free(content->data);
	*content = (struct bytes){0};
}

static void wrap_text(struct bytes *to, uint8_t tag, const void *text,
		      size_t length)
{
	struct bytes content = {0};

	add(&content, text, length);
	wrap(to, tag, &content);
}

/* The extensions are text without zeros but for those that end it. */
static size_t size_of_extensions(const char *der)
{
	const uint8_t *at = (const uint8_t *)der;

	while (*at == SEQUENCE)
		at += 2 + at[1];
	return (size_t)(at - (const uint8_t *)der);
}

static void add_extensions(struct bytes *to, const char *der)
{
	if (der)
		wrap_text(to, SEQUENCE, der, size_of_extensions(der));
}

static void add_time(struct bytes *to, int days)
{
	time_t when = time(NULL) + days * 86400;
	struct tm parts;
	char text[32];

	assert_non_null(gmtime_r(&when, &parts));
	assert_int_equal(strftime(text, sizeof(text), "%Y%m%d%H%M%SZ", &parts),
			 15);
	wrap_text(to, 0x18, text, 15);
}

/* ecdsa-with-SHA256 */
static void add_algorithm(struct bytes *to)
{
	wrap_text(to, SEQUENCE, "\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02", 10);
}

static void sign(const struct authority *by, struct bytes *tbs,
		 struct bytes *list)
{
	gnutls_datum_t data = {tbs->data, (unsigned)tbs->length}, signature;
	struct bytes bits = {0}, content = {0};
	gnutls_privkey_t key;

	assert_int_equal(gnutls_privkey_init(&key), 0);
	assert_int_equal(gnutls_privkey_import_x509(key, by->key, 0), 0);
	assert_int_equal(gnutls_privkey_sign_data(key, GNUTLS_DIG_SHA256, 0,
						  &data, &signature),
			 0);
	gnutls_privkey_deinit(key);
	add(&content, tbs->data, tbs->length);
	add_algorithm(&content);
	add(&bits, "", 1);
	add(&bits, signature.data, signature.size);
	gnutls_free(signature.data);
	wrap(&content, 0x03, &bits);
	wrap(list, SEQUENCE, &content);
	free(tbs->data);
}

/* A list with these entries, which are freed, as PEM behind what there is. */
static void add_list(struct bytes *pem, const struct authority *by,
		     struct bytes *entries, const char *extensions)
{
	struct bytes content = {0}, tbs = {0}, list = {0}, all = {0};
	gnutls_datum_t name, der, text;

	add(&content, "\x02\x01\x01", 3);
	add_algorithm(&content);
	assert_int_equal(gnutls_x509_crt_get_raw_dn(by->crt, &name), 0);
	add(&content, name.data, name.size);
	gnutls_free(name.data);
	add_time(&content, -1);
	add_time(&content, 1);
	if (entries->length)
		wrap(&content, SEQUENCE, entries);
	add_extensions(&all, extensions);
	if (all.length)
		wrap(&content, 0xa0, &all);
	wrap(&tbs, SEQUENCE, &content);
	sign(by, &tbs, &list);
	der = (gnutls_datum_t){list.data, (unsigned)list.length};
	assert_int_equal(gnutls_pem_base64_encode2("X509 CRL", &der, &text), 0);
	add(pem, text.data, text.size);
	gnutls_free(text.data);
	free(list.data);
}

static void add_entry(struct bytes *entries, const uint8_t *serial,
		      size_t length, const char *extensions)
{
	struct bytes entry = {0};

	wrap_text(&entry, 0x02, serial, length);
	wrap_text(&entry, 0x17, "260101000000Z", 13);
	add_extensions(&entry, extensions);
	wrap(entries, SEQUENCE, &entry);
}

static void add_wanted(struct bytes *pem, const struct wanted *wanted)
{
	struct bytes entries = {0};

	if (wanted->serial)
		add_entry(&entries, &wanted->serial, 1, wanted->entry);
	add_list(pem, wanted->by, &entries, wanted->extensions);
}

/* Reads them as one file, where all three are CAs; pem is freed. */
static int load(struct crl_set **set, struct bytes *pem, struct reason *reason)
{
	struct crl_source source = {.path = "list", .ca_path = "ca"};
	struct crl_bytes bytes = {NULL, 0};
	struct bytes cas = {0};
	const struct authority *all[] = {&ca, &other, &renewed};
	gnutls_datum_t text;
	int err;

	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(gnutls_x509_crt_export2(all[i]->crt,
							 GNUTLS_X509_FMT_PEM,
							 &text),
				 0);
		add(&cas, text.data, text.size);
		gnutls_free(text.data);
	}
	add(&cas, "", 1);
	source.ca = (const char *)cas.data;
	source.ca_length = cas.length - 1;
	memset(reason, 0, sizeof(*reason));
	err = crl_reduce(&bytes, (char *)pem->data, pem->length, &source,
			 reason);
	assert_int_equal(!!err, !!reason->text[0]);
	if (!err)
		assert_int_equal(crl_set_new(set, &bytes), 0);
	free(pem->data);
	free(cas.data);
	*pem = (struct bytes){0};
	return err;
}

static gnutls_x509_crt_t certificate(const struct authority *by, uint8_t serial,
				     bool is_ca, bool has_point)
{
	gnutls_x509_crt_t crt;

	assert_int_equal(gnutls_x509_crt_init(&crt), 0);
	gnutls_x509_crt_set_version(crt, 3);
	gnutls_x509_crt_set_key(crt, by->key);
	gnutls_x509_crt_set_serial(crt, &serial, 1);
	gnutls_x509_crt_set_activation_time(crt, time(NULL) - 60);
	gnutls_x509_crt_set_expiration_time(crt, time(NULL) + 60);
	gnutls_x509_crt_set_basic_constraints(crt, is_ca, -1);
	if (has_point)
		gnutls_x509_crt_set_crl_dist_points2(crt, GNUTLS_SAN_URI, "u:1",
						     3, 0);
	assert_int_equal(gnutls_x509_crt_sign2(crt, by->crt, by->key,
					       GNUTLS_DIG_SHA256, 0),
			 0);
	return crt;
}

static struct wanted with_entry(const struct authority *by, uint8_t serial,
				const char *extensions, const char *entry)
{
	return (struct wanted){by, serial, extensions, entry};
}

static struct wanted with(const struct authority *by, uint8_t serial,
			  const char *extensions)
{
	return with_entry(by, serial, extensions, NULL);
}

static struct wanted plain(const struct authority *by, uint8_t serial)
{
	return with(by, serial, NULL);
}

/* What a file of these lists says of a certificate. */
struct verdict {
	int err;
	bool covers, revokes;
	struct reason reason;
};

/* Those without an authority behind them are none. */
static struct verdict verdict_on(const struct wanted lists[4],
				 gnutls_x509_crt_t crt)
{
	struct verdict verdict = {0};
	struct crl_set *set = NULL;
	struct bytes pem = {0};

	for (size_t i = 0; i < 4 && lists[i].by; i++)
		add_wanted(&pem, &lists[i]);
	verdict.err = load(&set, &pem, &verdict.reason);
	if (!verdict.err) {
		verdict.covers = crl_set_covers(set, crt);
		verdict.revokes = crl_set_revokes(set, crt);
	}
	crl_set_free(set);
	gnutls_x509_crt_deinit(crt);
	return verdict;
}

#define VERDICT(crt, ...) verdict_on((const struct wanted[4]){__VA_ARGS__}, crt)

static void expect(struct verdict verdict, bool covers, bool revokes)
{
	assert_string_equal(verdict.reason.text, "");
	assert_int_equal(verdict.covers, covers);
	assert_int_equal(verdict.revokes, revokes);
}

static void expect_refused(struct verdict verdict, const char *why)
{
	assert_int_equal(verdict.err, -EINVAL);
	assert_non_null(strstr(verdict.reason.text, why));
}

static gnutls_x509_crt_t user(uint8_t serial)
{
	return certificate(&ca, serial, false, false);
}

static void test_plain(void **state)
{
	(void)state;
	expect(VERDICT(user(7), plain(&ca, 7)), true, true);
	expect(VERDICT(user(8), plain(&ca, 7)), true, false);
	expect(VERDICT(user(7), plain(&other, 7)), false, false);
	expect(VERDICT(user(7), with_entry(&ca, 7, NUMBER("\x01"), REASON)),
	       true, true);
	expect(VERDICT(user(7), with(&ca, 7, UNKNOWN_BUT_NOT_CRITICAL)), true,
	       true);
}

/* Whichever comes first, newest or not: whoever is in one of them is out. */
static void test_all_count(void **state)
{
	(void)state;
	expect(VERDICT(user(7), plain(&ca, 7), plain(&ca, 8)), true, true);
	expect(VERDICT(user(8), plain(&ca, 7), plain(&ca, 8)), true, true);
	expect(VERDICT(user(9), plain(&ca, 7), plain(&ca, 8), plain(&other, 9)),
	       true, false);
}

/* A CA that has a new key and its old name. */
static void test_renewed_key(void **state)
{
	(void)state;
	expect(VERDICT(user(7), plain(&renewed, 7)), true, true);
	expect(VERDICT(user(7), plain(&renewed, 8), plain(&ca, 7)), true, true);
	expect(VERDICT(certificate(&renewed, 7, false, false), plain(&ca, 7)),
	       true, true);
}

static void test_delta(void **state)
{
	const struct wanted base = with(&ca, 7, NUMBER("\x05"));

	(void)state;
	expect(VERDICT(user(7), base,
		       with(&ca, 8, NUMBER("\x06") DELTA("\x05"))),
	       true, true);
	expect(VERDICT(user(8), with(&ca, 8, NUMBER("\x06") DELTA("\x05")),
		       base),
	       true, true);
	/* A whole one that is newer than what the delta goes with. */
	expect(VERDICT(user(7), base,
		       with(&ca, 8, NUMBER("\x06") DELTA("\x03"))),
	       true, true);
	expect_refused(
		VERDICT(user(7), with(&ca, 7, NUMBER("\x06") DELTA("\x05"))),
		"the list of CN=ca has only what has changed since");
	expect_refused(VERDICT(user(7), base,
			       with(&ca, 8, NUMBER("\x09") DELTA("\x06"))),
		       "too old");
	expect_refused(
		VERDICT(user(7), plain(&ca, 7), with(&ca, 8, DELTA("\x01"))),
		"too old");
	expect_refused(VERDICT(user(7), with(&other, 7, NUMBER("\x05")),
			       with(&ca, 8, NUMBER("\x06") DELTA("\x05"))),
		       "which is not there");
}

static void test_kinds(void **state)
{
	(void)state;
	/* onlyContainsUserCerts, onlyContainsCACerts */
	expect(VERDICT(user(7), with(&ca, 7, ONLY("\x81"))), true, true);
	expect(VERDICT(certificate(&ca, 8, true, false),
		       with(&ca, 7, ONLY("\x81"))),
	       false, false);
	expect(VERDICT(user(8), with(&ca, 7, ONLY("\x82"))), false, false);
	expect(VERDICT(user(7), with(&ca, 7, ONLY("\x82"))), false, true);
	expect(VERDICT(certificate(&ca, 8, true, false),
		       with(&ca, 7, ONLY("\x82"))),
	       true, false);
	expect(VERDICT(user(8), with(&ca, 7, ONLY("\x82")),
		       with(&ca, 9, ONLY("\x81"))),
	       true, false);
	/* onlyContainsAttributeCerts */
	expect(VERDICT(user(8), with(&ca, 7, ONLY("\x85"))), false, false);
	/* indirectCRL: the entries may be of any issuer. */
	expect_refused(VERDICT(user(8), with(&ca, 7, ONLY("\x84"))),
		       "not understood");
}

/* Lists that are parts of a whole, each for a distribution point. */
static void test_parts(void **state)
{
	(void)state;
	expect(VERDICT(user(8), with(&ca, 7, POINT("1"))), false, false);
	expect(VERDICT(user(7), with(&ca, 7, POINT("1"))), false, true);
	expect(VERDICT(certificate(&ca, 8, false, true),
		       with(&ca, 7, POINT("1"))),
	       true, false);
	expect(VERDICT(certificate(&ca, 8, false, true),
		       with(&ca, 7, POINT("2"))),
	       false, false);
	expect(VERDICT(certificate(&ca, 8, false, true),
		       with(&ca, 7, POINT("2")), with(&ca, 9, POINT("1"))),
	       true, false);
	expect(VERDICT(certificate(&ca, 7, false, true),
		       with(&ca, 7, POINT("2")), with(&ca, 9, POINT("1"))),
	       true, true);
	expect(VERDICT(user(8), with(&ca, 7, POINT("1")), plain(&ca, 9)), true,
	       false);
}

static void test_critical(void **state)
{
	(void)state;
	expect_refused(VERDICT(user(7), with(&ca, 7, UNKNOWN)),
		       "the list of CN=ca says something critical");
	expect_refused(VERDICT(user(7), plain(&ca, 7), with(&ca, 7, UNKNOWN)),
		       "something critical");
	expect_refused(VERDICT(user(7), with_entry(&ca, 7, NULL, UNKNOWN)),
		       "an entry with something critical");
	expect_refused(VERDICT(user(7), with_entry(&ca, 7, NULL, OF_ANOTHER)),
		       "an entry with something critical");
}

static void test_not_signed(void **state)
{
	struct authority stranger;

	(void)state;
	authority_new(&stranger, "stranger");
	expect_refused(VERDICT(user(7), plain(&ca, 7), plain(&stranger, 7)),
		       "is not signed by a CA in ca");
	authority_free(&stranger);
}

/* What arrives as something else is refused, and nothing is read beyond it. */
static void test_map(void **state)
{
	struct crl_source source = {.path = "list", .ca_path = "ca"};
	struct crl_bytes bytes = {NULL, 0};
	struct bytes pem = {0};
	struct crl_set *set = NULL;
	struct reason reason;
	gnutls_datum_t text;
	int fd;

	(void)state;
	assert_int_equal(
		gnutls_x509_crt_export2(ca.crt, GNUTLS_X509_FMT_PEM, &text), 0);
	source.ca = (const char *)text.data;
	source.ca_length = text.size;
	add_wanted(&pem, &(struct wanted){.by = &ca,
					  .serial = 7,
					  .extensions = POINT("1")});
	assert_int_equal(crl_reduce(&bytes, (char *)pem.data, pem.length,
				    &source, &reason),
			 0);
	for (size_t length = 0; length < bytes.length; length++) {
		fd = memfd_make((char *)bytes.data, length);
		assert_true(fd >= 0);
		/* Nothing behind the magic is no list, which is well. */
		assert_int_equal(!crl_set_map(&set, fd), length == 8);
		if (length == 8)
			crl_set_free(set);
		close(fd);
	}
	for (size_t i = 0; i < bytes.length; i++) {
		gnutls_x509_crt_t crt = certificate(&ca, 7, false, true);

		bytes.data[i] ^= 0xff;
		fd = memfd_make((char *)bytes.data, bytes.length);
		if (!crl_set_map(&set, fd)) {
			crl_set_covers(set, crt);
			crl_set_revokes(set, crt);
			crl_set_free(set);
		}
		bytes.data[i] ^= 0xff;
		close(fd);
		gnutls_x509_crt_deinit(crt);
	}
	fd = memfd_make((char *)bytes.data, bytes.length);
	assert_int_equal(crl_set_map(&set, fd), 0);
	close(fd);
	crl_set_free(set);
	free(bytes.data);
	free(pem.data);
	gnutls_free(text.data);
}

/*
 * A million entries that are in no order: a search is not noticed by whoever
 * has packets to carry, and the room is what the manual says.
 */
static void test_million(void **state)
{
	const char *most = getenv("MINIVPN_CRL_ENTRIES");
	const size_t count = most ? strtoul(most, NULL, 10) : 100000;
	uint8_t serial[16] = {0x40};
	struct bytes entries = {0}, pem = {0};
	struct crl_set *set = NULL;
	struct reason reason;
	struct timespec from, to;
	gnutls_x509_crt_t crt;

	(void)state;
	for (size_t i = 0; i < count; i++) {
		size_t number = i ^ 0x55;

		memcpy(serial + 8, &number, sizeof(number));
		add_entry(&entries, serial, sizeof(serial), NULL);
	}
	add_list(&pem, &ca, &entries, NULL);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	assert_int_equal(load(&set, &pem, &reason), 0);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	print_message("%zu entries: %.0f ms\n", count,
		      (double)(to.tv_sec - from.tv_sec) * 1e3 +
			      (double)(to.tv_nsec - from.tv_nsec) / 1e6);
	crt = user(7);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	for (unsigned i = 0; i < 1000; i++)
		assert_false(crl_set_revokes(set, crt));
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	/* 20 ms is what a packet may wait; this is a thousand searches. */
	assert_true((to.tv_sec - from.tv_sec) * 1000000000 + to.tv_nsec -
			    from.tv_nsec <
		    1000000000);
	gnutls_x509_crt_deinit(crt);
	crt = user(7);
	gnutls_x509_crt_set_serial(crt, serial, sizeof(serial));
	assert_true(crl_set_revokes(set, crt));
	serial[15] = 1;
	gnutls_x509_crt_set_serial(crt, serial, sizeof(serial));
	assert_false(crl_set_revokes(set, crt));
	gnutls_x509_crt_deinit(crt);
	crl_set_free(set);
}

static void test_out_of_date(void **state)
{
	struct crl_set *set = NULL;
	struct bytes pem = {0};
	struct reason reason;

	(void)state;
	add_wanted(&pem, &(struct wanted){.by = &ca, .serial = 7});
	assert_int_equal(load(&set, &pem, &reason), 0);
	warning[0] = '\0';
	crl_set_warn(set, "list");
	assert_string_equal(warning, "");
	crl_set_free(set);
}

static int begin(void **state)
{
	(void)state;
	log_set_sink(keep_warning, NULL);
	certificates_begin();
	authority_new(&ca, "ca");
	authority_new(&renewed, "ca");
	authority_new(&other, "other");
	return 0;
}

static int finish(void **state)
{
	(void)state;
	authority_free(&ca);
	authority_free(&renewed);
	authority_free(&other);
	certificates_end();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_all_count),
		cmocka_unit_test(test_renewed_key),
		cmocka_unit_test(test_delta),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_critical),
		cmocka_unit_test(test_not_signed),
		cmocka_unit_test(test_map),
		cmocka_unit_test(test_million),
		cmocka_unit_test(test_out_of_date),
	};

	return cmocka_run_group_tests(tests, begin, finish);
}
