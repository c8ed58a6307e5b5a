/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What DTLS 1.2 has on the wire: where things are in a record, a handshake
 * message and a ClientHello, and the numbers in them. Offsets are from the
 * beginning of each; common/bytes.h reads what has several bytes.
 */
#ifndef MINIVPN_TUNNEL_DTLS_DTLS_H
#define MINIVPN_TUNNEL_DTLS_DTLS_H

#include <stdint.h>

/* A record's header (RFC 6347, section 4.1). */
#define DTLS_TYPE     0
#define DTLS_VERSION  1
#define DTLS_POSITION 3 /* 64 bits: the epoch, and the sequence number */
#define DTLS_EPOCH    3 /* its 16 */
#define DTLS_SEQUENCE 5 /* its 48 */
#define DTLS_LENGTH   11
#define DTLS_HEADER   13

#define DTLS_1_0 0xfeff /* a first ClientHello may say it */
#define DTLS_1_2 0xfefd

#define DTLS_SEQUENCE_BITS 48
#define DTLS_SEQUENCE_MASK ((UINT64_C(1) << DTLS_SEQUENCE_BITS) - 1)

/* ContentType, and the most that a record holds (RFC 5246, section 6.2). */
#define DTLS_CHANGE_CIPHER_SPEC 20
#define DTLS_ALERT		21
#define DTLS_HANDSHAKE		22
#define DTLS_APPLICATION_DATA	23
#define DTLS_PLAIN_MAX		16384
#define DTLS_BODY_MAX		(DTLS_PLAIN_MAX + 2048)

/* A handshake message, or a fragment of one (RFC 6347, section 4.2.2). */
#define DTLS_MESSAGE_TYPE     0
#define DTLS_MESSAGE_LENGTH   1 /* 24 bits */
#define DTLS_MESSAGE_SEQUENCE 4
#define DTLS_FRAGMENT_OFFSET  6 /* 24 bits */
#define DTLS_FRAGMENT_LENGTH  9 /* 24 bits */
#define DTLS_MESSAGE_HEADER   12

/* HandshakeType (RFC 6347, section 4.3.2). */
#define DTLS_CLIENT_HELLO	  1
#define DTLS_SERVER_HELLO	  2
#define DTLS_HELLO_VERIFY_REQUEST 3
#define DTLS_NEW_SESSION_TICKET	  4
#define DTLS_CERTIFICATE	  11
#define DTLS_SERVER_KEY_EXCHANGE  12
#define DTLS_CERTIFICATE_REQUEST  13
#define DTLS_SERVER_HELLO_DONE	  14
#define DTLS_CERTIFICATE_VERIFY	  15
#define DTLS_CLIENT_KEY_EXCHANGE  16

/*
 * A ClientHello (RFC 6347, section 4.2.1). From the session ID on everything
 * has its length before it: one byte, two for the cipher suites.
 */
#define DTLS_HELLO_RANDOM     2
#define DTLS_HELLO_SESSION_ID 34
#define DTLS_RANDOM_SIZE      32

/* A ClientHello that is whole in a record, from the record's beginning. */
#define DTLS_HELLO (DTLS_HEADER + DTLS_MESSAGE_HEADER)

#endif
