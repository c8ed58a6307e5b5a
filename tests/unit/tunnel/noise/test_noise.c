/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Datagrams that are noise to whoever has no secret, and back. */
#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <gnutls/crypto.h>

#include "common/bytes.h"
#include "tunnel/dtls/cookie.h"
#include "tunnel/dtls/dtls.h"
#include "tunnel/dtls/record.h"
#include "tunnel/noise/noise.h"

#define NOW    1800000000
#define ROUNDS 20000
/* Datagrams of each kind whose bytes are counted. */
#define SAMPLES 10000
/*
 * Of chi-square with 255 degrees of freedom: one byte position in three
 * thousand million is beyond it, and there are a thousand.
 */
#define CHI_MOST 420.

static const uint8_t secrets[NOISE_SECRETS + 1][NOISE_SECRET_SIZE] = {
	{0,  1,	 2,  3,	 4,  5,	 6,  7,	 8,  9,	 10, 11, 12, 13, 14, 15,
	 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31},
	{1},
	{2},
};

struct pair {
	struct noise *client, *server;
};

static struct pair make_pair(void)
{
	struct pair pair;

	assert_int_equal(noise_new(&pair.client, secrets, 1, false), 0);
	assert_int_equal(noise_new(&pair.server, secrets, 2, true), 0);
	return pair;
}

static void free_pair(struct pair *pair)
{
	noise_free(pair->client);
	noise_free(pair->server);
}

/* A datagram by the first secret, whose length is returned. */
static size_t wrap(struct noise *noise, const void *datagram, size_t length,
		   uint8_t out[NOISE_WRAP_MOST])
{
	struct noise_choice choice = {.now = NOW};
	ssize_t whole;

	assert_int_equal(noise_choose(&choice, length, false), 0);
	whole = noise_wrap(noise, &choice, datagram, length, out,
			   NOISE_WRAP_MOST);
	assert_in_range(whole, length + NOISE_WRAP_OVERHEAD, NOISE_WRAP_MOST);
	return (size_t)whole;
}

static ssize_t unwrap(struct noise *noise, const uint8_t *datagram,
		      size_t length)
{
	uint8_t out[NOISE_WRAP_MOST];
	unsigned secret;

	return noise_unwrap(noise, NOW, datagram, length, out, &secret);
}

/* As Python's cryptography has it, by RFC 5297 and RFC 5869. */
static void test_wrapped_vector(void **state)
{
	static const uint8_t expected[] = {
		0xc8, 0xc9, 0xca, 0xcb, 0xcc, 0xcd, 0xce, 0xcf, 0xd0, 0xd1,
		0xd2, 0xd3, 0x6d, 0xdb, 0x6d, 0xb6, 0xfa, 0xac, 0x4b, 0xbb,
		0x0b, 0xd8, 0x63, 0x96, 0xbb, 0xcf, 0xc4, 0x10, 0xde, 0x6f,
		0x62, 0x0d, 0x24, 0xc1, 0x46, 0xe3, 0xad, 0xc9, 0x49, 0xdd,
		0xca, 0x01, 0x05, 0x16, 0x54, 0xe9, 0x9f, 0x42, 0xdb, 0xca,
		0xd8, 0xaa, 0xc6, 0x7b, 0x7f, 0x75, 0x92, 0xf6, 0x81, 0xff};
	struct noise_choice choice = {.now = NOW, .size = 60};
	struct pair pair = make_pair();
	uint8_t out[100], back[100];
	unsigned secret = 7;

	(void)state;
	for (uint8_t i = 0; i < NOISE_SALT_SIZE; i++)
		choice.salt[i] = 200 + i;
	assert_int_equal(noise_wrap(pair.client, &choice,
				    (const uint8_t *)"a datagram", 10, out,
				    sizeof(out)),
			 60);
	assert_memory_equal(out, expected, 60);
	assert_int_equal(noise_unwrap(pair.server, NOW, out, 60, back, &secret),
			 10);
	assert_memory_equal(back, "a datagram", 10);
	assert_int_equal(secret, 0);
	free_pair(&pair);
}

