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

static enum tunnel_policy_verdict say(struct tunnel_policy *policy,
				      uint32_t type, double now)
{
	const struct channel_message message = {.type = type};

	return tunnel_policy_check(policy, &message, now);
}

static void begin(struct tunnel_policy *policy, const struct config *config)
{
	tunnel_policy_begin(policy, config);
	assert_int_equal(say(policy, CHANNEL_READY, 1000.), TUNNEL_POLICY_TAKE);
}

/* Returns how many of count messages, all at once, are taken before the end. */
static unsigned flood(struct tunnel_policy *policy, uint32_t type,
		      unsigned count, enum tunnel_policy_verdict *last)
{
	unsigned taken = 0;

	for (unsigned i = 0; i < count; i++) {
		*last = say(policy, type, 1000.);
		taken += *last == TUNNEL_POLICY_TAKE;
		if (*last == TUNNEL_POLICY_END)
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
		{CHANNEL_PEERS, false, true},
		{CHANNEL_USAGE, false, true},
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
	struct tunnel_policy policy;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		begin(&policy, &client);
		assert_int_equal(say(&policy, cases[i].type, 1000.),
				 cases[i].client ? TUNNEL_POLICY_TAKE
						 : TUNNEL_POLICY_REFUSE);
		begin(&policy, &server);
		assert_int_equal(say(&policy, cases[i].type, 1000.),
				 cases[i].server ? TUNNEL_POLICY_TAKE
						 : TUNNEL_POLICY_REFUSE);
	}
}

static void test_order(void **state)
{
	struct tunnel_policy policy;

	(void)state;
	tunnel_policy_begin(&policy, &client);
	assert_int_equal(say(&policy, CHANNEL_LOG, 1000.), TUNNEL_POLICY_TAKE);
	assert_int_equal(say(&policy, CHANNEL_CONFIG, 1000.),
			 TUNNEL_POLICY_REFUSE);
	assert_int_equal(say(&policy, CHANNEL_READY, 1000.),
			 TUNNEL_POLICY_TAKE);
	assert_int_equal(say(&policy, CHANNEL_CONFIG, 1000.),
			 TUNNEL_POLICY_TAKE);
	assert_int_equal(say(&policy, CHANNEL_READY, 5000.),
			 TUNNEL_POLICY_REFUSE);

	/* It can't be set up: as it may say before it is ready, not after. */
	tunnel_policy_begin(&policy, &client);
	assert_int_equal(say(&policy, CHANNEL_FAILED, 1000.),
			 TUNNEL_POLICY_TAKE);
	begin(&policy, &client);
	assert_int_equal(say(&policy, CHANNEL_FAILED, 1000.),
			 TUNNEL_POLICY_END);
	assert_int_equal(say(&policy, CHANNEL_CONFIG, 1000.),
			 TUNNEL_POLICY_IGNORE);
	assert_int_equal(tunnel_policy_refused(&policy, "", 1000.),
			 TUNNEL_POLICY_IGNORE);
}

static void test_status_is_an_answer(void **state)
{
	struct tunnel_policy policy;
	enum tunnel_policy_verdict last;

	(void)state;
	begin(&policy, &server);
	assert_int_equal(say(&policy, CHANNEL_STATUS_PEER, 1000.),
			 TUNNEL_POLICY_REFUSE);
	assert_int_equal(say(&policy, CHANNEL_STATUS_END, 1000.),
			 TUNNEL_POLICY_REFUSE);
	tunnel_policy_asked(&policy);
	assert_int_equal(flood(&policy, CHANNEL_STATUS_PEER, CLIENTS, &last),
			 CLIENTS);
	assert_int_equal(say(&policy, CHANNEL_STATUS_END, 1000.),
			 TUNNEL_POLICY_TAKE);
	assert_int_equal(say(&policy, CHANNEL_STATUS_END, 1000.),
			 TUNNEL_POLICY_REFUSE);
	tunnel_policy_asked(&policy);
	assert_int_equal(flood(&policy, CHANNEL_STATUS_PEER, 1u << 20, &last),
			 CLIENTS);
	assert_int_equal(last, TUNNEL_POLICY_END);
}

