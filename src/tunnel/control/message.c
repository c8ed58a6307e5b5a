/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/control/message.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "common/bytes.h"

#define HEADER_SIZE    4
#define ATTRIBUTE_SIZE 4

/* Less than any host must take (RFC 791, section 3.1) is no MTU. */
#define MTU_MIN 576

/*
 * The attributes. An address is 4 or 16 bytes, which says the family; a prefix
 * is its length in bits (one byte) and a whole address. Numbers are unsigned.
 * An attribute in a message that it does not belong to is skipped.
 *
 *   number		value			in		how often
 *    1 NAME		text, 1-63		CONFIG		1
 *    2 ADDRESS		prefix			HELLO, CONFIG	1 a family
 *    3 SERVER		address			CONFIG		1 a family
 *    4 ROUTE		prefix			CONFIG		0-32
 *    5 DNS		address			CONFIG		0-4
 *    6 SEARCH		text, 1-63		CONFIG		0-4
 *    7 MTU		16 bits, bytes		HELLO, CONFIG	1
 *    8 KEEPALIVE	16 bits, seconds	HELLO, CONFIG	1
 *    9 TIMESTAMP	64 bits			PING, PONG	1
 *   10 CODE		16 bits			BYE, ERROR	1
 *   11 TEXT		text			BYE, ERROR	1
 *   12 PADDING		any, ignored		PING		1, the last
 *   13 ECN		any, ignored		HELLO, CONFIG	1
 *   14 PROOF		24 bytes, opaque	HELLO, CONFIG	1
 *   15 SEED		16 bytes, opaque	HELLO, CONFIG	1
 */
enum attribute {
	ATTRIBUTE_NAME = 1,
	ATTRIBUTE_ADDRESS,
	ATTRIBUTE_SERVER,
	ATTRIBUTE_ROUTE,
	ATTRIBUTE_DNS,
	ATTRIBUTE_SEARCH,
	ATTRIBUTE_MTU,
	ATTRIBUTE_KEEPALIVE,
	ATTRIBUTE_TIMESTAMP,
	ATTRIBUTE_CODE,
	ATTRIBUTE_TEXT,
	ATTRIBUTE_PADDING,
	ATTRIBUTE_ECN,
	ATTRIBUTE_PROOF,
	ATTRIBUTE_SEED,
};

bool message_is_control(const uint8_t *record, size_t length)
{
	return length > 0 && record[0] <= 0x0f;
}

/* What is being written; an overflow is remembered until the end. */
struct writer {
	uint8_t *at;
	size_t room;
	bool overflow;
};

static uint8_t *put(struct writer *writer, uint16_t type, size_t length)
{
	uint8_t *value;

	if (length > UINT16_MAX || writer->overflow ||
	    writer->room < ATTRIBUTE_SIZE + length) {
		writer->overflow = true;
		return NULL;
	}
	put16(writer->at, type);
	put16(writer->at + 2, (uint16_t)length);
	value = writer->at + ATTRIBUTE_SIZE;
	writer->at = value + length;
	writer->room -= ATTRIBUTE_SIZE + length;
	return value;
}

static void put_bytes(struct writer *writer, uint16_t type, const void *bytes,
		      size_t length)
{
	uint8_t *value = put(writer, type, length);

	if (value)
		memcpy(value, bytes, length);
}

/* Nothing is written for "" and the other values that mean "not set". */
static void put_text(struct writer *writer, uint16_t type, const char *text,
		     size_t size)
{
	size_t length = strnlen(text, size - 1);

	if (length > 0)
		put_bytes(writer, type, text, length);
}

static void put_u16(struct writer *writer, uint16_t type, unsigned number)
{
	uint8_t value[2];

	put16(value, number > UINT16_MAX ? UINT16_MAX : (uint16_t)number);
	if (number > 0)
		put_bytes(writer, type, value, sizeof(value));
}

static void put_address(struct writer *writer, uint16_t type,
			const struct inet_address *address)
{
	size_t size = inet_size(address->family);

	if (size > 0)
		put_bytes(writer, type, address->bytes, size);
}

static void put_prefix(struct writer *writer, uint16_t type,
		       const struct inet_prefix *prefix)
{
	size_t size = inet_size(prefix->address.family);
	uint8_t *value;

	if (size == 0)
		return;
	value = put(writer, type, 1 + size);
	if (!value)
		return;
	value[0] = prefix->length;
	memcpy(value + 1, prefix->address.bytes, size);
}

