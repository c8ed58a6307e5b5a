/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests of plans: a namespace with eth0 (192.168.1.2/24, gateway
 * 192.168.1.1) as the way to the world, and plans compared as lines of text.
 */
#ifndef MINIVPN_TESTS_PLAN_LAB_H
#define MINIVPN_TESTS_PLAN_LAB_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/log.h"
#include "common/reason.h"
#include "host/change/journal.h"
#include "host/plan/plan.h"
#include "unit/log_count.h"
#include "unit/netns.h"

#define LINK "ip link set dev tun0 addrgenmode none txqueuelen 1000 mtu 1435 up"

struct lab {
	struct change_context context;
	struct config config;
	struct settings settings;
	struct inet_endpoint server;
	struct change_list list;
	struct reason reason;
	unsigned log_lines;
};

static inline struct inet_prefix prefix(const char *text)
{
	struct inet_prefix value;

	if (inet_parse_prefix(text, &value))
		fail_msg("no prefix: %s", text);
	return value;
}

static inline struct inet_address address(const char *text)
{
	return prefix(text).address;
}

static inline int enter(void **state)
{
	struct lab *lab = calloc(1, sizeof(*lab));

	if (!lab || netns_uplink())
		return -1;
	*state = lab;
	strcpy(lab->config.device, "tun0");
	strcpy(lab->config.name, "office");
	lab->server.address = address("203.0.113.5");
	lab->server.port = 4433;
	log_set_sink(count_line, &lab->log_lines);
	return change_context_open(&lab->context);
}

static inline int leave(void **state)
{
	struct lab *lab = *state;

	log_set_sink(NULL, NULL);
	change_context_close(&lab->context);
	change_list_free(&lab->list);
	free(lab);
	return 0;
}

/*
 * In front of each address, and nowhere else, stand the filters for it. Returns
 * how many there are from position on.
 */
static inline size_t filters_at(const struct lab *lab, size_t position)
{
	const struct change *items = lab->list.items;
	size_t end = position, wanted = 0;

	while (end < lab->list.count && items[end].kind == CHANGE_FILTER)
		end++;
	if (end < lab->list.count && items[end].kind == CHANGE_ADDRESS)
		wanted = items[end].address.prefix.address.family == AF_INET
				 ? 2
				 : 1;
	if (end - position != wanted)
		fail_msg("%zu filters, not %zu", end - position, wanted);
	for (size_t i = position; i < end; i++) {
		if (!inet_address_equal(&items[i].filter.inner.address,
					&items[end].address.prefix.address))
			fail_msg("a filter for another address");
	}
	return wanted;
}

/*
 * lines ends with NULL; of an nft line only the first words are compared, and
 * those of filters are not named.
 */
static inline void expect(struct lab *lab, const char *const lines[])
{
	char text[CHANGE_TEXT_SIZE];
	size_t line = 0, filters = 0;

	for (size_t i = 0; i < lab->list.count; i++) {
		struct change again, *change = &lab->list.items[i];

		if (change_print(change, text, sizeof(text)))
			fail_msg("change %zu can't be printed", i);
		if (change_parse(text, &again))
			fail_msg("can't be read back: %s", text);
		if (!filters)
			filters = filters_at(lab, i);
		if (change->kind == CHANGE_FILTER)
			continue;
		filters = 0;
		if (!lines[line])
			fail_msg("not expected: %s", text);
		if (change->kind == CHANGE_GATEWAY ||
		    change->kind == CHANGE_REDIRECT ||
		    change->kind == CHANGE_MARKS)
			text[strlen(lines[line])] = '\0';
		if (strcmp(text, lines[line]) != 0)
			fail_msg("\"%s\" is not \"%s\"", text, lines[line]);
		line++;
	}
	if (lines[line])
		fail_msg("not there: %s", lines[line]);
}

#define EXPECT(lab, ...) expect(lab, (const char *const[]){__VA_ARGS__, NULL})

static inline void assert_says(const struct lab *lab, const char *words)
{
	if (!strstr(lab->reason.text, words))
		fail_msg("\"%s\" does not say \"%s\"", lab->reason.text, words);
}

#endif
