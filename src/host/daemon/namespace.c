/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Namespace: the tun device and all that belongs to it are in another network
 * namespace, the UDP sockets stay in ours. What takes CAP_SYS_ADMIN is done
 * here, before it is given up: sockets in there are opened, by which host goes
 * on to work; and to remove a namespace that we have made is left to the
 * janitor.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "host/daemon/host_internal.h"
#include "host/kernel/tun.h"

static int say(int error, const char *name, char *reason, size_t size)
{
	if (error == -EPERM)
		snprintf(reason, size,
			 "network namespace %s: not permitted: run it as root, "
			 "CAP_SYS_ADMIN is needed",
			 name);
	else if (error == -ENOENT)
		snprintf(reason, size,
			 "Namespace = %s: there is no such network namespace",
			 name);
	else if (error == -EINVAL)
		snprintf(reason, size,
			 "Namespace = %s: that is no network namespace", name);
	else
		snprintf(reason, size, "network namespace %s: %s", name,
			 strerror(-error));
	return error;
}

/* That it is not there yet is no error for a name. */
static int find(struct host *host, const char *name)
{
	int *fd = &host->context.netns_fd;
	int error = netns_open(name, fd);

	if (error != -ENOENT || netns_is_path(name))
		return error;
	host->netns_new = true;
	return netns_make(fd);
}

/* The routes in it would lead the tunnel's own datagrams into the tunnel. */
static int refuse_own(const struct netns *netns, char *reason, size_t size)
{
	int fd, same, error = netns_open("/proc/self/ns/net", &fd);

	if (error)
		return error;
	same = netns_is(fd, netns);
	close(fd);
	if (same <= 0)
		return same;
	snprintf(reason, size,
		 "Namespace = %s: minivpn is in that network namespace itself: "
		 "leave Namespace out",
		 netns->name);
	return -EINVAL;
}

/* What host needs of it and can't get later; the process is in there. */
static void look_around(struct host *host)
{
	int error = tun_open(&host->context.tun_base);

	/* Said by the change that needs it. */
	if (error)
		host->context.tun_base = error;
	host->netns_ipv6 = plan_ipv6_usable(host->config->device);
}

static int enter(struct host *host)
{
	int back, error = netns_go(host->context.netns_fd, &back);

	if (error)
		return error;
	look_around(host);
	return netns_return(back);
}

int host_namespace_open(struct host *host, char *reason, size_t size)
{
	const char *name = host->config->network_namespace;
	struct netns *netns = &host->netns;
	int error;

	if (!name)
		return 0;
	snprintf(netns->name, sizeof(netns->name), "%s", name);
	error = find(host, name);
	if (!error)
		error = netns_identify(host->context.netns_fd, netns);
	if (!error)
		error = refuse_own(netns, reason, size);
	if (!error)
		error = rtnl_open(&host->outside);
	if (!error)
		error = change_context_enter(&host->context, netns);
	if (!error)
		error = enter(host);
	if (!error)
		error = host_monitor_inside(host);
	if (!error && !netns_is_path(name)) {
		snprintf(host->netns_resolv_conf,
			 sizeof(host->netns_resolv_conf),
			 NETNS_FILES "/%s/resolv.conf", name);
		host->context.resolv_conf = host->netns_resolv_conf;
	}
	return error && !reason[0] ? say(error, name, reason, size) : error;
}

int host_namespace_make(struct host *host, char *reason, size_t size)
{
	struct change_list list = {0};
	size_t failed;
	int error;

	if (!host->netns_new)
		return 0;
	error = plan_netns(&host->netns, &list);
	if (error)
		snprintf(reason, size, "%s", strerror(-error));
	else
		error = journal_apply_all(host->journal, &host->context, &list,
					  &failed, reason, size);
	change_list_free(&list);
	return error;
}

struct plan_inside host_namespace_inside(const struct host *host)
{
	return (struct plan_inside){
		.place = host->netns,
		.rtnl = host->context.rtnl,
		.ipv6 = host->netns_ipv6,
	};
}

struct rtnl *host_outside(const struct host *host)
{
	return host->outside ? host->outside : host->context.rtnl;
}

/* They belong to our socket, so nobody else can. The address has gone before.
 */
static void revert_filters(struct host *host)
{
	const struct change_list *force = journal_changes(host->journal);
	char reason[HOST_REASON_SIZE];

	for (size_t i = force->count; i-- > 0;) {
		if (force->items[i].kind == CHANGE_FILTER &&
		    journal_revert(host->journal, &host->context,
				   &force->items[i], reason, sizeof(reason)))
			log_warning("%s", reason);
	}
}

/* By us it can't be done, but for the files: see change_netns.c. */
static bool revert_by_janitor(struct host *host)
{
	int *fds[] = {&host->context.tun_fd, &host->context.tun_base};

	/* The device goes with these; the tunnel process has ended. */
	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -EBADF;
	}
	revert_filters(host);
	return janitor_revert(&host->janitor) == 0;
}

int host_namespace_revert(struct host *host)
{
	if (host->config->network_namespace && revert_by_janitor(host))
		return 0;
	return journal_revert_all(host->journal, &host->context);
}
