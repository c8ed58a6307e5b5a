/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The search for the path's MTU, on simulated paths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/jitter.h"
#include "tunnel/control/pmtu.h"

#define OVERHEAD 65
#define TICK	 0.001

/* A path that loses what is too large for it, and a share of the rest. */
struct path {
	unsigned carries; /* outer bytes */
	double rtt;
	unsigned loss; /* percent */
	bool silent;
};

struct echo {
	double due;
	uint16_t id;
};

struct lab {
	struct pmtu pmtu;
	struct path path;
	double now;
	unsigned probes;
	struct echo echoes[1024];
	unsigned count;
};

/* So that all is the same each time. */
double jitter(double seconds, double less, double more)
{
	(void)less;
	(void)more;
	return seconds;
}

static void begin(struct lab *lab, unsigned carries, unsigned ceiling)
{
	memset(lab, 0, sizeof(*lab));
	lab->path = (struct path){.carries = carries, .rtt = 0.02};
	lab->now = 1000.;
	srand(1);
	pmtu_start(&lab->pmtu, ceiling - OVERHEAD, OVERHEAD, lab->now);
}

static void send_probe(struct lab *lab, const struct pmtu_probe *probe)
{
	lab->probes++;
	if (lab->path.silent ||
	    probe->size + (unsigned)OVERHEAD > lab->path.carries ||
	    (unsigned)rand() % 100 < lab->path.loss)
		return;
	assert_true(lab->count < sizeof(lab->echoes) / sizeof(*lab->echoes));
	lab->echoes[lab->count++] = (struct echo){
		.due = lab->now + lab->path.rtt,
		.id = probe->id,
	};
}

static void ask(struct lab *lab)
{
	struct pmtu_probe probe;

	while (pmtu_due(&lab->pmtu, lab->now, &probe)) {
		assert_int_not_equal(probe.id, 0);
		assert_true(probe.size <= lab->pmtu.ceiling);
		send_probe(lab, &probe);
	}
}

static void step(struct lab *lab)
{
	unsigned kept = 0;

	ask(lab);
	lab->now += TICK;
	for (unsigned i = 0; i < lab->count; i++) {
		struct echo echo = lab->echoes[i];

		if (echo.due > lab->now)
			lab->echoes[kept++] = echo;
		else
			pmtu_answered(&lab->pmtu, echo.id, lab->path.rtt,
				      lab->now);
	}
	lab->count = kept;
}

/* Seconds until the state is reached. */
static double run_to(struct lab *lab, enum pmtu_state state, double limit)
{
	double start = lab->now;

	while (lab->pmtu.state != state) {
		assert_true(lab->now < start + limit);
		step(lab);
	}
	return lab->now - start;
}

static void run_for(struct lab *lab, double seconds, bool traffic)
{
	double end = lab->now + seconds;

	while (lab->now < end) {
		if (traffic)
			pmtu_used(&lab->pmtu, lab->pmtu.size, 1);
		step(lab);
	}
}

static unsigned outer(const struct lab *lab)
{
	return lab->pmtu.size + OVERHEAD;
}

static void assert_found(const struct lab *lab, unsigned carries,
			 unsigned ceiling)
{
	unsigned most = carries < ceiling ? carries : ceiling;

	assert_true(outer(lab) <= most);
	assert_true(outer(lab) + 8 >= most);
}

/* Within a second and a half, and never more than is proven before. */
static void test_every_path(void **state)
{
	static const unsigned ceilings[] = {1400, 1500, 9000};
	struct lab lab;

	(void)state;
	for (unsigned carries = 576; carries <= 9000;
	     carries += carries < 1600 ? 1 : 37) {
		for (unsigned i = 0; i < 3; i++) {
			begin(&lab, carries, ceilings[i]);
			run_to(&lab, PMTU_SETTLED, 2.5);
			assert_found(&lab, carries, ceilings[i]);
			assert_true(lab.probes < 90);
		}
	}
}

/* The common ones are found to the byte, the uplink's own in one round trip. */
static void test_usual_paths(void **state)
{
	static const unsigned usual[] = {1500, 1492, 1400, 1280};
	struct lab lab;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		begin(&lab, usual[i], 1500);
		assert_int_equal(outer(&lab), 1280);
		run_for(&lab, lab.path.rtt + 2 * TICK, false);
		assert_int_equal(outer(&lab), usual[i]);
		run_to(&lab, PMTU_SETTLED, 1.5);
		assert_int_equal(outer(&lab), usual[i]);
	}
	begin(&lab, 1500, 1500);
	run_for(&lab, 30., false);
	assert_true(lab.probes <= 8);
	assert_true(pmtu_again(&lab.pmtu, lab.now) < 0.);
}