/* A record of DTLS by either kind of suite, which is not encrypted. */
static size_t make_record(uint8_t *out, size_t explicit, uint64_t sequence,
			  size_t text)
{
	size_t body = explicit + text + 16;

	out[DTLS_TYPE] = DTLS_APPLICATION_DATA;
	put16(out + DTLS_VERSION, DTLS_1_2);
	put64(out + DTLS_POSITION, UINT64_C(1) << 48 | sequence);
	put16(out + DTLS_LENGTH, (uint16_t)body);
	put64(out + DTLS_HEADER, UINT64_C(1) << 48 | sequence);
	for (size_t i = 0; i < text + 16; i++)
		out[DTLS_HEADER + explicit + i] = (uint8_t)(50 + i);
	return DTLS_HEADER + body;
}

static void test_header_vector(void **state)
{
	static const uint8_t expected[] = {0x24, 0xb9, 0x19, 0x7b, 0xf1, 0x21,
					   0x2f, 0xf0, 0x9a, 0x31, 0x0b, 0x31};
	struct pair pair = make_pair();
	uint8_t bytes[100], *record = bytes;
	struct noise_header header;
	size_t length = make_record(bytes, 8, 0x102, 40);

	(void)state;
	length = noise_hide(pair.client, 0, 0xdeadbeef, 8, &record, length);
	assert_int_equal(length, 12 + 40 + 16);
	assert_ptr_equal(record, bytes + NOISE_HEADROOM);
	assert_memory_equal(record, expected, 12);
	assert_true(noise_read(pair.server, 0, record, length, &header));
	assert_int_equal(header.cid, 0xdeadbeef);
	assert_int_equal(header.epoch, 1);
	assert_int_equal(header.sequence, 0x102);
	free_pair(&pair);
}

static void test_every_length(void **state)
{
	struct pair pair = make_pair();
	uint8_t plain[NOISE_WRAP_MOST], out[NOISE_WRAP_MOST];
	uint8_t back[NOISE_WRAP_MOST];
	struct noise_choice choice = {.now = NOW};

	(void)state;
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)(i * 7);
	for (size_t i = 0; i <= NOISE_WRAP_MOST - NOISE_WRAP_OVERHEAD; i++) {
		struct noise *from = i % 2 ? pair.client : pair.server;
		struct noise *to = i % 2 ? pair.server : pair.client;
		size_t length = wrap(from, plain, i, out);
		unsigned secret;

		assert_int_equal(
			noise_unwrap(to, NOW, out, length, back, &secret), i);
		assert_memory_equal(back, plain, i);
	}
	assert_int_equal(noise_wrap(pair.client, &choice, plain,
				    NOISE_WRAP_MOST - NOISE_WRAP_OVERHEAD + 1,
				    out, sizeof(out)),
			 -EMSGSIZE);
	assert_int_equal(noise_wrap(pair.client, &choice, plain, 100, out, 133),
			 -EMSGSIZE);
	assert_int_equal(unwrap(pair.server, out, NOISE_WRAP_OVERHEAD - 1),
			 -EBADMSG);
	free_pair(&pair);
}

static void test_changed(void **state)
{
	struct pair pair = make_pair();
	uint8_t out[NOISE_WRAP_MOST];
	size_t length = wrap(pair.client, "hello", 5, out);

	(void)state;
	for (size_t i = 0; i < length * 8; i++) {
		out[i / 8] ^= 1 << i % 8;
		assert_int_equal(unwrap(pair.server, out, length), -EBADMSG);
		out[i / 8] ^= 1 << i % 8;
	}
	assert_int_equal(unwrap(pair.server, out, length - 1), -EBADMSG);
	/* Nor is it what its own sender is sent. */
	assert_int_equal(unwrap(pair.client, out, length), -EBADMSG);
	assert_int_equal(unwrap(pair.server, out, length), 5);
	free_pair(&pair);
}

