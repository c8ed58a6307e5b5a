/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/harden.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* The library's own handle, under a name that needs no cast. */
struct harden;

int harden_new(struct harden **harden)
{
	*harden = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	/* The kernel's own errors, which tell want of memory from the rest. */
	if (*harden)
		seccomp_attr_set(*harden, SCMP_FLTATR_API_SYSRAWRC, 1);
	return *harden ? 0 : -ENOMEM;
}

bool harden_unavailable(int err)
{
	return err == -ENOSYS || err == -EINVAL || err == -EPERM;
}

static int add_list(struct harden *harden, uint32_t action, const int *list,
		    size_t count)
{
	int err = 0;

	for (size_t i = 0; !err && i < count; i++)
		err = seccomp_rule_add(harden, action, list[i], 0);
	return err;
}

int harden_add(struct harden *harden, const struct harden_calls *calls)
{
	int err;

	err = add_list(harden, SCMP_ACT_ALLOW, calls->allowed,
		       calls->allowed_count);
	for (size_t i = 0; !err && i < calls->checked_count; i++) {
		const struct harden_rule *rule = &calls->checked[i];

		err = seccomp_rule_add_array(harden, SCMP_ACT_ALLOW, rule->call,
					     rule->count, rule->arguments);
	}
	if (!err)
		err = add_list(harden, SCMP_ACT_ERRNO(ENOSYS), calls->absent,
			       calls->absent_count);
	if (!err)
		err = add_list(harden, SCMP_ACT_KILL_PROCESS, calls->deadly,
			       calls->deadly_count);
	return err;
}

/*
 * libseccomp 2.5 that runs out of memory while it writes the filter reports
 * success and loads a part of it: then EPERM is the answer to calls without
 * which no process of ours can do anything. A whole one lets them through, to
 * EBADF.
 */
static bool is_whole(void)
{
	static const int needed[] = {
		SCMP_SYS(read),	     SCMP_SYS(write),	 SCMP_SYS(recvmsg),
		SCMP_SYS(sendmsg),   SCMP_SYS(recvmmsg), SCMP_SYS(sendmmsg),
		SCMP_SYS(recvfrom),  SCMP_SYS(sendto),	 SCMP_SYS(epoll_wait),
		SCMP_SYS(epoll_ctl), SCMP_SYS(close),
	};

	for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++) {
		if (syscall(needed[i], -1, NULL, 0, 0, NULL, 0) < 0 &&
		    errno == EPERM)
			return false;
	}
	return true;
}

int harden_enter(struct harden *harden)
{
	int err = seccomp_load(harden);

	seccomp_release(harden);
	return err || is_whole() ? err : -ENOMEM;
}

int harden_memory(void)
{
	const struct rlimit none = {0, 0};

	/* A core_pattern with a pipe passes over the limit (core(5)). */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
	    setrlimit(RLIMIT_CORE, &none) < 0)
		return -errno;
	return 0;
}
