/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptors that go from one process to another, and those that do not. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/process.h"

#define PASSED 8

struct lab {
	int ends[2];
	int pipes[2];
	struct process_fds out;
};

/* The writing end of a pipe, several times over. */
static void setup(struct lab *lab, unsigned count)
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
				    lab->ends),
			 0);
	assert_int_equal(pipe2(lab->pipes, O_NONBLOCK | O_CLOEXEC), 0);
	lab->out.count = count;
	for (unsigned i = 0; i < count; i++) {
		lab->out.list[i] = dup(lab->pipes[1]);
		assert_true(lab->out.list[i] >= 0);
	}
	close(lab->pipes[1]);
}

/* Nobody has an end any more to which something could be written. */
static void assert_all_closed(struct lab *lab)
{
	char byte;

	assert_int_equal(read(lab->pipes[0], &byte, 1), 0);
	close(lab->pipes[0]);
	close(lab->ends[0]);
	close(lab->ends[1]);
}

static void test_passes_as_many_as_fit(void **state)
{
	const unsigned counts[] = {0, 1, 3, PROCESS_FDS};

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		struct lab lab;
		struct process_fds in;
		char text[6];

		setup(&lab, counts[i]);
		assert_int_equal(
			process_send(lab.ends[0], "hello", 6, &lab.out), 0);
		process_close_fds(&lab.out);
		assert_int_equal(process_receive(lab.ends[1], text, 6, &in), 6);
		assert_string_equal(text, "hello");
		assert_int_equal(in.count, counts[i]);
		for (unsigned j = 0; j < in.count; j++)
			assert_int_equal(fcntl(in.list[j], F_GETFD),
					 FD_CLOEXEC);
		process_close_fds(&in);
		assert_int_equal(in.count, 0);
		assert_all_closed(&lab);
	}
}

/* Some have come, others not: the message is of no use, and none may stay. */
static void test_what_is_cut_off_is_an_error(void **state)
{
	struct rlimit before, low;
	struct lab lab;
	struct process_fds in;
	char text[6];

	(void)state;
	setup(&lab, PASSED);
	assert_int_equal(process_send(lab.ends[0], "hello", 6, &lab.out), 0);
	process_close_fds(&lab.out);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	low = before;
	low.rlim_cur = (rlim_t)lab.pipes[0] + PASSED / 2;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	assert_int_equal(process_receive(lab.ends[1], text, 6, &in), -EMSGSIZE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(in.count, 0);
	assert_all_closed(&lab);
}

static void test_more_than_there_is_room_for(void **state)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE((PROCESS_FDS + 2) * sizeof(int))];
	} control = {
		.head = {.cmsg_len = CMSG_LEN((PROCESS_FDS + 2) * sizeof(int)),
			 .cmsg_level = SOL_SOCKET,
			 .cmsg_type = SCM_RIGHTS}};
	char text[6] = "hello";
	struct iovec vector = {text, 6};
	struct msghdr header = {.msg_iov = &vector,
				.msg_iovlen = 1,
				.msg_control = &control,
				.msg_controllen = sizeof(control)};
	struct lab lab;
	struct process_fds in;

	(void)state;
	setup(&lab, 1);
	for (size_t i = 0; i < PROCESS_FDS + 2; i++)
		memcpy(CMSG_DATA(&control.head) + i * sizeof(int),
		       &lab.out.list[0], sizeof(int));
	assert_int_equal(sendmsg(lab.ends[0], &header, 0), 6);
	process_close_fds(&lab.out);
	assert_int_equal(process_receive(lab.ends[1], text, 6, &in), -EMSGSIZE);
	assert_int_equal(in.count, 0);
	assert_all_closed(&lab);
}

static void test_sizes_and_the_end(void **state)
{
	struct lab lab;
	struct process_fds in;
	char text[6];

	(void)state;
	setup(&lab, 1);
	assert_int_equal(process_send(lab.ends[0], "hello", 6, &lab.out), 0);
	assert_int_equal(process_receive(lab.ends[1], text, 5, &in), -EMSGSIZE);
	assert_int_equal(in.count, 0);
	assert_int_equal(process_send(lab.ends[0], "hello", 3, &lab.out), 0);
	process_close_fds(&lab.out);
	assert_int_equal(process_receive(lab.ends[1], text, 6, &in), 3);
	process_close_fds(&in);
	close(lab.ends[0]);
	assert_int_equal(process_receive(lab.ends[1], text, 6, &in), 0);
	lab.ends[0] = -1;
	assert_all_closed(&lab);
}

/* In a child, which has the descriptors of the test's own to lose. */
static void test_closes_others(void **state)
{
	int kept[4], status;
	pid_t child;

	(void)state;
	for (int i = 0; i < 4; i++)
		kept[i] = dup(STDIN_FILENO);
	child = fork();
	if (child == 0) {
		const int keep[] = {kept[2], -1, kept[0]};

		if (process_close_others(keep, 3) ||
		    fcntl(kept[0], F_GETFD) < 0 ||
		    fcntl(kept[2], F_GETFD) < 0 ||
		    fcntl(kept[1], F_GETFD) >= 0 ||
		    fcntl(kept[3], F_GETFD) >= 0 ||
		    fcntl(STDERR_FILENO, F_GETFD) < 0)
			_exit(1);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	for (int i = 0; i < 4; i++)
		close(kept[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_passes_as_many_as_fit),
		cmocka_unit_test(test_what_is_cut_off_is_an_error),
		cmocka_unit_test(test_more_than_there_is_room_for),
		cmocka_unit_test(test_sizes_and_the_end),
		cmocka_unit_test(test_closes_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
