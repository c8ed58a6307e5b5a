/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "common/log.h"
#include "host/journal.h"
#include "netns.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define TUN	"ip tuntap add dev tun0 mode tun"
#define LINK	"ip link set dev tun0 addrgenmode none mtu 1435 up"
#define ADDRESS "ip address add 10.8.0.2/24 dev tun0"
#define HOST	"ip route add 203.0.113.5/32 via 192.168.1.1 dev eth0 proto 77"
#define HALF	"ip route add 0.0.0.0/1 dev tun0 proto 77"
#define REFUSE	"ip route add unreachable ::/1 proto 77"
#define SYSCTL	"sysctl -w net.ipv4.conf.eth0.rp_filter=2 # was 0"

struct lab {
	char directory[32], path[64];
	struct change_context context;
	struct journal *journal;
	char *before;
	unsigned log_lines;
};

static void count_line(void *data, enum log_level level, const char *line)
{
	struct lab *lab = data;

	(void)level;
	(void)line;
	lab->log_lines++;
}

static int enter(void **state)
{
	struct lab *lab = calloc(1, sizeof(*lab));

	if (!lab || netns_uplink())
		return -1;
	*state = lab;
	strcpy(lab->directory, "/tmp/minivpn-test-XXXXXX");
	if (!mkdtemp(lab->directory) ||
	    sysctl_write("net.ipv4.conf.eth0.rp_filter", "0"))
		return -1;
	snprintf(lab->path, sizeof(lab->path), "%s/journal", lab->directory);
	lab->before = netns_state();
	log_set_sink(count_line, lab);
	return change_context_open(&lab->context) ||
	       journal_create(lab->path, &lab->journal);
}

static int leave(void **state)
{
	struct lab *lab = *state;

	log_set_sink(NULL, NULL);
	journal_close(lab->journal);
	change_context_close(&lab->context);
	unlink(lab->path);
	rmdir(lab->directory);
	free(lab->before);
	free(lab);
	return 0;
}

static struct change parsed(const char *text)
{
	struct change change;

	if (change_parse(text, &change))
		fail_msg("can't be parsed: %s", text);
	change.may_exist = strcmp(text, HOST) == 0;
	return change;
}

static int apply(struct lab *lab, const char *text)
{
	struct change change = parsed(text);
	char reason[512];

	return journal_apply(lab->journal, &lab->context, &change, reason,
			     sizeof(reason));
}

static void assert_as_before(const struct lab *lab)
{
	char *now = netns_state();

	assert_non_null(now);
	assert_string_equal(lab->before, now);
	free(now);
}

static bool is_there(const struct lab *lab)
{
	struct stat status;

	return stat(lab->path, &status) == 0;
}

/* All descriptors go, the file and the host stay as they are. */
static void die(struct lab *lab)
{
	journal_close(lab->journal);
	lab->journal = NULL;
	change_context_close(&lab->context);
	assert_int_equal(change_context_open(&lab->context), 0);
}

static char *content(const struct lab *lab)
{
	char *text = calloc(1, 65536);
	FILE *file = fopen(lab->path, "r");

	assert_non_null(text);
	assert_non_null(file);
	assert_true(fread(text, 1, 65535, file) > 0);
	fclose(file);
	return text;
}

static void rewrite(const struct lab *lab, const char *text, size_t length)
{
	FILE *file = fopen(lab->path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
}

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

static void apply_everything(struct lab *lab)
{
	static const char *const texts[] = {TUN,  LINK,	  ADDRESS, HOST,
					    HALF, REFUSE, SYSCTL};

	for (size_t i = 0; i < COUNT(texts); i++)
		if (apply(lab, texts[i]))
			fail_msg("not applied: %s", texts[i]);
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
	for (size_t cut = length - 1; cut > 0; cut--) {
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

static void test_not_ours(void **state)
{
	struct lab *lab = *state;
	char *text, *now;

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
	text = content(lab);
	assert_non_null(strstr(text, "\n- " HOST "\n"));
	free(text);
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
	char reason[512];
	size_t failed;

	for (size_t i = 0; i < COUNT(texts); i++) {
		struct change change = parsed(texts[i]);

		assert_int_equal(change_list_add(&list, &change), 0);
	}
	assert_int_equal(journal_apply_all(lab->journal, &lab->context, &list,
					   &failed, reason, sizeof(reason)),
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
	char reason[512];

	assert_int_equal(apply(lab, HOST), 0);
	assert_int_equal(apply(lab, SYSCTL), 0);
	assert_int_equal(journal_revert(lab->journal, &lab->context, &other,
					reason, sizeof(reason)),
			 -ENOENT);
	assert_int_equal(journal_revert(lab->journal, &lab->context, &host,
					reason, sizeof(reason)),
			 0);
	assert_int_equal(journal_revert(lab->journal, &lab->context, &host,
					reason, sizeof(reason)),
			 -ENOENT);
	assert_int_equal(journal_changes(lab->journal)->count, 1);
	die(lab);
	assert_int_equal(journal_heal(lab->path, &lab->context), 1);
	assert_as_before(lab);
}

static void test_kept_where_not_undone(void **state)
{
	const char *key = "net.ipv4.conf.eth0.rp_filter";
	const char *impossible = "+ sysctl -w net.ipv4.conf.eth0.rp_filter=2 "
				 "# was x\n+ torn";
	struct lab *lab = *state;
	char *text;

	assert_int_equal(apply(lab, HOST), 0);
	die(lab);
	text = content(lab);
	strcat(text, impossible);
	rewrite(lab, text, strlen(text));
	free(text);
	assert_int_equal(sysctl_write(key, "2"), 0);
	assert_int_equal(journal_heal(lab->path, &lab->context), -EIO);
	assert_true(lab->log_lines >= 1);
	assert_true(is_there(lab));
	/* The rest is undone, and struck out. */
	text = content(lab);
	assert_non_null(strstr(text, "\n- " HOST "\n"));
	free(text);
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
		cmocka_unit_test_setup_teardown(test_down, enter, leave),
		cmocka_unit_test_setup_teardown(test_heal_after_kill, enter,
						leave),
		cmocka_unit_test_setup_teardown(test_heal_twice, enter, leave),
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
		cmocka_unit_test_setup_teardown(test_not_ours, enter, leave),
		cmocka_unit_test_setup_teardown(test_apply_all_stops, enter,
						leave),
		cmocka_unit_test_setup_teardown(test_revert_one, enter, leave),
		cmocka_unit_test_setup_teardown(test_kept_where_not_undone,
						enter, leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
