/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/kernel/monitor.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <limits.h>
#include <linux/if_addr.h>
#include <linux/netconf.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "host/kernel/netns.h"
#include "host/kernel/rtnl_internal.h"

/* One change seldom comes alone: a link that goes takes routes with it. */
#define PAUSE_SECONDS 0.01
/* While something of ours may be gone, packets leave beside the tunnel. */
#define PAUSE_SECONDS_OWN 0.002
/*
 * Where something changes always, what the owner does then takes one part of
 * the processor in so many and one.
 */
#define PAUSE_SHARE 10.
/* A clock that is merely set is no sleep. */
#define SLEEP_SECONDS 1.
/* Datagrams read in one turn of the loop. */
#define TURN 64

/* All that the bus of the network tells. */
#define MONITOR_ALL (MONITOR_NETWORK | MONITOR_LINKS | MONITOR_SETTINGS)

#define GROUP(number) (1u << ((number)-1))

static const unsigned network_groups =
	GROUP(RTNLGRP_LINK) | GROUP(RTNLGRP_IPV4_IFADDR) |
	GROUP(RTNLGRP_IPV4_ROUTE) | GROUP(RTNLGRP_IPV4_RULE) |
	GROUP(RTNLGRP_IPV6_IFADDR) | GROUP(RTNLGRP_IPV6_ROUTE) |
	GROUP(RTNLGRP_IPV6_RULE) | GROUP(RTNLGRP_IPV4_NETCONF) |
	GROUP(RTNLGRP_IPV6_NETCONF);

/* One bus of netlink. */
struct listener {
	struct monitor *monitor;
	struct mnl_socket *socket; /* NULL: none */
	int bus;
	unsigned lost; /* what is notified where a message was lost */
	ev_io watcher;
};

struct monitor {
	struct ev_loop *loop;
	monitor_notify notify;
	void *owner;
	unsigned device;
	struct listener network, tables;
	struct listener outside; /* none where network is our own */
	unsigned pending;	 /* what has changed since the owner was told */
	double earliest;	 /* when it may be told next, CLOCK_MONOTONIC */
	ev_timer soon;
	unsigned asked;
	ev_timer later;
	ev_io alarm;   /* its fd is a timer that ends with a sleep */
	double asleep; /* seconds of sleep since the boot */
};

static unsigned of_index(int index, unsigned device)
{
	return index > 0 && (unsigned)index == device ? MONITOR_OWN
						      : MONITOR_UPLINK;
}

static unsigned read_link(const struct nlmsghdr *message, unsigned device)
{
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return MONITOR_NETWORK | MONITOR_LINKS;
	return of_index(header->ifi_index, device) | MONITOR_LINKS;
}

static unsigned read_address(const struct nlmsghdr *message, unsigned device)
{
	const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return MONITOR_NETWORK;
	return of_index((int)header->ifa_index, device);
}

static unsigned read_route(const struct nlmsghdr *message, unsigned device)
{
	const struct rtmsg *header = mnl_nlmsg_get_payload(message);
	struct rtnl_reading reading;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return MONITOR_NETWORK;
	/*
	 * Multicast routers and others have routes too, which are none of ours.
	 */
	if (header->rtm_family != AF_INET && header->rtm_family != AF_INET6)
		return 0;
	if (rtnl_read_route(message, header->rtm_family, &reading))
		return MONITOR_NETWORK;
	/* Those of a server's peers come and go by the thousand. */
	if (reading.route.protocol == RTNL_PROTOCOL)
		return reading.index == device &&
				       reading.route.metric >= RTNL_PEER_METRIC
			       ? 0
			       : MONITOR_OWN;
	/* The message does not tell what was replaced (inet_rtm_newroute()). */
	if (message->nlmsg_flags & NLM_F_REPLACE)
		return MONITOR_NETWORK;
	return of_index((int)reading.index, device);
}

static unsigned read_rule(const struct nlmsghdr *message)
{
	struct rtnl_rule rule;

	if (rtnl_read_rule(message, &rule))
		return MONITOR_NETWORK;
	return rule.protocol == RTNL_PROTOCOL ? MONITOR_OWN : MONITOR_UPLINK;
}

/*
 * Forwarding, rp_filter and others are settings of all devices, of which ours
 * are. Each device that comes has its own too, by the hundred on a host of
 * containers.
 */
static unsigned read_settings(const struct nlmsghdr *message)
{
	static const enum mnl_attr_data_type types[] = {
		[NETCONFA_IFINDEX] = MNL_TYPE_U32,
	};
	const struct nlattr *found[NETCONFA_IFINDEX + 1];
	struct netlink_attributes attributes = {
		.types = types,
		.found = found,
		.count = NETCONFA_IFINDEX + 1,
	};

	if (netlink_parse(message, sizeof(struct netconfmsg), &attributes) ||
	    !found[NETCONFA_IFINDEX])
		return MONITOR_SETTINGS;
	return (int)mnl_attr_get_u32(found[NETCONFA_IFINDEX]) ==
			       NETCONFA_IFINDEX_ALL
		       ? MONITOR_SETTINGS
		       : 0;
}

