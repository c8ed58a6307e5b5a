/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a killed run, a full disk, or anybody else has left of a journal. */
#include "unit/journal_fixture.h"

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
	static const char *const lines[] = {"+ ip route add nonsense",
					    ("- " ADDRESS), "+rm -rf /", ""};
	static const char noise[] = "rubbish\n"
				    "+ \0 zero\n"
				    "\n"
				    "+ " LINK "\n"
				    "00000000 - " LINK "\n"
				    "\xff\xfe\x01\n";
	struct lab *lab = *state;
	char *text, *mixed, *end;
	size_t length;

	apply_everything(lab);
	die(lab);
	text = content(lab);
	length = strlen(text);
	mixed = malloc(length + 4096 + 8192);
	assert_non_null(mixed);
	memcpy(mixed, text, length);
	/* With the right checksum, but not what a journal has, but for one. */
	end = mixed + length;
	for (size_t i = 0; i < COUNT(lines); i++)
		end = put_line(end, lines[i]);
	/* A line that is longer than any of ours, with what is behind it. */
	memset(end, 'x', 8192);
	end += 8192;
	memcpy(end, noise, sizeof(noise) - 1);
	end += sizeof(noise) - 1;
	/* Torn at the end. */
	memcpy(end, "+ ip ro", 7);
	rewrite(lab, mixed, end + 7 - mixed);
	assert_int_equal(journal_heal(lab->path, &lab->context), 6);
	assert_int_equal(lab->log_lines, 3 + 5);
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
	char *text, *boot, *rest, other[65536];

	apply_everything(lab);
	die(lab);
	text = content(lab);
	rest = strchr(text, '\n');
	*rest++ = '\0';
	boot = strstr(text, " boot ") + 6;
	boot[0] = boot[0] == '0' ? '1' : '0';
	strcpy(put_line(other, text + JOURNAL_SUM_SIZE), rest);
	rewrite(lab, other, strlen(other));
	free(text);
	assert_int_equal(journal_heal(lab->path, &lab->context), 0);
	assert_int_equal(lab->log_lines, 1);
	assert_false(is_there(lab));
	/* Nothing was undone: the route is still taken. */
	assert_int_equal(change_apply(&lab->context, &change, NULL), 1);
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

/* The check value of this CRC, and what is none of our lines. */
static void test_checksum(void **state)
{
	char line[JOURNAL_LINE_SIZE];

	(void)state;
	assert_int_equal(journal_line_print("123456789", line, sizeof(line)),
			 0);
	assert_string_equal(line, "cbf43926 123456789");
	assert_string_equal(journal_line_text(line), "123456789");
	line[3] = 'F';
	assert_null(journal_line_text(line));
	assert_null(journal_line_text("00000001 "));
	assert_null(journal_line_text("00000000"));
	assert_null(journal_line_text(""));
	assert_int_equal(journal_line_print("1", line, 10), -EMSGSIZE);
	assert_int_equal(journal_line_print("1", line, 11), 0);
}

/* The changes of a damaged file are of those that were written, in order. */
static void assert_part(const struct change_list *part,
			const struct change_list *whole)
{
	size_t at = 0;

	for (size_t i = 0; i < part->count; i++, at++) {
		while (at < whole->count &&
		       !change_equal(&part->items[i], &whole->items[at]))
			at++;
		assert_true(at < whole->count);
	}
	/* A newline that is gone takes the lines on both sides of it along. */
	assert_true(part->count + 2 >= whole->count);
}

/* Any byte has become another: no change is read that was never made. */
static void test_flipped(void **state)
{
	static const unsigned char flips[] = {1,  2,  4,   8,	 16,
					      32, 64, 128, 0xff, '\n'};
	struct lab *lab = *state;
	struct journal *whole, *part;
	size_t length;
	char *text;

	apply_everything(lab);
	die(lab);
	assert_int_equal(journal_read(lab->path, &whole), 0);
	assert_int_equal(journal_changes(whole)->count, 7);
	text = content(lab);
	length = strlen(text);
	for (size_t i = 0; i < length * COUNT(flips); i++) {
		char *at = &text[i / COUNT(flips)], was = *at;
		unsigned char flip = flips[i % COUNT(flips)];

		*at = flip == '\n' ? '\n' : (char)(was ^ flip);
		/* Another file, as the first one is locked. */
		unlink(lab->path);
		rewrite(lab, text, length);
		assert_int_equal(chmod(lab->path, 0600), 0);
		lab->log_lines = 0;
		assert_int_equal(journal_read(lab->path, &part), 0);
		if (*at != was)
			assert_true(lab->log_lines > 0 ||
				    at + 1 == text + length);
		assert_part(journal_changes(part), journal_changes(whole));
		journal_close(part);
		*at = was;
	}
	unlink(lab->path);
	rewrite(lab, text, length);
	assert_int_equal(chmod(lab->path, 0600), 0);
	journal_close(whole);
	assert_int_equal(journal_heal(lab->path, &lab->context), 7);
	assert_as_before(lab);
	free(text);
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
		assert_in_range(healed, i == 0 ? 7 : 5, 7);
		assert_false(is_there(lab));
		if (i % length == 0)
			assert_as_before(lab);
	}
	assert_as_before(lab);
	free(wrong);
	free(text);
}

/*
 * Megabytes without a newline, or thousands of lines, take little memory and
 * log.
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
		cmocka_unit_test(test_checksum),
		cmocka_unit_test_setup_teardown(test_flipped, enter, leave),
		cmocka_unit_test_setup_teardown(test_corrupted, enter, leave),
		cmocka_unit_test_setup_teardown(test_huge, enter, leave),
		cmocka_unit_test_setup_teardown(test_directory_in_its_place,
						enter, leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
