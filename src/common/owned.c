/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/owned.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/idmap.h"
#include "common/reason.h"

/* The kernel shows this for users that a user namespace does not have. */
#define OVERFLOW_UID 65534

/* The kernel follows no more than these (path_resolution(7)). */
#define LINKS_MOST 40

struct walk {
	char done[PATH_MAX]; /* has been checked, without links; "": the root */
	char rest[PATH_MAX];
	unsigned links;
	struct reason *reason;
};

/*
 * In a user namespace root's own directories are an unmapped user's, and there
 * is no way to tell them from those of others outside.
 */
static bool is_unmapped(uid_t uid)
{
	return uid == OVERFLOW_UID && !idmap_has_user(uid);
}

static int refuse_owner(struct walk *walk, uid_t uid)
{
	reason_set(walk->reason,
		   "%.300s belongs to another user (%u), who could say what is "
		   "in there: remove it, or chown it to root",
		   walk->done, (unsigned)uid);
	return -EPERM;
}

/*
 * Others could make files in the last directory, where the sticky bit is no
 * help.
 */
static int check_directory(struct walk *walk, const struct stat *status,
			   bool last)
{
	uid_t owner = status->st_uid;

	if (!S_ISDIR(status->st_mode))
		return -ENOTDIR;
	if (owner != 0 && owner != geteuid() && (last || !is_unmapped(owner)))
		return refuse_owner(walk, owner);
	if (!(status->st_mode & (S_IWGRP | S_IWOTH)) ||
	    (status->st_mode & S_ISVTX && !last))
		return 0;
	reason_set(walk->reason,
		   "%.300s can be written to by other users: chmod go-w it",
		   walk->done[0] ? walk->done : "/");
	return -EPERM;
}

/* The rest of the walk now begins with where the link leads to. */
static int follow(struct walk *walk, const struct stat *status)
{
	char target[PATH_MAX], rest[PATH_MAX];
	ssize_t length;
	int needed;

	if (status->st_uid != 0 && status->st_uid != geteuid() &&
	    !is_unmapped(status->st_uid))
		return refuse_owner(walk, status->st_uid);
	if (++walk->links > LINKS_MOST)
		return -ELOOP;
	length = readlink(walk->done, target, sizeof(target) - 1);
	if (length < 0)
		return -errno;
	target[length] = '\0';
	memcpy(rest, walk->rest, sizeof(rest));
	needed =
		snprintf(walk->rest, sizeof(walk->rest), "%s/%s", target, rest);
	if (needed < 0 || (size_t)needed >= sizeof(walk->rest))
		return -ENAMETOOLONG;
	*(target[0] == '/' ? walk->done : strrchr(walk->done, '/')) = '\0';
	return 0;
}

/* This takes the next name of rest, "" where there is none left. */
static void next_name(struct walk *walk, char name[NAME_MAX + 1])
{
	char *from = walk->rest + strspn(walk->rest, "/");
	size_t length = strcspn(from, "/");

	snprintf(name, NAME_MAX + 1, "%.*s", (int)length, from);
	from += length;
	from += strspn(from, "/");
	memmove(walk->rest, from, strlen(from) + 1);
}

static int enter(struct walk *walk, const char *name)
{
	size_t used = strlen(walk->done);
	struct stat status;
	char *slash;

	if (!strcmp(name, "."))
		return 0;
	if (!strcmp(name, "..")) {
		slash = strrchr(walk->done, '/');
		if (slash)
			*slash = '\0';
		return 0;
	}
	if (used + strlen(name) + 2 > sizeof(walk->done))
		return -ENAMETOOLONG;
	sprintf(walk->done + used, "/%s", name);
	if (lstat(walk->done, &status) < 0)
		return -errno;
	if (S_ISLNK(status.st_mode))
		return follow(walk, &status);
	return check_directory(walk, &status, false);
}

/* A relative path begins where we are, as if that were part of it. */
static int begin(struct walk *walk, const char *path)
{
	char here[PATH_MAX] = "";
	struct stat status;
	int needed;

	if (path[0] != '/' && !getcwd(here, sizeof(here)))
		return -errno;
	needed = snprintf(walk->rest, sizeof(walk->rest), "%s/%s", here, path);
	if (needed < 0 || (size_t)needed >= sizeof(walk->rest))
		return -ENAMETOOLONG;
	if (stat("/", &status) < 0)
		return -errno;
	return check_directory(walk, &status, false);
}

static int check_last(struct walk *walk)
{
	struct stat status;

	if (lstat(walk->done[0] ? walk->done : "/", &status) < 0)
		return -errno;
	return check_directory(walk, &status, true);
}

int owned_check(const char *path, struct reason *reason)
{
	struct walk walk = {.reason = reason};
	char name[NAME_MAX + 1];
	int err = begin(&walk, path);

	while (!err) {
		next_name(&walk, name);
		if (!name[0])
			break;
		err = enter(&walk, name);
	}
	return err ? err : check_last(&walk);
}
