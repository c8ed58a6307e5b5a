/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit/journal_fixture.h"

#include "common/reason.h"

static void test_create(void **state)
{
	struct lab *lab = *state;
	struct journal *second;
	struct stat status;

	assert_int_equal(journal_create(lab->path, &second), -EEXIST);
	assert_int_equal(stat(lab->path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(journal_changes(lab->journal)->count, 0);
	assert_int_equal(journal_revert_all(lab->journal, &lab->context), 0);
	assert_false(is_there(lab));
	assert_int_equal(journal_heal(lab->path, &lab->context), 0);
}

static void test_down(void **state)
{
	struct lab *lab = *state;

	apply_everything(lab);
	assert_int_equal(journal_changes(lab->journal)->count, 7);
	assert_int_equal(journal_revert_all(lab->journal, &lab->context), 0);
	assert_int_equal(journal_changes(lab->journal)->count, 0);
	assert_false(is_there(lab));
	assert_as_before(lab);
}

static void test_heal_after_kill(void **state)
{
	struct lab *lab = *state;

	apply_everything(lab);
	die(lab);
	assert_int_equal(journal_heal(lab->path, &lab->context), 7);
	assert_false(is_there(lab));
	assert_as_before(lab);
	assert_int_equal(lab->log_lines, 0);
}

/* Killed while it heals: the next one goes on. */
static void test_heal_twice(void **state)
{
	struct lab *lab = *state;
	char *text;

	apply_everything(lab);
	die(lab);
	text = content(lab);
	assert_int_equal(journal_heal(lab->path, &lab->context), 7);
	rewrite(lab, text, strlen(text));
	assert_int_equal(journal_heal(lab->path, &lab->context), 7);
	assert_false(is_there(lab));
	assert_as_before(lab);
	free(text);
}

static void test_not_ours(void **state)
{
	struct lab *lab = *state;
	char *now;

	assert_int_equal(netns_run("ip route add 203.0.113.5/32 via "
				   "192.168.1.1 dev eth0"),
			 0);
	free(lab->before);
	lab->before = netns_state();
	assert_int_equal(apply(lab, HOST), 1);
	assert_int_equal(apply(lab, "ip route add 10.1.0.0/16 dev eth0 "
				    "proto 77"),
			 0);
	assert_int_equal(apply(lab, "ip route add 10.0.0.0/8 dev gone "
				    "proto 77"),
			 -ENODEV);
	assert_int_equal(journal_changes(lab->journal)->count, 1);
	assert_true(is_struck(lab, HOST));
	die(lab);
	assert_int_equal(journal_heal(lab->path, &lab->context), 1);
	now = netns_state();
	assert_string_equal(lab->before, now);
	free(now);
}

static void test_apply_all_stops(void **state)
{
	static const char *const texts[] = {TUN, LINK, HOST, TUN, HALF};
	struct change_list list = {0};
	struct lab *lab = *state;
	struct reason reason;
	size_t failed;

	for (size_t i = 0; i < COUNT(texts); i++) {
		struct change change = parsed(texts[i]);

		assert_int_equal(change_list_add(&list, &change), 0);
	}
	assert_int_equal(journal_apply_all(lab->journal, &lab->context, &list,
					   &failed, &reason),
			 -EALREADY);
	assert_int_equal(failed, 3);
	assert_int_equal(journal_changes(lab->journal)->count, 3);
	assert_int_equal(journal_revert_all(lab->journal, &lab->context), 0);
	assert_as_before(lab);
	change_list_free(&list);
}

static void test_revert_one(void **state)
{
	struct change host = parsed(HOST), other = parsed(REFUSE);
	struct lab *lab = *state;
	struct reason reason;

	assert_int_equal(apply(lab, HOST), 0);
	assert_int_equal(apply(lab, SYSCTL), 0);
	assert_int_equal(
		journal_revert(lab->journal, &lab->context, &other, &reason),
		-ENOENT);
	assert_int_equal(
		journal_revert(lab->journal, &lab->context, &host, &reason), 0);
	assert_int_equal(
		journal_revert(lab->journal, &lab->context, &host, &reason),
		-ENOENT);
	assert_int_equal(journal_changes(lab->journal)->count, 1);
	die(lab);
	assert_int_equal(journal_heal(lab->path, &lab->context), 1);
	assert_as_before(lab);
}

static unsigned syncs;

int __wrap_fdatasync(int fd);

/* This is linked in its place: see tests/local.mk. */
int __wrap_fdatasync(int fd)
{
	(void)fd;
	syncs++;
	return 0;
}

/* The disk is waited for where a change is on a disk itself. */
static void test_synced_where_it_lasts(void **state)
{
	struct lab *lab = *state;
	char resolv_conf[64];

	snprintf(resolv_conf, sizeof(resolv_conf), "%s/resolv.conf",
		 lab->directory);
	lab->context.resolv_conf = resolv_conf;
	syncs = 0;
	apply_everything(lab);
	assert_int_equal(syncs, 0);
	assert_int_equal(apply(lab, "printf 'nameserver 10.8.0.1\\n' "
				    ">/etc/resolv.conf # minivpn office"),
			 0);
	assert_int_equal(syncs, 1);
	assert_int_equal(journal_revert_all(lab->journal, &lab->context), 0);
	assert_int_equal(syncs, 2);
	assert_as_before(lab);
}

static int missing(struct lab *lab, const char *text)
{
	struct change change = parsed(text);

	return change_missing(&lab->context, &change);
}

/* What is wanted stays, in order, here and in the file. */
static void test_revert_others(void **state)
{
	static const char *const kept[] = {TUN, ADDRESS, HALF, SYSCTL};
	struct change_list wanted = {0};
	const struct change_list *applied;
	struct lab *lab = *state;

	apply_everything(lab);
	for (size_t i = COUNT(kept); i-- > 0;) {
		struct change change = parsed(kept[i]);

		assert_int_equal(change_list_add(&wanted, &change), 0);
	}
	journal_revert_others(lab->journal, &lab->context, &wanted);
	applied = journal_changes(lab->journal);
	assert_int_equal(applied->count, COUNT(kept));
	for (size_t i = 0; i < COUNT(kept); i++) {
		struct change change = parsed(kept[i]);

		assert_true(change_equal(&applied->items[i], &change));
		assert_int_equal(change_list_find(applied, &change), i);
	}
	assert_int_equal(missing(lab, HALF), 0);
	assert_int_equal(missing(lab, HOST), 1);
	assert_int_equal(missing(lab, REFUSE), 1);
	die(lab);
	assert_int_equal(journal_heal(lab->path, &lab->context), COUNT(kept));
	assert_as_before(lab);
	change_list_free(&wanted);
}

static struct change filter(uint16_t port)
{
	struct change change = {
		.kind = CHANGE_FILTER,
		.filter = {.table = "minivpn.filter-x",
			   .device = "tun0",
			   .server = true,
			   .port_count = 1,
			   .ports = {port}},
	};

	inet_parse_prefix("10.8.0.1/24", &change.filter.inner);
	return change;
}

static bool has_port(const char *port)
{
	static const char *const commands[] = {"nft list ruleset", NULL};
	char *text = netns_output(commands);
	bool found = text && strstr(text, port);

	free(text);
	return found;
}

/* The newer one is where the older one was, in the kernel and in the list. */
static void test_replace(void **state)
{
	const struct change first = filter(4433), second = filter(4434);
	const struct change_list *applied;
	struct lab *lab = *state;
	struct change bad = second;
	struct reason reason;

	assert_int_equal(
		journal_apply(lab->journal, &lab->context, &first, &reason), 0);
	assert_int_equal(apply(lab, SYSCTL), 0);
	applied = journal_changes(lab->journal);
	bad.filter.ports[0] = 0;
	assert_int_equal(journal_replace(lab->journal, &lab->context,
					 &applied->items[0], &bad, &reason),
			 -EINVAL);
	assert_true(has_port(" 4433 "));
	assert_true(change_equal(&applied->items[0], &first));
	assert_int_equal(journal_replace(lab->journal, &lab->context,
					 &applied->items[0], &second, &reason),
			 0);
	assert_int_equal(applied->count, 2);
	assert_true(change_equal(&applied->items[0], &second));
	assert_int_equal(change_list_find(applied, &second), 0);
	assert_int_equal(change_list_find(applied, &first), -ENOENT);
	assert_true(has_port(" 4434 ") && !has_port(" 4433 "));
	die(lab);
	assert_int_equal(journal_heal(lab->path, &lab->context), 2);
	assert_as_before(lab);
}

static void test_kept_where_not_undone(void **state)
{
	const char *key = "net.ipv4.conf.eth0.rp_filter";
	const char *impossible = "+ sysctl -w net.ipv4.conf.eth0.rp_filter=2 "
				 "# was x";
	struct lab *lab = *state;
	char *text;

	assert_int_equal(apply(lab, HOST), 0);
	die(lab);
	text = content(lab);
	strcpy(put_line(strchr(text, '\0'), impossible), "+ torn");
	rewrite(lab, text, strlen(text));
	free(text);
	assert_int_equal(sysctl_write(key, "2"), 0);
	assert_int_equal(journal_heal(lab->path, &lab->context), -EIO);
	assert_true(lab->log_lines >= 1);
	assert_true(is_there(lab));
	/* The rest is undone, and struck out. */
	assert_true(is_struck(lab, HOST));
	assert_int_equal(sysctl_write(key, "0"), 0);
	assert_as_before(lab);
	/* Somebody else has set it now: left, and done. */
	assert_int_equal(journal_heal(lab->path, &lab->context), 1);
	assert_false(is_there(lab));
	assert_as_before(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_create, enter, leave),
		cmocka_unit_test_setup_teardown(test_replace, enter, leave),
		cmocka_unit_test_setup_teardown(test_down, enter, leave),
		cmocka_unit_test_setup_teardown(test_heal_after_kill, enter,
						leave),
		cmocka_unit_test_setup_teardown(test_heal_twice, enter, leave),
		cmocka_unit_test_setup_teardown(test_not_ours, enter, leave),
		cmocka_unit_test_setup_teardown(test_apply_all_stops, enter,
						leave),
		cmocka_unit_test_setup_teardown(test_revert_one, enter, leave),
		cmocka_unit_test_setup_teardown(test_synced_where_it_lasts,
						enter, leave),
		cmocka_unit_test_setup_teardown(test_revert_others, enter,
						leave),
		cmocka_unit_test_setup_teardown(test_kept_where_not_undone,
						enter, leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