static void test_time(void **state)
{
	static const int32_t ahead[] = {-121, -120, 0, 120, 121};
	static const uint32_t times[] = {NOW, 0, UINT32_MAX};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct pair pair = make_pair();

		for (size_t j = 0; j < 5; j++) {
			struct noise_choice choice = {
				.now = (int64_t)times[i] + ahead[j],
				.salt = {(uint8_t)j},
			};
			uint8_t out[100], back[100];
			unsigned secret;
			ssize_t length =
				noise_wrap(pair.client, &choice,
					   (const uint8_t *)"x", 1, out, 100);

			length = noise_unwrap(pair.server, times[i], out,
					      (size_t)length, back, &secret);
			assert_int_equal(length,
					 j == 0 || j == 4 ? -EBADMSG : 1);
		}
		free_pair(&pair);
	}
}

/* A server knows two while one takes the place of another. */
static void test_secrets(void **state)
{
	struct pair pair = make_pair();

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct noise_choice choice = {.now = NOW};
		uint8_t out[NOISE_WRAP_MOST], back[NOISE_WRAP_MOST];
		unsigned secret = 7;
		struct noise *client;
		ssize_t length;

		assert_int_equal(noise_new(&client, &secrets[i], 1, false), 0);
		length = (ssize_t)wrap(client, "hello", 5, out);
		length = noise_unwrap(pair.server, NOW, out, (size_t)length,
				      back, &secret);
		assert_int_equal(length, i < 2 ? 5 : -EBADMSG);
		if (i < 2) {
			assert_int_equal(secret, i);
			assert_int_equal(noise_choose(&choice, 2, false), 0);
			choice.secret = secret;
			length = noise_wrap(pair.server, &choice,
					    (const uint8_t *)"ok", 2, out,
					    sizeof(out));
			assert_int_equal(unwrap(client, out, (size_t)length),
					 2);
		}
		noise_free(client);
	}
	free_pair(&pair);
}

static void test_replay(void **state)
{
	struct pair pair = make_pair();
	uint8_t out[NOISE_WRAP_MOST], other[NOISE_WRAP_MOST];
	size_t length = wrap(pair.client, "hello", 5, out);
	struct noise *again;

	(void)state;
	assert_int_equal(unwrap(pair.server, out, length), 5);
	assert_int_equal(unwrap(pair.server, out, length), -EALREADY);
	/* What is retransmitted is wrapped anew. */
	assert_int_equal(unwrap(pair.server, other,
				wrap(pair.client, "hello", 5, other)),
			 5);
	assert_int_equal(noise_new(&again, secrets, 1, true), 0);
	assert_int_equal(unwrap(again, out, length), 5);
	noise_free(again);
	free_pair(&pair);
}

/* A hello would be known by its size, and so would each later flight. */
static void test_sizes(void **state)
{
	size_t least[2] = {SIZE_MAX, SIZE_MAX}, most[2] = {0};
	struct noise_choice choice = {0};

	(void)state;
	for (unsigned i = 0; i < 2 * ROUNDS; i++) {
		bool hello = i % 2;

		assert_int_equal(noise_choose(&choice, 200, hello), 0);
		if (choice.size < least[hello])
			least[hello] = choice.size;
		if (choice.size > most[hello])
			most[hello] = choice.size;
	}
	assert_int_equal(least[false], 234);
	assert_int_equal(most[false], 234 + 256);
	assert_int_equal(least[true], NOISE_HELLO_LEAST);
	assert_int_equal(most[true], NOISE_HELLO_MOST);
	assert_int_equal(noise_choose(&choice, 1198, true), 0);
	assert_int_equal(choice.size, NOISE_WRAP_MOST);
}

struct counts {
	unsigned of[NOISE_WRAP_MOST][256], total[NOISE_WRAP_MOST];
};

static void count(struct counts *counts, const uint8_t *datagram, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		counts->of[i][datagram[i]]++;
		counts->total[i]++;
	}
}

static void expect_even(const struct counts *counts)
{
	for (size_t i = 0; i < NOISE_WRAP_MOST; i++) {
		double mean = counts->total[i] / 256., sum = 0.;

		if (counts->total[i] < SAMPLES / 4)
			continue;
		for (size_t j = 0; j < 256; j++)
			sum += (counts->of[i][j] - mean) *
			       (counts->of[i][j] - mean) / mean;
		if (sum > CHI_MOST)
			fail_msg("byte %zu: chi-square %.0f", i, sum);
	}
}

