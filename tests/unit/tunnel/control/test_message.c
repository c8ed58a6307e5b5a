/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/control/message.h"

#define LARGEST 2048

static struct inet_prefix prefix(const char *text)
{
	struct inet_prefix value;

	assert_int_equal(inet_parse_prefix(text, &value), 0);
	return value;
}

static struct inet_address address(const char *text)
{
	return prefix(text).address;
}

static struct message full_config(void)
{
	struct message message = {.type = MESSAGE_CONFIG,
				  .version = MESSAGE_VERSION,
				  .id = 0xabcd};
	struct settings *settings = &message.settings;

	strcpy(settings->name, "alice@home-1.example_2");
	settings->address4 = prefix("10.8.0.2/24");
	settings->address6 = prefix("fd08::2/64");
	settings->server4 = address("10.8.0.1");
	settings->server6 = address("fd08::1");
	settings->routes[0] = prefix("0.0.0.0/0");
	settings->routes[1] = prefix("::/0");
	settings->routes[2] = prefix("192.168.4.0/24");
	settings->routes[3] = prefix("2001:db8:4::/48");
	settings->route_count = 4;
	settings->dns[0] = address("10.8.0.1");
	settings->dns[1] = address("fd08::1");
	settings->dns_count = 2;
	strcpy(settings->search[0], "corp.example");
	strcpy(settings->search[1], "_x.example.org");
	settings->search_count = 2;
	settings->mtu = 1435;
	settings->keepalive = 25;
	return message;
}

/* The message has as much as settings.h has room for. */
static struct message fullest_config(void)
{
	struct message message = full_config();
	struct settings *settings = &message.settings;

	memset(settings->name, 'n', sizeof(settings->name) - 1);
	for (unsigned i = 0; i < SETTINGS_ROUTES; i++)
		settings->routes[i] = prefix("2001:db8:4::/48");
	settings->route_count = SETTINGS_ROUTES;
	for (unsigned i = 0; i < SETTINGS_DNS; i++)
		settings->dns[i] = settings->server6;
	settings->dns_count = SETTINGS_DNS;
	for (unsigned i = 0; i < SETTINGS_SEARCH; i++)
		memset(settings->search[i], 'd', SETTINGS_DOMAIN_SIZE - 1);
	settings->search_count = SETTINGS_SEARCH;
	return message;
}

/* Field by field: struct inet_prefix may have padding. */
static void assert_prefix(const struct inet_prefix *a,
			  const struct inet_prefix *b)
{
	assert_true(a->length == b->length);
	assert_memory_equal(&a->address, &b->address, sizeof(a->address));
}

static void assert_settings(const struct settings *a, const struct settings *b)
{
	assert_string_equal(a->name, b->name);
	assert_prefix(&a->address4, &b->address4);
	assert_prefix(&a->address6, &b->address6);
	assert_memory_equal(&a->server4, &b->server4, sizeof(a->server4));
	assert_memory_equal(&a->server6, &b->server6, sizeof(a->server6));
	assert_int_equal(a->route_count, b->route_count);
	for (unsigned i = 0; i < a->route_count; i++)
		assert_prefix(&a->routes[i], &b->routes[i]);
	assert_int_equal(a->dns_count, b->dns_count);
	assert_memory_equal(a->dns, b->dns, a->dns_count * sizeof(a->dns[0]));
	assert_int_equal(a->search_count, b->search_count);
	for (unsigned i = 0; i < a->search_count; i++)
		assert_string_equal(a->search[i], b->search[i]);
	assert_int_equal(a->mtu, b->mtu);
	assert_int_equal(a->keepalive, b->keepalive);
}

static void assert_messages(const struct message *a, const struct message *b)
{
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->version, b->version);
	assert_int_equal(a->id, b->id);
	assert_settings(&a->settings, &b->settings);
	assert_true(a->timestamp == b->timestamp);
	assert_int_equal(a->padding, b->padding);
	assert_int_equal(a->code, b->code);
	assert_string_equal(a->text, b->text);
}

static void assert_round_trip(const struct message *message, size_t length)
{
	struct message decoded;
	uint8_t record[LARGEST];
	ssize_t encoded = message_encode(message, record, sizeof(record));

	assert_int_equal(encoded, length);
	assert_true(message_is_control(record, encoded));
	assert_int_equal(message_decode(record, encoded, &decoded), 0);
	assert_messages(message, &decoded);
}

