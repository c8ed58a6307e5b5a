/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/kernel/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

static const char own[] = "/proc/thread-self/ns/net";

bool netns_is_path(const char *name)
{
	return name[0] == '/';
}

bool netns_equal(const struct netns *a, const struct netns *b)
{
	return strcmp(a->name, b->name) == 0 && a->inode == b->inode &&
	       a->cookie == b->cookie;
}

static void make_path(const char *name, char path[NETNS_PATH_SIZE])
{
	snprintf(path, NETNS_PATH_SIZE, "%s%s",
		 netns_is_path(name) ? "" : NETNS_DIRECTORY "/", name);
}

/* One of another kind is refused by setns(2), with EINVAL as well. */
static bool is_namespace(int fd)
{
	struct statfs status;

	return fstatfs(fd, &status) == 0 && status.f_type == NSFS_MAGIC;
}

int netns_open(const char *name, int *fd)
{
	char path[NETNS_PATH_SIZE];

	make_path(name, path);
	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (*fd < 0)
		return errno == ENOTDIR ? -ENOENT : -errno;
	if (is_namespace(*fd))
		return 0;
	close(*fd);
	*fd = -1;
	return -EINVAL;
}

int netns_go(int fd, int *back)
{
	int err;

	*back = open(own, O_RDONLY | O_CLOEXEC);
	if (*back < 0)
		return -errno;
	if (setns(fd, CLONE_NEWNET) == 0)
		return 0;
	err = -errno;
	close(*back);
	return err;
}

int netns_return(int back)
{
	int err = setns(back, CLONE_NEWNET) < 0 ? -errno : 0;

	close(back);
	return err;
}

int netns_make(int *fd)
{
	int back = open(own, O_RDONLY | O_CLOEXEC), err = 0, failed;

	if (back < 0)
		return -errno;
	if (unshare(CLONE_NEWNET) < 0) {
		err = -errno;
		close(back);
		return err;
	}
	*fd = open(own, O_RDONLY | O_CLOEXEC);
	if (*fd < 0)
		err = -errno;
	failed = netns_return(back);
	if (failed && !err)
		close(*fd);
	return failed ? failed : err;
}

/* The answer is about the namespace that the process is in. */
static uint64_t read_cookie(void)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint64_t cookie = 0;
	socklen_t size = sizeof(cookie);

	if (fd < 0)
		return 0;
	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) < 0)
		cookie = 0;
	close(fd);
	return cookie;
}

int netns_identify(int fd, struct netns *netns)
{
	struct stat status;
	int back, err;

	if (fstat(fd, &status) < 0)
		return -errno;
	err = netns_go(fd, &back);
	if (err)
		return err;
	netns->inode = (uint32_t)status.st_ino;
	netns->cookie = read_cookie();
	return netns_return(back);
}

int netns_is(int fd, const struct netns *netns)
{
	struct netns found = {0};
	struct stat status;
	int err;

	if (fstat(fd, &status) < 0)
		return -errno;
	if ((uint32_t)status.st_ino != netns->inode)
		return 0;
	if (!netns->cookie)
		return 1;
	err = netns_identify(fd, &found);
	return err ? err : found.cookie == netns->cookie;
}

int netns_add(int fd, const char *name)
{
	char path[NETNS_PATH_SIZE], source[32];
	int file, err;

	make_path(name, path);
	/*
	 * The file is as ip-netns(8) makes it: nobody can read it where nothing
	 * is mounted.
	 */
	file = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0);
	if (file < 0)
		return -errno;
	close(file);
	snprintf(source, sizeof(source), "/proc/self/fd/%d", fd);
	if (mount(source, path, "none", MS_BIND, NULL) == 0)
		return 0;
	err = -errno;
	unlink(path);
	return err;
}

/* What netns_add() leaves where it is killed, or netns_remove(). */
static bool is_bare(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0 && S_ISREG(status.st_mode) &&
	       status.st_size == 0 && status.st_uid == geteuid();
}

static int remove_name(const char *path)
{
	return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

int netns_remove(const struct netns *netns)
{
	char path[NETNS_PATH_SIZE];
	int fd, same, err;

	make_path(netns->name, path);
	err = netns_open(netns->name, &fd);
	if (err == -ENOENT)
		return 0;
	if (err == -EINVAL || err == -EACCES)
		return is_bare(path) ? remove_name(path) : 1;
	if (err)
		return err;
	same = netns_is(fd, netns);
	close(fd);
	if (same <= 0)
		return same < 0 ? same : 1;
	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
		return -errno;
	return remove_name(path);
}

bool netns_is_mounted(void)
{
	struct statx status;

	return statx(AT_FDCWD, NETNS_DIRECTORY, AT_SYMLINK_NOFOLLOW, 0,
		     &status) == 0 &&
	       status.stx_attributes & STATX_ATTR_MOUNT_ROOT;
}

int netns_mount(void)
{
	int err;

	if (mount(NETNS_DIRECTORY, NETNS_DIRECTORY, "none", MS_BIND | MS_REC,
		  NULL) < 0)
		return -errno;
	if (mount("", NETNS_DIRECTORY, "none", MS_SHARED | MS_REC, NULL) == 0)
		return 0;
	err = -errno;
	umount2(NETNS_DIRECTORY, UMOUNT_NOFOLLOW);
	return err;
}

int netns_unmount(void)
{
	if (!netns_is_mounted() ||
	    umount2(NETNS_DIRECTORY, UMOUNT_NOFOLLOW) == 0)
		return 0;
	return errno == EBUSY ? 1 : -errno;
}
