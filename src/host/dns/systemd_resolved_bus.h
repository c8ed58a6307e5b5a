/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One conversation with systemd-resolved over the system bus, which is over by
 * a deadline whatever the other side does: for systemd_resolved.c and its
 * watch.
 */
#ifndef MINIVPN_HOST_DNS_SYSTEMD_RESOLVED_BUS_H
#define MINIVPN_HOST_DNS_SYSTEMD_RESOLVED_BUS_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#define SYSTEMD_RESOLVED_NAME	 "org.freedesktop.resolve1"
#define SYSTEMD_RESOLVED_PATH	 "/org/freedesktop/resolve1"
#define SYSTEMD_RESOLVED_MANAGER "org.freedesktop.resolve1.Manager"

struct systemd_resolved_bus {
	sd_bus *bus;
	uint64_t deadline; /* microseconds, CLOCK_MONOTONIC */
	char reason[256];  /* of the last error that was answered, or "" */
};

/* -ENOENT, -ECONNREFUSED: there is no bus. */
int systemd_resolved_bus_open(struct systemd_resolved_bus *bus);
void systemd_resolved_bus_close(struct systemd_resolved_bus *bus);

/* False once the deadline has passed; else pauses for some milliseconds. */
bool systemd_resolved_bus_pause(const struct systemd_resolved_bus *bus);

/* A request to the manager; *request is to be unreferenced. */
int systemd_resolved_bus_request(struct systemd_resolved_bus *bus,
				 const char *method, sd_bus_message **request);

/*
 * Sends request and waits; *reply (may be NULL) is to be unreferenced.
 * -ENODEV: resolved does not know the link (any more, or yet); -ETIMEDOUT;
 * -EHOSTUNREACH: nobody has the name, nor can be started.
 */
int systemd_resolved_bus_exchange(struct systemd_resolved_bus *bus,
				  sd_bus_message *request,
				  sd_bus_message **reply);

/* *reply stands at the property's value, which is of this type. */
int systemd_resolved_bus_property(struct systemd_resolved_bus *bus,
				  const char *path, const char *property,
				  const char *type, sd_bus_message **reply);

#endif
