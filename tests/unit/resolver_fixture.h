/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For the tests of resolver: a directory of its own for each, with resolv.conf
 * in one of many states, and all that is in it as text to compare.
 */
#ifndef MINIVPN_TESTS_RESOLVER_FIXTURE_H
#define MINIVPN_TESTS_RESOLVER_FIXTURE_H

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "host/dns/resolv_conf.h"
#include "unit/netns.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char original[] = "# by hand\nnameserver 192.0.2.53\n\n"
			       "options edns0\n#| a strange line";

static const struct resolv_conf ours = {
	.name = "client",
	.dns = {{AF_INET, {10, 8, 0, 1}}},
	.dns_count = 1,
	.search = {"example.org", "a.example"},
	.search_count = 2,
};

static const struct resolv_conf our_stub = {.name = "client", .stub = true};

static inline void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0640);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static inline char *get(const char *path)
{
	char *text = calloc(1, 8192);
	int fd = open(path, O_RDONLY);

	assert_non_null(text);
	assert_true(fd >= 0);
	assert_true(read(fd, text, 8191) >= 0);
	close(fd);
	return text;
}

static inline void assert_content(const char *path, const char *expected)
{
	char *text = get(path);

	assert_string_equal(text, expected);
	free(text);
}

/* Name, type, mode, and content or target of all that is in the directory. */
static inline char *snapshot(void)
{
	struct dirent **names;
	struct stat status;
	char *text, *content;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	int count = scandir(".", &names, NULL, alphasort);

	assert_non_null(out);
	assert_true(count >= 2);
	for (int i = 0; i < count; i++) {
		const char *name = names[i]->d_name;
		char target[64] = "";

		assert_int_equal(lstat(name, &status), 0);
		fprintf(out, "%s %o ", name, status.st_mode);
		if (S_ISLNK(status.st_mode)) {
			assert_true(readlink(name, target, 63) > 0);
			fputs(target, out);
		} else if (S_ISREG(status.st_mode)) {
			content = get(name);
			fputs(content, out);
			free(content);
		}
		fputc('\n', out);
		free(names[i]);
	}
	free(names);
	fclose(out);
	return text;
}

static inline void assert_snapshot(const char *expected)
{
	char *text = snapshot();

	assert_string_equal(text, expected);
	free(text);
}

static inline int resolv_conf_setup(void **state)
{
	char path[] = "/tmp/minivpn-test-resolver-XXXXXX";

	if (!mkdtemp(path) || chdir(path) < 0)
		return -1;
	*state = strdup(path);
	return 0;
}

static inline int resolv_conf_teardown(void **state)
{
	static const char *const names[] = {
		"resolv.conf", "resolv.conf.minivpn-client",
		"resolv.conf.minivpn-client.new", "target", "mounted"};

	umount2("resolv.conf", MNT_DETACH);
	umount2("target", MNT_DETACH);
	for (size_t i = 0; i < COUNT(names); i++)
		unlink(names[i]);
	if (chdir("/") < 0 || rmdir(*state) < 0)
		return -1;
	free(*state);
	return 0;
}

/* What resolv.conf may be before. */

static inline void make_file(void)
{
	put("resolv.conf", original);
}

static inline void make_empty(void)
{
	put("resolv.conf", "");
}

static inline void make_link(void)
{
	put("target", original);
	assert_int_equal(symlink("target", "resolv.conf"), 0);
}

static inline void make_dangling(void)
{
	assert_int_equal(symlink("nowhere", "resolv.conf"), 0);
}

static inline void make_nothing(void)
{
}

static inline void mount_on(const char *path)
{
	put("mounted", original);
	assert_int_equal(netns_enter(), 0);
	assert_int_equal(unshare(CLONE_NEWNS), 0);
	assert_int_equal(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL),
			 0);
	assert_int_equal(mount("mounted", path, NULL, MS_BIND, NULL), 0);
}

/* As `ip netns exec` does it. */
static inline void make_mounted(void)
{
	put("resolv.conf", "below the mount\n");
	mount_on("resolv.conf");
}

static inline void make_mounted_link(void)
{
	make_link();
	mount_on("target");
}

static const struct scenario {
	void (*make)(void);
	bool inside;
	bool stub;
} scenarios[] = {
	{.make = make_file},
	{.make = make_empty},
	{.make = make_link},
	{.make = make_dangling},
	{.make = make_nothing},
	{.make = make_mounted, .inside = true},
	{.make = make_mounted_link, .inside = true},
	{.make = make_link, .stub = true},
	{.make = make_dangling, .stub = true},
};

static inline const struct resolv_conf *
scenario_resolver(const struct scenario *scenario)
{
	return scenario->stub ? &our_stub : &ours;
}

static inline void assert_stub(void)
{
	char target[64] = "";

	assert_true(readlink("resolv.conf", target, sizeof(target) - 1) > 0);
	assert_string_equal(target, RESOLV_CONF_STUB);
}

static inline void assert_applied(const struct scenario *scenario)
{
	struct stat status;
	char *text;

	if (scenario->stub) {
		assert_stub();
		return;
	}
	text = get("resolv.conf");
	assert_memory_equal(text, "# minivpn client: ", 18);
	assert_non_null(strstr(text, "\nnameserver 10.8.0.1\n"
				     "search example.org a.example\n"));
	free(text);
	/* No second file, and a link that leads to a mount point stays one. */
	if (scenario->inside) {
		assert_int_equal(access("resolv.conf.minivpn-client", F_OK),
				 -1);
		return;
	}
	assert_int_equal(lstat("resolv.conf", &status), 0);
	assert_int_equal(status.st_mode, S_IFREG | 0644);
}

#define DIRECTORY_TEST(name)                                                   \
	cmocka_unit_test_setup_teardown(name, resolv_conf_setup,               \
					resolv_conf_teardown)

#endif
