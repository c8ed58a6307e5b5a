/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit/open_link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/key.h"
#include "unit/certificates.h"

static uint8_t keys[2][KEY_SIZE], public_keys[2][KEY_SIZE];

void open_link_keys(void)
{
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(key_generate(keys[i]), 0);
		assert_int_equal(key_public(keys[i], public_keys[i]), 0);
	}
}

void start_link(struct memory_link *link, enum config_cipher cipher)
{
	struct credentials *client =
		key_credentials(CONFIG_CLIENT, keys[LINK_CLIENT],
				public_keys[LINK_SERVER], cipher);
	struct credentials *server =
		key_credentials(CONFIG_SERVER, keys[LINK_SERVER], NULL, cipher);

	link->owned[0] = client;
	link->owned[1] = server;
	memory_link_start(link, client, server);
}

const uint8_t *open_link_key(enum link_side side)
{
	return public_keys[side];
}

struct memory_link *open_link(enum config_cipher cipher)
{
	struct memory_link *link = memory_link_new(1, 0, 0, 0);

	start_link(link, cipher);
	memory_link_run(link);
	for (unsigned i = 0; i < 2; i++) {
		assert_string_equal(session_reason(link->ends[i].session), "");
		assert_true(session_is_open(link->ends[i].session));
		assert_int_equal(link->ends[i].opened, 1);
	}
	return link;
}

void check_data(struct memory_link *link, enum link_side side)
{
	struct link_end *to = &link->ends[!side];
	unsigned before = to->records;
	uint8_t plain[600];

	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)memory_link_random(link);
	assert_int_equal(
		session_send(link->ends[side].session, plain, sizeof(plain)),
		0);
	memory_link_drain(link);
	assert_int_equal(to->records, before + 1);
	assert_int_equal(to->last_length, sizeof(plain));
	assert_memory_equal(to->last, plain, sizeof(plain));
}
