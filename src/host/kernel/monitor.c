/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/kernel/monitor.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <limits.h>
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

/* One change seldom comes alone: a link that goes takes routes with it. */
#define PAUSE_SECONDS 0.01
/* While something of ours may be gone, packets leave beside the tunnel. */
#define PAUSE_SECONDS_OWN 0.002
/* Of the processor, looking may take one part in so many and one, where
 * something changes always. */
#define PAUSE_SHARE 10.
/* A clock that is merely set is no sleep. */
#define SLEEP_SECONDS 1.
/* Datagrams read in one turn of the loop. */
#define TURN 64

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
	unsigned lost; /* what to look at where something was lost */
	ev_io watcher;
};

struct monitor {
	struct ev_loop *loop;
	monitor_look look;
	void *owner;
	unsigned device;
	struct listener network, tables;
	struct listener outside; /* none where network is our own */
	unsigned pending;	 /* what has changed since the last look */
	double earliest;	 /* of the next look, CLOCK_MONOTONIC */
	ev_timer soon;
	unsigned asked;
	ev_timer later;
	ev_io alarm;   /* its fd is a timer that ends with a sleep */
	double asleep; /* seconds of sleep since the boot */
};

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

static void look_now(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct monitor *monitor = timer->data;
	unsigned what = monitor->pending;
	double start = clock_seconds(CLOCK_PROCESS_CPUTIME_ID), spent;

	(void)events;
	monitor->pending = 0;
	monitor->look(monitor->owner, what);
	ev_now_update(loop);
	/* Not the time that a busy machine, or one that sleeps, takes besides.
	 */
	spent = clock_seconds(CLOCK_PROCESS_CPUTIME_ID) - start;
	/* Its own changes come back as notifications: see PAUSE_SECONDS. */
	monitor->earliest =
		clock_seconds(CLOCK_MONOTONIC) + spent * PAUSE_SHARE;
}

static void look_again(struct ev_loop *loop, ev_timer *timer, int events)
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
		int error = -errno;

		mnl_socket_close(socket);
		return error;
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
	int error = listen_to(monitor, &monitor->network, network_groups);

	if (!error)
		error = watch_sleep(monitor);
	/* A client does well without it. */
	if (!error)
		listen_to(monitor, &monitor->tables, GROUP(NFNLGRP_NFTABLES));
	return error;
}

static int listen_inside(struct monitor *monitor, int netns)
{
	int back, failed, error;

	error = listen_to(monitor, &monitor->outside, network_groups);
	if (!error)
		error = netns_go(netns, &back);
	if (error)
		return error;
	error = listen_here(monitor);
	failed = netns_return(back);
	return failed ? failed : error;
}

static int open_monitor(struct monitor **result, struct ev_loop *loop,
			int netns, monitor_look look, void *owner)
{
	struct monitor *monitor = calloc(1, sizeof(*monitor));
	int error;

	if (!monitor)
		return -ENOMEM;
	monitor->loop = loop;
	monitor->look = look;
	monitor->owner = owner;
	monitor->alarm.fd = -1;
	monitor->network.bus = NETLINK_ROUTE;
	monitor->network.lost = MONITOR_NETWORK | MONITOR_SETTINGS;
	monitor->tables.bus = NETLINK_NETFILTER;
	monitor->tables.lost = MONITOR_TABLES;
	monitor->outside.bus = NETLINK_ROUTE;
	monitor->outside.lost = MONITOR_UPLINK;
	ev_init(&monitor->soon, look_now);
	ev_init(&monitor->later, look_again);
	monitor->soon.data = monitor->later.data = monitor;
	error = netns < 0 ? listen_here(monitor)
			  : listen_inside(monitor, netns);
	if (error) {
		monitor_close(monitor);
		return error;
	}
	*result = monitor;
	return 0;
}

int monitor_open(struct monitor **monitor, struct ev_loop *loop,
		 monitor_look look, void *owner)
{
	return open_monitor(monitor, loop, -1, look, owner);
}

int monitor_open_inside(struct monitor **monitor, struct ev_loop *loop,
			int netns, monitor_look look, void *owner)
{
	return open_monitor(monitor, loop, netns, look, owner);
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
