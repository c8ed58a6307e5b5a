/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes about another network namespace, and the way into it. */
#include "host/change/namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/kernel/tun.h"

int change_context_open(struct change_context *context)
{
	*context = (struct change_context)CHANGE_CONTEXT_NONE;
	context->resolv_conf = RESOLV_CONF_PATH;
	return rtnl_open(&context->rtnl);
}

void change_context_close(struct change_context *context)
{
	const int fds[] = {context->tun_fd, context->tun_base,
			   context->netns_fd};

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	change_context_release(context);
	if (context->nft)
		nft_close(context->nft);
	if (context->rtnl)
		rtnl_close(context->rtnl);
	*context = (struct change_context)CHANGE_CONTEXT_NONE;
}

void change_context_hold(struct change_context *context)
{
	context->holding = true;
}

static void forget_routes(struct change_context *context)
{
	rtnl_routes_free(context->routes);
	context->routes = NULL;
}

void change_context_release(struct change_context *context)
{
	forget_routes(context);
	context->holding = false;
}

/* *fd is the caller's where it is not context's. */
static int find(const struct change_context *context, const struct netns *place,
		int *fd)
{
	int same, error;

	*fd = context->netns_fd;
	if (*fd >= 0 && netns_is(*fd, place) == 1)
		return 0;
	error = netns_open(place->name, fd);
	/* Its name leads to something else now. */
	if (error)
		return error == -EINVAL ? -ENOENT : error;
	same = netns_is(*fd, place);
	if (same == 1)
		return 0;
	close(*fd);
	return same < 0 ? same : -ENOENT;
}

static int open_sockets(struct rtnl **rtnl, struct nft **nft)
{
	int error = rtnl_open(rtnl);

	*nft = NULL;
	if (error)
		return error;
	error = nft_open(nft);
	if (!error || error == -EPROTONOSUPPORT)
		return 0;
	rtnl_close(*rtnl);
	return error;
}

static int open_inside(int fd, struct rtnl **rtnl, struct nft **nft)
{
	int back, failed, error = netns_go(fd, &back);

	if (error)
		return error;
	error = open_sockets(rtnl, nft);
	failed = netns_return(back);
	if (!failed || error)
		return failed ? failed : error;
	rtnl_close(*rtnl);
	if (*nft)
		nft_close(*nft);
	return failed;
}

int change_context_enter(struct change_context *context,
			 const struct netns *place)
{
	struct nft *nft = NULL;
	struct rtnl *rtnl;
	int fd, error;

	if (netns_equal(&context->place, place))
		return 0;
	if (!place->name[0]) {
		error = rtnl_open(&rtnl);
	} else {
		error = find(context, place, &fd);
		if (error)
			return error;
		error = open_inside(fd, &rtnl, &nft);
		if (fd != context->netns_fd)
			close(fd);
	}
	if (error)
		return error;
	forget_routes(context);
	if (context->nft)
		nft_close(context->nft);
	rtnl_close(context->rtnl);
	context->rtnl = rtnl;
	context->nft = nft;
	context->place = *place;
	return 0;
}

/* The others are files, or go with what they are about. */
static bool is_inside(const struct change *change)
{
	switch (change->kind) {
	case CHANGE_LINK:
	case CHANGE_ADDRESS:
	case CHANGE_ROUTE:
	case CHANGE_RULE:
	case CHANGE_GATEWAY:
	case CHANGE_KILLSWITCH:
	case CHANGE_MARKS:
	case CHANGE_FILTER:
	case CHANGE_LOOPBACK:
		return true;
	case CHANGE_TUN:
	case CHANGE_SYSCTL:
	case CHANGE_RESOLV_CONF:
	case CHANGE_SYSTEMD_RESOLVED:
	case CHANGE_DIRECTORY:
	case CHANGE_NETNS_MOUNT:
	case CHANGE_NETNS:
		break;
	}
	return false;
}

int change_enter(struct change_context *context, const struct change *change,
		 char *reason, size_t size)
{
	int error = 0;

	if (is_inside(change))
		error = change_context_enter(context, &change->place);
	if (error)
		snprintf(reason, size, "network namespace %s: %s",
			 change->place.name, strerror(-error));
	return error;
}

