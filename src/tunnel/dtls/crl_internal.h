/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What crl_load.c writes and crl.c reads: the form of reduced lists, and the
 * elements of DER (X.690) that both have to find their way in.
 */
#ifndef MINIVPN_TUNNEL_DTLS_CRL_INTERNAL_H
#define MINIVPN_TUNNEL_DTLS_CRL_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Tags of DER (X.690, section 8.1.2). */
#define CRL_TAG_BOOLEAN	 0x01
#define CRL_TAG_INTEGER	 0x02
#define CRL_TAG_BITS	 0x03
#define CRL_TAG_OCTETS	 0x04
#define CRL_TAG_OID	 0x06
#define CRL_TAG_SEQUENCE 0x30
#define CRL_TAG_UTC_TIME 0x17
#define CRL_TAG_TIME	 0x18
/* [n], constructed (0xa0) or primitive (0x80). */
#define CRL_TAG_INNER(n) (0xa0 | (n))
#define CRL_TAG_PLAIN(n) (0x80 | (n))

/* RFC 5280, section 4.1.2.2 allows serial numbers of 20 bytes. */
#define CRL_SERIAL_SIZE 64

/* What a list is about, when it is not all that its issuer has issued. */
enum crl_scope {
	CRL_DELTA = 1,	 /* only what has changed since a whole one */
	CRL_USERS = 2,	 /* onlyContainsUserCerts */
	CRL_CAS = 4,	 /* onlyContainsCACerts */
	CRL_PARTIAL = 8, /* attribute certificates, or only some reasons */
};

/*
 * The bytes begin with CRL_MAGIC. Each list is a head, and then the issuer's
 * name in DER, the names of its distribution point, where it has one, and count
 * serial numbers of width bytes in ascending order, with zeros in front.
 */
#define CRL_MAGIC UINT64_C(0x315453494c4c5243)

struct crl_head {
	uint64_t count;
	int64_t until; /* Unix time of nextUpdate; -1: it has none */
	uint32_t issuer, points, width; /* bytes */
	uint32_t scope;			/* enum crl_scope */
};

struct crl_span {
	const uint8_t *data;
	size_t length;
};

struct crl_element {
	uint8_t tag;
	struct crl_span whole, content;
};

/* Cuts the first element off rest; false: there is none that is whole. */
bool crl_element(struct crl_span *rest, struct crl_element *element);
/* The same where it has this tag. */
bool crl_element_of(struct crl_span *rest, uint8_t tag,
		    struct crl_element *element);

static inline bool crl_same(struct crl_span a, struct crl_span b)
{
	return a.length == b.length &&
	       (!a.length || !memcmp(a.data, b.data, a.length));
}

/* A number without what is of no weight in front. */
struct crl_span crl_without_zeros(struct crl_span number);

#endif