/* The rest of one that was given up is not taken for the next one's. */
static void test_status_that_was_given_up(void **state)
{
	struct tunnel_policy policy;

	(void)state;
	begin(&policy, &server);
	tunnel_policy_asked(&policy);
	assert_int_equal(say(&policy, CHANNEL_STATUS_PEER, 1000.),
			 TUNNEL_POLICY_TAKE);
	tunnel_policy_asked(&policy);
	assert_int_equal(say(&policy, CHANNEL_STATUS_PEER, 1000.),
			 TUNNEL_POLICY_STALE);
	assert_int_equal(say(&policy, CHANNEL_STATUS_END, 1000.),
			 TUNNEL_POLICY_STALE);
	assert_int_equal(say(&policy, CHANNEL_STATUS_PEER, 1000.),
			 TUNNEL_POLICY_TAKE);
	assert_int_equal(say(&policy, CHANNEL_STATUS_END, 1000.),
			 TUNNEL_POLICY_TAKE);

	/* There are no more of these than of any others. */
	tunnel_policy_asked(&policy);
	tunnel_policy_asked(&policy);
	for (int i = 0; i < CLIENTS; i++)
		assert_int_equal(say(&policy, CHANNEL_STATUS_PEER, 1000.),
				 TUNNEL_POLICY_STALE);
	assert_int_equal(say(&policy, CHANNEL_STATUS_PEER, 1000.),
			 TUNNEL_POLICY_REFUSE);
}

static void test_loaded_is_an_answer(void **state)
{
	static const struct config *const roles[] = {&client, &server};
	enum tunnel_policy_verdict last;
	struct tunnel_policy policy;

	(void)state;
	for (int i = 0; i < 2; i++) {
		begin(&policy, roles[i]);
		assert_int_equal(say(&policy, CHANNEL_LOADED, 1000.),
				 TUNNEL_POLICY_REFUSE);
		assert_string_equal(policy.reason, "an answer to no reload");
		/* One that was not waited for any more, and its successor. */
		tunnel_policy_reloading(&policy);
		tunnel_policy_reloading(&policy);
		assert_int_equal(say(&policy, CHANNEL_LOADED, 1000.),
				 TUNNEL_POLICY_TAKE);
		assert_int_equal(say(&policy, CHANNEL_LOADED, 1000.),
				 TUNNEL_POLICY_TAKE);
		assert_int_equal(flood(&policy, CHANNEL_LOADED, 1000, &last),
				 0);
		assert_int_equal(last, TUNNEL_POLICY_END);
	}
	/* Another tunnel process was not asked. */
	begin(&policy, &server);
	tunnel_policy_reloading(&policy);
	begin(&policy, &server);
	assert_int_equal(say(&policy, CHANNEL_LOADED, 1000.),
			 TUNNEL_POLICY_REFUSE);
	tunnel_policy_begin(&policy, &server);
	assert_int_equal(say(&policy, CHANNEL_LOADED, 1000.),
			 TUNNEL_POLICY_REFUSE);
}

static void test_floods_are_ended(void **state)
{
	static const uint32_t types[] = {CHANNEL_ENDPOINT_WANTED,
					 CHANNEL_CONFIG, CHANNEL_UP,
					 CHANNEL_LOST};
	enum tunnel_policy_verdict last;
	struct tunnel_policy policy;

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		begin(&policy, &client);
		assert_in_range(flood(&policy, types[i], 1000, &last), 10, 100);
		assert_int_equal(last, TUNNEL_POLICY_END);
	}
	/* All clients come at once, twice: honest. */
	begin(&policy, &server);
	assert_int_equal(
		flood(&policy, CHANNEL_LEASE_TAKEN, 2 * CLIENTS, &last),
		2 * CLIENTS);
	flood(&policy, CHANNEL_LEASE_TAKEN, 10 * CLIENTS, &last);
	assert_int_equal(last, TUNNEL_POLICY_END);
}

/* Strangers can make it talk: no reason to end it. */
static void test_log_flood_is_cut(void **state)
{
	enum tunnel_policy_verdict last;
	struct tunnel_policy policy;

	(void)state;
	begin(&policy, &client);
	assert_in_range(flood(&policy, CHANNEL_LOG, 100000, &last), 500, 2000);
	assert_int_equal(last, TUNNEL_POLICY_IGNORE);
	assert_int_equal(say(&policy, CHANNEL_LOG, 1001.), TUNNEL_POLICY_TAKE);
	assert_true(policy.left_out > 90000);
}

static void test_slow_mischief_is_borne(void **state)
{
	struct tunnel_policy policy;

	(void)state;
	begin(&policy, &client);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(tunnel_policy_refused(&policy, "", 1000. + i),
				 TUNNEL_POLICY_REFUSE);
	for (int i = 0;
	     tunnel_policy_refused(&policy, "", 3000.) != TUNNEL_POLICY_END;
	     i++)
		assert_in_range(i, 0, 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_role_has_its_own_messages),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_status_is_an_answer),
		cmocka_unit_test(test_status_that_was_given_up),
		cmocka_unit_test(test_loaded_is_an_answer),
		cmocka_unit_test(test_floods_are_ended),
		cmocka_unit_test(test_log_flood_is_cut),
		cmocka_unit_test(test_slow_mischief_is_borne),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