int change_tun_inside(struct change_context *context, const char *device)
{
	int fd, error;

	if (context->tun_base < 0)
		return context->tun_base;
	/* A copy: nobody who closes it ends the other. */
	fd = fcntl(context->tun_base, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (fd < 0)
		return -errno;
	error = tun_make(fd, device);
	if (error)
		close(fd);
	else
		context->tun_fd = fd;
	return error;
}

const char *change_resolv_conf_path(const struct change_context *context,
				    const struct change *change,
				    char buffer[NETNS_PATH_SIZE])
{
	if (!change->place.name[0])
		return context->resolv_conf;
	snprintf(buffer, NETNS_PATH_SIZE, NETNS_FILES "/%s/resolv.conf",
		 change->place.name);
	return buffer;
}

bool change_directory_valid(const char *directory)
{
	static const char below[] = NETNS_FILES "/";

	if (strcmp(directory, NETNS_DIRECTORY) == 0 ||
	    strcmp(directory, NETNS_FILES) == 0)
		return true;
	return strncmp(directory, below, strlen(below)) == 0 &&
	       !netns_is_path(directory + strlen(below)) &&
	       config_namespace_valid(directory + strlen(below));
}

static int explain(int error, const char *what, char *reason, size_t size)
{
	if (error == -EPERM || error == -EACCES)
		snprintf(reason, size,
			 "%s: not permitted: run it as root, CAP_SYS_ADMIN is "
			 "needed for a network namespace",
			 what);
	else if (error < 0)
		snprintf(reason, size, "%s: %s", what, strerror(-error));
	return error;
}

static int apply_directory(const struct change *change, char *reason,
			   size_t size)
{
	const char *path = change->directory;
	int error;

	if (mkdir(path, 0755) == 0) {
		/* Whatever umask(2) we were given. */
		(void)!chmod(path, 0755);
		return 0;
	}
	error = -errno;
	return error == -EEXIST ? 1 : explain(error, path, reason, size);
}

static int apply_name(const struct change_context *context,
		      const struct change *change, char *reason, size_t size)
{
	const char *name = change->place.name;
	int error = netns_add(context->netns_fd, name);

	if (error == -EEXIST)
		snprintf(reason, size,
			 "somebody else has just made the network namespace "
			 "%s: try again",
			 name);
	else
		explain(error, NETNS_DIRECTORY, reason, size);
	return error;
}

int change_netns_apply(struct change_context *context,
		       const struct change *change, char *reason, size_t size)
{
	switch (change->kind) {
	case CHANGE_DIRECTORY:
		return apply_directory(change, reason, size);
	case CHANGE_NETNS_MOUNT:
		if (netns_is_mounted())
			return 1;
		return explain(netns_mount(), NETNS_DIRECTORY, reason, size);
	case CHANGE_NETNS:
		return apply_name(context, change, reason, size);
	case CHANGE_LOOPBACK:
		return explain(rtnl_link_set(context->rtnl, "lo", 0, true),
			       "lo", reason, size);
	default:
		return -EINVAL;
	}
}

static int revert_directory(const struct change *change, char *reason,
			    size_t size)
{
	const char *path = change->directory;

	if (rmdir(path) == 0 || errno == ENOENT)
		return 0;
	if (errno != ENOTEMPTY && errno != EEXIST && errno != EBUSY)
		return explain(-errno, path, reason, size);
	snprintf(reason, size,
		 "%s is left: somebody else has put something "
		 "there",
		 path);
	return 1;
}

/* The filter of system calls would not merely refuse it. */
static int refuse(const char *what, char *reason, size_t size)
{
	snprintf(reason, size,
		 "%s: this process may not, and the janitor, which may, does "
		 "not answer",
		 what);
	return -EPERM;
}

static int revert_mount(const struct change_context *context, char *reason,
			size_t size)
{
	int result;

	if (context->unprivileged)
		return refuse(NETNS_DIRECTORY, reason, size);
	result = netns_unmount();
	if (result > 0)
		snprintf(reason, size,
			 NETNS_DIRECTORY
			 " is left as it is: somebody else has network "
			 "namespaces there");
	return explain(result, NETNS_DIRECTORY, reason, size);
}

static int revert_name(const struct change_context *context,
		       const struct change *change, char *reason, size_t size)
{
	const char *name = change->place.name;
	int result;

	if (context->unprivileged)
		return refuse(name, reason, size);
	result = netns_remove(&change->place);
	if (result > 0)
		snprintf(reason, size,
			 "the network namespace %s is left: it is another one "
			 "by now",
			 name);
	return explain(result, name, reason, size);
}

int change_netns_revert(struct change_context *context,
			const struct change *change, char *reason, size_t size)
{
	switch (change->kind) {
	case CHANGE_DIRECTORY:
		return revert_directory(change, reason, size);
	case CHANGE_NETNS_MOUNT:
		return revert_mount(context, reason, size);
	case CHANGE_NETNS:
		return revert_name(context, change, reason, size);
	case CHANGE_LOOPBACK:
		/* Of a namespace that was made for us, and goes. */
		return 0;
	default:
		return -EINVAL;
	}
}