static void put_requests(struct writer *writer, const struct settings *settings)
{
	put_prefix(writer, ATTRIBUTE_ADDRESS, &settings->address4);
	put_prefix(writer, ATTRIBUTE_ADDRESS, &settings->address6);
	put_u16(writer, ATTRIBUTE_MTU, settings->mtu);
	put_u16(writer, ATTRIBUTE_KEEPALIVE, settings->keepalive);
}

static void put_config(struct writer *writer, const struct settings *settings)
{
	put_text(writer, ATTRIBUTE_NAME, settings->name,
		 sizeof(settings->name));
	put_requests(writer, settings);
	put_address(writer, ATTRIBUTE_SERVER, &settings->server4);
	put_address(writer, ATTRIBUTE_SERVER, &settings->server6);
	for (unsigned i = 0; i < settings->route_count; i++)
		put_prefix(writer, ATTRIBUTE_ROUTE, &settings->routes[i]);
	for (unsigned i = 0; i < settings->dns_count; i++)
		put_address(writer, ATTRIBUTE_DNS, &settings->dns[i]);
	for (unsigned i = 0; i < settings->search_count; i++)
		put_text(writer, ATTRIBUTE_SEARCH, settings->search[i],
			 sizeof(settings->search[i]));
}

static void put_ecn(struct writer *writer, const struct message *message)
{
	if (message->ecn)
		put(writer, ATTRIBUTE_ECN, 0);
}

static void put_seed(struct writer *writer, const struct message *message)
{
	if (message->has_seed)
		put_bytes(writer, ATTRIBUTE_SEED, message->seed,
			  sizeof(message->seed));
}

static void put_proof(struct writer *writer, const struct message *message)
{
	if (message->has_proof &&
	    writer->room >= ATTRIBUTE_SIZE + sizeof(message->proof))
		put_bytes(writer, ATTRIBUTE_PROOF, message->proof,
			  sizeof(message->proof));
}

static void put_body(struct writer *writer, const struct message *message)
{
	uint8_t timestamp[8];
	uint8_t *padding;

	switch (message->type) {
	case MESSAGE_HELLO:
		put_requests(writer, &message->settings);
		put_ecn(writer, message);
		put_seed(writer, message);
		put_proof(writer, message);
		break;
	case MESSAGE_CONFIG:
		put_config(writer, &message->settings);
		put_ecn(writer, message);
		put_seed(writer, message);
		put_proof(writer, message);
		break;
	case MESSAGE_PING:
	case MESSAGE_PONG:
		put64(timestamp, message->timestamp);
		put_bytes(writer, ATTRIBUTE_TIMESTAMP, timestamp,
			  sizeof(timestamp));
		if (message->type == MESSAGE_PONG || message->padding == 0)
			break;
		padding = put(writer, ATTRIBUTE_PADDING, message->padding);
		if (padding)
			memset(padding, 0, message->padding);
		break;
	case MESSAGE_BYE:
	case MESSAGE_ERROR:
		put_u16(writer, ATTRIBUTE_CODE, message->code);
		put_text(writer, ATTRIBUTE_TEXT, message->text,
			 sizeof(message->text));
		break;
	}
}

ssize_t message_encode(const struct message *message, uint8_t *record,
		       size_t size)
{
	struct writer writer = {0};

	if (size < HEADER_SIZE)
		return -EMSGSIZE;
	writer.at = record + HEADER_SIZE;
	writer.room = size - HEADER_SIZE;
	record[0] = message->type;
	record[1] = MESSAGE_VERSION;
	put16(record + 2, message->id);
	put_body(&writer, message);
	return writer.overflow ? -EMSGSIZE : writer.at - record;
}

/*
 * IPv4 in the clothes of IPv6 is refused: the length of its prefix would mean
 * something else once it is held as IPv4.
 */
static int get_address(const uint8_t *value, size_t length,
		       struct inet_address *address)
{
	const uint16_t family = length == 4 ? AF_INET : AF_INET6;

	if (length != 4 && length != 16)
		return -EPROTO;
	*address = inet_address_from_bytes(family, value);
	return address->family == family ? 0 : -EPROTO;
}

static int get_prefix(const uint8_t *value, size_t length,
		      struct inet_prefix *prefix)
{
	int err;

	if (length < 1 || value[0] > (length - 1) * 8)
		return -EPROTO;
	err = get_address(value + 1, length - 1, &prefix->address);
	prefix->length = value[0];
	return err;
}

