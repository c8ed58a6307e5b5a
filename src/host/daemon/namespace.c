/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/daemon/namespace.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/reason.h"
#include "host/daemon/daemon_internal.h"
#include "host/daemon/monitor.h"
#include "host/kernel/tun.h"

static int explain(int error, const char *name, struct reason *reason)
{
	if (error == -EPERM)
		reason_set(
			reason,
			"network namespace %s: not permitted: run it as root, "
			"CAP_SYS_ADMIN is needed",
			name);
	else if (error == -ENOENT)
		reason_set(reason,
			   "Namespace = %s: there is no such network namespace",
			   name);
	else if (error == -EINVAL)
		reason_set(reason,
			   "Namespace = %s: that is no network namespace",
			   name);
	else
		reason_set(reason, "network namespace %s: %s", name,
			   strerror(-error));
	return error;
}

/* A name that does not exist yet is no error: it will be ours. */
static int find(struct host *host, const char *name)
{
	int *fd = &host->context.netns_fd;
	int error = netns_open(name, fd);

	if (error != -ENOENT || netns_is_path(name))
		return error;
	host->namespace->new = true;
	return netns_make(fd);
}

/* The routes in it would lead the tunnel's own datagrams into the tunnel. */
static int refuse_own(const struct netns *netns, struct reason *reason)
{
	int fd, same, error = netns_open("/proc/self/ns/net", &fd);

	if (error)
		return error;
	same = netns_is(fd, netns);
	close(fd);
	if (same <= 0)
		return same;
	reason_set(
		reason,
		"Namespace = %s: minivpn is in that network namespace itself: "
		"leave Namespace out",
		netns->name);
	return -EINVAL;
}

/* Host can't get these later; the process is in the namespace. */
static void take_along(struct host *host)
{
	int error = tun_open(&host->context.tun_base);

	/* The change that needs it reports that it is missing. */
	if (error)
		host->context.tun_base = error;
	host->namespace->ipv6 = plan_ipv6_usable(host->config->device);
}

static int enter(struct host *host)
{
	int back, error = netns_go(host->context.netns_fd, &back);

	if (error)
		return error;
	take_along(host);
	return netns_return(back);
}

int host_namespace_open(struct host *host, struct reason *reason)
{
	const char *name = host->config->network_namespace;
	struct netns *netns = &host->namespace->place;
	int error;

	if (!name)
		return 0;
	snprintf(netns->name, sizeof(netns->name), "%s", name);
	error = find(host, name);
	if (!error)
		error = netns_identify(host->context.netns_fd, netns);
	if (!error)
		error = refuse_own(netns, reason);
	if (!error)
		error = rtnl_open(&host->namespace->outside);
	if (!error)
		error = change_context_enter(&host->context, netns);
	if (!error)
		error = enter(host);
	if (!error)
		error = host_monitor_inside(host);
	if (!error && !netns_is_path(name)) {
		snprintf(host->namespace->resolv_conf,
			 sizeof(host->namespace->resolv_conf),
			 NETNS_FILES "/%s/resolv.conf", name);
		host->context.resolv_conf = host->namespace->resolv_conf;
	}
	return error && !reason->text[0] ? explain(error, name, reason) : error;
}

int host_namespace_make(struct host *host, struct reason *reason)
{
	struct change_list list = {0};
	size_t failed;
	int error;

	if (!host->namespace->new)
		return 0;
	error = plan_netns(&host->namespace->place, &list);
	if (error)
		reason_set(reason, "%s", strerror(-error));
	else
		error = journal_apply_all(host->journal, &host->context, &list,
					  &failed, reason);
	change_list_free(&list);
	return error;
}

struct plan_inside host_namespace_inside(const struct host *host)
{
	return (struct plan_inside){
		.place = host->namespace->place,
		.rtnl = host->context.rtnl,
		.ipv6 = host->namespace->ipv6,
	};
}

struct rtnl *host_outside(const struct host *host)
{
	return host->namespace->outside ? host->namespace->outside
					: host->context.rtnl;
}

/* The filters belong to our socket, so that nobody else can revert them. */
static void revert_filters(struct host *host)
{
	const struct change_list *applied = journal_changes(host->journal);
	struct reason reason;

	for (size_t i = applied->count; i-- > 0;) {
		if (applied->items[i].kind == CHANGE_FILTER &&
		    journal_revert(host->journal, &host->context,
				   &applied->items[i], &reason))
			log_warning("%s", reason.text);
	}
}

/* Host has no right to do it, but for the files: see host/change/namespace.c.
 */
static bool revert_by_janitor(struct host *host, struct janitor *janitor)
{
	int *fds[] = {&host->context.tun_fd, &host->context.tun_base};

	/* The device goes with these; the tunnel process has ended. */
	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -EBADF;
	}
	revert_filters(host);
	return janitor_revert(janitor) == 0;
}

int host_namespace_revert(struct host *host, struct janitor *janitor)
{
	if (host->config->network_namespace && revert_by_janitor(host, janitor))
		return 0;
	return journal_revert_all(host->journal, &host->context);
}

void host_namespace_close(struct host *host)
{
	rtnl_close(host->namespace->outside);
	host->namespace->outside = NULL;
}
