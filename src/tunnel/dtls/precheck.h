/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checks what unauthenticated peers send before GnuTLS gets it: cuts datagrams
 * into records, and checks what can be checked without keys (RFC 6347, sections
 * 4.1 and 4.2.2), so that nothing malformed, and no length that is a lie, goes
 * any further. Pure functions over memory.
 */
#ifndef MINIVPN_TUNNEL_DTLS_PRECHECK_H
#define MINIVPN_TUNNEL_DTLS_PRECHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of a handshake message; the largest is a chain of certificates. */
#define PRECHECK_MESSAGE_MAX 16384

struct precheck_record {
	uint8_t type;
	uint16_t epoch;
	size_t length; /* bytes, header and body */
};

/*
 * Reads the record at the start of a datagram. False: there is no whole one of
 * a known type and version, and the rest of the datagram is of no use.
 */
bool precheck_record(const uint8_t *datagram, size_t length,
		     struct precheck_record *record);

/*
 * Is the body of a record of epoch 0, which is not encrypted, well-formed?
 * GnuTLS buffers seven messages at the length that they claim. A client is not
 * authenticated yet: only its Certificate may be large, and none where clients
 * are known by_key.
 */
bool precheck_plain(const uint8_t *datagram,
		    const struct precheck_record *record, bool from_client,
		    bool by_key);

/*
 * How many bytes a Certificate claims that is refused by that for its length
 * alone, where *most are taken; 0: none is refused. Its sender will not get any
 * further, and repeats it until it is told.
 */
size_t precheck_excess(const uint8_t *datagram,
		       const struct precheck_record *record, bool from_client,
		       bool by_key, size_t *most);

/*
 * The length of the record at the start of a datagram where it is of epoch 0
 * and holds a ClientHello whole, long enough for its random; else 0.
 */
size_t precheck_client_hello(const uint8_t *datagram, size_t length);

#endif
