/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit/resolver_fixture.h"

#include "host/dns/resolv_conf_text.h"

static void run_scenario(const struct scenario *scenario)
{
	struct stat before = {0}, after = {0};
	const struct resolv_conf *resolv_conf = scenario_resolver(scenario);
	char *expected;

	scenario->make();
	expected = snapshot();
	lstat("resolv.conf", &before);
	assert_int_equal(resolv_conf_revert("resolv.conf", resolv_conf), 0);
	assert_snapshot(expected);
	assert_int_equal(resolv_conf_is_applied("resolv.conf", resolv_conf), 0);
	assert_int_equal(resolv_conf_apply("resolv.conf", resolv_conf), 0);
	assert_applied(scenario);
	assert_int_equal(resolv_conf_is_applied("resolv.conf", resolv_conf), 1);
	assert_int_equal(resolv_conf_apply("resolv.conf", resolv_conf),
			 -EEXIST);
	assert_applied(scenario);
	assert_int_equal(resolv_conf_revert("resolv.conf", resolv_conf), 0);
	assert_snapshot(expected);
	lstat("resolv.conf", &after);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(resolv_conf_revert("resolv.conf", resolv_conf), 0);
	assert_snapshot(expected);
	free(expected);
}

static void test_apply_revert(void **state)
{
	for (size_t i = 0; i < COUNT(scenarios); i++) {
		run_scenario(&scenarios[i]);
		assert_int_equal(resolv_conf_teardown(state), 0);
		assert_int_equal(resolv_conf_setup(state), 0);
	}
}

/* The servers of the original, wherever that is kept meanwhile. */
static void test_original_servers(void **state)
{
	struct inet_address servers[4], expected;

	assert_int_equal(inet_parse_address("192.0.2.53", &expected), 0);
	for (size_t i = 0; i < COUNT(scenarios); i++) {
		bool any = scenarios[i].make != make_empty &&
			   scenarios[i].make != make_dangling &&
			   scenarios[i].make != make_nothing;

		scenarios[i].make();
		assert_int_equal(
			resolv_conf_apply("resolv.conf",
					  scenario_resolver(&scenarios[i])),
			0);
		assert_int_equal(resolv_conf_original_servers(
					 "resolv.conf", "client", servers, 4),
				 any);
		if (any)
			assert_true(inet_address_equal(&servers[0], &expected));
		assert_int_equal(resolv_conf_teardown(state), 0);
		assert_int_equal(resolv_conf_setup(state), 0);
	}
}

static void test_servers_of_a_file(void **state)
{
	static const char text[] = "nameserver 192.0.2.1\n"
				   "#nameserver 192.0.2.2\n"
				   "nameserver\tfd08::1 # comment\n"
				   "nameserver fe80::1%eth0\n"
				   "nameserver x\n"
				   "search nameserver 192.0.2.3\n"
				   "nameserver 192.0.2.4";
	struct resolv_conf_file file = {(char *)text, sizeof(text) - 1};
	struct inet_address servers[4];

	(void)state;
	assert_int_equal(resolv_conf_servers(&file, servers, 4), 3);
	assert_int_equal(servers[1].family, AF_INET6);
	assert_int_equal(servers[2].bytes[3], 4);
	assert_int_equal(resolv_conf_servers(&file, servers, 2), 2);
}

static void test_scoped_server(void **state)
{
	char text[64] = "";

	(void)state;
	put("resolv.conf", "nameserver 192.0.2.1\n#nameserver fe80::9%a\n");
	assert_int_equal(resolv_conf_find_scoped("resolv.conf", text, 64), 0);
	put("resolv.conf", "nameserver 192.0.2.1\nnameserver fe80::1%eth0");
	assert_int_equal(resolv_conf_find_scoped("resolv.conf", text, 64), 1);
	assert_string_equal(text, "fe80::1%eth0");
	assert_int_equal(resolv_conf_find_scoped("resolv.conf", text, 5), 0);
}

/* Whatever the sum in the mark is. */
static void test_sums(void **state)
{
	struct resolv_conf resolv_conf = ours;

	(void)state;
	make_file();
	for (int i = 0; i < 100; i++) {
		resolv_conf.dns[0].bytes[3] = i;
		assert_int_equal(resolv_conf_apply("resolv.conf", &resolv_conf),
				 0);
		assert_int_equal(
			resolv_conf_is_applied("resolv.conf", &resolv_conf), 1);
		assert_int_equal(resolv_conf_heal("resolv.conf", "client"), 1);
		assert_content("resolv.conf", original);
	}
}

