/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control messages inside the tunnel: encode and decode, nothing else. One
 * message is one application record:
 *
 *   0        1        2                 4
 *   | type   | version| id              | attributes ...
 *
 * type 0x00-0x0f (an IP packet begins with 0x4. or 0x6.), version 1, id chosen
 * by the one who asks and repeated in the answer. An attribute is a type and a
 * length (16 bits each, the length without these four bytes) and a value;
 * unknown ones are skipped. Network order throughout.
 */
#ifndef MINIVPN_TUNNEL_CONTROL_MESSAGE_H
#define MINIVPN_TUNNEL_CONTROL_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/config/settings.h"

#define WIRE_VERSION   1
#define WIRE_TEXT_SIZE 128
/*
 * Bytes of the largest message but a padded PING: with 85 around it, it passes
 * wherever IPv6 does (RFC 8200, section 5).
 */
#define WIRE_SIZE 1195

enum wire_type {
	WIRE_HELLO = 1,	 /* client: I am here, I would like ... */
	WIRE_CONFIG = 2, /* server: this is yours; answers HELLO, or is pushed:
			  * then a HELLO of the same id answers it */
	WIRE_PING = 3,
	WIRE_PONG = 4, /* answers PING, repeats its timestamp */
	WIRE_BYE = 5,
	WIRE_ERROR = 6, /* answers what could not be understood or granted */
};

enum wire_code {
	WIRE_CODE_NONE = 0,
	WIRE_CODE_STOPPING = 1,	  /* BYE: the sender ends */
	WIRE_CODE_REPLACED = 2,	  /* BYE: the same peer has come elsewhere */
	WIRE_CODE_REMOVED = 3,	  /* BYE: the peer is not allowed any more */
	WIRE_CODE_SILENT = 4,	  /* BYE: nothing was heard for too long */
	WIRE_CODE_CHANGED = 5,	  /* BYE: the peer's settings: come back */
	WIRE_CODE_AGED = 6,	  /* BYE: no full handshake for so long: come
				   * back */
	WIRE_CODE_EXPIRED = 7,	  /* BYE: a certificate of the peer has ended */
	WIRE_CODE_UNKNOWN = 16,	  /* ERROR: a type that is not known */
	WIRE_CODE_MALFORMED = 17, /* ERROR */
	WIRE_CODE_EXHAUSTED = 18, /* ERROR: the pool has no address left */
	WIRE_CODE_REFUSED = 19,	  /* ERROR */
};

/* Set in the id of a CONFIG that was not asked for. */
#define WIRE_PUSHED 0x8000

struct wire_message {
	uint8_t type;
	uint8_t version;
	uint16_t id;
	/* HELLO: address4/6 it had before; CONFIG: all. */
	struct settings settings;
	bool ecn; /* HELLO, CONFIG: reads ECN of outer headers (RFC 6040) */
	uint64_t timestamp;	   /* PING, PONG: the asker's clock, any unit */
	uint16_t padding;	   /* PING: bytes of padding after the rest */
	uint16_t code;		   /* BYE, ERROR: enum wire_code */
	char text[WIRE_TEXT_SIZE]; /* BYE, ERROR: for a person; printable */
};

/* An application record that is a control message, by its first byte. */
bool wire_is_control(const uint8_t *record, size_t length);

/*
 * The length in bytes, or -EMSGSIZE. The fullest CONFIG that settings.h allows
 * is longer than WIRE_SIZE: 1421 bytes.
 */
ssize_t wire_encode(const struct wire_message *message, uint8_t *record,
		    size_t size);

/*
 * 0, -EPROTO (malformed; type and id are set where they could be read), or
 * -EOPNOTSUPP (an unknown type or version: to be answered with ERROR, but for
 * an ERROR itself). Text from the peer is made printable; names and domains
 * with other characters than theirs, and an MTU below 576, are left out;
 * prefixes are checked for their range, routes lose their host bits, lists are
 * bounded by settings.h (what is beyond is left out).
 */
int wire_decode(const uint8_t *record, size_t length,
		struct wire_message *message);

/* What a code means, for the log. */
const char *wire_code_text(uint16_t code);

#endif
