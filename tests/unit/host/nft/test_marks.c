/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of marks as text, and in the kernel beside what nft(8) makes. */
#include "host/nft/marks.h"
#include "unit/marks_fixture.h"
#include "unit/nft_fixture.h"

static void test_as_nft(void **state)
{
	(void)state;
	for (int inbound = 0; inbound < 2; inbound++) {
		struct nft_marks marks = make(inbound);
		struct nft *nft = enter_and_open();
		char text[4096], *ours, *theirs;

		assert_int_equal(nft_marks_add(nft, &marks), 0);
		ours = ruleset();
		assert_int_equal(nft_marks_has(nft, &marks), 1);
		nft_close(nft);
		nft = enter_and_open();
		assert_int_equal(nft_marks_print(&marks, text, sizeof(text)),
				 0);
		feed_without_owner(text);
		theirs = ruleset();
		assert_string_equal(ours, theirs);
		assert_non_null(strstr(ours, "meta mark set ct mark"));
		nft_close(nft);
		free(ours);
		free(theirs);
	}
}

static void refuse(struct nft_marks marks)
{
	char text[4096];

	assert_int_equal(nft_marks_print(&marks, text, sizeof(text)), -EINVAL);
}

static void test_text(void **state)
{
	(void)state;
	for (int inbound = 0; inbound < 2; inbound++) {
		struct nft_marks marks = make(inbound), parsed;
		char text[4096], again[4096];

		assert_int_equal(nft_marks_print(&marks, text, sizeof(text)),
				 0);
		assert_int_equal(nft_marks_parse(text, &parsed), 0);
		assert_int_equal(parsed.mark, MARK);
		assert_int_equal(parsed.inbound, inbound);
		assert_int_equal(nft_marks_print(&parsed, again, sizeof(again)),
				 0);
		assert_string_equal(again, text);
		assert_int_equal(nft_marks_print(&marks, text, 100), -ENOSPC);
		/* One character less, or another, is not ours. */
		nft_marks_print(&marks, text, sizeof(text));
		for (size_t i = 0; text[i]; i++) {
			memcpy(again, text, sizeof(text));
			again[i] = '?';
			assert_int_equal(nft_marks_parse(again, &parsed),
					 -EINVAL);
			again[i] = '\0';
			assert_int_equal(nft_marks_parse(again, &parsed),
					 -EINVAL);
		}
	}
}

static void test_refused(void **state)
{
	struct nft_marks marks = make(true);

	(void)state;
	marks.mark = 0;
	refuse(marks);
	marks = make(true);
	marks.ports[1] = marks.ports[0];
	refuse(marks);
	marks = make(true);
	strcpy(marks.device, "a\"b");
	refuse(marks);
	/* What would not be read back. */
	marks = make(true);
	marks.inbound = false;
	refuse(marks);
}

static void test_goes_with_its_owner(void **state)
{
	struct nft_marks marks = make(true);
	struct nft *nft = enter_and_open(), *second;
	char *before = ruleset(), *up, *after;

	(void)state;
	assert_int_equal(nft_marks_del(nft, &marks), -ENOENT);
	assert_int_equal(nft_marks_has(nft, &marks), 0);
	assert_int_equal(nft_open(&second), 0);
	assert_int_equal(nft_marks_add(nft, &marks), 0);
	up = ruleset();
	skip_without_owner();
	assert_int_equal(nft_marks_del(second, &marks), -EPERM);
	assert_int_equal(nft_marks_add(second, &marks), -EEXIST);
	assert_int_equal(netns_run("nft flush ruleset"), 0);
	after = ruleset();
	assert_string_equal(after, up);
	free(after);
	nft_close(nft);
	after = ruleset();
	assert_string_equal(after, before);
	free(after);
	assert_int_equal(nft_marks_add(second, &marks), 0);
	assert_int_equal(nft_marks_del(second, &marks), 0);
	after = ruleset();
	assert_string_equal(after, before);
	nft_close(second);
	free(before);
	free(up);
	free(after);
}

static void test_foreign_table(void **state)
{
	struct nft_marks marks = make(true);
	struct nft *nft = enter_and_open();
	char *before, *after;

	(void)state;
	feed("table inet minivpn.marks-client { comment \"mine\"; }");
	before = ruleset();
	assert_int_equal(nft_marks_add(nft, &marks), -EEXIST);
	assert_int_equal(nft_marks_del(nft, &marks), -ENOENT);
	after = ruleset();
	assert_string_equal(after, before);
	nft_close(nft);
	free(before);
	free(after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_nft),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_goes_with_its_owner),
		cmocka_unit_test(test_foreign_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
