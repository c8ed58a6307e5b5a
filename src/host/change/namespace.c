/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A network namespace by name, and the directories that it takes. */
#include "host/change/change_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/reason.h"

#define MOUNT	 "mount --bind --make-shared " NETNS_DIRECTORY " " NETNS_DIRECTORY
#define LOOPBACK "ip link set dev lo up"

static bool directory_valid(const char *directory)
{
	static const char below[] = NETNS_FILES "/";

	if (strcmp(directory, NETNS_DIRECTORY) == 0 ||
	    strcmp(directory, NETNS_FILES) == 0)
		return true;
	return strncmp(directory, below, strlen(below)) == 0 &&
	       !netns_is_path(directory + strlen(below)) &&
	       config_namespace_valid(directory + strlen(below));
}

static int explain(int err, const char *what, struct reason *reason)
{
	if (err == -EPERM || err == -EACCES)
		reason_set(
			reason,
			"%s: not permitted: run it as root, CAP_SYS_ADMIN is "
			"needed for a network namespace",
			what);
	else if (err < 0)
		reason_set(reason, "%s: %s", what, strerror(-err));
	return err;
}

static int apply_directory(struct change_context *context,
			   const struct change *change, struct reason *reason)
{
	const char *path = change->directory;
	int err;

	(void)context;
	if (mkdir(path, 0755) == 0) {
		/* We may have been given any umask(2). */
		(void)!chmod(path, 0755);
		return 0;
	}
	err = -errno;
	return err == -EEXIST ? 1 : explain(err, path, reason);
}

static int apply_name(struct change_context *context,
		      const struct change *change, struct reason *reason)
{
	const char *name = change->place.name;
	int err = netns_add(context->netns_fd, name);

	if (err == -EEXIST)
		reason_set(reason,
			   "somebody else has just made the network namespace "
			   "%s: try again",
			   name);
	else
		explain(err, NETNS_DIRECTORY, reason);
	return err;
}

static int revert_directory(struct change_context *context,
			    const struct change *change, struct reason *reason)
{
	const char *path = change->directory;

	(void)context;
	if (rmdir(path) == 0 || errno == ENOENT)
		return 0;
	if (errno != ENOTEMPTY && errno != EEXIST && errno != EBUSY)
		return explain(-errno, path, reason);
	reason_set(reason,
		   "%s is left: somebody else has put something "
		   "there",
		   path);
	return 1;
}

/* The filter of system calls would not merely refuse it. */
static int refuse(const char *what, struct reason *reason)
{
	reason_set(reason,
		   "%s: this process may not, and the janitor, which may, does "
		   "not answer",
		   what);
	return -EPERM;
}

static int revert_mount(struct change_context *context,
			const struct change *change, struct reason *reason)
{
	int result;

	(void)change;
	if (context->unprivileged)
		return refuse(NETNS_DIRECTORY, reason);
	result = netns_unmount();
	if (result > 0)
		reason_set(reason, NETNS_DIRECTORY
			   " is left as it is: somebody else has network "
			   "namespaces there");
	return explain(result, NETNS_DIRECTORY, reason);
}

static int revert_name(struct change_context *context,
		       const struct change *change, struct reason *reason)
{
	const char *name = change->place.name;
	int result;

	if (context->unprivileged)
		return refuse(name, reason);
	result = netns_remove(&change->place);
	if (result > 0)
		reason_set(
			reason,
			"the network namespace %s is left: it is another one "
			"by now",
			name);
	return explain(result, name, reason);
}

static int apply_mount(struct change_context *context,
		       const struct change *change, struct reason *reason)
{
	(void)context;
	(void)change;
	if (netns_is_mounted())
		return 1;
	return explain(netns_mount(), NETNS_DIRECTORY, reason);
}

static int apply_loopback(struct change_context *context,
			  const struct change *change, struct reason *reason)
{
	(void)change;
	return explain(rtnl_link_set(context->rtnl, "lo", 0, true), "lo",
		       reason);
}

/* It belongs to a namespace that was made for us, and goes with that. */
static int revert_loopback(struct change_context *context,
			   const struct change *change, struct reason *reason)
{
	(void)context;
	(void)change;
	(void)reason;
	return 0;
}

static bool is_below_etc(const struct change *change)
{
	return strncmp(change->directory, "/etc/", strlen("/etc/")) == 0;
}

static int print_directory(const struct change *change, struct text *text)
{
	if (!directory_valid(change->directory))
		return -EINVAL;
	text_append(text, "mkdir %s", change->directory);
	return 0;
}

static int print_mount(const struct change *change, struct text *text)
{
	(void)change;
	text_append(text, MOUNT);
	return 0;
}

static int print_name(const struct change *change, struct text *text)
{
	if (!change->place.name[0] || netns_is_path(change->place.name))
		return -EINVAL;
	text_append(text, "ip netns add %s", change->place.name);
	return 0;
}

static int print_loopback(const struct change *change, struct text *text)
{
	/* That of our own namespace is not ours to set up. */
	if (!change->place.name[0])
		return -EINVAL;
	text_append(text, LOOPBACK);
	return 0;
}

static int parse_directory(const char *text, struct change *change)
{
	_Static_assert(NETNS_PATH_SIZE == 192, "%191s");
	return sscanf(text, "mkdir %191s", change->directory);
}

/* Nothing but its place is to be read, which has been. */
static int parse_nothing(const char *text, struct change *change)
{
	(void)text;
	(void)change;
	return 0;
}

static const struct change_field directory_fields[] = {
	CHANGE_FIELD("path", WORD, directory),
	{0},
};

const struct change_operations change_directory = {
	.name = "directory",
	.fields = directory_fields,
	.makes_netns = true,
	.holds_others = true,
	.outlives_boot = is_below_etc,
	.apply = apply_directory,
	.revert = revert_directory,
	.print = print_directory,
	.starts = {"mkdir "},
	.parse = parse_directory,
};

/* The others have nothing but their place. */
static const struct change_field no_fields[] = {{0}};

const struct change_operations change_netns_mount = {
	.name = "netns_mount",
	.fields = no_fields,
	.makes_netns = true,
	.holds_others = true,
	.apply = apply_mount,
	.revert = revert_mount,
	.print = print_mount,
	.starts = {MOUNT},
	.parse = parse_nothing,
};

const struct change_operations change_netns = {
	.name = "netns",
	.fields = no_fields,
	.makes_netns = true,
	.place = CHANGE_PLACE_NAME,
	.apply = apply_name,
	.revert = revert_name,
	.print = print_name,
	.starts = {"ip netns add "},
	.parse = parse_nothing,
};

const struct change_operations change_loopback = {
	.name = "loopback",
	.fields = no_fields,
	.makes_netns = true,
	.place = CHANGE_PLACE_COMMAND,
	.inside = true,
	.apply = apply_loopback,
	.revert = revert_loopback,
	.print = print_loopback,
	.starts = {LOOPBACK},
	.parse = parse_nothing,
};