static void test_loss(void **state)
{
	static const unsigned carries[] = {1500, 1492, 1337, 1280};
	struct lab lab;
	unsigned found = 0;

	(void)state;
	for (unsigned i = 0; i < 400; i++) {
		begin(&lab, carries[i % 4], 1500);
		srand(i + 1);
		lab.path.loss = 10;
		run_to(&lab, PMTU_SETTLED, 3.);
		assert_true(outer(&lab) <= carries[i % 4]);
		found += outer(&lab) + 8 >= carries[i % 4];
	}
	/* A tenth, three times: one in a thousand for each size. */
	assert_true(found >= 390);
}

static void test_slow_path(void **state)
{
	struct lab lab;

	(void)state;
	begin(&lab, 1492, 1500);
	lab.path.rtt = 0.8;
	run_to(&lab, PMTU_SETTLED, 10.);
	assert_found(&lab, 1492, 1500);
	assert_true(lab.probes < 60);
}

static void test_silence_proves_nothing(void **state)
{
	struct lab lab;

	(void)state;
	begin(&lab, 1492, 1500);
	lab.path.silent = true;
	run_for(&lab, 60., true);
	assert_int_equal(lab.pmtu.state, PMTU_SEARCHING);
	assert_int_equal(outer(&lab), 1280);
	assert_true(lab.probes < 150);
	lab.path.silent = false;
	run_to(&lab, PMTU_SETTLED, 8.);
	assert_found(&lab, 1492, 1500);

	lab.path.silent = true;
	run_for(&lab, 20., true);
	lab.path.silent = false;
	run_to(&lab, PMTU_SETTLED, 8.);
	assert_found(&lab, 1492, 1500);
}

/* While something is sent a path that shrinks is found out in a second. */
static void test_shrinking_path(void **state)
{
	static const unsigned carries[] = {1492, 1400, 1280, 1000, 600};
	struct lab lab;

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		double start;

		begin(&lab, 1500, 1500);
		run_for(&lab, 10., true);
		assert_int_equal(outer(&lab), 1500);
		lab.path.carries = carries[i];
		start = lab.now;
		while (outer(&lab) > carries[i]) {
			run_for(&lab, TICK, true);
			assert_true(lab.now < start + 1.6);
		}
		assert_true(carries[i] < 1280 || lab.now < start + 0.8);
		run_to(&lab, PMTU_SETTLED, 2.5);
		assert_found(&lab, carries[i], 1500);
	}
}

/* What is in use is looked at in every round of a search. */
static void test_shrinks_while_searched(void **state)
{
	struct lab lab;
	double start;

	(void)state;
	begin(&lab, 1450, 1500);
	run_for(&lab, 0.3, true);
	assert_int_equal(lab.pmtu.state, PMTU_SEARCHING);
	assert_true(outer(&lab) > 1300);
	lab.path.carries = 1300;
	start = lab.now;
	while (outer(&lab) > 1300) {
		run_for(&lab, TICK, true);
		assert_true(lab.now < start + 0.8);
	}
	run_to(&lab, PMTU_SETTLED, 2.5);
	assert_found(&lab, 1300, 1500);
}

/* TCP's window, sent while the last probe was on its way, and then silence. */
static void test_shrinks_behind_a_probe(void **state)
{
	struct lab lab;

	(void)state;
	begin(&lab, 1500, 1500);
	run_for(&lab, 1., false);
	assert_true(pmtu_used(&lab.pmtu, lab.pmtu.size, 500));
	run_to(&lab, PMTU_DOUBTING, 0.3);
	assert_int_equal(lab.pmtu.large, 0);
	run_for(&lab, TICK, false);
	pmtu_used(&lab.pmtu, lab.pmtu.size, 500);
	lab.path.carries = 1400;
	run_to(&lab, PMTU_SETTLED, 0.1);
	assert_int_equal(outer(&lab), 1500);
	run_for(&lab, 0.55, false);
	assert_int_equal(outer(&lab), 1400);
}

/* One probe more in a hundred packets, and in a second. */
static void test_probes_are_few(void **state)
{
	struct lab lab;

	(void)state;
	begin(&lab, 1500, 1500);
	run_for(&lab, 1., false);
	lab.probes = 0;
	for (unsigned i = 0; i < 1000; i++) {
		pmtu_used(&lab.pmtu, lab.pmtu.size, 1);
		run_for(&lab, 0.01, false);
	}
	assert_in_range(lab.probes, 8, 11);
	for (unsigned i = 0; i < 1000; i++) {
		pmtu_used(&lab.pmtu, lab.pmtu.size, 40);
		run_for(&lab, 0.01, false);
	}
	assert_in_range(lab.probes, 45, 63);
}

