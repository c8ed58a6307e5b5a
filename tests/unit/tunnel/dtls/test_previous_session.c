/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/control/message.h"
#include "tunnel/dtls/previous_session.h"
#include "unit/open_link.h"

static const uint8_t packet[] = {0x45, 1, 2, 3, 4, 5, 6, 7};
static const uint8_t control[] = {1, 1, 0, 0};

/* Two sessions of the same ends, of which the server has replaced one. */
struct scene {
	struct ev_loop *loop;
	struct memory_link *old, *new;
	struct previous_session previous;
};

static int begin(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	scene->loop = ev_loop_new(EVFLAG_AUTO);
	scene->old = open_link(CONFIG_CIPHER_AUTO);
	scene->new = open_link(CONFIG_CIPHER_AUTO);
	previous_session_init(&scene->previous, scene->loop,
			      message_is_control);
	previous_session_keep(&scene->previous,
			      scene->old->ends[LINK_SERVER].session, true);
	scene->old->ends[LINK_SERVER].session = NULL;
	*state = scene;
	return 0;
}

static int end(void **state)
{
	struct scene *scene = *state;

	previous_session_drop(&scene->previous);
	memory_link_free(scene->old);
	memory_link_free(scene->new);
	ev_loop_destroy(scene->loop);
	free(scene);
	return 0;
}

/* This is what the client of that link seals; returns its length. */
static size_t seal(const struct memory_link *link, const uint8_t *plain,
		   size_t length, uint8_t *datagram)
{
	ssize_t sealed = session_seal(link->ends[LINK_CLIENT].session, datagram,
				      LINK_SIZE, plain, length);

	assert_true(sealed > 0);
	return (size_t)sealed;
}

static void test_what_is_its_own(void **state)
{
	struct scene *scene = *state;
	uint8_t datagram[LINK_SIZE], copy[LINK_SIZE], *plain;
	size_t length = seal(scene->old, packet, sizeof(packet), datagram);
	size_t size;

	memcpy(copy, datagram, length);
	assert_true(previous_session_open(&scene->previous, datagram, length,
					  &plain, &size));
	assert_int_equal(size, sizeof(packet));
	assert_memory_equal(plain, packet, size);
	assert_true(plain > datagram && plain + size <= datagram + length);
	/* It opens once. */
	assert_false(previous_session_open(&scene->previous, copy, length,
					   &plain, &size));
	/* Control messages are the new session's alone. */
	length = seal(scene->old, control, sizeof(control), datagram);
	assert_true(previous_session_open(&scene->previous, datagram, length,
					  &plain, &size));
	assert_int_equal(size, 0);
}

static void test_what_is_not(void **state)
{
	struct scene *scene = *state;
	uint8_t datagram[LINK_SIZE], copy[LINK_SIZE], *plain;
	size_t length = seal(scene->new, packet, sizeof(packet), datagram);
	size_t size;

	memcpy(copy, datagram, length);
	assert_false(previous_session_open(&scene->previous, datagram, length,
					   &plain, &size));
	assert_memory_equal(datagram, copy, length);
	memory_link_deliver(scene->new, LINK_SERVER, datagram, length);
	assert_int_equal(scene->new->ends[LINK_SERVER].records, 1);
	/* Cut short; with something behind it; nothing at all. */
	length = seal(scene->old, packet, sizeof(packet), datagram);
	for (size_t i = 0; i < length; i++)
		assert_false(previous_session_open(&scene->previous, datagram,
						   i, &plain, &size));
	datagram[length] = 0;
	assert_false(previous_session_open(&scene->previous, datagram,
					   length + 1, &plain, &size));
	assert_true(previous_session_open(&scene->previous, datagram, length,
					  &plain, &size));
}

static void test_who_seals(void **state)
{
	struct scene *scene = *state;
	struct session *successor = scene->new->ends[LINK_SERVER].session;

	assert_ptr_equal(previous_session_sealer(&scene->previous, successor),
			 scene->previous.session);
	previous_session_confirm(&scene->previous);
	assert_ptr_equal(previous_session_sealer(&scene->previous, successor),
			 successor);
	assert_non_null(scene->previous.session);
}

static void test_its_time_is_over(void **state)
{
	struct scene *scene = *state;
	struct session *successor = scene->new->ends[LINK_SERVER].session;
	uint8_t datagram[LINK_SIZE], *plain;
	size_t length = seal(scene->old, packet, sizeof(packet), datagram);
	size_t size;

	assert_true(ev_is_active(&scene->previous.timer));
	assert_true(ev_timer_remaining(scene->loop, &scene->previous.timer) <
		    10.);
	ev_invoke(scene->loop, &scene->previous.timer, EV_TIMER);
	assert_null(scene->previous.session);
	assert_ptr_equal(previous_session_sealer(&scene->previous, successor),
			 successor);
	assert_false(previous_session_open(&scene->previous, datagram, length,
					   &plain, &size));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_is_its_own, begin,
						end),
		cmocka_unit_test_setup_teardown(test_what_is_not, begin, end),
		cmocka_unit_test_setup_teardown(test_who_seals, begin, end),
		cmocka_unit_test_setup_teardown(test_its_time_is_over, begin,
						end),
	};

	open_link_keys();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