/* others: what may stand in it besides letters and digits. */
static bool get_text(const uint8_t *value, size_t length, const char *others,
		     char *text, size_t size)
{
	if (length == 0 || length >= size)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (value[i] == 0 || value[i] > 0x7e)
			return false;
		if (!isalnum(value[i]) && !strchr(others, value[i]))
			return false;
	}
	memcpy(text, value, length);
	text[length] = 0;
	return true;
}

/* The rule is config_name_valid()'s; a name that breaks it is left out. */
static void get_name(const uint8_t *value, size_t length,
		     struct settings *settings)
{
	if (length > 0 && (value[0] == '.' || value[0] == '-'))
		return;
	get_text(value, length, "._@-", settings->name, sizeof(settings->name));
}

static void get_search(const uint8_t *value, size_t length,
		       struct settings *settings)
{
	char *domain = settings->search[settings->search_count];

	if (get_text(value, length, "-_.", domain, SETTINGS_DOMAIN_SIZE))
		settings->search_count++;
}

static void get_message_text(const uint8_t *value, size_t length, char *text)
{
	if (length > MESSAGE_TEXT_SIZE - 1)
		length = MESSAGE_TEXT_SIZE - 1;
	for (size_t i = 0; i < length; i++)
		text[i] = value[i] >= 0x20 && value[i] <= 0x7e ? value[i] : '?';
	text[length] = 0;
}

static int get_own_address(const uint8_t *value, size_t length,
			   struct settings *settings)
{
	struct inet_prefix prefix;
	int err = get_prefix(value, length, &prefix);

	if (err)
		return err;
	if (prefix.address.family == AF_INET)
		settings->address4 = prefix;
	else
		settings->address6 = prefix;
	return 0;
}

static int get_server(const uint8_t *value, size_t length,
		      struct settings *settings)
{
	struct inet_address address;
	int err = get_address(value, length, &address);

	if (err)
		return err;
	if (address.family == AF_INET)
		settings->server4 = address;
	else
		settings->server6 = address;
	return 0;
}

static int get_route(const uint8_t *value, size_t length,
		     struct settings *settings)
{
	struct inet_prefix prefix;
	int err = get_prefix(value, length, &prefix);

	if (!err && settings->route_count < SETTINGS_ROUTES)
		settings->routes[settings->route_count++] =
			inet_prefix_network(&prefix);
	return err;
}

static int get_dns(const uint8_t *value, size_t length,
		   struct settings *settings)
{
	struct inet_address address;
	int err = get_address(value, length, &address);

	if (!err && settings->dns_count < SETTINGS_DNS)
		settings->dns[settings->dns_count++] = address;
	return err;
}

static int get_number(const uint8_t *value, size_t length, unsigned *number)
{
	if (length != sizeof(uint16_t))
		return -EPROTO;
	*number = get16(value);
	return 0;
}

static int get_request(uint16_t type, const uint8_t *value, size_t length,
		       struct settings *settings)
{
	int err;

	switch (type) {
	case ATTRIBUTE_ADDRESS:
		return get_own_address(value, length, settings);
	case ATTRIBUTE_MTU:
		err = get_number(value, length, &settings->mtu);
		if (settings->mtu < MTU_MIN)
			settings->mtu = 0;
		return err;
	case ATTRIBUTE_KEEPALIVE:
		return get_number(value, length, &settings->keepalive);
	}
	return 0;
}

static int get_setting(uint16_t type, const uint8_t *value, size_t length,
		       struct settings *settings)
{
	switch (type) {
	case ATTRIBUTE_NAME:
		get_name(value, length, settings);
		return 0;
	case ATTRIBUTE_SERVER:
		return get_server(value, length, settings);
	case ATTRIBUTE_ROUTE:
		return get_route(value, length, settings);
	case ATTRIBUTE_DNS:
		return get_dns(value, length, settings);
	case ATTRIBUTE_SEARCH:
		if (settings->search_count < SETTINGS_SEARCH)
			get_search(value, length, settings);
		return 0;
	}
	return get_request(type, value, length, settings);
}

static int get_ping(uint16_t type, const uint8_t *value, size_t length,
		    struct message *message)
{
	if (type == ATTRIBUTE_PADDING && message->type == MESSAGE_PING)
		message->padding = length;
	if (type != ATTRIBUTE_TIMESTAMP)
		return 0;
	if (length != sizeof(message->timestamp))
		return -EPROTO;
	message->timestamp = get64(value);
	return 0;
}

