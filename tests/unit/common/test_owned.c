/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Directories that others could change, as root or in a user namespace. */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/owned.h"

#include "common/reason.h"

#define OTHER 1234

static char top[PATH_MAX];

static const char *in_top(const char *name)
{
	static char paths[2][PATH_MAX + 64];
	static unsigned turn;

	turn = !turn;
	snprintf(paths[turn], sizeof(paths[turn]), "%s/%s", top, name);
	return paths[turn];
}

static void make(const char *name, mode_t mode)
{
	assert_int_equal(mkdir(in_top(name), 0700), 0);
	assert_int_equal(chmod(in_top(name), mode), 0);
}

/* culprit: NULL where nobody is; it, and what to do, stand in the reason. */
static void expect(const char *name, int wanted, const char *culprit)
{
	struct reason reason = {0};
	int err = owned_check(in_top(name), &reason);

	if (err != wanted)
		fail_msg("%s: %d is not %d: %s", name, err, wanted,
			 reason.text);
	if (culprit && !strstr(reason.text, culprit))
		fail_msg("%s: %s is not in: %s", name, culprit, reason.text);
	if (!culprit)
		assert_string_equal(reason.text, "");
}

static int set_up(void **state)
{
	(void)state;
	snprintf(top, sizeof(top), "/tmp/owned.XXXXXX");
	assert_non_null(mkdtemp(top));
	make("ours", 0700);
	make("ours/inner", 0755);
	make("group", 0775);
	make("group/inner", 0700);
	make("all", 0777);
	make("all/inner", 0700);
	make("sticky", 01777);
	make("sticky/inner", 0700);
	return 0;
}

static int tear_down(void **state)
{
	char command[PATH_MAX + 16];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", top);
	return system(command);
}

static void test_modes(void **state)
{
	char here[PATH_MAX];

	(void)state;
	expect("ours", 0, NULL);
	expect("ours/inner", 0, NULL);
	expect("ours/inner/", 0, NULL);
	expect("ours/./inner/.", 0, NULL);
	expect("ours/missing", -ENOENT, NULL);
	expect("ours/missing/too", -ENOENT, NULL);
	expect("group", -EPERM, "group can be written to");
	expect("group/inner", -EPERM, "group can be written to");
	expect("all/inner", -EPERM, "chmod go-w");
	expect("all/missing", -EPERM, "all can be written to");
	/* The way through it is safe, but not what is made in it. */
	expect("sticky/inner", 0, NULL);
	expect("sticky", -EPERM, "sticky can be written to");
	expect("sticky/.", -EPERM, "sticky can be written to");
	expect("sticky/inner/..", -EPERM, "sticky can be written to");
	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(chdir(in_top("group")), 0);
	assert_int_equal(owned_check("inner", NULL), -EPERM);
	assert_int_equal(chdir(in_top("ours")), 0);
	assert_int_equal(owned_check("inner", NULL), 0);
	assert_int_equal(chdir("/"), 0);
}

static void link_to(const char *target, const char *name)
{
	assert_int_equal(symlink(target, in_top(name)), 0);
}

static void test_links(void **state)
{
	(void)state;
	link_to("ours/inner", "good");
	link_to("all/inner", "bad");
	link_to(in_top("ours"), "absolute");
	link_to("bad", "ours/chain");
	link_to("../../good", "ours/inner/up");
	link_to("loop", "loop");
	/* Anyone may put another link into its place. */
	link_to("../ours/inner", "all/link");
	expect("good", 0, NULL);
	expect("absolute/inner", 0, NULL);
	expect("ours/inner/up", 0, NULL);
	expect("bad", -EPERM, "all can be written to");
	expect("all/link", -EPERM, "all can be written to");
	expect("ours/chain", -ENOENT, NULL);
	expect("loop", -ELOOP, NULL);
	assert_int_equal(unlink(in_top("ours/chain")), 0);
	link_to("../bad", "ours/chain");
	expect("ours/chain", -EPERM, "all can be written to");
}

static void test_owners(void **state)
{
	(void)state;
	if (chown(in_top("sticky/inner"), OTHER, OTHER) < 0)
		skip();
	make("theirs", 0700);
	make("theirs/inner", 0700);
	link_to("../ours", "sticky/link");
	assert_int_equal(chown(in_top("theirs"), OTHER, OTHER), 0);
	assert_int_equal(lchown(in_top("sticky/link"), OTHER, OTHER), 0);
	expect("sticky/inner", -EPERM, "another user (1234)");
	expect("theirs", -EPERM, "theirs belongs to another user");
	expect("theirs/inner", -EPERM, "chown it to root");
	expect("theirs/missing", -EPERM, "theirs belongs to another user");
	expect("sticky/link", -EPERM, "link belongs to another user");
	/* One that no package has made is a user as any other. */
	assert_int_equal(chown(in_top("theirs"), 65534, 65534), 0);
	expect("theirs/inner", -EPERM, "another user (65534)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_modes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_links, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_owners, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
