/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The question whether runs arrive, over paths that lose this and that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tunnel/control/run_probe.h"

#define TRIP 0.02

struct path {
	struct run_probe probe;
	bool drops_runs;    /* a run is lost as a whole */
	unsigned survivors; /* but so many of its datagrams */
	unsigned permille;  /* of all datagrams, lost either way */
	unsigned joint;	    /* of all runs, lost as one */
	unsigned rounds;    /* that were sent */
	double now, waited; /* for the inquiry to begin */
	uint32_t random;
};

static bool is_lost(struct path *path, unsigned permille)
{
	path->random = path->random * 1664525u + 1013904223u;
	return (path->random >> 8) % 1000 < permille;
}

static void send_round(struct path *path, uint16_t id)
{
	bool whole = is_lost(path, path->joint);

	path->rounds++;
	for (unsigned i = 0; i < 2 * RUN_PROBE_PINGS; i++) {
		bool lost = is_lost(path, path->permille) ||
			    is_lost(path, path->permille);

		if (i < RUN_PROBE_PINGS && path->drops_runs)
			lost |= i >= path->survivors;
		if (i < RUN_PROBE_PINGS)
			lost |= whole;
		if (!lost)
			run_probe_answered(&path->probe, (uint16_t)(id + i));
	}
}

/* One inquiry, from the next run on; seconds that it took. */
static double ask(struct path *path)
{
	struct run_probe *probe = &path->probe;
	double begun, again = 0.;
	uint16_t id;

	begun = path->now;
	while (!run_probe_used(probe, path->now))
		path->now += 0.1;
	path->waited = path->now - begun;
	begun = path->now;
	while (again >= 0.) {
		path->now += again;
		if (run_probe_due(probe, path->now, TRIP, &id)) {
			assert_true(id >= RUN_PROBE_ID);
			path->now += 1e-6;
			send_round(path, id);
		}
		again = run_probe_again(probe, path->now, TRIP);
	}
	return path->now - begun;
}

static struct path make_path(void)
{
	return (struct path){.now = 1000.};
}

static void test_runs_that_arrive(void **state)
{
	struct path path = make_path();

	(void)state;
	assert_true(run_probe_apart(&path.probe));
	for (unsigned i = 1; i < 20; i++) {
		assert_true(ask(&path) < 0.01);
		assert_false(run_probe_apart(&path.probe));
		assert_false(path.probe.lost);
		assert_int_equal(path.rounds, i);
	}
	/* A question each five seconds, however many runs there are. */
	assert_true(path.now >= 1000. + 18 * 5.);
	assert_false(run_probe_used(&path.probe, path.now));
}

static void test_runs_that_are_lost(void **state)
{
	struct path path = make_path();

	(void)state;
	for (path.survivors = 0; path.survivors < 2; path.survivors++) {
		path.drops_runs = true;
		run_probe_restart(&path.probe);
		assert_true(ask(&path) < 1.5);
		assert_true(path.probe.lost);
		assert_true(run_probe_apart(&path.probe));
		path.drops_runs = false;
		ask(&path);
		assert_false(path.probe.lost);
	}
}

/* It is asked less and less often, but it is; a new path at once. */
static void test_lost_for_long(void **state)
{
	struct path path = make_path();
	double waited = 0.;

	(void)state;
	path.drops_runs = true;
	for (unsigned i = 0; i < 12; i++) {
		ask(&path);
		assert_true(path.probe.lost);
		assert_true(path.waited > waited - 1.);
		waited = path.waited;
	}
	assert_true(waited > 600. && waited < 1300.);
	run_probe_restart(&path.probe);
	assert_true(path.probe.lost);
	assert_true(run_probe_used(&path.probe, path.now));
}

/* A twentieth, a tenth, a fifth in each direction, for days. */
static void test_single_packets_are_lost(void **state)
{
	static const unsigned rates[] = {50, 100, 200}, most[] = {2, 10, 100};
	struct path path = make_path();

	(void)state;
	for (unsigned rate = 0; rate < 3; rate++) {
		unsigned wrong = 0;

		path.permille = path.joint = rates[rate];
		for (unsigned i = 0; i < 20000; i++) {
			ask(&path);
			wrong += path.probe.lost;
		}
		if (wrong > most[rate])
			fail_msg("%u in 1000 are lost: wrong %u times",
				 rates[rate], wrong);
	}
}

/* And that does not keep it from seeing that runs are. */
static void test_both_are_lost(void **state)
{
	struct path path = make_path();
	unsigned found = 0;

	(void)state;
	path.drops_runs = true;
	path.permille = 50;
	for (unsigned i = 0; i < 1000; i++) {
		path.probe.lost = false;
		ask(&path);
		found += path.probe.lost;
	}
	assert_true(found > 900);
}

/* Nothing is concluded where nothing is answered. */
static void test_silence(void **state)
{
	struct path path = make_path();

	(void)state;
	path.permille = 1000;
	ask(&path);
	assert_false(run_probe_apart(&path.probe));
	path.probe.lost = true;
	ask(&path);
	assert_true(path.probe.lost);
}

/* What comes late, of the round before, or of nobody, counts for nothing. */
static void test_other_answers(void **state)
{
	struct run_probe probe = {0};
	uint16_t first, id;

	(void)state;
	run_probe_answered(&probe, RUN_PROBE_ID);
	assert_true(run_probe_used(&probe, 10.));
	assert_true(run_probe_due(&probe, 10., TRIP, &first));
	assert_true(run_probe_due(&probe, 11., TRIP, &id));
	for (unsigned i = 0; i < 8; i++)
		run_probe_answered(&probe, (uint16_t)(first + i));
	run_probe_answered(&probe, (uint16_t)(id + 8));
	run_probe_answered(&probe, 7);
	run_probe_answered(&probe, UINT16_MAX);
	assert_int_equal(probe.answered, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runs_that_arrive),
		cmocka_unit_test(test_runs_that_are_lost),
		cmocka_unit_test(test_lost_for_long),
		cmocka_unit_test(test_single_packets_are_lost),
		cmocka_unit_test(test_both_are_lost),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_other_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
