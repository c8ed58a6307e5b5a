/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>

#include <cmocka.h>

#include "host/kernel/tun.h"
#include "unit/netns.h"

static int setup(void **state)
{
	(void)state;
	return netns_enter();
}

/* Some machines keep the device for root. */
static void need_device(void)
{
	if (access("/dev/net/tun", R_OK | W_OK) < 0) {
		print_message("/dev/net/tun can't be opened: left out\n");
		skip();
	}
}

static void test_create(void **state)
{
	int fd, second = -1;

	(void)state;
	need_device();
	assert_int_equal(tun_create("tun0", &fd), 0);
	assert_int_not_equal(if_nametoindex("tun0"), 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(tun_create("tun0", &second), -EBUSY);
	assert_int_equal(tun_create("lo", &second), -EBUSY);
	assert_int_equal(second, -1);
	/* It goes with its descriptor. */
	close(fd);
	assert_int_equal(if_nametoindex("tun0"), 0);
	assert_int_equal(tun_create("a-long-name.015", &fd), 0);
	close(fd);
}

/* What is asked for is in force, also by another process of ours later. */
static void test_offload(void **state)
{
	unsigned usable, again;
	bool header;
	int fd;

	(void)state;
	need_device();
	assert_int_equal(tun_create("tun0", &fd), 0);
	tun_offload(fd, true, &header, &usable);
	assert_true(header);
	assert_int_equal(usable & (TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6),
			 TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6);
	tun_offload(fd, true, &header, &again);
	assert_int_equal(usable, again);
	tun_offload(fd, false, &header, &usable);
	assert_true(header);
	assert_int_equal(usable, 0);
	close(fd);
}

static void test_refused_names(void **state)
{
	int fd = -1;

	(void)state;
	assert_int_equal(tun_create("", &fd), -EINVAL);
	assert_int_equal(tun_create("tun%d", &fd), -EINVAL);
	assert_int_equal(tun_create("a-long-name.0016", &fd), -EINVAL);
	need_device();
	assert_int_equal(tun_create("a/b", &fd), -EINVAL);
	assert_int_equal(tun_create("..", &fd), -EINVAL);
	assert_int_equal(fd, -1);
}

/* The last test, as the mount stays. */
static void test_no_device(void **state)
{
	int fd = -1;

	(void)state;
	if (access("/dev/net", F_OK) == 0) {
		assert_int_equal(unshare(CLONE_NEWNS), 0);
		assert_int_equal(
			mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
		assert_int_equal(mount("none", "/dev/net", "tmpfs", 0, NULL),
				 0);
	}
	assert_int_equal(tun_create("tun0", &fd), -ENOENT);
	assert_int_equal(fd, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_create, setup),
		cmocka_unit_test_setup(test_offload, setup),
		cmocka_unit_test_setup(test_refused_names, setup),
		cmocka_unit_test_setup(test_no_device, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
