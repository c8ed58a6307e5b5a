/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * These tests say how long a secret is to be found in the memory of a process
 * that needs it.
 */
#include <dlfcn.h>
#include <gnutls/crypto.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/config/load.h"
#include "common/key.h"
#include "common/locked.h"
#include "tunnel/client/client.h"
#include "tunnel/client/client_internal.h"
#include "tunnel/server/server.h"
#include "tunnel/server/server_internal.h"

#define KEY_BYTES      64
#define SEARCHED_BYTES 16
#define HIDDEN	       0x5a

/* The clock of this process, and of the libraries in it, is ahead by this. */
static time_t ahead;

int clock_gettime(clockid_t clock, struct timespec *now)
{
	static int (*original)(clockid_t, struct timespec *);
	int result;

	if (!original)
		*(void **)&original = dlsym(RTLD_NEXT, "clock_gettime");
	result = original(clock, now);
	now->tv_sec += ahead;
	return result;
}

/* What is searched for must not be found here. */
static uint8_t byte_of_key(size_t i)
{
	return (uint8_t)((i * 151 + 77) ^ HIDDEN);
}

/* In the place of GnuTLS's functions: what they give is known to the test. */
int gnutls_session_ticket_key_generate(gnutls_datum_t *key)
{
	key->data = gnutls_malloc(KEY_BYTES);
	key->size = KEY_BYTES;
	for (size_t i = 0; i < KEY_BYTES; i++)
		key->data[i] = byte_of_key(i);
	return 0;
}

int gnutls_session_get_data2(gnutls_session_t session, gnutls_datum_t *data)
{
	(void)session;
	return gnutls_session_ticket_key_generate(data);
}

unsigned gnutls_session_get_flags(gnutls_session_t session)
{
	(void)session;
	return GNUTLS_SFLAGS_SESSION_TICKET;
}

int gnutls_rnd(gnutls_rnd_level_t level, void *data, size_t size)
{
	uint8_t *bytes = data;

	/* Keys of hash tables open nothing. */
	for (size_t i = 0; i < size; i++)
		bytes[i] = level == GNUTLS_RND_KEY ? byte_of_key(i) : 0;
	return 0;
}

static unsigned found_in(const uint8_t *from, const uint8_t *to)
{
	unsigned found = 0;

	for (; from + SEARCHED_BYTES <= to; from++) {
		size_t i = 0;

		while (i < SEARCHED_BYTES && from[i] == byte_of_key(i))
			i++;
		found += i == SEARCHED_BYTES;
	}
	return found;
}

struct copies {
	unsigned found, locked;
};

/*
 * Returns how often the key is in what this process can write to (proc(5),
 * smaps).
 */
static struct copies count_copies(void)
{
	FILE *maps = fopen("/proc/self/smaps", "re");
	char line[512], rights[5];
	struct copies copies = {0};
	unsigned found = 0;
	uintptr_t from, to;

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &from, &to,
			   rights) == 3) {
			found = strncmp(rights, "rw", 2)
					? 0
					: found_in((uint8_t *)from,
						   (uint8_t *)to);
			copies.found += found;
		} else if (!strncmp(line, "VmFlags:", 8) &&
			   strstr(line, " lo")) {
			copies.locked += found;
		}
	}
	fclose(maps);
	return copies;
}

static unsigned copies(void)
{
	return count_copies().found;
}

/* A build with sanitizers locks nothing, nor does one whose limit is 0. */
static bool can_lock(void)
{
	static bool known, able;
	struct copies copies;
	uint8_t *key;

	if (known)
		return able;
	key = malloc(SEARCHED_BYTES);
	assert_non_null(key);
	for (size_t i = 0; i < SEARCHED_BYTES; i++)
		key[i] = byte_of_key(i);
	locked_keep(key, SEARCHED_BYTES);
	copies = count_copies();
	able = copies.locked > 0;
	munlock(key, SEARCHED_BYTES);
	explicit_bzero(key, SEARCHED_BYTES);
	free(key);
	known = true;
	return able;
}

static void expect_locked(unsigned wanted)
{
	bool able = can_lock();
	struct copies copies = count_copies();

	assert_int_equal(copies.found, wanted);
	if (able)
		assert_int_equal(copies.locked, wanted);
}