/* What somebody adds below our mark is not in force as ours. */
static void test_edited(void **state)
{
	static const char *const lines[] = {"nameserver 192.0.2.1\n", "x", "\n",
					    "#|\nsearch a\n"};

	for (size_t i = 0; i < COUNT(scenarios); i++) {
		for (size_t j = 0; j < COUNT(lines); j++) {
			int fd;

			scenarios[i].make();
			assert_int_equal(
				resolv_conf_apply("resolv.conf", &ours), 0);
			fd = open("resolv.conf", O_WRONLY | O_APPEND);
			assert_true(write(fd, lines[j], strlen(lines[j])) > 0);
			close(fd);
			assert_int_equal(
				resolv_conf_is_applied("resolv.conf", &ours),
				0);
			assert_int_equal(resolv_conf_teardown(state), 0);
			assert_int_equal(resolv_conf_setup(state), 0);
		}
	}
}

static void test_another_tunnel(void **state)
{
	struct resolv_conf other = ours;
	char *expected;

	(void)state;
	strcpy(other.name, "other");
	make_file();
	assert_int_equal(resolv_conf_apply("resolv.conf", &ours), 0);
	expected = snapshot();
	assert_int_equal(resolv_conf_apply("resolv.conf", &other), -EEXIST);
	assert_int_equal(resolv_conf_revert("resolv.conf", &other), 0);
	/* A name that begins like ours. */
	strcpy(other.name, "clien");
	assert_int_equal(resolv_conf_revert("resolv.conf", &other), 0);
	assert_snapshot(expected);
	free(expected);
}

/* The file is written in place, or replaced by a new one. */
static void rewrite(bool replace)
{
	if (replace)
		unlink("resolv.conf");
	put("resolv.conf", "nameserver 198.51.100.1\n");
}

static void test_somebody_else(void **state)
{
	(void)state;
	for (int replace = 0; replace < 2; replace++) {
		unlink("resolv.conf");
		make_file();
		assert_int_equal(resolv_conf_apply("resolv.conf", &ours), 0);
		rewrite(replace);
		assert_int_equal(resolv_conf_revert("resolv.conf", &ours), 1);
		assert_content("resolv.conf", "nameserver 198.51.100.1\n");
		assert_int_equal(access("resolv.conf.minivpn-client", F_OK),
				 -1);
		assert_int_equal(resolv_conf_revert("resolv.conf", &ours), 0);
	}
	/* A link of somebody else where ours was one. */
	unlink("resolv.conf");
	make_link();
	assert_int_equal(resolv_conf_apply("resolv.conf", &our_stub), 0);
	unlink("resolv.conf");
	assert_int_equal(symlink("elsewhere", "resolv.conf"), 0);
	assert_int_equal(resolv_conf_is_applied("resolv.conf", &our_stub), 0);
	assert_int_equal(resolv_conf_revert("resolv.conf", &our_stub), 1);
	unlink("resolv.conf");
	unlink("target");
	make_file();
	assert_int_equal(resolv_conf_apply("resolv.conf", &our_stub), -EINVAL);
	rewrite(false);
	/* Removed by somebody: the original is better than nothing. */
	assert_int_equal(resolv_conf_apply("resolv.conf", &ours), 0);
	unlink("resolv.conf");
	assert_int_equal(resolv_conf_revert("resolv.conf", &ours), 0);
	assert_content("resolv.conf", "nameserver 198.51.100.1\n");
}

static void test_somebody_else_inside(void **state)
{
	(void)state;
	make_mounted();
	assert_int_equal(resolv_conf_apply("resolv.conf", &ours), 0);
	rewrite(false);
	assert_int_equal(resolv_conf_revert("resolv.conf", &ours), 0);
	assert_content("resolv.conf", "nameserver 198.51.100.1\n");
}

