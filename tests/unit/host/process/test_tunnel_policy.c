/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "host/process/tunnel_policy.h"

#define CLIENTS 1000

static const struct config client = {.role = CONFIG_CLIENT};
static const struct config server = {.role = CONFIG_SERVER,
				     .max_clients = CLIENTS};

static enum guard_verdict say(struct guard *guard, uint32_t type, double now)
{
	const struct channel_message message = {.type = type};

	return guard_check(guard, &message, now);
}

static void begin(struct guard *guard, const struct config *config)
{
	guard_begin(guard, config);
	assert_int_equal(say(guard, CHANNEL_READY, 1000.), GUARD_TAKE);
}

/* How many of count messages, all at once, are taken before the end. */
static unsigned flood(struct guard *guard, uint32_t type, unsigned count,
		      enum guard_verdict *last)
{
	unsigned taken = 0;

	for (unsigned i = 0; i < count; i++) {
		*last = say(guard, type, 1000.);
		taken += *last == GUARD_TAKE;
		if (*last == GUARD_END)
			break;
	}
	return taken;
}

static void test_each_role_has_its_own_messages(void **state)
{
	static const struct {
		uint32_t type;
		bool client, server;
	} cases[] = {
		{CHANNEL_LOG, true, true},
		{CHANNEL_ENDPOINT_WANTED, true, false},
		{CHANNEL_ANSWERED, true, false},
		{CHANNEL_CONFIG, true, false},
		{CHANNEL_UP, true, false},
		{CHANNEL_LOST, true, false},
		{CHANNEL_LEASE_TAKEN, false, true},
		{CHANNEL_LEASE, false, false},
		{CHANNEL_START, false, false},
		{CHANNEL_ENDPOINTS, false, false},
		{CHANNEL_CONFIGURED, false, false},
		{CHANNEL_STATUS_WANTED, false, false},
		{CHANNEL_PEM, false, false},
		{CHANNEL_RELOAD, false, false},
		{CHANNEL_TAKE, false, false},
		{CHANNEL_STOP, false, false},
		{CHANNEL_TYPES, false, false},
		{0, false, false},
		{UINT32_MAX, false, false},
	};
	struct guard guard;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		begin(&guard, &client);
		assert_int_equal(say(&guard, cases[i].type, 1000.),
				 cases[i].client ? GUARD_TAKE : GUARD_REFUSE);
		begin(&guard, &server);
		assert_int_equal(say(&guard, cases[i].type, 1000.),
				 cases[i].server ? GUARD_TAKE : GUARD_REFUSE);
	}
}

static void test_order(void **state)
{
	struct guard guard;

	(void)state;
	guard_begin(&guard, &client);
	assert_int_equal(say(&guard, CHANNEL_LOG, 1000.), GUARD_TAKE);
	assert_int_equal(say(&guard, CHANNEL_CONFIG, 1000.), GUARD_REFUSE);
	assert_int_equal(say(&guard, CHANNEL_READY, 1000.), GUARD_TAKE);
	assert_int_equal(say(&guard, CHANNEL_CONFIG, 1000.), GUARD_TAKE);
	assert_int_equal(say(&guard, CHANNEL_READY, 5000.), GUARD_REFUSE);

	/* It can't be set up: as it may say before it is ready, not after. */
	guard_begin(&guard, &client);
	assert_int_equal(say(&guard, CHANNEL_FAILED, 1000.), GUARD_TAKE);
	begin(&guard, &client);
	assert_int_equal(say(&guard, CHANNEL_FAILED, 1000.), GUARD_END);
	assert_int_equal(say(&guard, CHANNEL_CONFIG, 1000.), GUARD_IGNORE);
	assert_int_equal(guard_refused(&guard, "", 1000.), GUARD_IGNORE);
}

