/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Journals that the last program before 0.2 has left on hosts: of a client with
 * all routes and DNS, its kill switch, one with a namespace, and a server with
 * NAT. Only boot and namespace in the head are changed, to here and now.
 */
#include "unit/journal_fixture.h"

#include "common/reason.h"

#define LINES 64

struct old {
	char *text;	    /* with the head of here and now */
	char *lines[LINES]; /* what was done, in the words of ip and nft */
	size_t count;
};

static void old_free(struct old *old)
{
	for (size_t i = 0; i < old->count; i++)
		free(old->lines[i]);
	free(old->text);
}

/* This puts an old journal in the place of the lab's. */
static void old_put(struct lab *lab, const char *name, struct old *old)
{
	char path[512], head[JOURNAL_TEXT_SIZE], line[JOURNAL_LINE_SIZE];
	char *version, *end;
	FILE *file;

	*old = (struct old){.text = calloc(1, 65536)};
	assert_non_null(old->text);
	assert_int_equal(journal_head(head, sizeof(head)), 0);
	version = strstr(head, " 3 boot ");
	assert_non_null(version);
	version[1] = '2';
	end = put_line(old->text, head);
	snprintf(path, sizeof(path), JOURNALS "/%s", name);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	assert_non_null(strstr(line, " minivpn-journal 2 boot "));
	while (fgets(line, sizeof(line), file)) {
		end = stpcpy(end, line);
		line[strcspn(line, "\n")] = '\0';
		assert_true(old->count < LINES);
		old->lines[old->count++] = strdup(line + strlen("5f21acd3 + "));
	}
	fclose(file);
	die(lab);
	rewrite(lab, old->text, strlen(old->text));
}

/* This does what the old program did, but for what is in a journal of ours. */
static void old_apply(struct lab *lab, const struct old *old)
{
	struct reason reason;

	for (size_t i = 0; i < old->count; i++) {
		struct change change = parsed(old->lines[i]);

		if (change_apply(&lab->context, &change, &reason))
			fail_msg("%s: %s", old->lines[i], reason.text);
	}
}

static void assert_lists(const struct change_list *list, const struct old *old)
{
	char text[CHANGE_TEXT_SIZE];

	assert_int_equal(list->count, old->count);
	for (size_t i = 0; i < list->count; i++) {
		assert_int_equal(
			change_print(&list->items[i], text, sizeof(text)), 0);
		assert_string_equal(text, old->lines[i]);
	}
}

/* Read whole, and the same when it is written as it is today. */
static void test_read(void **state)
{
	static const char *const names[] = {
		"client.journal", "client.killswitch", "namespace.journal",
		"server.journal"};
	struct lab *lab = *state;
	struct journal *journal;
	struct old old;

	for (size_t i = 0; i < COUNT(names); i++) {
		old_put(lab, names[i], &old);
		assert_int_equal(journal_resume(lab->path, &journal), 0);
		assert_lists(journal_changes(journal), &old);
		for (size_t j = 0; j < old.count; j++) {
			struct change change = parsed(old.lines[j]), again;
			char entry[CHANGE_ENTRY_SIZE];

			assert_int_equal(
				change_encode(&change, entry, sizeof(entry)),
				0);
			assert_int_equal(change_decode(entry, &again), 0);
			assert_true(change_equal(&change, &again));
		}
		journal_close(journal);
		old_free(&old);
	}
	assert_int_equal(lab->log_lines, 0);
}

static void heal(struct lab *lab, const char *name)
{
	char resolv_conf[64];
	struct old old;

	snprintf(resolv_conf, sizeof(resolv_conf), "%s/resolv.conf",
		 lab->directory);
	old_put(lab, name, &old);
	lab->context.resolv_conf = resolv_conf;
	old_apply(lab, &old);
	/* All of them are killed, and what outlives them is there. */
	change_context_close(&lab->context);
	assert_int_equal(change_context_open(&lab->context), 0);
	lab->context.resolv_conf = resolv_conf;
	assert_int_equal(journal_heal(lab->path, &lab->context), old.count);
	assert_false(is_there(lab));
	assert_as_before(lab);
	assert_int_equal(lab->log_lines, 0);
	assert_int_not_equal(access(resolv_conf, F_OK), 0);
	old_free(&old);
}

static void test_client_healed(void **state)
{
	heal(*state, "client.journal");
}

static void test_server_healed(void **state)
{
	heal(*state, "server.journal");
}

/*
 * A kill switch stays while the program is exchanged: the new one goes on with
 * the file, so that old and new lines are in it.
 */
static void test_killswitch_goes_on(void **state)
{
	struct lab *lab = *state;
	struct change change;
	struct reason reason;
	struct old old;

	old_put(lab, "client.killswitch", &old);
	old_apply(lab, &old);
	assert_int_equal(journal_resume(lab->path, &lab->journal), 0);
	change = journal_changes(lab->journal)->items[0];
	change.killswitch.servers[0].port++;
	assert_int_equal(
		journal_apply(lab->journal, &lab->context, &change, &reason),
		0);
	journal_forget_oldest(lab->journal);
	assert_true(is_struck(lab, old.lines[0]));
	die(lab);
	assert_int_equal(journal_resume(lab->path, &lab->journal), 0);
	assert_int_equal(journal_changes(lab->journal)->count, 1);
	assert_true(change_equal(&journal_changes(lab->journal)->items[0],
				 &change));
	assert_int_equal(journal_revert_all(lab->journal, &lab->context), 0);
	assert_as_before(lab);
	assert_int_equal(lab->log_lines, 0);
	old_free(&old);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_read, enter, leave),
		cmocka_unit_test_setup_teardown(test_client_healed, enter,
						leave),
		cmocka_unit_test_setup_teardown(test_server_healed, enter,
						leave),
		cmocka_unit_test_setup_teardown(test_killswitch_goes_on, enter,
						leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
