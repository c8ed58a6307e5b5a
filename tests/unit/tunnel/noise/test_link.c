/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connection IDs: which are known when, and that both ends have the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tunnel/noise/link.h"

#define EXPLICIT 8
#define SESSIONS 1000

static struct noise_link *make(struct noise_link_table *table, void *owner)
{
	struct noise_link *link;

	assert_int_equal(noise_link_new(&link, table, NULL, 0, owner), 0);
	return link;
}

/* Who is found by what the other end sends to. */
static struct noise_link *find(struct noise_link_table *table,
			       const struct noise_link *from)
{
	struct noise_link_id *id = noise_link_find(table, from->to);

	return id ? id->link : NULL;
}

static void test_moves(void **state)
{
	struct noise_link_table at_client = {0}, at_server = {0};
	struct noise_link *client = make(&at_client, NULL);
	struct noise_link *server = make(&at_server, NULL);
	uint32_t before[4];

	(void)state;
	assert_int_equal(HASH_COUNT(at_server.ids), 0);
	noise_link_open(client, EXPLICIT);
	noise_link_open(server, EXPLICIT);
	assert_false(client->is_known);
	noise_link_learn(client, server->ours);
	noise_link_learn(server, client->ours);
	for (uint32_t move = 0; move < 4; move++) {
		assert_ptr_equal(find(&at_server, client), server);
		assert_ptr_equal(find(&at_client, server), client);
		before[move] = client->to;
		/* The client is ahead; the server follows. */
		noise_link_move(client);
		assert_int_equal(noise_link_find(&at_server, client->to)->move,
				 move + 1);
		assert_ptr_equal(find(&at_client, server), client);
		assert_int_not_equal(client->to, before[move]);
		noise_link_move(server);
		/* What is under way from before is found, nothing older. */
		assert_non_null(noise_link_find(&at_server, before[move]));
		if (move > 0)
			assert_null(
				noise_link_find(&at_server, before[move - 1]));
		assert_true(HASH_COUNT(at_server.ids) <= NOISE_LINK_IDS);
	}
	noise_link_free(client);
	noise_link_free(server);
	noise_link_free(NULL);
	assert_null(at_client.ids);
	assert_null(at_server.ids);
}

/* Those who are spoken to by a secret are so by it, wherever it is now. */
static void test_secrets_change(void **state)
{
	const unsigned now[NOISE_SECRETS] = {1, 0};
	struct noise_link_table table = {0};
	struct noise_link *links[2];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		links[i] = make(&table, NULL);
		links[i]->secret = i;
		noise_link_open(links[i], 0);
	}
	noise_link_change(&table, now);
	assert_int_equal(links[0]->secret, 1);
	assert_int_equal(links[1]->secret, 0);
	noise_link_free(links[0]);
	noise_link_free(links[1]);
}

/* Each is found, and none once it is gone. */
static void test_many(void **state)
{
	static struct noise_link *links[SESSIONS];
	static uint32_t ids[SESSIONS];
	struct noise_link_table table = {0};

	(void)state;
	for (unsigned i = 0; i < SESSIONS; i++) {
		links[i] = make(&table, &links[i]);
		noise_link_open(links[i], 0);
		ids[i] = links[i]->ids[0].id;
	}
	assert_int_equal(HASH_COUNT(table.ids), 2 * SESSIONS);
	for (unsigned i = 0; i < SESSIONS; i++) {
		assert_ptr_equal(noise_link_find(&table, ids[i])->link->owner,
				 &links[i]);
		noise_link_free(links[i]);
		assert_null(noise_link_find(&table, ids[i]));
	}
	assert_null(table.ids);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_moves),
		cmocka_unit_test(test_secrets_change),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
