/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Handshakes with long chains of certificates over paths that lose datagrams,
 * mix them up, and let only small ones through. Time is made up, so that
 * seconds of waiting take none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/jitter.h"
#include "unit/certificates.h"
#include "unit/memory_link.h"

/* What session.c has, in milliseconds: see there. */
#define RETRANSMISSION 400
#define TOTAL	       10000

static struct authority authority;
static struct timespec clock_now;

/* For us and for GnuTLS: whoever asks for the time has to wait for it. */
int clock_gettime(clockid_t id, struct timespec *now)
{
	(void)id;
	clock_now.tv_nsec += 200000;
	if (clock_now.tv_nsec >= 1000000000) {
		clock_now.tv_sec++;
		clock_now.tv_nsec -= 1000000000;
	}
	*now = clock_now;
	return 0;
}

/* So that a seed is the same path each time. */
double jitter(double seconds, double less, double more)
{
	(void)less;
	(void)more;
	return seconds;
}

static double seconds(void)
{
	return (double)clock_now.tv_sec + (double)clock_now.tv_nsec / 1e9;
}

struct path {
	unsigned loss, swap, twice; /* per cent */
	unsigned largest;	    /* bytes of UDP; 0: all pass */
	const char *name;	    /* of both certificates; NULL: keys */
	unsigned good;		    /* datagrams, before the loss begins */
};

static struct credentials *end_of(const struct path *path,
				  enum config_role role)
{
	static const uint8_t server[KEY_SIZE] = {1}, client[KEY_SIZE] = {2};
	uint8_t server_key[KEY_SIZE];

	if (path->name)
		return x509_credentials(role, path->name, "ca", NULL);
	assert_int_equal(key_public(server, server_key), 0);
	return key_credentials(role, role == CONFIG_SERVER ? server : client,
			       server_key, CONFIG_CIPHER_AUTO);
}

/* `up` is to say it within 15 seconds. */
static void check_failure(const struct session *session, double took)
{
	assert_string_equal(session_reason(session),
			    "the server does not answer");
	assert_true(took < 14.);
}

/* The seconds that it takes to come up; less than 0: it does not. */
static double try_path(const struct path *path, uint32_t seed)
{
	struct memory_link *link =
		memory_link_new(seed, path->loss, path->swap, path->twice);
	double from = seconds(), took = -1.;

	link->host = "vpn.example.org";
	link->largest = path->largest;
	link->retransmission = RETRANSMISSION;
	link->total = TOTAL;
	link->owned[0] = end_of(path, CONFIG_CLIENT);
	link->owned[1] = end_of(path, CONFIG_SERVER);
	if (path->good)
		link->loss = 0;
	memory_link_start(link, link->owned[0], link->owned[1]);
	for (unsigned i = 0; i < path->good; i++)
		assert_true(memory_link_step(link));
	link->loss = path->loss;
	memory_link_run(link);
	if (link->ends[LINK_CLIENT].opened && link->ends[LINK_SERVER].opened)
		took = seconds() - from;
	else
		check_failure(link->ends[LINK_CLIENT].session,
			      seconds() - from);
	memory_link_free(link);
	return took;
}

/*
 * Each datagram is sent five times in ten seconds, so that one handshake in
 * some hundreds has bad luck. When GnuTLS had to put the fragments together,
 * it was one in six.
 */
static void test_loss(void **state)
{
	const struct path path = {10, 30, 10, 0, "long", 0};
	unsigned failed = 0;

	(void)state;
	for (uint32_t seed = 1; seed <= 100; seed++)
		failed += try_path(&path, seed * 7919) < 0.;
	assert_in_range(failed, 0, 1);
}

/*
 * A path that is known to be quick, as the first answer was there at once, and
 * then loses much. What does not come up says so in time, however late the last
 * answer was.
 */
static void test_much_loss(void **state)
{
	const struct path path = {.loss = 50, .good = 2};
	unsigned failed = 0;

	(void)state;
	for (uint32_t seed = 1; seed <= 100; seed++)
		failed += try_path(&path, seed * 7919) < 0.;
	assert_in_range(failed, 10, 90);
}

/* A path that lets only so much through, and says nothing of it. */
static void test_small(void **state)
{
	static const unsigned sizes[] = {1199, 1100, 700, 548, 400, 256};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct path path = {.largest = sizes[i], .name = "long"};
		double took = try_path(&path, 1);

		assert_true(took > 0. && took < 5.);
		path.name = NULL;
		took = try_path(&path, 1);
		assert_true(took > 0. && took < 5.);
	}
}

/* Small datagrams, and of those some are lost. */
static void test_both(void **state)
{
	struct path path = {5, 10, 5, 548, "long", 0};
	unsigned failed = 0;

	(void)state;
	for (uint32_t seed = 1; seed <= 30; seed++)
		failed += try_path(&path, seed * 7919) < 0.;
	assert_in_range(failed, 0, 1);
}

static int begin(void **state)
{
	const struct leaf leaf = {
		.name = "long",
		.dns = "vpn.example.org",
		.purpose = GNUTLS_KP_ANY,
		/* Four certificates of RSA keys with 4096 bits. */
		.padding = 5500,
		.algorithm = GNUTLS_PK_RSA,
	};

	(void)state;
	clock_now.tv_sec = time(NULL);
	certificates_begin();
	authority_new(&authority, "ca");
	authority_issue(&authority, &leaf);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	authority_free(&authority);
	certificates_end();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loss),
		cmocka_unit_test(test_much_loss),
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_both),
	};

	return cmocka_run_group_tests(tests, begin, finish);
}