static void test_round_trips(void **state)
{
	struct message message = full_config();

	(void)state;
	assert_round_trip(&message, 4 + 26 + 9 + 21 + 6 + 6 + 8 + 20 + 9 + 21 +
					    9 + 21 + 8 + 20 + 16 + 18);
	message = fullest_config();
	assert_round_trip(&message, 1161);
	message = (struct message){.type = MESSAGE_HELLO,
				   .version = MESSAGE_VERSION};
	assert_round_trip(&message, 4);
	message.settings.address4 = prefix("10.8.0.2/24");
	message.settings.address6 = prefix("fd08::2/64");
	assert_round_trip(&message, 34);
	message = (struct message){.type = MESSAGE_PING,
				   .version = MESSAGE_VERSION,
				   .id = 0xffff,
				   .timestamp = 0x0123456789abcdef,
				   .padding = 1300};
	assert_round_trip(&message, 4 + 12 + 4 + 1300);
	message.type = MESSAGE_PONG;
	message.padding = 0;
	assert_round_trip(&message, 16);
	message = (struct message){.type = MESSAGE_BYE,
				   .version = MESSAGE_VERSION,
				   .code = MESSAGE_CODE_REMOVED,
				   .text = "so long"};
	assert_round_trip(&message, 4 + 6 + 4 + 7);
	message.type = MESSAGE_ERROR;
	memset(message.text, 't', sizeof(message.text) - 1);
	assert_round_trip(&message, 4 + 6 + 4 + 127);
}

static void test_the_fullest_config_fits(void **state)
{
	struct message message = full_config();
	uint8_t record[MESSAGE_SIZE];

	(void)state;
	assert_true(message_encode(&message, record, sizeof(record)) > 0);
}

/*
 * The bytes themselves are compared, so that versions of this program
 * understand each other.
 */
static void test_bytes(void **state)
{
	static const uint8_t expected[] = {
		2, 1, 0x12, 0x34,		       /* CONFIG */
		0, 1, 0,    1,	  'a',		       /* NAME */
		0, 2, 0,    5,	  24,	10,   8, 0, 2, /* ADDRESS */
		0, 7, 0,    2,	  0x05, 0x9b,	       /* MTU */
		0, 8, 0,    2,	  0,	25,	       /* KEEPALIVE */
		0, 3, 0,    4,	  10,	8,    0, 1,    /* SERVER */
		0, 4, 0,    17,	  7,	0xfe,	       /* ROUTE */
		0, 0, 0,    0,	  0,	0,    0, 0, 0,
		0, 0, 0,    0,	  0,	0,	    /* ... fe00::/7 */
		0, 5, 0,    4,	  9,	9,    9, 9, /* DNS */
		0, 6, 0,    1,	  'd',		    /* SEARCH */
	};
	struct message message = {.type = MESSAGE_CONFIG, .id = 0x1234};
	struct settings *settings = &message.settings;
	uint8_t record[LARGEST];

	(void)state;
	strcpy(settings->name, "a");
	settings->address4 = prefix("10.8.0.2/24");
	settings->mtu = 1435;
	settings->keepalive = 25;
	settings->server4 = address("10.8.0.1");
	settings->routes[settings->route_count++] = prefix("fe00::/7");
	settings->dns[settings->dns_count++] = address("9.9.9.9");
	strcpy(settings->search[settings->search_count++], "d");
	assert_int_equal(message_encode(&message, record, sizeof(record)),
			 sizeof(expected));
	assert_memory_equal(record, expected, sizeof(expected));
}

static void test_encode_bounds(void **state)
{
	const struct message message = fullest_config();
	uint8_t whole[LARGEST], record[LARGEST];
	size_t length = message_encode(&message, whole, sizeof(whole));

	(void)state;
	for (size_t size = 0; size <= length; size++) {
		memset(record, 0xee, sizeof(record));
		assert_int_equal(message_encode(&message, record, size),
				 size < length ? -EMSGSIZE : (int)length);
		for (size_t i = size; i < sizeof(record); i++)
			assert_int_equal(record[i], 0xee);
	}
}

static void test_is_control(void **state)
{
	(void)state;
	assert_false(message_is_control(NULL, 0));
	for (unsigned first = 0; first <= 0xff; first++) {
		const uint8_t byte = first;

		assert_int_equal(message_is_control(&byte, 1), first < 0x10);
	}
}

/* This decodes one attribute in a message of its own. */
static int decode_one(uint8_t type, uint16_t attribute, const void *value,
		      size_t length, struct message *message)
{
	uint8_t record[LARGEST] = {type,
				   1,
				   0,
				   7,
				   attribute >> 8,
				   attribute & 0xff,
				   length >> 8,
				   length & 0xff};

	memcpy(record + 8, value, length);
	return message_decode(record, 8 + length, message);
}