/* An idle tunnel does not probe; what is sent first finds it out. */
static void test_idle(void **state)
{
	struct lab lab;

	(void)state;
	begin(&lab, 1500, 1500);
	run_for(&lab, 1., false);
	lab.probes = 0;
	lab.path.carries = 1400;
	run_for(&lab, 100., false);
	assert_int_equal(lab.probes, 0);
	assert_false(pmtu_used(&lab.pmtu, 100, 1));
	assert_true(pmtu_used(&lab.pmtu, 1400, 1));
	run_to(&lab, PMTU_SEARCHING, 0.5);
	run_to(&lab, PMTU_SETTLED, 1.5);
	assert_int_equal(outer(&lab), 1400);
}

static void test_growing_path(void **state)
{
	struct lab lab;

	(void)state;
	begin(&lab, 1400, 1500);
	run_to(&lab, PMTU_SETTLED, 1.5);
	lab.path.carries = 1500;
	/* Also while the tunnel is busy. */
	run_for(&lab, 590., true);
	assert_int_equal(outer(&lab), 1400);
	run_for(&lab, 20., true);
	assert_int_equal(outer(&lab), 1500);
}

/* ICMP from anyone: one question at a time, and nothing changes. */
static void test_lying_icmp(void **state)
{
	struct lab lab;

	(void)state;
	begin(&lab, 1500, 1500);
	run_for(&lab, 1., false);
	lab.probes = 0;
	for (unsigned i = 0; i < 10000; i++) {
		pmtu_hint(&lab.pmtu, lab.now);
		step(&lab);
		assert_int_equal(outer(&lab), 1500);
	}
	assert_true(lab.probes < 350);
	/* A true one is quicker than traffic is. */
	lab.path.carries = 1280;
	run_for(&lab, 0.2, false);
	assert_true(pmtu_hint(&lab.pmtu, lab.now));
	run_for(&lab, 0.35, false);
	assert_int_equal(outer(&lab), 1280);
}

/* Answers that nobody asked for, or that come too late. */
static void test_strange_answers(void **state)
{
	struct lab lab;

	(void)state;
	begin(&lab, 1280, 1500);
	ask(&lab);
	for (unsigned id = 0; id <= UINT16_MAX; id++) {
		if (id < lab.pmtu.id || id >= lab.pmtu.id + lab.pmtu.count)
			pmtu_answered(&lab.pmtu, (uint16_t)id, 0.01, lab.now);
	}
	assert_int_equal(outer(&lab), 1280);
	assert_int_equal(lab.pmtu.state, PMTU_SEARCHING);
	run_to(&lab, PMTU_SETTLED, 1.5);
	for (unsigned id = 0; id <= UINT16_MAX; id++)
		pmtu_answered(&lab.pmtu, (uint16_t)id, 0.01, lab.now);
	assert_int_equal(outer(&lab), 1280);
	assert_int_equal(lab.pmtu.state, PMTU_SETTLED);
	/* Ids go round. */
	for (unsigned i = 0; i < 20000; i++) {
		pmtu_start(&lab.pmtu, 1435, OVERHEAD, lab.now);
		assert_true(lab.pmtu.id > 0);
		assert_true(lab.pmtu.id <= UINT16_MAX - PMTU_SIZES);
	}
}

static void test_narrow_uplink(void **state)
{
	struct lab lab;

	(void)state;
	begin(&lab, 9000, 1280);
	run_to(&lab, PMTU_SETTLED, 1.);
	assert_int_equal(outer(&lab), 1280);
	begin(&lab, 9000, 600);
	run_to(&lab, PMTU_SETTLED, 1.);
	assert_int_equal(outer(&lab), 600);
	assert_true(pmtu_again(&lab.pmtu, lab.now) < 0.);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_path),
		cmocka_unit_test(test_usual_paths),
		cmocka_unit_test(test_loss),
		cmocka_unit_test(test_slow_path),
		cmocka_unit_test(test_silence_proves_nothing),
		cmocka_unit_test(test_shrinking_path),
		cmocka_unit_test(test_shrinks_while_searched),
		cmocka_unit_test(test_shrinks_behind_a_probe),
		cmocka_unit_test(test_probes_are_few),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_growing_path),
		cmocka_unit_test(test_lying_icmp),
		cmocka_unit_test(test_strange_answers),
		cmocka_unit_test(test_narrow_uplink),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