static unsigned read_network(const struct nlmsghdr *message, unsigned device)
{
	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return read_link(message, device);
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return read_address(message, device);
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return read_route(message, device);
	case RTM_NEWRULE:
	case RTM_DELRULE:
		return read_rule(message);
	case RTM_NEWNETCONF:
		return read_settings(message);
	default:
		return 0;
	}
}

/* Elements of sets come and go by the thousand, and take no table away. */
static unsigned read_tables(const struct nlmsghdr *message)
{
	if (NFNL_SUBSYS_ID(message->nlmsg_type) != NFNL_SUBSYS_NFTABLES)
		return 0;
	switch (NFNL_MSG_TYPE(message->nlmsg_type)) {
	case NFT_MSG_NEWTABLE:
	case NFT_MSG_DELTABLE:
	case NFT_MSG_NEWCHAIN:
	case NFT_MSG_DELCHAIN:
	case NFT_MSG_NEWRULE:
	case NFT_MSG_DELRULE:
		return MONITOR_TABLES;
	default:
		return 0;
	}
}

unsigned monitor_read(int bus, const void *datagram, size_t size,
		      unsigned device)
{
	const struct nlmsghdr *message = datagram;
	int left = size < INT_MAX ? (int)size : INT_MAX;
	unsigned what = 0;

	while (netlink_whole(message, left)) {
		what |= bus == NETLINK_ROUTE ? read_network(message, device)
					     : read_tables(message);
		message = mnl_nlmsg_next(message, &left);
	}
	/* What is left over is no message. */
	if (left > 0)
		what |= bus == NETLINK_ROUTE ? MONITOR_ALL : MONITOR_TABLES;
	return what;
}

static void changed(struct monitor *monitor, unsigned what)
{
	double pause = what & MONITOR_OWN ? PAUSE_SECONDS_OWN : PAUSE_SECONDS;
	double least = monitor->earliest - clock_seconds(CLOCK_MONOTONIC);

	monitor->pending |= what;
	if (!monitor->pending)
		return;
	if (least > pause)
		pause = least;
	if (ev_is_active(&monitor->soon)) {
		if (ev_timer_remaining(monitor->loop, &monitor->soon) <= pause)
			return;
		ev_timer_stop(monitor->loop, &monitor->soon);
	}
	ev_timer_set(&monitor->soon, pause, 0.);
	ev_timer_start(monitor->loop, &monitor->soon);
}

static void notify_now(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct monitor *monitor = timer->data;
	unsigned what = monitor->pending;
	double start = clock_seconds(CLOCK_PROCESS_CPUTIME_ID), spent;

	(void)events;
	monitor->pending = 0;
	monitor->notify(monitor->owner, what);
	ev_now_update(loop);
	/*
	 * The time that a busy machine, or one that sleeps, takes is not
	 * counted.
	 */
	spent = clock_seconds(CLOCK_PROCESS_CPUTIME_ID) - start;
	/* Its own changes come back as notifications: see PAUSE_SECONDS. */
	monitor->earliest =
		clock_seconds(CLOCK_MONOTONIC) + spent * PAUSE_SHARE;
}

static void ask_again(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct monitor *monitor = timer->data;
	unsigned what = monitor->asked;

	(void)loop;
	(void)events;
	monitor->asked = 0;
	changed(monitor, what);
}

void monitor_ask(struct monitor *monitor, unsigned what, double seconds)
{
	monitor->asked |= what;
	if (ev_is_active(&monitor->later) &&
	    ev_timer_remaining(monitor->loop, &monitor->later) <= seconds)
		return;
	ev_timer_stop(monitor->loop, &monitor->later);
	ev_timer_set(&monitor->later, seconds, 0.);
	ev_timer_start(monitor->loop, &monitor->later);
}

/* 1: one was read; 0: there is none. */
static int receive(struct listener *listener)
{
	_Alignas(struct nlmsghdr) char buffer[32768];
	struct sockaddr_nl from = {0};
	socklen_t length = sizeof(from);
	struct monitor *monitor = listener->monitor;
	unsigned what;
	ssize_t got;

	got = recvfrom(mnl_socket_get_fd(listener->socket), buffer,
		       sizeof(buffer), MSG_TRUNC, (struct sockaddr *)&from,
		       &length);
	if (got < 0 && errno == ENOBUFS) {
		changed(monitor, listener->lost);
		return 1;
	}
	if (got < 0)
		return errno == EINTR;
	/* Root in this namespace may send to a group as well (netlink(7)). */
	if (length != sizeof(from) || from.nl_pid != 0)
		return 1;
	what = (size_t)got > sizeof(buffer)
		       ? listener->lost
		       : monitor_read(listener->bus, buffer, (size_t)got,
				      monitor->device);
	/* There nothing is ours, whatever index or number it has. */
	if (what && listener == &monitor->outside)
		what = MONITOR_UPLINK;
	changed(monitor, what);
	return 1;
}

static void readable(struct ev_loop *loop, ev_io *watcher, int events)
{
	(void)loop;
	(void)events;
	for (int i = 0; i < TURN && receive(watcher->data); i++)
		;
}

