/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a killed run, a full disk, or anybody else has left of a journal. */
#include "journal_fixture.h"

/* Cut anywhere: what is noted whole is undone, and the file goes. */
static void test_torn(void **state)
{
	struct lab *lab = *state;
	size_t length;
	char *text;

	apply_everything(lab);
	die(lab);
	text = content(lab);
	length = strlen(text);
	for (size_t cut = length; cut-- > 0;) {
		int lines = 0, healed;

		rewrite(lab, text, cut);
		for (size_t i = 0; i < cut; i++)
			lines += text[i] == '\n';
		healed = journal_heal(lab->path, &lab->context);
		assert_int_equal(healed, lines > 0 ? lines - 1 : 0);
		assert_false(is_there(lab));
	}
	/* The whole line that the first cut took off is still to be undone. */
	rewrite(lab, text, length);
	assert_int_equal(journal_heal(lab->path, &lab->context), 7);
	assert_as_before(lab);
	assert_int_equal(lab->log_lines, 0);
	free(text);
}

static void test_unreadable_lines(void **state)
{
	static const char noise[] = "rubbish\n"
				    "+ ip route add nonsense\n"
				    "+ \0 zero\n"
				    "\n"
				    "- " ADDRESS "\n"
				    "+rm -rf /\n"
				    "\xff\xfe\x01\n";
	struct lab *lab = *state;
	char *text, *mixed;
	size_t length;

	apply_everything(lab);
	die(lab);
	text = content(lab);
	length = strlen(text);
	mixed = malloc(length + 2 * sizeof(noise) + 8192);
	assert_non_null(mixed);
	memcpy(mixed, text, length);
	memset(mixed + length, 'x', 8192);
	memcpy(mixed + length + 8192, noise, sizeof(noise) - 1);
	/* Torn at the end, behind a line that is longer than any of ours. */
	memcpy(mixed + length + 8192 + sizeof(noise) - 1, "+ ip ro", 7);
	rewrite(lab, mixed, length + 8192 + sizeof(noise) - 1 + 7);
	assert_int_equal(journal_heal(lab->path, &lab->context), 6);
	assert_int_equal(lab->log_lines, 5);
	assert_false(is_there(lab));
	assert_as_before(lab);
	free(mixed);
	free(text);
}

/* A head that can't be read does not keep the host from being healed. */
static void test_unreadable_head(void **state)
{
	struct lab *lab = *state;
	char *text;

	apply_everything(lab);
	die(lab);
	text = content(lab);
	text[0] = 'M';
	rewrite(lab, text, strlen(text));
	assert_int_equal(journal_heal(lab->path, &lab->context), 7);
	assert_int_equal(lab->log_lines, 1);
	assert_as_before(lab);
	free(text);
}

static void test_other_boot(void **state)
{
	struct lab *lab = *state;
	struct change change = parsed(HOST);
	char *text, *boot, reason[64];

	apply_everything(lab);
	die(lab);
	text = content(lab);
	boot = strstr(text, " boot ") + 6;
	boot[0] = boot[0] == '0' ? '1' : '0';
	rewrite(lab, text, strlen(text));
	free(text);
	assert_int_equal(journal_heal(lab->path, &lab->context), 0);
	assert_false(is_there(lab));
	/* Nothing was undone: the route is still taken. */
	assert_int_equal(
		change_apply(&lab->context, &change, reason, sizeof(reason)),
		1);
}

static void test_other_namespace(void **state)
{
	struct lab *lab = *state;
	char *text, *again;

	assert_int_equal(apply(lab, HOST), 0);
	text = content(lab);
	assert_int_equal(netns_enter(), 0);
	assert_int_equal(journal_heal(lab->path, &lab->context), -EXDEV);
	again = content(lab);
	assert_string_equal(text, again);
	free(text);
	free(again);
}

