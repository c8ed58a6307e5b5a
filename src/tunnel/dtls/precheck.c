/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/dtls/precheck.h"

#include "common/bytes.h"
#include "tunnel/dtls/dtls.h"

/* What a client sends is short: a signature by RSA with 8192 bits has 1024. */
#define CLIENT_MESSAGE_MAX 2048
/* A client's Certificate follows its two hellos (RFC 6347, section 4.2.4). */
#define CLIENT_CERTIFICATE_SEQUENCE 2

/* Handshakes have fewer messages than that, as we never renegotiate. */
#define MESSAGE_SEQUENCE_MAX 32

/* The session ID and the cookie may be empty. */
#define HELLO_MIN (DTLS_HELLO_SESSION_ID + 1 + 1)

struct message {
	uint8_t type;
	uint16_t sequence;
	uint32_t length, offset, fragment;
};

bool precheck_record(const uint8_t *datagram, size_t length,
		     struct precheck_record *record)
{
	uint16_t version;
	size_t body;

	if (length < DTLS_HEADER)
		return false;
	version = get16(datagram + DTLS_VERSION);
	if (version != DTLS_1_2 && version != DTLS_1_0)
		return false;
	if (datagram[DTLS_TYPE] < DTLS_CHANGE_CIPHER_SPEC ||
	    datagram[DTLS_TYPE] > DTLS_APPLICATION_DATA)
		return false;
	body = get16(datagram + DTLS_LENGTH);
	if (!body || body > DTLS_BODY_MAX || body > length - DTLS_HEADER)
		return false;
	record->type = datagram[DTLS_TYPE];
	record->epoch = get16(datagram + DTLS_EPOCH);
	record->length = DTLS_HEADER + body;
	return true;
}

/* Reads the message, or fragment of one, at the start of body. */
static bool read_message(const uint8_t *body, size_t length,
			 struct message *message)
{
	if (length < DTLS_MESSAGE_HEADER)
		return false;
	message->type = body[DTLS_MESSAGE_TYPE];
	message->length = get24(body + DTLS_MESSAGE_LENGTH);
	message->sequence = get16(body + DTLS_MESSAGE_SEQUENCE);
	message->offset = get24(body + DTLS_FRAGMENT_OFFSET);
	message->fragment = get24(body + DTLS_FRAGMENT_LENGTH);
	if (message->sequence > MESSAGE_SEQUENCE_MAX)
		return false;
	/* No sum of two 24-bit numbers overflows. */
	return message->offset + message->fragment <= message->length &&
	       message->fragment <= length - DTLS_MESSAGE_HEADER &&
	       (message->fragment || !message->length);
}

static bool precheck_message(const uint8_t *body, size_t length,
			     struct message *message)
{
	return read_message(body, length, message) &&
	       message->length <= PRECHECK_MESSAGE_MAX;
}

/* Where clients are known by key, their certificates are short. */
static bool is_too_long(const struct message *message, bool by_key)
{
	if (message->length <= CLIENT_MESSAGE_MAX)
		return false;
	return by_key || message->type != DTLS_CERTIFICATE ||
	       message->sequence > CLIENT_CERTIFICATE_SEQUENCE;
}

/*
 * Is this a message that such an end sends before its keys are in use? Finished
 * is not: it comes behind ChangeCipherSpec, and so in an epoch of its own.
 */
static bool is_of_plain(uint8_t type, bool from_client)
{
	switch (type) {
	case DTLS_CERTIFICATE:
		return true;
	case DTLS_CLIENT_HELLO:
	case DTLS_CERTIFICATE_VERIFY:
	case DTLS_CLIENT_KEY_EXCHANGE:
		return from_client;
	case DTLS_SERVER_HELLO:
	case DTLS_HELLO_VERIFY_REQUEST:
	case DTLS_NEW_SESSION_TICKET:
	case DTLS_SERVER_KEY_EXCHANGE:
	case DTLS_CERTIFICATE_REQUEST:
	case DTLS_SERVER_HELLO_DONE:
		return !from_client;
	default:
		return false;
	}
}

static bool precheck_messages(const uint8_t *body, size_t length,
			      bool from_client, bool by_key)
{
	struct message message;

	while (length) {
		size_t whole;

		if (!precheck_message(body, length, &message) ||
		    !is_of_plain(message.type, from_client) ||
		    (from_client && is_too_long(&message, by_key)))
			return false;
		whole = DTLS_MESSAGE_HEADER + message.fragment;
		body += whole;
		length -= whole;
	}
	return true;
}

bool precheck_plain(const uint8_t *datagram,
		    const struct precheck_record *record, bool from_client,
		    bool by_key)
{
	const uint8_t *body = datagram + DTLS_HEADER;
	size_t length = record->length - DTLS_HEADER;

	switch (record->type) {
	case DTLS_CHANGE_CIPHER_SPEC:
		return length == 1 && body[0] == 1;
	case DTLS_ALERT:
		return length == 2;
	case DTLS_HANDSHAKE:
		return precheck_messages(body, length, from_client, by_key);
	default:
		return false;
	}
}

size_t precheck_excess(const uint8_t *datagram,
		       const struct precheck_record *record, bool from_client,
		       bool by_key, size_t *most)
{
	const uint8_t *body = datagram + DTLS_HEADER;
	size_t length = record->length - DTLS_HEADER;
	struct message message;

	*most = from_client && by_key ? CLIENT_MESSAGE_MAX
				      : PRECHECK_MESSAGE_MAX;
	if (record->type != DTLS_HANDSHAKE)
		return 0;
	while (read_message(body, length, &message)) {
		if (message.type == DTLS_CERTIFICATE &&
		    message.length > *most &&
		    (!from_client ||
		     message.sequence <= CLIENT_CERTIFICATE_SEQUENCE))
			return message.length;
		body += DTLS_MESSAGE_HEADER + message.fragment;
		length -= DTLS_MESSAGE_HEADER + message.fragment;
	}
	return 0;
}

size_t precheck_client_hello(const uint8_t *datagram, size_t length)
{
	struct precheck_record record;
	struct message message;

	if (!precheck_record(datagram, length, &record) || record.epoch ||
	    record.type != DTLS_HANDSHAKE)
		return 0;
	if (!precheck_message(datagram + DTLS_HEADER,
			      record.length - DTLS_HEADER, &message))
		return 0;
	if (message.type != DTLS_CLIENT_HELLO ||
	    message.fragment != message.length || message.length < HELLO_MIN)
		return 0;
	return record.length;
}
