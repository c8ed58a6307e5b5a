/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sd_bus_call() has a timeout for the answer, but none of ours for connecting
 * and saying hello: so that a bus that hangs can't hold up the host process,
 * every call is an asynchronous one here, waited for until the deadline.
 */
#include "host/dns/systemd_resolved_bus.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>

#include "common/clock.h"

#define TIMEOUT_US 2000000
#define PAUSE_MS   5

struct answer {
	bool done;
	int err;
	sd_bus_message *message;
	struct systemd_resolved_bus *bus;
};

int systemd_resolved_bus_open(struct systemd_resolved_bus *bus)
{
	*bus = (struct systemd_resolved_bus){
		.deadline = clock_us(CLOCK_MONOTONIC) + TIMEOUT_US};
	return sd_bus_open_system(&bus->bus);
}

void systemd_resolved_bus_close(struct systemd_resolved_bus *bus)
{
	bus->bus = sd_bus_close_unref(bus->bus);
}

bool systemd_resolved_bus_pause(const struct systemd_resolved_bus *bus)
{
	if (clock_us(CLOCK_MONOTONIC) >= bus->deadline)
		return false;
	poll(NULL, 0, PAUSE_MS);
	return true;
}

int systemd_resolved_bus_request(struct systemd_resolved_bus *bus,
				 const char *method, sd_bus_message **request)
{
	return sd_bus_message_new_method_call(
		bus->bus, request, SYSTEMD_RESOLVED_NAME, SYSTEMD_RESOLVED_PATH,
		SYSTEMD_RESOLVED_MANAGER, method);
}

static int error_number(const sd_bus_error *error)
{
	if (sd_bus_error_has_name(error, SYSTEMD_RESOLVED_NAME ".NoSuchLink"))
		return -ENODEV;
	if (sd_bus_error_has_name(error, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
	    sd_bus_error_has_name(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
		return -EHOSTUNREACH;
	return -sd_bus_error_get_errno(error);
}

static int answered(sd_bus_message *message, void *data, sd_bus_error *unused)
{
	const sd_bus_error *error = sd_bus_message_get_error(message);
	struct answer *answer = data;

	(void)unused;
	answer->done = true;
	if (!error) {
		answer->message = sd_bus_message_ref(message);
		return 0;
	}
	answer->err = error_number(error);
	snprintf(answer->bus->reason, sizeof(answer->bus->reason), "%s",
		 error->message ? error->message : error->name);
	return 0;
}

static int wait_for(struct systemd_resolved_bus *bus,
		    const struct answer *answer)
{
	while (!answer->done) {
		uint64_t now = clock_us(CLOCK_MONOTONIC);
		int result = sd_bus_process(bus->bus, NULL);

		if (result < 0)
			return result;
		if (result > 0)
			continue;
		if (now >= bus->deadline)
			return -ETIMEDOUT;
		result = sd_bus_wait(bus->bus, bus->deadline - now);
		if (result < 0 && result != -EINTR)
			return result;
	}
	return answer->err;
}

int systemd_resolved_bus_exchange(struct systemd_resolved_bus *bus,
				  sd_bus_message *request,
				  sd_bus_message **reply)
{
	struct answer answer = {.bus = bus};
	sd_bus_slot *slot = NULL;
	int err;

	bus->reason[0] = '\0';
	err = sd_bus_call_async(bus->bus, &slot, request, answered, &answer,
				TIMEOUT_US);
	if (err >= 0)
		err = wait_for(bus, &answer);
	sd_bus_slot_unref(slot);
	if (!err && reply)
		*reply = answer.message;
	else
		sd_bus_message_unref(answer.message);
	return err;
}

int systemd_resolved_bus_property(struct systemd_resolved_bus *bus,
				  const char *path, const char *property,
				  const char *type, sd_bus_message **reply)
{
	sd_bus_message *request = NULL;
	int err;

	*reply = NULL;
	err = sd_bus_message_new_method_call(
		bus->bus, &request, SYSTEMD_RESOLVED_NAME, path,
		"org.freedesktop.DBus.Properties", "Get");
	if (err >= 0)
		err = sd_bus_message_append(
			request, "ss", SYSTEMD_RESOLVED_NAME ".Link", property);
	if (err >= 0)
		err = systemd_resolved_bus_exchange(bus, request, reply);
	sd_bus_message_unref(request);
	if (!err)
		err = sd_bus_message_enter_container(*reply, 'v', type);
	return err < 0 ? err : 0;
}
