/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "host/daemon/events.h"

static void put(struct events *events, unsigned number)
{
	const struct log_event event = {
		.kind = LOG_EVENT_DISCONNECTED,
		.peer = "alice",
		.rx_bytes = number,
		.tx_bytes = 7,
	};
	char line[32];

	snprintf(line, sizeof(line), "line %u", number);
	events_put(events, 1000.5, LOG_LEVEL_NOTICE, line, &event);
}

/* NULL: there is none. A new reference. */
static json_t *take(const struct events *events, uint64_t *next)
{
	char *line = events_take(events, "t", next);
	json_t *object;

	if (!line)
		return NULL;
	/* One line, whatever is in it. */
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	object = json_loads(line, 0, NULL);
	assert_non_null(object);
	free(line);
	return object;
}

static void assert_text(const struct events *events, uint64_t *next,
			const char *text)
{
	json_t *object = take(events, next);

	assert_string_equal(json_string_value(json_object_get(object, "text")),
			    text);
	json_decref(object);
}

static void test_what_a_reader_gets(void **state)
{
	struct events events = {0};
	json_t *object;
	uint64_t next;

	(void)state;
	put(&events, 1); /* before anybody reads */
	assert_int_equal(events_join(&events, &next), 0);
	assert_null(events_take(&events, "t", &next));
	put(&events, 2);
	object = take(&events, &next);
	assert_string_equal(json_string_value(json_object_get(object, "event")),
			    "disconnected");
	assert_string_equal(json_string_value(json_object_get(object, "peer")),
			    "alice");
	assert_string_equal(
		json_string_value(json_object_get(object, "tunnel")), "t");
	assert_int_equal(
		json_integer_value(json_object_get(object, "rx_bytes")), 2);
	assert_true(json_real_value(json_object_get(object, "time")) == 1000.5);
	json_decref(object);
	assert_null(events_take(&events, "t", &next));
	events_leave(&events);
	assert_null(events.ring);
}

/* Each loses its own, and is told how many; who is in time loses none. */
static void test_a_slow_reader_is_told(void **state)
{
	struct events events = {0};
	uint64_t slow, quick;
	json_t *object;

	(void)state;
	assert_int_equal(events_join(&events, &slow), 0);
	assert_int_equal(events_join(&events, &quick), 0);
	for (unsigned i = 0; i < EVENTS_KEPT + 17; i++) {
		char text[32];

		put(&events, i);
		snprintf(text, sizeof(text), "line %u", i);
		assert_text(&events, &quick, text);
	}
	object = take(&events, &slow);
	assert_string_equal(json_string_value(json_object_get(object, "event")),
			    "lost");
	assert_int_equal(json_integer_value(json_object_get(object, "count")),
			 17);
	json_decref(object);
	assert_text(&events, &slow, "line 17");
	for (unsigned i = 1; i < EVENTS_KEPT; i++)
		json_decref(take(&events, &slow));
	assert_null(events_take(&events, "t", &slow));
	events_leave(&events);
	events_leave(&events);
}

static void test_readers_are_bounded(void **state)
{
	struct events events = {0};
	uint64_t next;

	(void)state;
	for (int i = 0; i < EVENTS_READERS; i++)
		assert_int_equal(events_join(&events, &next), 0);
	assert_int_equal(events_join(&events, &next), -EBUSY);
	events_leave(&events);
	assert_int_equal(events_join(&events, &next), 0);
	for (int i = 0; i < EVENTS_READERS; i++)
		events_leave(&events);
}

/* A line may have been cut within a letter. */
static void test_half_a_letter(void **state)
{
	const struct log_event event = {.kind = LOG_EVENT_WARNING};
	struct events events = {0};
	uint64_t next;

	(void)state;
	assert_int_equal(events_join(&events, &next), 0);
	events_put(&events, 1., LOG_LEVEL_WARNING, "caf\xc3", &event);
	events_put(&events, 1., LOG_LEVEL_WARNING, "caf\xc3\xa9 \"x\\", &event);
	assert_text(&events, &next, "");
	assert_text(&events, &next, "caf\xc3\xa9 \"x\\");
	events_leave(&events);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_a_reader_gets),
		cmocka_unit_test(test_a_slow_reader_is_told),
		cmocka_unit_test(test_readers_are_bounded),
		cmocka_unit_test(test_half_a_letter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