static int listen_to(struct monitor *monitor, struct listener *listener,
		     unsigned groups)
{
	struct mnl_socket *socket =
		mnl_socket_open2(listener->bus, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (!socket)
		return -errno;
	if (mnl_socket_bind(socket, groups, MNL_SOCKET_AUTOPID) < 0) {
		int err = -errno;

		mnl_socket_close(socket);
		return err;
	}
	listener->socket = socket;
	listener->monitor = monitor;
	ev_io_init(&listener->watcher, readable, mnl_socket_get_fd(socket),
		   EV_READ);
	listener->watcher.data = listener;
	ev_io_start(monitor->loop, &listener->watcher);
	return 0;
}

/* CLOCK_MONOTONIC stands still while the machine sleeps (clock_gettime(2)). */
static double sleep_so_far(void)
{
	return clock_seconds(CLOCK_BOOTTIME) - clock_seconds(CLOCK_MONOTONIC);
}

static void arm_alarm(struct monitor *monitor)
{
	const struct itimerspec never = {.it_value.tv_sec = LONG_MAX};

	timerfd_settime(monitor->alarm.fd,
			TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never,
			NULL);
}

/* The wall clock has jumped, as it does at the end of a sleep. */
static void clock_jumped(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct monitor *monitor = watcher->data;
	double asleep = sleep_so_far();
	uint64_t expirations;

	(void)loop;
	(void)events;
	(void)!read(watcher->fd, &expirations, sizeof(expirations));
	arm_alarm(monitor);
	if (asleep - monitor->asleep > SLEEP_SECONDS)
		changed(monitor, MONITOR_AWAKE | MONITOR_NETWORK);
	monitor->asleep = asleep;
}

static int watch_sleep(struct monitor *monitor)
{
	int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	monitor->asleep = sleep_so_far();
	ev_io_init(&monitor->alarm, clock_jumped, fd, EV_READ);
	monitor->alarm.data = monitor;
	arm_alarm(monitor);
	ev_io_start(monitor->loop, &monitor->alarm);
	return 0;
}

static int listen_here(struct monitor *monitor)
{
	int err = listen_to(monitor, &monitor->network, network_groups);

	if (!err)
		err = watch_sleep(monitor);
	/* A client does well without it. */
	if (!err)
		listen_to(monitor, &monitor->tables, GROUP(NFNLGRP_NFTABLES));
	return err;
}

static int listen_inside(struct monitor *monitor, int netns)
{
	int back, failed, err;

	err = listen_to(monitor, &monitor->outside, network_groups);
	if (!err)
		err = netns_go(netns, &back);
	if (err)
		return err;
	err = listen_here(monitor);
	failed = netns_return(back);
	return failed ? failed : err;
}

static int open_monitor(struct monitor **result, struct ev_loop *loop,
			int netns, monitor_notify notify, void *owner)
{
	struct monitor *monitor = calloc(1, sizeof(*monitor));
	int err;

	if (!monitor)
		return -ENOMEM;
	monitor->loop = loop;
	monitor->notify = notify;
	monitor->owner = owner;
	monitor->alarm.fd = -1;
	monitor->network.bus = NETLINK_ROUTE;
	monitor->network.lost = MONITOR_ALL;
	monitor->tables.bus = NETLINK_NETFILTER;
	monitor->tables.lost = MONITOR_TABLES;
	monitor->outside.bus = NETLINK_ROUTE;
	monitor->outside.lost = MONITOR_UPLINK;
	ev_init(&monitor->soon, notify_now);
	ev_init(&monitor->later, ask_again);
	monitor->soon.data = monitor->later.data = monitor;
	err = netns < 0 ? listen_here(monitor) : listen_inside(monitor, netns);
	if (err) {
		monitor_close(monitor);
		return err;
	}
	*result = monitor;
	return 0;
}

int monitor_open(struct monitor **monitor, struct ev_loop *loop,
		 monitor_notify notify, void *owner)
{
	return open_monitor(monitor, loop, -1, notify, owner);
}

int monitor_open_inside(struct monitor **monitor, struct ev_loop *loop,
			int netns, monitor_notify notify, void *owner)
{
	return open_monitor(monitor, loop, netns, notify, owner);
}

static void stop_listening(struct monitor *monitor, struct listener *listener)
{
	if (!listener->socket)
		return;
	ev_io_stop(monitor->loop, &listener->watcher);
	mnl_socket_close(listener->socket);
}

void monitor_close(struct monitor *monitor)
{
	if (!monitor)
		return;
	stop_listening(monitor, &monitor->network);
	stop_listening(monitor, &monitor->tables);
	stop_listening(monitor, &monitor->outside);
	ev_timer_stop(monitor->loop, &monitor->soon);
	ev_timer_stop(monitor->loop, &monitor->later);
	if (monitor->alarm.fd >= 0) {
		ev_io_stop(monitor->loop, &monitor->alarm);
		close(monitor->alarm.fd);
	}
	free(monitor);
}

void monitor_device(struct monitor *monitor, unsigned index)
{
	monitor->device = index;
}