static void test_ticket_key_of_an_idle_server(void **state)
{
	struct config config = {.role = CONFIG_SERVER, .max_clients = 1};
	struct tunnel tunnel = {.config = &config};
	gnutls_session_t session;
	struct server *server;

	(void)state;
	tunnel.loop = ev_loop_new(EVFLAG_AUTO);
	assert_int_equal(server_new(&tunnel, (void **)&server), 0);
	/* Nobody has come yet. */
	assert_int_equal(copies(), 0);
	assert_int_equal(gnutls_init(&session, GNUTLS_SERVER), 0);
	ticket_jar_offer(server->tickets, session, clock_now());
	assert_true(copies() >= 2);
	/* GnuTLS's copy is left. */
	gnutls_deinit(session);
	expect_locked(1);
	/* No handshake comes, but the timer. */
	ahead += TICKET_LIFETIME / 2;
	ev_run(tunnel.loop, EVRUN_ONCE);
	assert_int_equal(copies(), 1);
	ahead += TICKET_LIFETIME / 2;
	ev_run(tunnel.loop, EVRUN_ONCE);
	assert_int_equal(copies(), 0);
	server_role.free(server);
	ev_loop_destroy(tunnel.loop);
}

static void test_ticket_of_an_idle_client(void **state)
{
	struct config config = {.role = CONFIG_CLIENT};
	struct tunnel tunnel = {.config = &config};
	struct client *client;

	(void)state;
	tunnel.loop = ev_loop_new(EVFLAG_AUTO);
	assert_int_equal(client_new(&tunnel, (void **)&client), 0);
	client->ticket = ticket_new(NULL, clock_now());
	expect_locked(1);
	ahead += TICKET_LIFETIME / 2;
	ev_run(tunnel.loop, EVRUN_ONCE);
	assert_int_equal(copies(), 1);
	ahead += TICKET_LIFETIME / 2;
	ev_run(tunnel.loop, EVRUN_ONCE);
	assert_int_equal(copies(), 0);
	assert_null(client->ticket);
	client_role.free(client);
	ev_loop_destroy(tunnel.loop);
}

/* A hello that asks for a cookie. */
static void ask(struct server *server)
{
	static const uint8_t hello[69] = {
		[0] = 22, 0xfe, 0xff,	  [12] = 56, 1,	   [16] = 44, [24] = 44,
		0xfe,	  0xfd, [61] = 2, 0xc0,	     0x2b, 1,
	};
	const struct inet_endpoint from = {{AF_INET, {192, 0, 2, 1}}, 1234};
	struct cookie_result result;

	assert_int_equal(cookie_check(server->cookies, &from, hello,
				      sizeof(hello), clock_now(), &result),
			 COOKIE_ASKED);
}

/* Two periods after the last hello no cookie is worth anything. */
static void test_cookie_keys_of_an_idle_server(void **state)
{
	struct config config = {.role = CONFIG_SERVER, .max_clients = 1};
	struct tunnel tunnel = {.config = &config};
	struct server *server;

	(void)state;
	tunnel.loop = ev_loop_new(EVFLAG_AUTO);
	assert_int_equal(server_new(&tunnel, (void **)&server), 0);
	assert_int_equal(copies(), 0);
	ask(server);
	expect_locked(2);
	ahead += COOKIE_ROTATION;
	ev_run(tunnel.loop, EVRUN_ONCE);
	assert_int_equal(copies(), 1);
	ahead += COOKIE_ROTATION;
	ev_run(tunnel.loop, EVRUN_ONCE);
	assert_int_equal(copies(), 0);
	/* They come again, and go with the server. */
	ask(server);
	assert_int_equal(copies(), 2);
	server_role.free(server);
	assert_int_equal(copies(), 0);
	ev_loop_destroy(tunnel.loop);
}

/* As it is in a file, and on its way to GnuTLS and back. */
static void test_private_key(void **state)
{
	char text[KEY_TEXT_SIZE], file[256];
	uint8_t key[KEY_SIZE], public_key[KEY_SIZE];
	struct config *config;
	int length;

	(void)state;
	for (size_t i = 0; i < KEY_SIZE; i++)
		key[i] = byte_of_key(i);
	key_format(key, text);
	explicit_bzero(key, sizeof(key));
	length = snprintf(file, sizeof(file),
			  "[Server]\nAddress = 10.8.0.1/24\nPrivateKey = %s\n",
			  text);
	assert_int_equal(copies(), 0);
	assert_int_equal(config_parse("server.conf", file, (size_t)length, NULL,
				      NULL, &config),
			 0);
	expect_locked(1);
	assert_int_equal(key_public(config->private_key, public_key), 0);
	expect_locked(1);
	config_free(config);
	assert_int_equal(copies(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ticket_key_of_an_idle_server),
		cmocka_unit_test(test_ticket_of_an_idle_client),
		cmocka_unit_test(test_cookie_keys_of_an_idle_server),
		cmocka_unit_test(test_private_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
