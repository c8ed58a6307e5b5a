/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/dtls/certificate_name.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* A CN has 64 characters, a DNS name 255; more is no name. */
#define VALUE_SIZE 512

/* A name that was made has so many hexadecimal digits of a digest at its end,
 * after a dash. */
#define DIGEST_BYTES 8
#define DIGEST_TEXT  (1 + 2 * DIGEST_BYTES)

struct value {
	char bytes[VALUE_SIZE]; /* with a zero behind them */
	size_t length;
};

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || strchr("._@-", c);
}

/* Nobody gets such a name by having it in a certificate. */
static bool looks_made(const char *name)
{
	size_t length = strlen(name);

	return length > DIGEST_TEXT && name[length - DIGEST_TEXT] == '-' &&
	       strspn(name + length - DIGEST_TEXT + 1, "0123456789abcdef") ==
		       DIGEST_TEXT - 1;
}

static int make_name(const struct value *value, char name[SETTINGS_NAME_SIZE])
{
	const size_t most = SETTINGS_NAME_SIZE - 1 - DIGEST_TEXT;
	uint8_t digest[32];
	size_t length = 0;

	if (gnutls_hash_fast(GNUTLS_DIG_SHA256, value->bytes, value->length,
			     digest) < 0)
		return -EIO;
	for (size_t i = 0; i < value->length && length < most; i++) {
		char c = value->bytes[i];

		if (!c || !is_plain(c) || (!length && strchr(".-", c)))
			c = '_';
		if (c != '_' || !length || name[length - 1] != '_')
			name[length++] = c;
	}
	name[length++] = '-';
	for (unsigned i = 0; i < DIGEST_BYTES; i++, length += 2)
		snprintf(name + length, 3, "%02x", digest[i]);
	return 0;
}

/* The last CN is the most specific: CN=Users may stand before it. */
static bool last_cn(gnutls_x509_crt_t crt, struct value *value)
{
	int last = -1;
	int code;

	do {
		size_t size = 0;

		code = gnutls_x509_crt_get_dn_by_oid(
			crt, GNUTLS_OID_X520_COMMON_NAME, last + 1, 0, NULL,
			&size);
		last++;
	} while (code == GNUTLS_E_SHORT_MEMORY_BUFFER);
	value->length = sizeof(value->bytes);
	if (last == 0 || gnutls_x509_crt_get_dn_by_oid(
				 crt, GNUTLS_OID_X520_COMMON_NAME, last - 1, 0,
				 value->bytes, &value->length) < 0)
		return false;
	return value->length > 0;
}

/* The next subjectAltName that is text; *from is one behind it. */
static bool next_alternative(gnutls_x509_crt_t crt, unsigned *from, int *type,
			     struct value *value)
{
	for (;;) {
		value->length = sizeof(value->bytes) - 1;
		*type = gnutls_x509_crt_get_subject_alt_name(
			crt, (*from)++, value->bytes, &value->length, NULL);
		if (*type == GNUTLS_E_SHORT_MEMORY_BUFFER)
			continue;
		if (*type < 0)
			return false;
		value->bytes[value->length] = '\0';
		if (value->length)
			return true;
	}
}

static bool first_alternative(gnutls_x509_crt_t crt, struct value *value)
{
	unsigned from = 0;
	int type;

	while (next_alternative(crt, &from, &type, value)) {
		if (type == GNUTLS_SAN_DNSNAME ||
		    type == GNUTLS_SAN_RFC822NAME || type == GNUTLS_SAN_URI)
			return true;
	}
	return false;
}

int certificate_name(gnutls_x509_crt_t crt, enum config_peer_name by,
		     char name[SETTINGS_NAME_SIZE])
{
	struct value value;

	memset(name, 0, SETTINGS_NAME_SIZE);
	if (by == CONFIG_PEER_CN ? !last_cn(crt, &value)
				 : !first_alternative(crt, &value))
		return -ENODATA;
	/* A zero inside would make two names look like one. */
	if (value.length >= SETTINGS_NAME_SIZE ||
	    memchr(value.bytes, '\0', value.length))
		return make_name(&value, name);
	memcpy(name, value.bytes, value.length);
	if (config_name_valid(name) && !looks_made(name))
		return 0;
	memset(name, 0, SETTINGS_NAME_SIZE);
	return make_name(&value, name);
}

/* Text that is added to as long as there is room. */
struct writing {
	char *text;
	size_t length;
};

static void write_text(struct writing *writing, const char *text)
{
	size_t room = CERTIFICATE_TEXT_SIZE - writing->length;
	int length =
		snprintf(writing->text + writing->length, room, "%s", text);

	writing->length += (size_t)length < room ? (size_t)length : room - 1;
}

/*
 * The name stands in quotes, which it can't leave. What is no ASCII may be a
 * letter, or turn the line around; as far as messages go, it is a question
 * mark.
 */
static void write_quoted(struct writing *writing, const struct value *value)
{
	char one[2] = "";

	write_text(writing, "\"");
	for (size_t i = 0; i < value->length && i < 64; i++) {
		one[0] = value->bytes[i];
		if (one[0] < ' ' || one[0] > '~' || one[0] == '"')
			one[0] = '?';
		write_text(writing, one);
	}
	write_text(writing, value->length > 64 ? "...\"" : "\"");
}

void certificate_describe(gnutls_x509_crt_t crt,
			  char text[CERTIFICATE_TEXT_SIZE])
{
	struct writing writing = {text, 0};
	struct value value;
	uint8_t serial[32];
	size_t size = sizeof(serial);
	char two[3];

	text[0] = '\0';
	if (last_cn(crt, &value)) {
		write_text(&writing, "CN ");
		write_quoted(&writing, &value);
	} else {
		write_text(&writing, "no CN");
	}
	if (gnutls_x509_crt_get_serial(crt, serial, &size) < 0)
		return;
	write_text(&writing, ", serial ");
	for (size_t i = 0; i < size; i++) {
		snprintf(two, sizeof(two), "%02x", serial[i]);
		write_text(&writing, two);
	}
}

static void write_address(struct writing *writing, const struct value *value)
{
	int family = value->length == 4 ? AF_INET : AF_INET6;
	char address[INET6_ADDRSTRLEN] = "?";

	if (value->length == 4 || value->length == 16)
		inet_ntop(family, value->bytes, address, sizeof(address));
	write_text(writing, address);
}

void certificate_alternatives(gnutls_x509_crt_t crt,
			      char text[CERTIFICATE_TEXT_SIZE])
{
	struct writing writing = {text, 0};
	struct value value;
	unsigned from = 0;
	int type;

	text[0] = '\0';
	while (next_alternative(crt, &from, &type, &value)) {
		if (writing.length)
			write_text(&writing, ", ");
		if (type == GNUTLS_SAN_IPADDRESS) {
			write_address(&writing, &value);
		} else if (type == GNUTLS_SAN_DNSNAME ||
			   type == GNUTLS_SAN_RFC822NAME ||
			   type == GNUTLS_SAN_URI) {
			write_quoted(&writing, &value);
		} else {
			write_text(&writing, "another kind");
		}
	}
	if (!writing.length)
		write_text(&writing, "none");
}
