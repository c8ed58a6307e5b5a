/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>

#include "common/clock.h"
#include "host/dns/systemd_resolved.h"
#include "host/dns/systemd_resolved_bus.h"

/* Seconds until the bus is tried again where it has gone. */
#define REOPEN_SECONDS 2.

static const char restarts[] =
	"type='signal',sender='org.freedesktop.DBus',"
	"interface='org.freedesktop.DBus',member='NameOwnerChanged',"
	"arg0='" SYSTEMD_RESOLVED_NAME "'";
static const char changes[] =
	"type='signal',sender='" SYSTEMD_RESOLVED_NAME "',"
	"path='" SYSTEMD_RESOLVED_PATH "',"
	"interface='org.freedesktop.DBus.Properties',"
	"member='PropertiesChanged'";

struct systemd_resolved_watch {
	struct ev_loop *loop;
	sd_bus *bus;
	ev_io io;
	ev_timer timer;
	systemd_resolved_changed changed;
	void *owner;
	/* Seen in this turn, told at its end: sd-bus is not reentrant. */
	bool has_changed, has_restarted;
};

static int owner_changed(sd_bus_message *message, void *data, sd_bus_error *err)
{
	struct systemd_resolved_watch *watch = data;
	const char *name, *before, *after;

	(void)err;
	if (sd_bus_message_read(message, "sss", &name, &before, &after) >= 0 &&
	    after[0])
		watch->has_restarted = true;
	return 0;
}

static int properties_changed(sd_bus_message *message, void *data,
			      sd_bus_error *err)
{
	struct systemd_resolved_watch *watch = data;

	(void)message;
	(void)err;
	watch->has_changed = true;
	return 0;
}

/* The bus tells of changes from now on: what came before shows by looking. */
static int installed(sd_bus_message *message, void *data, sd_bus_error *err)
{
	struct systemd_resolved_watch *watch = data;

	(void)err;
	watch->has_changed = true;
	return sd_bus_message_is_method_error(message, NULL) ? -ECONNREFUSED
							     : 0;
}

static int connect_bus(struct systemd_resolved_watch *watch)
{
	int err = sd_bus_open_system(&watch->bus);

	if (err >= 0)
		err = sd_bus_add_match_async(watch->bus, NULL, restarts,
					     owner_changed, NULL, watch);
	if (err >= 0)
		err = sd_bus_add_match_async(watch->bus, NULL, changes,
					     properties_changed, installed,
					     watch);
	return err < 0 ? err : 0;
}

static void disconnect(struct systemd_resolved_watch *watch)
{
	ev_io_stop(watch->loop, &watch->io);
	ev_timer_stop(watch->loop, &watch->timer);
	watch->bus = sd_bus_close_unref(watch->bus);
}

static double seconds_until(uint64_t monotonic_us)
{
	double seconds =
		(double)monotonic_us / 1e6 - clock_seconds(CLOCK_MONOTONIC);

	return seconds > 0. ? seconds : 0.;
}

static void start_timer(struct systemd_resolved_watch *watch, double seconds)
{
	ev_timer_stop(watch->loop, &watch->timer);
	ev_timer_set(&watch->timer, seconds, 0.);
	ev_timer_start(watch->loop, &watch->timer);
}

/* What sd-bus waits for, to the loop. */
static int arm(struct systemd_resolved_watch *watch)
{
	int fd = sd_bus_get_fd(watch->bus);
	int events = sd_bus_get_events(watch->bus);
	uint64_t timeout;

	if (fd < 0 || events < 0)
		return -ENOTCONN;
	ev_io_stop(watch->loop, &watch->io);
	ev_io_set(&watch->io, fd,
		  (events & POLLIN ? EV_READ : 0) |
			  (events & POLLOUT ? EV_WRITE : 0));
	ev_io_start(watch->loop, &watch->io);
	ev_timer_stop(watch->loop, &watch->timer);
	if (sd_bus_get_timeout(watch->bus, &timeout) >= 0 &&
	    timeout != UINT64_MAX)
		start_timer(watch, seconds_until(timeout));
	return 0;
}

static void tell(struct systemd_resolved_watch *watch)
{
	bool restarted = watch->has_restarted;
	bool any = restarted || watch->has_changed;

	watch->has_restarted = watch->has_changed = false;
	if (any)
		watch->changed(watch->owner, restarted);
}

static void turn(struct systemd_resolved_watch *watch)
{
	int result;

	do {
		result = sd_bus_process(watch->bus, NULL);
	} while (result > 0);
	if (result >= 0)
		result = arm(watch);
	if (result < 0) {
		disconnect(watch);
		start_timer(watch, REOPEN_SECONDS);
	}
	tell(watch);
}

static void ready(struct ev_loop *loop, ev_io *io, int events)
{
	(void)loop;
	(void)events;
	turn(io->data);
}

/* sd-bus has something to do; or it is time to look for the bus again. */
static void expired(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct systemd_resolved_watch *watch = timer->data;

	(void)loop;
	(void)events;
	if (!watch->bus) {
		if (connect_bus(watch)) {
			disconnect(watch);
			start_timer(watch, REOPEN_SECONDS);
			return;
		}
		watch->has_restarted = true;
	}
	turn(watch);
}

int systemd_resolved_watch_start(struct systemd_resolved_watch **result,
				 struct ev_loop *loop,
				 systemd_resolved_changed changed, void *owner)
{
	struct systemd_resolved_watch *watch = calloc(1, sizeof(*watch));
	int err;

	*result = NULL;
	if (!watch)
		return -ENOMEM;
	watch->loop = loop;
	watch->changed = changed;
	watch->owner = owner;
	ev_init(&watch->io, ready);
	ev_init(&watch->timer, expired);
	watch->io.data = watch->timer.data = watch;
	err = connect_bus(watch);
	if (!err)
		err = arm(watch);
	if (err) {
		systemd_resolved_watch_stop(watch);
		return err;
	}
	*result = watch;
	return 0;
}

void systemd_resolved_watch_stop(struct systemd_resolved_watch *watch)
{
	if (!watch)
		return;
	disconnect(watch);
	free(watch);
}
