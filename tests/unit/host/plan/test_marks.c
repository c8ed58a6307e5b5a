/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of marks that a client's file asks for. */
#include "common/config/config.h"
#include "host/plan/plan_internal.h"
#include "unit/nft_fixture.h"

#define MARK 0x4d0000ffU

static void test_client(void **state)
{
	struct config config = {.name = "a-tunnel-of-thirty-one-letters", //
				.device = "tun0",
				.inbound = true};
	struct change_list list = {0};
	struct nft_marks *marks;
	char text[CHANGE_TEXT_SIZE];
	struct change again;

	(void)state;
	assert_int_equal(netns_enter(), 0);
	assert_int_equal(netns_run("sysctl -qw "
				   "net.ipv4.ip_local_port_range=2000\t3001"),
			 0);
	assert_int_equal(plan_marks(&config, MARK, &list), 0);
	config.inbound = false;
	assert_int_equal(plan_marks(&config, MARK, &list), 0);
	assert_int_equal(list.count, 2);
	for (size_t i = 0; i < list.count; i++) {
		marks = &list.items[i].marks;
		assert_int_equal(list.items[i].kind, CHANGE_MARKS);
		assert_string_equal(
			marks->table,
			"minivpn.marks-a-tunnel-of-thirty-one-letters");
		assert_int_equal(marks->mark, MARK);
		assert_int_equal(marks->ports[0], i ? 0 : 2000);
		assert_int_equal(marks->ports[1], i ? 0 : 3001);
		assert_int_equal(
			change_print(&list.items[i], text, sizeof(text)), 0);
		assert_int_equal(change_parse(text, &again), 0);
		assert_true(change_equal(&list.items[i], &again));
	}
	change_list_free(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_client),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
