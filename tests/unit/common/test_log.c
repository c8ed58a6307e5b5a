/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char said[LOG_LINE_SIZE * 4];
static enum log_level said_level;

static void sink(void *data, enum log_level level, const char *line)
{
	assert_ptr_equal(data, said);
	said_level = level;
	snprintf(said, sizeof(said), "%s", line);
}

static int setup(void **state)
{
	(void)state;
	said[0] = '\0';
	log_set_level(LOG_LEVEL_INFO);
	log_set_prefixes(false);
	log_set_sink(sink, said);
	return 0;
}

static void test_levels(void **state)
{
	(void)state;
	log_debug("%s", "no");
	assert_string_equal(said, "");
	log_info("%s %d", "yes", 1);
	assert_string_equal(said, "yes 1");
	assert_int_equal(said_level, LOG_LEVEL_INFO);
	log_set_level(LOG_LEVEL_ERROR);
	log_warning("no");
	log_notice("no");
	assert_string_equal(said, "yes 1");
	log_error("bad");
	assert_string_equal(said, "bad");
	assert_int_equal(said_level, LOG_LEVEL_ERROR);
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("all");
	assert_string_equal(said, "all");
}

static struct log_event last;

static void event_sink(void *data, enum log_level level, const char *line,
		       const struct log_event *event)
{
	assert_ptr_equal(data, &last);
	last = *event;
	log_plain(level, line);
}

/* Events, and warnings, have a sink, which is told also what is not logged. */
static void test_events(void **state)
{
	(void)state;
	log_event(LOG_LEVEL_NOTICE, LOG_EVENT_UP, NULL, "up %d", 1);
	assert_string_equal(said, "up 1");
	log_set_event_sink(event_sink, &last);
	log_event(LOG_LEVEL_NOTICE, LOG_EVENT_CONNECTED, "alice", "a\nb");
	assert_string_equal(said, "a?b");
	assert_int_equal(last.kind, LOG_EVENT_CONNECTED);
	assert_string_equal(last.peer, "alice");
	log_notice("plain");
	assert_int_equal(last.kind, LOG_EVENT_CONNECTED);
	log_warning("careful");
	assert_int_equal(last.kind, LOG_EVENT_WARNING);
	log_set_level(LOG_LEVEL_ERROR);
	log_event(LOG_LEVEL_NOTICE, LOG_EVENT_DOWN, NULL, "down");
	assert_int_equal(last.kind, LOG_EVENT_DOWN);
	assert_string_equal(said, "careful");
	log_set_event_sink(NULL, NULL);
	assert_string_equal(log_event_name(LOG_EVENT_REFUSED), "refused");
	assert_string_equal(log_event_name(LOG_EVENTS), "unknown");
}

static void test_lines_stay_lines(void **state)
{
	char text[LOG_LINE_SIZE * 2];

	(void)state;
	log_info("peer\n<3>forged\x1b[31m\x7f\tx \xc3\xa4\n");
	assert_string_equal(said, "peer?<3>forged?[31m? x \xc3\xa4");
	log_line(LOG_LEVEL_NOTICE, "child\r\n");
	assert_string_equal(said, "child?");
	assert_int_equal(said_level, LOG_LEVEL_NOTICE);
	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	log_info("%s", text);
	assert_int_equal(strlen(said), LOG_LINE_SIZE - 1);
}

/* What the default sink writes to stderr. */
static void capture(char *text, size_t size, void (*action)(void))
{
	int ends[2], saved = dup(STDERR_FILENO);
	ssize_t length;

	assert_int_equal(pipe(ends), 0);
	assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
	action();
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	close(ends[1]);
	length = read(ends[0], text, size - 1);
	assert_true(length >= 0);
	text[length] = '\0';
	close(ends[0]);
	close(saved);
}

static void say_two(void)
{
	log_set_sink(NULL, NULL);
	log_info("plain");
	log_set_prefixes(true);
	log_warning("marked");
}

static void test_stderr(void **state)
{
	char text[64];

	(void)state;
	capture(text, sizeof(text), say_two);
	assert_string_equal(text, "plain\n<4>marked\n");
	assert_string_equal(said, "");
}

static void test_limit(void **state)
{
	struct log_limit limit = {.burst = 3, .per_minute = 6};
	unsigned suppressed = 99;
	int i;

	(void)state;
	/* A clock may begin at 0, or long ago. */
	for (i = 0; i < 3; i++) {
		assert_true(log_allowed(&limit, 0, &suppressed));
		assert_int_equal(suppressed, 0);
	}
	for (i = 0; i < 5; i++)
		assert_false(log_allowed(&limit, i, &suppressed));
	assert_true(log_allowed(&limit, 10.01, &suppressed));
	assert_int_equal(suppressed, 5);
	assert_false(log_allowed(&limit, 10.02, &suppressed));
	/* A long silence fills the bucket up, and no further. */
	for (i = 0; i < 3; i++)
		assert_true(log_allowed(&limit, 1e6, &suppressed));
	assert_false(log_allowed(&limit, 1e6, &suppressed));
	/* Backwards is no time at all. */
	assert_false(log_allowed(&limit, 5, NULL));
	assert_true(log_allowed(&limit, 16, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_levels, setup),
		cmocka_unit_test_setup(test_events, setup),
		cmocka_unit_test_setup(test_lines_stay_lines, setup),
		cmocka_unit_test_setup(test_stderr, setup),
		cmocka_unit_test_setup(test_limit, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
