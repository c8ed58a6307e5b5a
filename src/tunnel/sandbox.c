/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/locked.h"
#include "common/log.h"
#include "common/syscall_filter.h"
#include "tunnel/sandbox_confine.h"

static int change_user(uid_t uid, gid_t gid, int *kept_user)
{
	*kept_user = 0;
	if (geteuid() != 0)
		return 0;
	/* EINVAL: not mapped; EPERM: setgroups denied (user_namespaces(7)). */
	if (setresgid(gid, gid, gid) < 0 || setgroups(0, NULL) < 0) {
		*kept_user = 1;
		return errno == EINVAL || errno == EPERM ? 0 : -errno;
	}
	if (setresuid(uid, uid, uid) < 0)
		return -errno;
	return 0;
}

static int become(uid_t uid, gid_t gid, int *kept_user)
{
	int err;

	capng_clear(CAPNG_SELECT_BOTH);
	/* The bounding set first: it takes CAP_SETPCAP, which goes with it. */
	(void)!capng_apply(CAPNG_SELECT_BOUNDS);
	err = change_user(uid, gid, kept_user);
	if (err)
		return err;
	capng_clear(CAPNG_SELECT_BOTH);
	return capng_apply(CAPNG_SELECT_CAPS) < 0 ? -EPERM : 0;
}

/*
 * A client's sessions are small; what a server has of a thousand is bounded
 * elsewhere, and must not all be in memory.
 */
static void keep_secrets(const struct config *config)
{
	if (locked_keep_all(config->role == CONFIG_CLIENT))
		log_info("copies of keys may get into the swap: the limit of "
			 "locked memory (ulimit -l) is too low");
}

int sandbox_become(uid_t uid, gid_t gid, int *kept_user)
{
	sandbox_confine_root();
	return become(uid, gid, kept_user);
}

/*
 * Who is not of the same user takes CAP_SYS_RESOURCE for it (prlimit(2)), which
 * a container's root is without: so a child becomes that user.
 */
int sandbox_raise_memory(const struct tunnel_arguments *arguments, pid_t pid)
{
	pid_t child = fork();
	int status, kept_user;

	if (child < 0)
		return -errno;
	if (child == 0) {
		change_user(arguments->uid, arguments->gid, &kept_user);
		_exit(-sandbox_confine_memory(pid, arguments->config));
	}
	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

int sandbox_enter(const struct tunnel_arguments *arguments, int *kept_user)
{
	int err = sandbox_confine_output();

	if (err)
		return err;
	/* This needs /proc, which is gone with the root directory. */
	keep_secrets(arguments->config);
	err = sandbox_confine_root();
	if (err)
		log_warning("the tunnel process keeps its root directory: %s",
			    strerror(-err));
	err = become(arguments->uid, arguments->gid, kept_user);
	if (err)
		return err;
	/*
	 * The change of user sets the one and clears the other, so they come
	 * after it.
	 */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	err = syscall_filter_memory();
	if (!err)
		err = sandbox_confine_resources(arguments->config);
	if (err)
		return err;
	err = sandbox_confine_calls(arguments);
	if (err && !syscall_filter_unavailable(err))
		return err;
	if (err)
		log_warning("the tunnel process has no filter of system calls: "
			    "%s",
			    strerror(-err));
	return getppid() == arguments->parent ? 0 : -ESRCH;
}