static void test_status_is_an_answer(void **state)
{
	struct guard guard;
	enum guard_verdict last;

	(void)state;
	begin(&guard, &server);
	assert_int_equal(say(&guard, CHANNEL_STATUS_PEER, 1000.), GUARD_REFUSE);
	assert_int_equal(say(&guard, CHANNEL_STATUS_END, 1000.), GUARD_REFUSE);
	/* One that came too late for the first who asked is none the less. */
	guard_asked(&guard);
	guard_asked(&guard);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(
			flood(&guard, CHANNEL_STATUS_PEER, CLIENTS, &last),
			CLIENTS);
		assert_int_equal(say(&guard, CHANNEL_STATUS_END, 1000.),
				 GUARD_TAKE);
	}
	assert_int_equal(say(&guard, CHANNEL_STATUS_END, 1000.), GUARD_REFUSE);
	guard_asked(&guard);
	assert_int_equal(flood(&guard, CHANNEL_STATUS_PEER, 1u << 20, &last),
			 CLIENTS);
	assert_int_equal(last, GUARD_END);
}

static void test_loaded_is_an_answer(void **state)
{
	static const struct config *const roles[] = {&client, &server};
	enum guard_verdict last;
	struct guard guard;

	(void)state;
	for (int i = 0; i < 2; i++) {
		begin(&guard, roles[i]);
		assert_int_equal(say(&guard, CHANNEL_LOADED, 1000.),
				 GUARD_REFUSE);
		assert_string_equal(guard.reason, "an answer to no reload");
		/* One that was not waited for any more, and its successor. */
		guard_reloading(&guard);
		guard_reloading(&guard);
		assert_int_equal(say(&guard, CHANNEL_LOADED, 1000.),
				 GUARD_TAKE);
		assert_int_equal(say(&guard, CHANNEL_LOADED, 1000.),
				 GUARD_TAKE);
		assert_int_equal(flood(&guard, CHANNEL_LOADED, 1000, &last), 0);
		assert_int_equal(last, GUARD_END);
	}
	/* Another tunnel process was not asked. */
	begin(&guard, &server);
	guard_reloading(&guard);
	begin(&guard, &server);
	assert_int_equal(say(&guard, CHANNEL_LOADED, 1000.), GUARD_REFUSE);
	guard_begin(&guard, &server);
	assert_int_equal(say(&guard, CHANNEL_LOADED, 1000.), GUARD_REFUSE);
}

static void test_floods_are_ended(void **state)
{
	static const uint32_t types[] = {CHANNEL_ENDPOINT_WANTED,
					 CHANNEL_CONFIG, CHANNEL_UP,
					 CHANNEL_LOST};
	enum guard_verdict last;
	struct guard guard;

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		begin(&guard, &client);
		assert_in_range(flood(&guard, types[i], 1000, &last), 10, 100);
		assert_int_equal(last, GUARD_END);
	}
	/* All clients come at once, twice: honest. */
	begin(&guard, &server);
	assert_int_equal(flood(&guard, CHANNEL_LEASE_TAKEN, 2 * CLIENTS, &last),
			 2 * CLIENTS);
	flood(&guard, CHANNEL_LEASE_TAKEN, 10 * CLIENTS, &last);
	assert_int_equal(last, GUARD_END);
}

/* Strangers can make it talk: no reason to end it. */
static void test_log_flood_is_cut(void **state)
{
	enum guard_verdict last;
	struct guard guard;

	(void)state;
	begin(&guard, &client);
	assert_in_range(flood(&guard, CHANNEL_LOG, 100000, &last), 500, 2000);
	assert_int_equal(last, GUARD_IGNORE);
	assert_int_equal(say(&guard, CHANNEL_LOG, 1001.), GUARD_TAKE);
	assert_true(guard.left_out > 90000);
}

static void test_slow_mischief_is_borne(void **state)
{
	struct guard guard;

	(void)state;
	begin(&guard, &client);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(guard_refused(&guard, "", 1000. + i),
				 GUARD_REFUSE);
	for (int i = 0; guard_refused(&guard, "", 3000.) != GUARD_END; i++)
		assert_in_range(i, 0, 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_role_has_its_own_messages),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_status_is_an_answer),
		cmocka_unit_test(test_loaded_is_an_answer),
		cmocka_unit_test(test_floods_are_ended),
		cmocka_unit_test(test_log_flood_is_cut),
		cmocka_unit_test(test_slow_mischief_is_borne),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