/* Who does not say it does not do it; it has room to grow. */
static void test_ecn(void **state)
{
	static const uint8_t more[4] = {1, 2, 3, 4};
	struct message message = {.type = MESSAGE_HELLO}, again;
	uint8_t record[LARGEST];
	ssize_t length;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		message.type = i & 1 ? MESSAGE_HELLO : MESSAGE_CONFIG;
		message.ecn = i & 2;
		length = message_encode(&message, record, sizeof(record));
		assert_int_equal(length, i & 2 ? 8 : 4);
		assert_int_equal(message_decode(record, (size_t)length, &again),
				 0);
		assert_true(again.ecn == message.ecn);
	}
	assert_memory_equal(record + 4, "\0\15\0\0", 4);
	assert_int_equal(decode_one(MESSAGE_HELLO, 13, more, 4, &again), 0);
	assert_true(again.ecn);
	assert_int_equal(decode_one(MESSAGE_PING, 13, more, 0, &again), 0);
	assert_false(again.ecn);
}

static void test_heads(void **state)
{
	static const struct {
		uint8_t bytes[8];
		size_t length;
		int result;
	} cases[] = {
		{{0}, 0, -EPROTO},
		{{3, 1, 0}, 3, -EPROTO},
		{{3, 1, 0, 9}, 4, 0},
		{{3, 0, 0, 9}, 4, -EPROTO},
		{{3, 2, 0, 9}, 4, -EOPNOTSUPP},
		{{0, 1, 0, 9}, 4, -EOPNOTSUPP},
		{{7, 1, 0, 9}, 4, -EOPNOTSUPP},
		{{0x0f, 1, 0, 9}, 4, -EOPNOTSUPP},
		{{0x45, 1, 0, 9}, 4, -EPROTO},
		/* Half an attribute, an unknown one, one longer than is there.
		 */
		{{3, 1, 0, 9, 0xff, 0xff, 0}, 7, -EPROTO},
		{{3, 1, 0, 9, 0xff, 0xff, 0, 0}, 8, 0},
		{{3, 1, 0, 9, 0xff, 0xff, 0, 1}, 8, -EPROTO},
		{{3, 1, 0, 9, 0xff, 0xff, 0xff, 0xff}, 8, -EPROTO},
	};
	struct message message;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(message_decode(cases[i].bytes, cases[i].length,
						&message),
				 cases[i].result);
		if (cases[i].length < 4)
			continue;
		assert_int_equal(message.type, cases[i].bytes[0]);
		assert_int_equal(message.id, 9);
	}
}

/* The sizes that each attribute may have; all others are refused. */
static void test_sizes(void **state)
{
	static const struct {
		uint8_t type, attribute, sizes[2];
	} cases[] = {
		{MESSAGE_HELLO, 2, {5, 17}},  {MESSAGE_CONFIG, 2, {5, 17}},
		{MESSAGE_CONFIG, 3, {4, 16}}, {MESSAGE_CONFIG, 4, {5, 17}},
		{MESSAGE_CONFIG, 5, {4, 16}}, {MESSAGE_CONFIG, 7, {2, 2}},
		{MESSAGE_HELLO, 7, {2, 2}},   {MESSAGE_CONFIG, 8, {2, 2}},
		{MESSAGE_PING, 9, {8, 8}},    {MESSAGE_PONG, 9, {8, 8}},
		{MESSAGE_BYE, 10, {2, 2}},    {MESSAGE_ERROR, 10, {2, 2}},
	};
	const uint8_t value[64] = {0};
	struct message message;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t size = 0; size < sizeof(value); size++)
			assert_int_equal(
				decode_one(cases[i].type, cases[i].attribute,
					   value, size, &message),
				size == cases[i].sizes[0] ||
						size == cases[i].sizes[1]
					? 0
					: -EPROTO);
	/* Where it does not belong it is as good as unknown. */
	assert_int_equal(decode_one(MESSAGE_PING, 2, value, 3, &message), 0);
	assert_int_equal(decode_one(MESSAGE_HELLO, 4, value, 3, &message), 0);
	assert_int_equal(decode_one(MESSAGE_BYE, 9, value, 3, &message), 0);
	assert_int_equal(decode_one(MESSAGE_PONG, 12, value, 3, &message), 0);
	assert_int_equal(message.padding, 0);
}