/* The same hello, and records of one session, as a censor counts them. */
static void test_even(void **state)
{
	struct counts *counts[2] = {calloc(1, sizeof(struct counts)),
				    calloc(1, sizeof(struct counts))};
	struct record_keys keys = {.cipher = GNUTLS_CIPHER_AES_128_GCM,
				   .epoch = 1};
	struct pair pair = make_pair();
	uint8_t hello[200] = {22, 0xfe, 0xfd}, out[NOISE_WRAP_MOST];
	uint8_t zeros[100] = {0};
	struct record *record;

	(void)state;
	assert_int_equal(record_new_keys(&record, &keys), 0);
	for (unsigned i = 0; i < SAMPLES; i++) {
		struct noise_choice choice = {.now = NOW};
		uint8_t *start = out;
		ssize_t length;

		assert_int_equal(noise_choose(&choice, sizeof(hello), true), 0);
		length = noise_wrap(pair.client, &choice, hello, sizeof(hello),
				    out, sizeof(out));
		count(counts[0], out, (size_t)length);
		length = record_seal(record, out, sizeof(out), zeros,
				     sizeof(zeros));
		length = (ssize_t)noise_hide(pair.client, 0, 1, 8, &start,
					     (size_t)length);
		assert_int_equal(length, 128);
		count(counts[1], start, (size_t)length);
	}
	expect_even(counts[0]);
	expect_even(counts[1]);
	record_free(record);
	free(counts[0]);
	free(counts[1]);
	free_pair(&pair);
}

static void test_hidden_and_restored(void **state)
{
	static const size_t explicits[] = {8, 0};
	struct pair pair = make_pair();

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		size_t explicit = explicits[i / 2];
		struct noise *from = i % 2 ? pair.client : pair.server;
		struct noise *to = i % 2 ? pair.server : pair.client;

		for (size_t text = 0; text < 1500; text++) {
			uint8_t before[2000], bytes[2000], *at = bytes;
			struct noise_header header;
			size_t length = make_record(
				bytes, explicit, 0xffffffffffff - text, text);
			size_t hidden;

			memcpy(before, bytes, length);
			hidden = noise_hide(from, 0, (uint32_t)text, explicit,
					    &at, length);
			assert_int_equal(hidden, text + 28);
			assert_true(noise_read(to, 0, at, hidden, &header));
			assert_int_equal(header.cid, text);
			assert_int_equal(
				noise_restore(&header, explicit, &at, hidden),
				length);
			assert_ptr_equal(at, bytes);
			assert_memory_equal(bytes, before, length);
		}
	}
	free_pair(&pair);
}

/* These are not hidden but wrapped, and must not be changed. */
static void test_not_hidden(void **state)
{
	struct pair pair = make_pair();
	static const size_t places[] = {DTLS_TYPE,   DTLS_VERSION,
					DTLS_EPOCH,  DTLS_SEQUENCE,
					DTLS_LENGTH, DTLS_HEADER};

	(void)state;
	for (size_t i = 0; i < 8; i++) {
		uint8_t before[200], bytes[200], *at = bytes;
		size_t length = make_record(bytes, 8, 5, 20);

		if (i < 6)
			bytes[places[i]]++;
		else if (i == 6)
			put64(bytes + DTLS_POSITION, 5);
		else
			length++;
		memcpy(before, bytes, sizeof(bytes));
		assert_int_equal(noise_hide(pair.client, 0, 1, 8, &at, length),
				 0);
		assert_memory_equal(bytes, before, sizeof(bytes));
		assert_ptr_equal(at, bytes);
	}
	free_pair(&pair);
}

static double cpu_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + now.tv_nsec * 1e-9;
}

