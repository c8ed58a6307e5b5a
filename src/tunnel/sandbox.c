/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/log.h"
#include "tunnel/sandbox_confine.h"

/* nobody and nogroup where the system does not say otherwise. */
#define NOBODY 65534

static int change_user(int *kept_user)
{
	const struct passwd *nobody = getpwnam("nobody");
	uid_t uid = nobody ? nobody->pw_uid : NOBODY;
	gid_t gid = nobody ? nobody->pw_gid : NOBODY;

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

static int drop_privileges(int *kept_user)
{
	int err;

	capng_clear(CAPNG_SELECT_BOTH);
	/* The bounding set first: it takes CAP_SETPCAP, which goes with it. */
	capng_apply(CAPNG_SELECT_BOUNDS);
	err = change_user(kept_user);
	if (err)
		return err;
	capng_clear(CAPNG_SELECT_BOTH);
	return capng_apply(CAPNG_SELECT_CAPS) < 0 ? -EPERM : 0;
}

int sandbox_enter(pid_t host, int *kept_user)
{
	struct rlimit none = {0, 0};
	int err;

	err = sandbox_confine_root();
	if (err)
		log_warning("the tunnel process keeps its root directory: %s",
			    strerror(-err));
	err = drop_privileges(kept_user);
	if (err)
		return err;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ||
	    setrlimit(RLIMIT_CORE, &none) < 0)
		return -errno;
	err = sandbox_confine_calls();
	if (err == -ENOMEM)
		return err;
	if (err)
		log_warning("the tunnel process has no filter of system calls: "
			    "%s",
			    strerror(-err));
	return getppid() == host ? 0 : -ESRCH;
}