/* Marks that somebody has made up, or spoilt. */
static void test_false_marks(void **state)
{
	static const struct {
		const char *text;
		int result;
	} cases[] = {
		{"# minivpn client: the original is kept below, 5 bytes\n#|abc",
		 -EBADMSG},
		{"# minivpn client: the original is kept below, 9 bytes\n#|abc",
		 -EBADMSG},
		{"# minivpn client: the original is kept below, 3 bytes\n"
		 "#|abc\n#|d\n",
		 -EBADMSG},
		{"# minivpn client: the original is kept below, "
		 "18446744073709551615 bytes\n",
		 0},
		{"# minivpn client: the original is kept below, -1 bytes\n", 0},
		{"# minivpn client: the original is kept below,  3 bytes\n#|abc\n",
		 0},
		{"# minivpn client: the original is kept below, 03 bytes\n#|abc\n",
		 0},
		{"# minivpn client: the original is kept below, 3 bytes", 0},
		{"# minivpn client: the original is kept beside this fil", 0},
		{"# minivpn client: cut at 99\n", 0},
		{"\n# minivpn client: cut at 1\n", 0},
		{"a\n# minivpn client: cut at 99\n", 0},
		{"a\n# minivpn client: cut at \n", 0},
		{"# minivpn ", 0},
		{"# minivpn", 0},
		{"# minivpn client: the original is kept beside this file\n",
		 -ENOENT},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		put("resolv.conf", cases[i].text);
		assert_int_equal(resolv_conf_revert("resolv.conf", &ours),
				 cases[i].result);
		assert_content("resolv.conf", cases[i].text);
	}
}

static void test_not_a_file(void **state)
{
	static char large[70000];

	(void)state;
	assert_int_equal(mkdir("resolv.conf", 0700), 0);
	assert_int_equal(resolv_conf_apply("resolv.conf", &ours), -EINVAL);
	assert_int_equal(resolv_conf_revert("resolv.conf", &ours), 0);
	rmdir("resolv.conf");
	assert_int_equal(mkfifo("resolv.conf", 0600), 0);
	assert_int_equal(resolv_conf_apply("resolv.conf", &ours), -EINVAL);
	assert_int_equal(resolv_conf_revert("resolv.conf", &ours), 0);
	unlink("resolv.conf");
	memset(large, '#', sizeof(large) - 1);
	put("resolv.conf", large);
	assert_int_equal(resolv_conf_apply("resolv.conf", &ours), -EFBIG);
	assert_int_equal(resolv_conf_revert("resolv.conf", &ours), 0);
}

/* In a child that is an ordinary user, who can write the file only. */
static int as_user(void)
{
	char *expected;

	if (geteuid() == 0 && setuid(65534) < 0)
		return 1;
	expected = snapshot();
	if (resolv_conf_apply("resolv.conf", &ours))
		return 2;
	if (access("resolv.conf.minivpn-client", F_OK) == 0)
		return 3;
	if (resolv_conf_revert("resolv.conf", &ours))
		return 4;
	assert_snapshot(expected);
	free(expected);
	return 0;
}

