/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/process/systemd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

/* Where systemctl(1) asks too, as root and without a bus. */
#define SOCKET	   "/run/systemd/private"
#define NAME	   "org.freedesktop.systemd1"
#define PATH	   "/org/freedesktop/systemd1"
#define MANAGER	   NAME ".Manager"
#define TIMEOUT_US 5000000

static int connect_to(sd_bus **bus)
{
	int err;

	*bus = NULL;
	if (access(SOCKET, F_OK) < 0)
		return -errno;
	err = sd_bus_new(bus);
	if (err >= 0)
		err = sd_bus_set_address(*bus, "unix:path=" SOCKET);
	if (err >= 0)
		err = sd_bus_set_method_call_timeout(*bus, TIMEOUT_US);
	if (err >= 0)
		err = sd_bus_start(*bus);
	return err;
}

static int ask_state(sd_bus *bus, struct systemd_view *view)
{
	char *state = NULL;
	int err = sd_bus_get_property_string(bus, NAME, PATH, MANAGER,
					     "SystemState", NULL, &state);

	if (err < 0)
		return err;
	view->booting =
		!strcmp(state, "initializing") || !strcmp(state, "starting");
	view->shutting_down = !strcmp(state, "stopping");
	free(state);
	return 0;
}

/*
 * This asks for the job of a unit; job becomes its object's path, "/" for none.
 */
static int ask_job(sd_bus *bus, const char *unit, char **job)
{
	sd_bus_message *reply = NULL;
	const char *path;
	uint32_t id;
	int err = sd_bus_get_property(bus, NAME, unit, NAME ".Unit", "Job",
				      NULL, &reply, "(uo)");

	if (err >= 0)
		err = sd_bus_message_read(reply, "(uo)", &id, &path);
	if (err >= 0) {
		*job = strdup(id ? path : "/");
		err = *job ? 0 : -ENOMEM;
	}
	sd_bus_message_unref(reply);
	return err;
}

static int ask_type(sd_bus *bus, const char *job, struct systemd_view *view)
{
	char *type = NULL;
	int err = sd_bus_get_property_string(bus, NAME, job, NAME ".Job",
					     "JobType", NULL, &type);

	if (err < 0)
		return err;
	view->restarting = !strcmp(type, "restart");
	free(type);
	return 0;
}

static int ask_unit(sd_bus *bus, struct systemd_view *view)
{
	sd_bus_message *reply = NULL;
	char *job = NULL;
	const char *unit;
	int err = sd_bus_call_method(bus, NAME, PATH, MANAGER, "GetUnitByPID",
				     NULL, &reply, "u", (uint32_t)getpid());

	if (err >= 0)
		err = sd_bus_message_read(reply, "o", &unit);
	if (err >= 0)
		err = ask_job(bus, unit, &job);
	if (err >= 0 && strcmp(job, "/") != 0)
		err = ask_type(bus, job, view);
	free(job);
	sd_bus_message_unref(reply);
	return err;
}

int systemd_ask(struct systemd_view *view)
{
	sd_bus *bus;
	int err;

	memset(view, 0, sizeof(*view));
	err = connect_to(&bus);
	if (err >= 0)
		err = ask_state(bus, view);
	if (err >= 0)
		err = ask_unit(bus, view);
	sd_bus_close_unref(bus);
	return err < 0 ? err : 0;
}