static void test_prefixes(void **state)
{
	static const uint8_t mapped[17] = {120, [11] = 0xff, [12] = 0xff, 10};
	uint8_t four[5] = {32, 10, 8, 7, 9}, six[17] = {128, 0xfd, [16] = 9};
	struct message message;
	struct inet_prefix expected = prefix("10.8.0.0/21");

	(void)state;
	assert_int_equal(decode_one(MESSAGE_CONFIG, 4, four, 5, &message), 0);
	assert_int_equal(message.settings.routes[0].length, 32);
	four[0] = 33;
	assert_int_equal(decode_one(MESSAGE_CONFIG, 4, four, 5, &message),
			 -EPROTO);
	assert_int_equal(decode_one(MESSAGE_HELLO, 2, four, 5, &message),
			 -EPROTO);
	four[0] = 21;
	assert_int_equal(decode_one(MESSAGE_CONFIG, 4, four, 5, &message), 0);
	assert_prefix(&message.settings.routes[0], &expected);
	expected = prefix("10.8.7.9/21");
	assert_int_equal(decode_one(MESSAGE_CONFIG, 2, four, 5, &message), 0);
	assert_prefix(&message.settings.address4, &expected);
	assert_int_equal(decode_one(MESSAGE_CONFIG, 4, six, 17, &message), 0);
	six[0] = 129;
	assert_int_equal(decode_one(MESSAGE_CONFIG, 4, six, 17, &message),
			 -EPROTO);
	assert_int_equal(decode_one(MESSAGE_CONFIG, 4, mapped, 17, &message),
			 -EPROTO);
	assert_int_equal(
		decode_one(MESSAGE_CONFIG, 5, mapped + 1, 16, &message),
		-EPROTO);
}

static void assert_name(const char *name, size_t length, const char *expected)
{
	struct message message;

	assert_int_equal(decode_one(MESSAGE_CONFIG, 1, name, length, &message),
			 0);
	assert_string_equal(message.settings.name, expected);
}

static void assert_domain(const char *domain, size_t length, bool good)
{
	struct message message;

	assert_int_equal(
		decode_one(MESSAGE_CONFIG, 6, domain, length, &message), 0);
	assert_int_equal(message.settings.search_count, good);
	if (good)
		assert_string_equal(message.settings.search[0], domain);
}

static void assert_text(const char *text, size_t length, const char *expected)
{
	struct message message;

	assert_int_equal(decode_one(MESSAGE_ERROR, 11, text, length, &message),
			 0);
	assert_string_equal(message.text, expected);
}

static void test_texts(void **state)
{
	char longest[300], expected[MESSAGE_TEXT_SIZE];

	(void)state;
	memset(longest, 'x', sizeof(longest));
	assert_name("alice", 5, "alice");
	assert_name("", 0, "");
	assert_name(".a", 2, "");
	assert_name("-a", 2, "");
	assert_name("a b", 3, "");
	assert_name("a\0b", 3, "");
	assert_name("\xc3\xa4", 2, "");
	assert_name(longest, SETTINGS_NAME_SIZE, "");
	assert_domain("example.org", 11, true);
	assert_domain("_a-b.C9", 7, true);
	assert_domain("", 0, false);
	assert_domain("a b", 3, false);
	assert_domain("a\nb", 3, false);
	assert_domain("a\xff", 2, false);
	assert_domain(longest, SETTINGS_DOMAIN_SIZE, false);
	assert_text("", 0, "");
	assert_text("It's ~fine~ 100%", 16, "It's ~fine~ 100%");
	assert_text("\x1b[31m\n\0\x7f\xff.", 10, "?[31m????.");
	memset(expected, 'x', sizeof(expected));
	expected[sizeof(expected) - 1] = 0;
	assert_text(longest, sizeof(longest), expected);
}

static void assert_mtu(const char *value, unsigned expected)
{
	struct message message;

	assert_int_equal(decode_one(MESSAGE_CONFIG, 7, value, 2, &message), 0);
	assert_int_equal(message.settings.mtu, expected);
}

static void test_mtu(void **state)
{
	(void)state;
	assert_mtu("\x02\x3f", 0);
	assert_mtu("\x02\x40", 576);
}

/* More than settings.h has room for is left out, and is no error. */
static void test_too_many(void **state)
{
	static const uint8_t items[][9] = {
		{0, 4, 0, 5, 8, 10}, {0, 5, 0, 4, 10}, {0, 6, 0, 1, 'd'}};
	static const size_t lengths[] = {9, 8, 5};
	struct message message;
	uint8_t record[LARGEST] = {MESSAGE_CONFIG, 1};
	size_t length = 4;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		for (unsigned n = 0; n < SETTINGS_ROUTES + 9; n++) {
			memcpy(record + length, items[i], lengths[i]);
			length += lengths[i];
		}
	assert_int_equal(message_decode(record, length, &message), 0);
	assert_int_equal(message.settings.route_count, SETTINGS_ROUTES);
	assert_int_equal(message.settings.dns_count, SETTINGS_DNS);
	assert_int_equal(message.settings.search_count, SETTINGS_SEARCH);
}