static void test_unwritable_directory(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	make_file();
	/* In a user namespace of one user there is no other to become. */
	if (geteuid() == 0 && chown("resolv.conf", 65534, 65534) < 0)
		skip();
	assert_int_equal(chmod(".", 0555), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(as_user());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(chmod(".", 0700), 0);
	assert_int_equal(status, 0);
}

/* Where the kernel lets nobody link what is not his: a copy is kept. */
static void test_copy(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	make_file();
	if (geteuid() != 0 || chown(".", 65534, 65534) < 0 ||
	    chmod("resolv.conf", 0644) < 0)
		skip();
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (setuid(65534) < 0 ||
		    resolv_conf_apply("resolv.conf", &ours) ||
		    access("resolv.conf.minivpn-client", F_OK) ||
		    resolv_conf_revert("resolv.conf", &ours))
			_exit(1);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_content("resolv.conf", original);
	assert_int_equal(chown(".", 0, 0), 0);
}

static void test_refused_values(void **state)
{
	static const char *const domains[] = {
		"",   "a b",  "a\nnameserver 192.0.2.1", "a'b",	 "a\\nb", "a;b",
		"-a", "a\tb", "\xc3\xa4.example",	 "$(a)", "a%s"};
	static const char *const names[] = {"", "a/b", "..", "a\nb", "a b"};
	struct resolv_conf bad;
	char text[1024];

	(void)state;
	make_file();
	for (size_t i = 0; i < COUNT(domains); i++) {
		bad = ours;
		strcpy(bad.search[1], domains[i]);
		assert_int_equal(resolv_conf_apply("resolv.conf", &bad),
				 -EINVAL);
		assert_int_equal(resolv_conf_print(&bad, text, sizeof(text)),
				 -EINVAL);
	}
	for (size_t i = 0; i < COUNT(names); i++) {
		bad = ours;
		strcpy(bad.name, names[i]);
		assert_int_equal(resolv_conf_apply("resolv.conf", &bad),
				 -EINVAL);
		assert_int_equal(resolv_conf_revert("resolv.conf", &bad),
				 -EINVAL);
	}
	bad = ours;
	memset(bad.search[0], 'a', sizeof(bad.search[0]));
	assert_int_equal(resolv_conf_apply("resolv.conf", &bad), -EINVAL);
	bad = ours;
	memset(bad.name, 'a', sizeof(bad.name));
	assert_int_equal(resolv_conf_apply("resolv.conf", &bad), -EINVAL);
	bad = ours;
	bad.dns[0].family = AF_UNSPEC;
	assert_int_equal(resolv_conf_apply("resolv.conf", &bad), -EINVAL);
	bad = ours;
	bad.dns_count = SETTINGS_DNS + 1;
	assert_int_equal(resolv_conf_apply("resolv.conf", &bad), -EINVAL);
	bad.dns_count = bad.search_count = 0;
	assert_int_equal(resolv_conf_apply("resolv.conf", &bad), -EINVAL);
	assert_content("resolv.conf", original);
}

static void test_text(void **state)
{
	static const char *const good[] = {
		"printf 'nameserver 10.8.0.1\\nsearch a b\\n' "
		">/etc/resolv.conf # minivpn client",
		"printf 'nameserver 10.8.0.1\\nnameserver fd08::1\\n' "
		">/etc/resolv.conf # minivpn a@b.c-d",
		"printf 'search example.org\\n' >/etc/resolv.conf "
		"# minivpn x",
		"ln -sf /run/systemd/resolve/stub-resolv.conf /etc/resolv.conf "
		"# minivpn client",
	};
	struct resolv_conf resolv_conf;
	char text[256], copy[256];

	(void)state;
	assert_int_equal(resolv_conf_print(&ours, text, sizeof(text)), 0);
	assert_string_equal(text, "printf 'nameserver 10.8.0.1\\n"
				  "search example.org a.example\\n' "
				  ">/etc/resolv.conf # minivpn client");
	assert_int_equal(resolv_conf_print(&ours, text, strlen(text)), -ENOSPC);
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_int_equal(resolv_conf_parse(good[i], &resolv_conf), 0);
		assert_int_equal(
			resolv_conf_print(&resolv_conf, text, sizeof(text)), 0);
		assert_string_equal(text, good[i]);
		/* Spoilt in any byte it is refused, or says what it says. */
		for (size_t at = 0; at < strlen(good[i]); at++) {
			for (int c = 0; c < 256; c++) {
				strcpy(copy, good[i]);
				copy[at] = c;
				if (resolv_conf_parse(copy, &resolv_conf))
					continue;
				assert_int_equal(
					resolv_conf_print(&resolv_conf, text,
							  sizeof(text)),
					0);
				assert_string_equal(text, copy);
			}
		}
	}
}

/* Nothing is known but the files, as after a loss of power. */
static void test_heal(void **state)
{
	char names[4][CONFIG_NAME_SIZE];
	char *expected;

	for (size_t i = 0; i < COUNT(scenarios); i++) {
		const struct scenario *scenario = &scenarios[i];

		scenario->make();
		expected = snapshot();
		assert_int_equal(resolv_conf_owners("resolv.conf", names, 4),
				 0);
		assert_int_equal(resolv_conf_heal("resolv.conf", "client"), 0);
		assert_snapshot(expected);
		assert_int_equal(resolv_conf_apply("resolv.conf",
						   scenario_resolver(scenario)),
				 0);
		assert_int_equal(resolv_conf_owners("resolv.conf", names, 4),
				 1);
		assert_string_equal(names[0], "client");
		assert_int_equal(resolv_conf_heal("resolv.conf", "other"), 0);
		assert_applied(scenario);
		assert_int_equal(resolv_conf_heal("resolv.conf", "client"), 1);
		assert_snapshot(expected);
		assert_int_equal(resolv_conf_owners("resolv.conf", names, 4),
				 0);
		free(expected);
		assert_int_equal(resolv_conf_teardown(state), 0);
		assert_int_equal(resolv_conf_setup(state), 0);
	}
}

