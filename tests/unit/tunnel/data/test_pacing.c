/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tunnel/data/pacing.h"

/* What the socket of a reader holds by default, and where bursts begin. */
#define HELD  277
#define BURST 64

/* A tunnel process whose turns take no time, and what waits for it. */
struct lab {
	struct pacing pacing;
	double now;
	double waiting;		     /* packets */
	double arriving;	     /* a second */
	double most;		     /* that waited */
	unsigned delivered, largest; /* in all; in one turn */
};

/* A turn, and the pause after it or, without one, so many seconds. */
static double turn(struct lab *lab, double least)
{
	unsigned count = 0;
	double pause;

	pacing_begin(&lab->pacing, lab->now);
	while (lab->waiting >= 1) {
		lab->waiting--;
		count++;
		if (!pacing_spend(&lab->pacing, 1))
			break;
	}
	pause = pacing_end(&lab->pacing);
	lab->delivered += count;
	if (count > lab->largest)
		lab->largest = count;
	least = pause > 0 ? pause : least;
	lab->now += least;
	lab->waiting += least * lab->arriving;
	if (lab->waiting > lab->most)
		lab->most = lab->waiting;
	return pause;
}

static void run(struct lab *lab, double seconds)
{
	double end = lab->now + seconds;

	lab->delivered = lab->largest = 0;
	lab->most = 0;
	while (lab->now < end)
		turn(lab, 10e-6);
}

static void test_what_does_not_pile_up_does_not_wait(void **state)
{
	struct lab lab = {.now = 100, .arriving = 150e3};

	(void)state;
	pacing_init(&lab.pacing);
	for (int i = 0; i < 10000; i++)
		assert_true(turn(&lab, 100e-6) == 0);
	assert_true(lab.waiting < 20);
}

static void test_a_burst_goes_in_portions(void **state)
{
	struct lab lab = {.now = 100, .waiting = 500};
	double begin = lab.now, pause;
	unsigned turns = 0;

	(void)state;
	pacing_init(&lab.pacing);
	while ((pause = turn(&lab, 0)) > 0) {
		assert_true(pause >= 200e-6 && pause < 500e-6);
		turns++;
	}
	assert_true(lab.waiting < 1);
	assert_true(turns > 5);
	assert_in_range(lab.largest, BURST, BURST + 1);
	assert_true(lab.now - begin > .0022 && lab.now - begin < .0040);
}

/* After any time the reader has had as long as it needs for all it has. */
static void test_no_more_than_a_socket_holds(void **state)
{
	double taken = 0, before = 100;
	struct lab lab = {.now = before, .waiting = 2000};

	(void)state;
	pacing_init(&lab.pacing);
	while (lab.waiting >= 1) {
		double had = lab.waiting;

		taken -= (lab.now - before) * 150e3;
		before = lab.now;
		if (taken < 0)
			taken = 0;
		turn(&lab, 0);
		taken += had - lab.waiting;
		assert_true(taken < HELD);
	}
}

static void test_a_higher_rate_that_stays_is_followed(void **state)
{
	struct lab lab = {.now = 100, .arriving = 600e3};

	(void)state;
	pacing_init(&lab.pacing);
	run(&lab, .5);
	assert_true(lab.most < 30000);
	run(&lab, .5);
	assert_in_range(lab.delivered, 298000, 302000);
	assert_true(lab.most < 3000);
	/* And forgotten, once it is over. */
	lab.arriving = 1000;
	run(&lab, .5);
	lab.waiting = 500;
	run(&lab, .1);
	assert_in_range(lab.largest, BURST, BURST + 1);
}

/* A message may have more than is left, but what it had too much is paid. */
static void test_a_message_is_whole(void **state)
{
	struct pacing pacing;

	(void)state;
	pacing_init(&pacing);
	pacing_begin(&pacing, 100);
	assert_false(pacing_spend(&pacing, BURST + 160));
	assert_true(pacing_end(&pacing) > 990e-6);
	pacing_begin(&pacing, 100.0005);
	assert_false(pacing_spend(&pacing, 0));
	assert_true(pacing_end(&pacing) > 480e-6);
	pacing_begin(&pacing, 100.0011);
	assert_true(pacing_spend(&pacing, 1));
	assert_true(pacing_end(&pacing) == 0);
}

/* Nor is it a sign of a higher rate that the process could not run. */
static void test_a_burst_after_a_long_wait(void **state)
{
	struct lab lab = {.now = 100, .waiting = 200};

	(void)state;
	pacing_init(&lab.pacing);
	turn(&lab, 0);
	assert_true(lab.pacing.behind);
	lab.now += 10;
	lab.waiting = 600;
	run(&lab, .01);
	assert_in_range(lab.largest, BURST, BURST + 3);
}

static void test_time_that_stands_still(void **state)
{
	struct pacing pacing;

	(void)state;
	pacing_init(&pacing);
	pacing_begin(&pacing, 100);
	assert_false(pacing_spend(&pacing, BURST + 1));
	assert_true(pacing_end(&pacing) > 0);
	pacing_begin(&pacing, 100);
	assert_false(pacing_spend(&pacing, 0));
	pacing_begin(&pacing, 99);
	assert_false(pacing_spend(&pacing, 0));
	assert_true(pacing_end(&pacing) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_does_not_pile_up_does_not_wait),
		cmocka_unit_test(test_a_burst_goes_in_portions),
		cmocka_unit_test(test_no_more_than_a_socket_holds),
		cmocka_unit_test(test_a_higher_rate_that_stays_is_followed),
		cmocka_unit_test(test_a_message_is_whole),
		cmocka_unit_test(test_a_burst_after_a_long_wait),
		cmocka_unit_test(test_time_that_stands_still),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