static void test_truncation(void **state)
{
	const struct message message = full_config();
	struct message decoded;
	uint8_t record[LARGEST];
	size_t length = message_encode(&message, record, sizeof(record));
	unsigned whole = 0;

	(void)state;
	for (size_t cut = 0; cut < length; cut++) {
		uint8_t *exact = malloc(cut ? cut : 1);

		assert_non_null(exact);
		memcpy(exact, record, cut);
		if (message_decode(exact, cut, &decoded) == 0)
			whole++;
		free(exact);
	}
	/* Only between two of its 15 attributes is it a message. */
	assert_int_equal(whole, 15);
}

/* Whatever can be decoded is encoded and decoded again as the same. */
static void test_mutations(void **state)
{
	const struct message message = full_config();
	uint8_t original[LARGEST], record[LARGEST];
	size_t length = message_encode(&message, original, sizeof(original));
	struct message once, twice;
	unsigned seed = 3, good = 0;

	(void)state;
	for (int round = 0; round < 100000; round++) {
		ssize_t again;

		memcpy(record, original, length);
		record[0] = 1 + rand_r(&seed) % 6;
		for (int i = rand_r(&seed) % 4; i >= 0; i--)
			record[rand_r(&seed) % length] = rand_r(&seed);
		if (message_decode(record, length, &once) < 0)
			continue;
		good++;
		again = message_encode(&once, record, sizeof(record));
		assert_true(again > 0);
		assert_int_equal(message_decode(record, again, &twice), 0);
		assert_messages(&once, &twice);
	}
	assert_true(good > 1000);
}

/* It is opaque here, and the last to have room. */
static void test_proof(void **state)
{
	struct message config = full_config(), got;
	struct message hello = {.type = MESSAGE_HELLO};
	uint8_t record[2048];
	ssize_t length, without;

	(void)state;
	without = message_encode(&config, record, sizeof(record));
	config.has_proof = true;
	memset(config.proof, 0xa5, sizeof(config.proof));
	length = message_encode(&config, record, sizeof(record));
	assert_int_equal(length, without + 4 + MESSAGE_PROOF_SIZE);
	assert_int_equal(message_decode(record, (size_t)length, &got), 0);
	assert_true(got.has_proof);
	assert_memory_equal(got.proof, config.proof, sizeof(got.proof));
	assert_int_equal(message_encode(&config, record, (size_t)without + 27),
			 without);
	assert_int_equal(message_decode(record, (size_t)without, &got), 0);
	assert_false(got.has_proof);

	hello.has_proof = true;
	length = message_encode(&hello, record, sizeof(record));
	assert_int_equal(message_decode(record, (size_t)length, &got), 0);
	assert_true(got.has_proof);
	record[7]--; /* one byte shorter: another version's */
	assert_int_equal(message_decode(record, (size_t)length - 1, &got), 0);
	assert_false(got.has_proof);
}

/* What connection IDs follow from, in both directions. */
static void test_seed(void **state)
{
	static const uint8_t types[] = {MESSAGE_HELLO, MESSAGE_CONFIG};

	(void)state;
	for (size_t i = 0; i < sizeof(types); i++) {
		struct message message = {.type = types[i], .has_seed = true};
		struct message got;
		uint8_t record[64];
		ssize_t length;

		memset(message.seed, 0x5a, sizeof(message.seed));
		length = message_encode(&message, record, sizeof(record));
		assert_int_equal(length, 4 + 4 + MESSAGE_SEED_SIZE);
		assert_int_equal(message_decode(record, (size_t)length, &got),
				 0);
		assert_true(got.has_seed);
		assert_memory_equal(got.seed, message.seed, sizeof(got.seed));
		record[7]--; /* one byte shorter: another version's */
		assert_int_equal(
			message_decode(record, (size_t)length - 1, &got), 0);
		assert_false(got.has_seed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_fullest_config_fits),
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_ecn),
		cmocka_unit_test(test_seed),
		cmocka_unit_test(test_encode_bounds),
		cmocka_unit_test(test_is_control),
		cmocka_unit_test(test_heads),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_mtu),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_truncation),
		cmocka_unit_test(test_mutations),
		cmocka_unit_test(test_proof),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