static int get_reason(uint16_t type, const uint8_t *value, size_t length,
		      struct message *message)
{
	if (type == ATTRIBUTE_TEXT)
		get_message_text(value, length, message->text);
	if (type != ATTRIBUTE_CODE)
		return 0;
	if (length != sizeof(message->code))
		return -EPROTO;
	message->code = get16(value);
	return 0;
}

/* Of another size it is one of a later version. */
static void get_proof(uint16_t type, const uint8_t *value, size_t length,
		      struct message *message)
{
	if (type != ATTRIBUTE_PROOF || length != sizeof(message->proof))
		return;
	memcpy(message->proof, value, length);
	message->has_proof = true;
}

static void get_seed(uint16_t type, const uint8_t *value, size_t length,
		     struct message *message)
{
	if (type != ATTRIBUTE_SEED || length != sizeof(message->seed))
		return;
	memcpy(message->seed, value, length);
	message->has_seed = true;
}

static int get_attribute(uint16_t type, const uint8_t *value, size_t length,
			 struct message *message)
{
	switch ((enum message_type)message->type) {
	case MESSAGE_HELLO:
		message->ecn |= type == ATTRIBUTE_ECN;
		get_proof(type, value, length, message);
		get_seed(type, value, length, message);
		return get_request(type, value, length, &message->settings);
	case MESSAGE_CONFIG:
		message->ecn |= type == ATTRIBUTE_ECN;
		get_proof(type, value, length, message);
		get_seed(type, value, length, message);
		return get_setting(type, value, length, &message->settings);
	case MESSAGE_PING:
	case MESSAGE_PONG:
		return get_ping(type, value, length, message);
	case MESSAGE_BYE:
	case MESSAGE_ERROR:
		return get_reason(type, value, length, message);
	}
	return 0;
}

int message_decode(const uint8_t *record, size_t length,
		   struct message *message)
{
	memset(message, 0, sizeof(*message));
	if (length < HEADER_SIZE)
		return -EPROTO;
	message->type = record[0];
	message->version = record[1];
	message->id = get16(record + 2);
	if (!message_is_control(record, length) || message->version == 0)
		return -EPROTO;
	if (message->type < MESSAGE_HELLO || message->type > MESSAGE_ERROR ||
	    message->version != MESSAGE_VERSION)
		return -EOPNOTSUPP;
	record += HEADER_SIZE;
	length -= HEADER_SIZE;
	while (length > 0) {
		size_t value_length;

		if (length < ATTRIBUTE_SIZE)
			return -EPROTO;
		value_length = get16(record + 2);
		length -= ATTRIBUTE_SIZE;
		if (value_length > length)
			return -EPROTO;
		if (get_attribute(get16(record), record + ATTRIBUTE_SIZE,
				  value_length, message) < 0)
			return -EPROTO;
		record += ATTRIBUTE_SIZE + value_length;
		length -= value_length;
	}
	return 0;
}

const char *message_code_text(uint16_t code)
{
	switch (code) {
	case MESSAGE_CODE_NONE:
		return "no reason given";
	case MESSAGE_CODE_STOPPING:
		return "the other end is stopping";
	case MESSAGE_CODE_REPLACED:
		return "the same peer has connected from elsewhere";
	case MESSAGE_CODE_REMOVED:
		return "the peer has been removed";
	case MESSAGE_CODE_SILENT:
		return "nothing was heard for too long";
	case MESSAGE_CODE_CHANGED:
		return "the settings of this peer have changed";
	case MESSAGE_CODE_AGED:
		return "there was no full handshake for two hours";
	case MESSAGE_CODE_EXPIRED:
		return "the peer's certificate is not valid any more";
	case MESSAGE_CODE_DISABLED:
		return "this client is disabled on the server";
	case MESSAGE_CODE_OVER:
		return "this client has expired on the server";
	case MESSAGE_CODE_DISCONNECTED:
		return "this client was disconnected on the server";
	case MESSAGE_CODE_UNKNOWN:
		return "the message is not known";
	case MESSAGE_CODE_MALFORMED:
		return "the message is malformed";
	case MESSAGE_CODE_EXHAUSTED:
		return "the server's pool has no address left";
	case MESSAGE_CODE_REFUSED:
		return "refused";
	}
	return "an unknown reason";
}
