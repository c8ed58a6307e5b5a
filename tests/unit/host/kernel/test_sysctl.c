/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>

#include <cmocka.h>

#include "host/kernel/sysctl.h"
#include "unit/netns.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int setup(void **state)
{
	(void)state;
	return netns_enter();
}

static void test_read(void **state)
{
	char value[SYSCTL_VALUE_SIZE], small[5];

	(void)state;
	assert_int_equal(sysctl_read("kernel.ostype", value, sizeof(value)), 0);
	assert_string_equal(value, "Linux");
	assert_int_equal(sysctl_read("kernel.ostype", small, sizeof(small)),
			 -EOVERFLOW);
	/* It has 36 characters, more than any value of ours. */
	assert_int_equal(
		sysctl_read("kernel.random.uuid", value, sizeof(value)),
		-EOVERFLOW);
	assert_int_equal(sysctl_read("kernel.none", value, sizeof(value)),
			 -ENOENT);
	assert_int_equal(sysctl_read("net.ipv4.conf", value, sizeof(value)),
			 -EISDIR);
}

static void test_write(void **state)
{
	static const char key[] = "net.ipv4.ip_forward";
	char value[SYSCTL_VALUE_SIZE];

	(void)state;
	for (int i = 0; i < 4; i++) {
		assert_int_equal(sysctl_write(key, i % 2 ? "0" : "1"), 0);
		assert_int_equal(sysctl_read(key, value, sizeof(value)), 0);
		assert_string_equal(value, i % 2 ? "0" : "1");
	}
	assert_int_equal(sysctl_write(key, "many"), -EINVAL);
	assert_int_equal(sysctl_write(key, ""), -EINVAL);
	assert_int_equal(sysctl_write(key, "1\n0"), -EINVAL);
	assert_int_equal(sysctl_write(key, "00000000000000000000000000000001"),
			 -EOVERFLOW);
	assert_int_equal(sysctl_write("net.ipv4.none", "1"), -ENOENT);
	assert_int_equal(sysctl_read(key, value, sizeof(value)), 0);
	assert_string_equal(value, "0");
}

/* A device's name may have a dot. */
static void test_dotted_device(void **state)
{
	static const char key[] = "net.ipv4.conf.eth0/1.forwarding";
	char value[SYSCTL_VALUE_SIZE];

	(void)state;
	assert_int_equal(netns_link("eth0.1"), 0);
	assert_int_equal(sysctl_write(key, "1"), 0);
	assert_int_equal(sysctl_read(key, value, sizeof(value)), 0);
	assert_string_equal(value, "1");
	assert_int_equal(sysctl_read("net.ipv4.conf.eth0.1.forwarding", value,
				     sizeof(value)),
			 -ENOENT);
}

static void test_refused_keys(void **state)
{
	static const char *const keys[] = {
		"",
		".",
		"/",
		"//",
		"..",
		".kernel.ostype",
		"kernel.ostype.",
		"kernel..ostype",
		"net.//.kernel.ostype",
		"//.//.etc.hostname",
		"kernel./.ostype",
	};
	char value[SYSCTL_VALUE_SIZE], key[SYSCTL_KEY_SIZE + 1];

	(void)state;
	for (size_t i = 0; i < COUNT(keys); i++) {
		assert_int_equal(sysctl_read(keys[i], value, sizeof(value)),
				 -EINVAL);
		assert_int_equal(sysctl_write(keys[i], "1"), -EINVAL);
	}
	memset(key, 'k', sizeof(key));
	key[SYSCTL_KEY_SIZE] = '\0';
	assert_int_equal(sysctl_read(key, value, sizeof(value)), -ENAMETOOLONG);
	assert_int_equal(sysctl_write(key, "1"), -ENAMETOOLONG);
	key[SYSCTL_KEY_SIZE - 1] = '\0';
	assert_int_equal(sysctl_read(key, value, sizeof(value)), -ENOENT);
}

/*
 * Sysctls are read-only in a container. This is the last test, as the mount
 * stays.
 */
static void test_read_only(void **state)
{
	static const unsigned long again = MS_REMOUNT | MS_BIND | MS_RDONLY;
	char value[SYSCTL_VALUE_SIZE];

	(void)state;
	assert_int_equal(unshare(CLONE_NEWNS), 0);
	assert_int_equal(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL),
			 0);
	assert_int_equal(
		mount("/proc/sys", "/proc/sys", NULL, MS_BIND | MS_REC, NULL),
		0);
	/* Flags that came with the mount must be given again. */
	assert_int_equal(
		mount("none", "/proc/sys", NULL,
		      again | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RELATIME,
		      NULL),
		0);
	assert_int_equal(sysctl_write("net.ipv4.ip_forward", "1"), -EROFS);
	assert_int_equal(
		sysctl_read("net.ipv4.ip_forward", value, sizeof(value)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test_setup(test_write, setup),
		cmocka_unit_test_setup(test_dotted_device, setup),
		cmocka_unit_test(test_refused_keys),
		cmocka_unit_test_setup(test_read_only, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