/* What somebody has made of the file since stays; the rest of ours goes. */
static void test_heal_edited(void **state)
{
	static const char theirs[] = "nameserver 198.51.100.1\n";
	char *text;
	int fd;

	(void)state;
	for (int replace = 0; replace < 2; replace++) {
		unlink("resolv.conf");
		make_file();
		assert_int_equal(resolv_conf_apply("resolv.conf", &ours), 0);
		rewrite(replace);
		assert_int_equal(resolv_conf_heal("resolv.conf", "client"), 2);
		assert_content("resolv.conf", theirs);
		assert_int_equal(access("resolv.conf.minivpn-client", F_OK),
				 -1);
		assert_int_equal(resolv_conf_heal("resolv.conf", "client"), 0);
	}
	/* Somebody adds a line below our mark. */
	assert_int_equal(resolv_conf_apply("resolv.conf", &ours), 0);
	text = get("resolv.conf");
	*strstr(text, "10.8.0.1") = '2';
	put("resolv.conf", text);
	assert_int_equal(resolv_conf_heal("resolv.conf", "client"), 2);
	assert_content("resolv.conf", strchr(text, '\n') + 1);
	free(text);
	assert_int_equal(access("resolv.conf.minivpn-client", F_OK), -1);
	assert_int_equal(access("resolv.conf.minivpn-client.new", F_OK), -1);
	/* Somebody removes the file. */
	put("resolv.conf", original);
	assert_int_equal(resolv_conf_apply("resolv.conf", &ours), 0);
	unlink("resolv.conf");
	assert_int_equal(resolv_conf_heal("resolv.conf", "client"), 1);
	assert_content("resolv.conf", original);
	/* Killed before anything had come of it. */
	assert_int_equal(link("resolv.conf", "resolv.conf.minivpn-client"), 0);
	put("resolv.conf.minivpn-client.new", "x");
	assert_int_equal(resolv_conf_heal("resolv.conf", "client"), 0);
	assert_int_equal(access("resolv.conf.minivpn-client", F_OK), -1);
	/* The original is gone. */
	assert_int_equal(resolv_conf_apply("resolv.conf", &ours), 0);
	unlink("resolv.conf.minivpn-client");
	assert_int_equal(resolv_conf_heal("resolv.conf", "client"), -ENOENT);
	/* An earlier version has written it without a sum. */
	put("resolv.conf.minivpn-client", original);
	fd = open("resolv.conf", O_WRONLY | O_TRUNC);
	dprintf(fd, "# minivpn client: the original is kept beside this file\n"
		    "nameserver 10.8.0.1\n");
	close(fd);
	assert_int_equal(resolv_conf_heal("resolv.conf", "client"), 1);
	assert_content("resolv.conf", original);
}

/* Owners are known by a mark, and by what is kept, not by what resembles it. */
static void test_owners(void **state)
{
	static const char *const others[] = {
		"resolv.conf.minivpn-", "resolv.conf.minivpn-a.new",
		"resolv.conf.minivp", "resolv.conf.minivpn-a b"};
	char names[4][CONFIG_NAME_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(others); i++)
		put(others[i], "x");
	put("resolv.conf", "# minivpn a b: x\n");
	assert_int_equal(resolv_conf_owners("resolv.conf", names, 4), 0);
	put("resolv.conf", "# minivpn office");
	assert_int_equal(resolv_conf_owners("resolv.conf", names, 4), 0);
	put("resolv.conf", "# minivpn office: x\n");
	put("resolv.conf.minivpn-client", original);
	assert_int_equal(resolv_conf_owners("resolv.conf", names, 4), 2);
	assert_string_equal(names[0], "office");
	assert_string_equal(names[1], "client");
	assert_int_equal(resolv_conf_owners("resolv.conf", names, 1), 1);
	for (size_t i = 0; i < COUNT(others); i++)
		unlink(others[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		/* First what needs the user that we are. */
		DIRECTORY_TEST(test_unwritable_directory),
		DIRECTORY_TEST(test_copy),
		cmocka_unit_test(test_servers_of_a_file),
		DIRECTORY_TEST(test_another_tunnel),
		DIRECTORY_TEST(test_somebody_else),
		DIRECTORY_TEST(test_false_marks),
		DIRECTORY_TEST(test_not_a_file),
		DIRECTORY_TEST(test_refused_values),
		DIRECTORY_TEST(test_scoped_server),
		DIRECTORY_TEST(test_owners),
		DIRECTORY_TEST(test_sums),
		DIRECTORY_TEST(test_heal_edited),
		DIRECTORY_TEST(test_apply_revert),
		DIRECTORY_TEST(test_edited),
		DIRECTORY_TEST(test_heal),
		DIRECTORY_TEST(test_somebody_else_inside),
		DIRECTORY_TEST(test_original_servers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
