/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control messages inside the tunnel: encode and decode, nothing else. One
 * message is one application record:
 *
 *   0        1        2                 4
 *   | type   | version| id              | attributes ...
 *
 * type 0x00-0x0e (0x0f: tunnel/dtls/preshared.h has it; an IP packet begins
 * with 0x4. or 0x6.), version 1, id chosen
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

#define MESSAGE_VERSION	  1
#define MESSAGE_TEXT_SIZE 128
/* Bytes that a server gives a client to be shown to its siblings. */
#define MESSAGE_PROOF_SIZE 24
/* Bytes that connection IDs follow from (tunnel/noise/link.h). */
#define MESSAGE_SEED_SIZE 16
/*
 * Bytes of the largest message but a padded PING: with 85 around it, it passes
 * wherever IPv6 does (RFC 8200, section 5).
 */
#define MESSAGE_SIZE 1195

enum message_type {
	MESSAGE_HELLO = 1,  /* client: I am here, I would like ... */
	MESSAGE_CONFIG = 2, /* server: this is yours; answers HELLO, or is
			     * pushed: then a HELLO of the same id answers it */
	MESSAGE_PING = 3,
	MESSAGE_PONG = 4, /* answers PING, repeats its timestamp */
	MESSAGE_BYE = 5,
	MESSAGE_ERROR = 6, /* answers what could not be understood or granted */
};

enum message_code {
	MESSAGE_CODE_NONE = 0,
	MESSAGE_CODE_STOPPING = 1, /* BYE: the sender ends */
	MESSAGE_CODE_REPLACED = 2, /* BYE: the same peer has come elsewhere */
	MESSAGE_CODE_REMOVED = 3,  /* BYE: the peer is not allowed any more */
	MESSAGE_CODE_SILENT = 4,   /* BYE: nothing was heard for too long */
	MESSAGE_CODE_CHANGED = 5,  /* BYE: the peer's settings: come back */
	MESSAGE_CODE_AGED = 6,	   /* BYE: no full handshake for so long: come
				    * back */
	MESSAGE_CODE_EXPIRED = 7, /* BYE: a certificate of the peer has ended */
	MESSAGE_CODE_DISABLED = 8,	/* BYE: the file says so of the peer */
	MESSAGE_CODE_OVER = 9,		/* BYE: its time in the file is over */
	MESSAGE_CODE_DISCONNECTED = 10, /* BYE: by a person: come back */
	MESSAGE_CODE_UNKNOWN = 16,	/* ERROR: a type that is not known */
	MESSAGE_CODE_MALFORMED = 17,	/* ERROR */
	MESSAGE_CODE_EXHAUSTED = 18, /* ERROR: the pool has no address left */
	MESSAGE_CODE_REFUSED = 19,   /* ERROR */
};

/* Set in the id of a CONFIG that was not asked for. */
#define MESSAGE_PUSHED 0x8000

struct message {
	uint8_t type;
	uint8_t version;
	uint16_t id;
	/* HELLO: address4/6 it had before; CONFIG: all. */
	struct settings settings;
	bool ecn; /* HELLO, CONFIG: reads ECN of outer headers (RFC 6040) */
	/*
	 * HELLO, CONFIG: of the addresses, for servers that share a pool;
	 * where there is no room it is left out.
	 */
	bool has_proof;
	uint8_t proof[MESSAGE_PROOF_SIZE];
	bool has_seed; /* HELLO, CONFIG: of what the sender receives by */
	uint8_t seed[MESSAGE_SEED_SIZE];
	uint64_t timestamp; /* PING, PONG: the asker's clock, any unit */
	uint16_t padding;   /* PING: bytes of padding after the rest */
	uint16_t code;	    /* BYE, ERROR: enum message_code */
	char text[MESSAGE_TEXT_SIZE]; /* BYE, ERROR: for a person; printable */
};

/* An application record that is a control message, by its first byte. */
bool message_is_control(const uint8_t *record, size_t length);

/*
 * The length in bytes, or -EMSGSIZE. The fullest CONFIG that settings.h allows
 * is longer than MESSAGE_SIZE: 1421 bytes.
 */
ssize_t message_encode(const struct message *message, uint8_t *record,
		       size_t size);

/*
 * 0, -EPROTO (malformed; type and id are set where they could be read), or
 * -EOPNOTSUPP (an unknown type or version: to be answered with ERROR, but for
 * an ERROR itself). Text from the peer is made printable; names and domains
 * with other characters than theirs, and an MTU below 576, are left out;
 * prefixes are checked for their range, routes lose their host bits, lists are
 * bounded by settings.h (what is beyond is left out).
 */
int message_decode(const uint8_t *record, size_t length,
		   struct message *message);

/* What a code means, for the log. */
const char *message_code_text(uint16_t code);

#endif