/* A ClientHello of 300 bytes without a cookie. */
static size_t make_hello(uint8_t *hello)
{
	size_t length = 300, body = length - DTLS_HELLO;

	memset(hello, 0, length);
	hello[DTLS_TYPE] = DTLS_HANDSHAKE;
	put16(hello + DTLS_VERSION, DTLS_1_2);
	put16(hello + DTLS_LENGTH, (uint16_t)(length - DTLS_HEADER));
	hello[DTLS_HEADER] = DTLS_CLIENT_HELLO;
	put16(hello + DTLS_HEADER + DTLS_MESSAGE_LENGTH + 1, (uint16_t)body);
	put16(hello + DTLS_HEADER + DTLS_FRAGMENT_LENGTH + 1, (uint16_t)body);
	put16(hello + DTLS_HELLO, DTLS_1_2);
	return length;
}

/* Seconds that the cookie takes for as many hellos. */
static double time_cookies(void)
{
	static const struct inet_endpoint peer = {{AF_INET, {192, 0, 2, 1}}, 9};
	struct cookie_result result;
	struct cookie_jar *jar;
	uint8_t hello[300];
	double before, after;
	size_t length = make_hello(hello);

	assert_int_equal(cookie_jar_new(&jar), 0);
	assert_int_equal(cookie_check(jar, &peer, hello, length, 0., &result),
			 COOKIE_ASKED);
	before = cpu_seconds();
	for (unsigned i = 0; i < ROUNDS; i++)
		cookie_check(jar, &peer, hello, length, 0., &result);
	after = cpu_seconds();
	cookie_jar_free(jar);
	return after - before;
}

/* The same for what strangers send; and it takes no memory. */
static double time_strangers(void)
{
	uint8_t datagram[NOISE_WRAP_MOST + 64], out[NOISE_WRAP_MOST];
	struct pair pair = make_pair();
	double start, taken;
	unsigned secret;
	size_t before;

	gnutls_rnd(GNUTLS_RND_NONCE, datagram, sizeof(datagram));
	before = mallinfo2().uordblks;
	start = cpu_seconds();
	for (unsigned i = 0; i < ROUNDS; i++)
		assert_int_equal(noise_unwrap(pair.server, NOW,
					      datagram + i % 64, 1200, out,
					      &secret),
				 -EBADMSG);
	taken = cpu_seconds() - start;
	assert_int_equal(mallinfo2().uordblks, before);
	free_pair(&pair);
	return taken;
}

/* Who has no secret costs less than a cookie does where there is none. */
static void test_cost(void **state)
{
	double cookies = time_cookies(), strangers = time_strangers();

	(void)state;
	print_message("a cookie %.0f ns, noise %.0f ns\n",
		      cookies / ROUNDS * 1e9, strangers / ROUNDS * 1e9);
	assert_true(strangers < cookies);
}

/* Another secret: the old one is nobody's, but what has come by it is known. */
static void test_change(void **state)
{
	struct pair pair = make_pair();
	uint8_t first[NOISE_WRAP_MOST], out[NOISE_WRAP_MOST];
	size_t length = wrap(pair.client, "hello", 5, first);
	unsigned secret;

	(void)state;
	assert_int_equal(
		noise_unwrap(pair.server, NOW, first, length, out, &secret), 5);
	assert_int_equal(noise_change(pair.server, secrets + 1, 1, true), 0);
	assert_int_equal(
		noise_unwrap(pair.server, NOW, first, length, out, &secret),
		-EALREADY);
	length = wrap(pair.client, "hello", 5, first);
	assert_int_equal(
		noise_unwrap(pair.server, NOW, first, length, out, &secret),
		-EBADMSG);
	assert_int_equal(noise_change(pair.client, secrets, 2, false), 0);
	assert_int_equal(noise_change(pair.client, secrets + 1, 2, false), 0);
	length = wrap(pair.client, "hello", 5, first);
	assert_int_equal(
		noise_unwrap(pair.server, NOW, first, length, out, &secret), 5);
	free_pair(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_change),
		cmocka_unit_test(test_wrapped_vector),
		cmocka_unit_test(test_header_vector),
		cmocka_unit_test(test_every_length),
		cmocka_unit_test(test_changed),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_even),
		cmocka_unit_test(test_hidden_and_restored),
		cmocka_unit_test(test_not_hidden),
		cmocka_unit_test(test_cost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
