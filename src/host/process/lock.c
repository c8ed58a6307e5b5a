/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/process/lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/ipc/control_socket.h"
#include "common/log.h"
#include "common/owned.h"
#include "common/reason.h"
#include "host/change/journal.h"
#include "host/dns/resolv_conf.h"
#include "host/kernel/netns.h"
#include "host/process/server_store.h"

/* flock(2) has no time limit of its own, so it is asked this often. */
#define LOCK_POLL_MS 10

static pid_t read_pid(int fd)
{
	char text[16] = "";

	if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
		return 0;
	return (pid_t)strtol(text, NULL, 10);
}

static int write_pid(int fd)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)length, 0) < 0)
		return -errno;
	return 0;
}

static int wait_for_lock(int fd, int timeout_ms)
{
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (timeout_ms <= 0)
			return -EBUSY;
		poll(NULL, 0, LOCK_POLL_MS);
		timeout_ms -= LOCK_POLL_MS;
	}
	return 0;
}

/* The one who had the lock before us may have removed the file meanwhile. */
static bool is_still(int fd, const char *path)
{
	struct stat ours, there;

	return fstat(fd, &ours) == 0 && stat(path, &there) == 0 &&
	       ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
}

int lock_hold_last(int *fd)
{
	if (dup2(*fd, STDIN_FILENO) < 0)
		return -errno;
	if (*fd != STDIN_FILENO)
		close(*fd);
	*fd = STDIN_FILENO;
	return 0;
}

int lock_take(const char *tunnel, int timeout_ms, int *fd, pid_t *holder)
{
	struct reason reason;
	char path[PATH_MAX];
	int err;

	*holder = 0;
	err = control_check_directories(&reason);
	if (!err)
		err = control_claim_directory(control_rundir());
	if (!err)
		err = control_path(path, sizeof(path), tunnel, "pid");
	if (err)
		return err;
	for (;;) {
		*fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
			   0600);
		if (*fd < 0)
			return -errno;
		err = wait_for_lock(*fd, timeout_ms);
		if (err)
			break;
		if (is_still(*fd, path)) {
			err = write_pid(*fd);
			if (!err)
				return 0;
			unlink(path);
			break;
		}
		close(*fd);
	}
	*holder = read_pid(*fd);
	close(*fd);
	*fd = -1;
	return err;
}

void lock_drop(const char *tunnel, int fd)
{
	char path[PATH_MAX];

	if (!control_path(path, sizeof(path), tunnel, "sock"))
		unlink(path);
	if (!control_path(path, sizeof(path), tunnel, "pid"))
		unlink(path);
	if (fd >= 0)
		close(fd);
}

static int heal(const char *tunnel, const char *suffix, int netns,
		bool privileged)
{
	struct change_context context;
	char path[PATH_MAX];
	int err;

	err = control_path(path, sizeof(path), tunnel, suffix);
	if (err)
		return err;
	if (access(path, F_OK) < 0)
		return 0;
	err = change_context_open(&context);
	if (err)
		return err;
	context.netns_fd = netns;
	context.unprivileged = !privileged;
	err = journal_heal(path, &context);
	context.netns_fd = -1;
	change_context_close(&context);
	return err;
}

int lock_heal(const char *tunnel)
{
	return heal(tunnel, "journal", -1, true);
}

int lock_heal_own(const char *tunnel, int netns, bool privileged)
{
	return heal(tunnel, "journal", netns, privileged);
}

int lock_heal_killswitch(const char *tunnel)
{
	int healed = heal(tunnel, "killswitch", -1, true);

	if (healed >= 0)
		server_store_lifted(tunnel);
	return healed;
}

/* One file has no more owners; more than a few tunnels at once are unusual. */
#define OWNERS 16

struct search {
	const char *tunnel; /* whose lock the caller has */
	bool others;
	int healed, error;
};

static bool has_journal(const char *tunnel)
{
	char path[PATH_MAX];

	return control_path(path, sizeof(path), tunnel, "journal") ||
	       access(path, F_OK) == 0;
}

static void heal_file(struct search *search, const char *path,
		      const char *tunnel)
{
	struct reason reason;
	int result = resolv_conf_heal(path, tunnel);

	if (result > 0)
		search->healed++;
	if (result == 1)
		log_warning("%s: left by tunnel %s, which is not up and has no "
			    "journal: the original is back",
			    path, tunnel);
	else if (result == 2)
		log_warning("%s: left by tunnel %s, and changed by somebody "
			    "else since: that stays, and the original that "
			    "was kept is removed",
			    path, tunnel);
	if (result >= 0)
		return;
	search->error = result;
	if (result == -ENOENT || result == -EBADMSG)
		reason_set(&reason,
			   "%s: the original that was kept is lost: write the "
			   "file anew",
			   path);
	else
		resolv_conf_explain(path, result, &reason);
	log_error("left by tunnel %s, which is not up: %s", tunnel,
		  reason.text);
}

/* Who is up has its lock; who was killed has its journal, and heals by that. */
static void heal_others(struct search *search, const char *path,
			const char *tunnel)
{
	pid_t holder;
	int fd;

	if (has_journal(tunnel) || lock_take(tunnel, 0, &fd, &holder))
		return;
	if (!has_journal(tunnel))
		heal_file(search, path, tunnel);
	lock_drop(tunnel, fd);
}

static void search_file(struct search *search, const char *path)
{
	char names[OWNERS][CONFIG_NAME_SIZE];
	size_t count = resolv_conf_owners(path, names, OWNERS);

	for (size_t i = 0; i < count; i++) {
		if (strcmp(names[i], search->tunnel) == 0)
			heal_file(search, path, names[i]);
		else if (search->others)
			heal_others(search, path, names[i]);
	}
}

/* A client with a Namespace has written to /etc/netns/NAME/resolv.conf. */
static void search_namespaces(struct search *search)
{
	DIR *handle = opendir(NETNS_FILES);
	struct dirent *entry;
	char path[PATH_MAX];

	while (handle && (entry = readdir(handle)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), NETNS_FILES "/%s/resolv.conf",
			 entry->d_name);
		search_file(search, path);
	}
	if (handle)
		closedir(handle);
}

int lock_heal_resolv_conf(const char *tunnel, bool others)
{
	struct search search = {.tunnel = tunnel, .others = others};

	search_file(&search, RESOLV_CONF_PATH);
	search_namespaces(&search);
	return search.error ? search.error : search.healed;
}

bool lock_left_resolv_conf(char name[CONFIG_NAME_SIZE])
{
	char names[OWNERS][CONFIG_NAME_SIZE];
	size_t count = resolv_conf_owners(RESOLV_CONF_PATH, names, OWNERS);

	for (size_t i = 0; i < count; i++) {
		if (has_journal(names[i]))
			continue;
		strcpy(name, names[i]);
		return true;
	}
	return false;
}

void lock_explain(int error, struct reason *reason)
{
	if (error == -EPERM && control_check_directories(reason))
		return;
	reason_set(reason, "%s: %s", control_rundir(), strerror(-error));
}

const char *lock_heal_error(int error)
{
	if (error == -EXDEV)
		return "it was up in another network namespace: run this "
		       "there, or remove its journal by hand";
	return strerror(-error);
}
