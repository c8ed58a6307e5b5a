/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/process/confine.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/locked.h"
#include "common/log.h"
#include "host/process/syscalls.h"
#include "tunnel/sandbox.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* More than any process of ours keeps. */
#define CAPABILITIES 12

struct capabilities {
	unsigned list[CAPABILITIES];
	unsigned count;
};

/* Root gets at files that are not its own by these (capabilities(7)). */
static const unsigned for_files[] = {CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH,
				     CAP_CHOWN, CAP_FOWNER};

/* To enter the sandbox, and to end a process of another user. */
static const unsigned for_launcher[] = {CAP_SETUID, CAP_SETGID, CAP_SETPCAP,
					CAP_SYS_CHROOT, CAP_KILL};

static void keep(struct capabilities *kept, const unsigned *list, size_t count)
{
	for (size_t i = 0; i < count && kept->count < CAPABILITIES; i++) {
		if (capng_have_capability(CAPNG_PERMITTED, list[i]))
			kept->list[kept->count++] = list[i];
	}
}

/* Files are checked as root without these sees them; drop_others() follows. */
static int try_without_files(void)
{
	if (capng_get_caps_process() < 0)
		return -EPERM;
	for (size_t i = 0; i < COUNT(for_files); i++)
		capng_update(CAPNG_DROP, CAPNG_EFFECTIVE, for_files[i]);
	return capng_apply(CAPNG_SELECT_CAPS) < 0 ? -EPERM : 0;
}

static bool is_denied(const char *path, int mode)
{
	return path && faccessat(AT_FDCWD, path, mode, AT_EACCESS) < 0 &&
	       errno == EACCES;
}

/* The file, those that it includes, and where others may be put. */
static bool is_config_denied(const struct config *config)
{
	char directory[PATH_MAX] = "";

	if (is_denied(config->path, R_OK))
		return true;
	for (size_t i = 0; i < config->included_count; i++) {
		const char *path = config->included[i];
		const char *slash = strrchr(path, '/');
		size_t length = slash ? (size_t)(slash - path) : 0;

		if (is_denied(path, R_OK))
			return true;
		/* There may be thousands of files in one. */
		if (!length || length >= sizeof(directory) ||
		    (!strncmp(directory, path, length) && !directory[length]))
			continue;
		memcpy(directory, path, length);
		directory[length] = '\0';
		if (is_denied(directory, R_OK))
			return true;
	}
	return false;
}

/* resolv.conf is replaced by a new name in its directory, or written into. */
static bool is_resolv_conf_denied(const char *path)
{
	char directory[PATH_MAX];
	char *slash;

	snprintf(directory, sizeof(directory), "%s", path);
	/* Those that are missing will be made (Namespace). */
	do {
		slash = strrchr(directory, '/');
		if (slash)
			*slash = '\0';
	} while (slash && directory[0] && access(directory, F_OK) < 0 &&
		 errno == ENOENT);
	return is_denied(path, W_OK) || is_denied(directory, W_OK);
}

/* The others are dropped, from the bounding set too where that is allowed. */
static int drop_others(const struct capabilities *kept)
{
	capng_clear(CAPNG_SELECT_BOTH);
	for (unsigned i = 0; i < kept->count; i++)
		capng_update(CAPNG_ADD,
			     CAPNG_EFFECTIVE | CAPNG_PERMITTED |
				     CAPNG_BOUNDING_SET,
			     kept->list[i]);
	(void)!capng_apply(CAPNG_SELECT_BOUNDS);
	return capng_apply(CAPNG_SELECT_CAPS) < 0 ? -EPERM : 0;
}

static int give_up(const struct capabilities *kept)
{
	int err = drop_others(kept);

	if (err)
		return err;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return syscall_filter_memory();
}

static int confine(const struct config *config, const char *resolv_conf,
		   bool janitor)
{
	static const unsigned namespaces[] = {CAP_SYS_ADMIN};
	static const unsigned network[] = {CAP_NET_ADMIN};
	static const unsigned others[] = {CAP_DAC_OVERRIDE, CAP_CHOWN,
					  CAP_FOWNER};
	static const unsigned reading[] = {CAP_DAC_READ_SEARCH};
	struct capabilities kept = {0};
	int err = try_without_files();

	if (err)
		return err;
	keep(&kept, network, COUNT(network));
	if (janitor)
		keep(&kept, namespaces, COUNT(namespaces));
	if (is_config_denied(config))
		keep(&kept, reading, COUNT(reading));
	if (config->role == CONFIG_CLIENT && config->dns_choice &&
	    is_resolv_conf_denied(resolv_conf))
		keep(&kept, others, COUNT(others));
	err = give_up(&kept);
	if (err)
		return err;
	err = janitor ? syscalls_janitor() : syscalls_host();
	if (err && !syscall_filter_unavailable(err))
		return err;
	if (err && !janitor)
		log_warning("the host process has no filter of system calls: "
			    "%s",
			    strerror(-err));
	return 0;
}

int confine_host(const struct config *config, const char *resolv_conf)
{
	return confine(config, resolv_conf, false);
}

int confine_janitor(const struct config *config, const char *resolv_conf)
{
	return confine(config, resolv_conf, true);
}

int confine_launcher(const struct tunnel_arguments *arguments,
		     const struct user *lookup)
{
	const struct user users[] = {{arguments->uid, arguments->gid}, *lookup};
	static const unsigned reading[] = {CAP_DAC_READ_SEARCH};
	const struct config *config = arguments->config;
	const char *files[] = {config->certificate, config->key, config->ca,
			       config->crl};
	struct capabilities kept = {0};
	int err;

	/* The tunnel process has the same limit, and logs a failure. */
	locked_keep_all(true);
	err = try_without_files();
	if (err)
		return err;
	keep(&kept, for_launcher, COUNT(for_launcher));
	for (size_t i = 0; i < COUNT(files); i++) {
		if (!is_denied(files[i], R_OK))
			continue;
		keep(&kept, reading, COUNT(reading));
		break;
	}
	err = give_up(&kept);
	if (err)
		return err;
	/* The tunnel process, which has none either, logs that. */
	err = syscalls_launcher(users, COUNT(users));
	return syscall_filter_unavailable(err) ? 0 : err;
}

int confine_lookup(const struct user *user, pid_t parent)
{
	int kept_user, err;

	/* Where the root directory stays, the filter lets it open no file. */
	err = sandbox_become(user->uid, user->gid, &kept_user);
	if (err)
		return err;
	/* After the change of user, which clears both. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	err = syscall_filter_memory();
	if (!err)
		err = syscalls_lookup();
	/* The tunnel process, which has none either, logs that. */
	if (err && !syscall_filter_unavailable(err))
		return err;
	return getppid() == parent ? 0 : -ESRCH;
}