static void test_refused_files(void **state)
{
	struct lab *lab = *state;
	char other[80];

	snprintf(other, sizeof(other), "%s/other", lab->directory);
	assert_int_equal(symlink(lab->path, other), 0);
	assert_int_equal(journal_heal(other, &lab->context), -ELOOP);
	unlink(other);
	assert_int_equal(mkfifo(other, 0600), 0);
	assert_int_equal(journal_heal(other, &lab->context), -EPERM);
	unlink(other);
	assert_int_equal(chmod(lab->path, 0620), 0);
	assert_int_equal(journal_heal(lab->path, &lab->context), -EPERM);
	assert_int_equal(chmod(lab->path, 0602), 0);
	assert_int_equal(journal_heal(lab->path, &lab->context), -EPERM);
	assert_true(is_there(lab));
	/* Only root can make a file that is not its own. */
	if (chmod(lab->path, 0600) == 0 && chown(lab->path, 1, -1) == 0)
		assert_int_equal(journal_heal(lab->path, &lab->context),
				 -EPERM);
	assert_true(is_there(lab));
}

/* Any byte of it wrong: nothing of others is touched, and the rest is undone.
 */
static void test_corrupted(void **state)
{
	static const unsigned char flips[] = {0x01, 0x20, 0x80, 0xff};
	struct lab *lab = *state;
	char *text, *wrong;
	size_t length;

	apply_everything(lab);
	die(lab);
	text = content(lab);
	length = strlen(text);
	wrong = malloc(length);
	assert_non_null(wrong);
	/* The head first: so that the first healing is of all that is there. */
	for (size_t i = 0; i < length * COUNT(flips); i++) {
		size_t at = i / COUNT(flips);
		int healed;

		memcpy(wrong, text, length);
		wrong[at] = (char)(wrong[at] ^ flips[i % COUNT(flips)]);
		rewrite(lab, wrong, length);
		healed = journal_heal(lab->path, &lab->context);
		assert_true((healed >= 0 && healed <= 7) || healed == -EIO ||
			    healed == -EXDEV);
		assert_int_equal(is_there(lab), healed < 0);
	}
	rewrite(lab, text, length);
	assert_int_equal(journal_heal(lab->path, &lab->context), 7);
	netns_run("ip route del 203.0.113.5/32");
	assert_int_equal(sysctl_write("net.ipv4.conf.eth0.rp_filter", "0"), 0);
	assert_as_before(lab);
	free(wrong);
	free(text);
}

/* Megabytes without a newline, and thousands of lines: little memory and log.
 */
static void test_huge(void **state)
{
	enum { NOISE = 8 << 20, LINES = 20000 };
	struct lab *lab = *state;
	char *text, *huge;
	size_t length;

	apply_everything(lab);
	die(lab);
	text = content(lab);
	length = strlen(text);
	huge = malloc(length + NOISE + 2 * LINES);
	assert_non_null(huge);
	memcpy(huge, text, length);
	memset(huge + length, 'x', NOISE + 2 * LINES);
	for (size_t i = 0; i < LINES; i++)
		huge[length + NOISE + 2 * i] = '\n';
	rewrite(lab, huge, length + NOISE + 2 * LINES);
	assert_int_equal(journal_heal(lab->path, &lab->context), 7);
	assert_true(lab->log_lines > 1 && lab->log_lines < 20);
	assert_as_before(lab);
	free(huge);
	free(text);
}

static void test_directory_in_its_place(void **state)
{
	struct lab *lab = *state;

	apply_everything(lab);
	die(lab);
	assert_int_equal(journal_heal(lab->directory, &lab->context), -EISDIR);
	assert_int_equal(journal_heal(lab->path, &lab->context), 7);
	assert_as_before(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_torn, enter, leave),
		cmocka_unit_test_setup_teardown(test_unreadable_lines, enter,
						leave),
		cmocka_unit_test_setup_teardown(test_unreadable_head, enter,
						leave),
		cmocka_unit_test_setup_teardown(test_other_boot, enter, leave),
		cmocka_unit_test_setup_teardown(test_other_namespace, enter,
						leave),
		cmocka_unit_test_setup_teardown(test_refused_files, enter,
						leave),
		cmocka_unit_test_setup_teardown(test_corrupted, enter, leave),
		cmocka_unit_test_setup_teardown(test_huge, enter, leave),
		cmocka_unit_test_setup_teardown(test_directory_in_its_place,
						enter, leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
