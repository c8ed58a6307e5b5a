/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/dns/systemd_resolved.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/reason.h"
#include "host/dns/systemd_resolved_bus.h"

/* SD_RESOLVED_DNS in org.freedesktop.resolve1(5): the link is asked by DNS. */
#define SCOPE_DNS 1

static int put_dns(sd_bus_message *message,
		   const struct systemd_resolved_link *link)
{
	int err = sd_bus_message_open_container(message, 'a', "(iay)");

	for (unsigned i = 0; err >= 0 && i < link->dns_count; i++) {
		const struct inet_address *dns = &link->dns[i];

		err = sd_bus_message_open_container(message, 'r', "iay");
		if (err >= 0)
			err = sd_bus_message_append(message, "i",
						    (int)dns->family);
		if (err >= 0)
			err = sd_bus_message_append_array(
				message, 'y', dns->bytes,
				inet_size(dns->family));
		if (err >= 0)
			err = sd_bus_message_close_container(message);
	}
	return err < 0 ? err : sd_bus_message_close_container(message);
}

/* The flag: only where to ask, not to be appended to a name. */
static int put_domains(sd_bus_message *message,
		       const struct systemd_resolved_link *link)
{
	int err = sd_bus_message_open_container(message, 'a', "(sb)");

	for (unsigned i = 0; err >= 0 && i < link->search_count; i++)
		err = sd_bus_message_append(message, "(sb)", link->search[i],
					    0);
	if (err >= 0 && link->all)
		err = sd_bus_message_append(message, "(sb)", ".", 1);
	return err < 0 ? err : sd_bus_message_close_container(message);
}

static int put_default(sd_bus_message *message,
		       const struct systemd_resolved_link *link)
{
	return sd_bus_message_append(message, "b", (int)link->all);
}

static int put_nothing(sd_bus_message *message,
		       const struct systemd_resolved_link *link)
{
	(void)message;
	(void)link;
	return 0;
}

/* A call on the link by its index, with what put adds. */
static int call(struct systemd_resolved_bus *bus, const char *method,
		const struct systemd_resolved_link *link,
		int (*put)(sd_bus_message *,
			   const struct systemd_resolved_link *),
		sd_bus_message **reply)
{
	unsigned index = if_nametoindex(link->device);
	sd_bus_message *request = NULL;
	int err;

	if (index == 0)
		return -ENODEV;
	err = systemd_resolved_bus_request(bus, method, &request);
	if (err >= 0)
		err = sd_bus_message_append(request, "i", (int)index);
	if (err >= 0)
		err = put(request, link);
	if (err >= 0)
		err = systemd_resolved_bus_exchange(bus, request, reply);
	sd_bus_message_unref(request);
	return err;
}

/* The object that resolved has for the link; freed by the caller. */
static int link_path(struct systemd_resolved_bus *bus,
		     const struct systemd_resolved_link *link, char path[128])
{
	sd_bus_message *reply = NULL;
	const char *text;
	int err = call(bus, "GetLink", link, put_nothing, &reply);

	if (!err)
		err = sd_bus_message_read(reply, "o", &text);
	if (err >= 0)
		err = snprintf(path, 128, "%s", text) < 128 ? 0 : -EBADMSG;
	sd_bus_message_unref(reply);
	return err;
}

/* One server of the reply: 1, and whether it is the index-th of ours. */
static int read_server(sd_bus_message *reply,
		       const struct systemd_resolved_link *link, unsigned index,
		       bool *ours)
{
	const void *bytes;
	size_t length;
	int family, err;

	err = sd_bus_message_enter_container(reply, 'r', "iay");
	if (err <= 0)
		return err;
	err = sd_bus_message_read(reply, "i", &family);
	if (err >= 0)
		err = sd_bus_message_read_array(reply, 'y', &bytes, &length);
	if (err < 0)
		return err;
	*ours = index < link->dns_count && family == link->dns[index].family &&
		length == inet_size(link->dns[index].family) &&
		memcmp(bytes, link->dns[index].bytes, length) == 0;
	err = sd_bus_message_exit_container(reply);
	return err < 0 ? err : 1;
}

/*
 * Returns 1 where they are exactly ours, 0 where there are none at all, -EEXIST
 * where there are others, or -errno.
 */
static int compare_servers(struct systemd_resolved_bus *bus,
			   const struct systemd_resolved_link *link)
{
	sd_bus_message *reply = NULL;
	bool ours = true, all_ours = true;
	unsigned count = 0;
	char path[128];
	int result = link_path(bus, link, path);

	if (!result)
		result = systemd_resolved_bus_property(bus, path, "DNS",
						       "a(iay)", &reply);
	if (!result)
		result = sd_bus_message_enter_container(reply, 'a', "(iay)");
	while (result >= 0 &&
	       (result = read_server(reply, link, count, &ours)) > 0) {
		all_ours &= ours;
		count++;
	}
	sd_bus_message_unref(reply);
	if (result < 0 || count == 0)
		return result;
	return all_ours && count == link->dns_count ? 1 : -EEXIST;
}

static int set_all(struct systemd_resolved_bus *bus,
		   const struct systemd_resolved_link *link)
{
	int err = call(bus, "SetLinkDNS", link, put_dns, NULL);

	/* It learns of a new device a moment after we do. */
	while (err == -ENODEV && if_nametoindex(link->device) &&
	       systemd_resolved_bus_pause(bus))
		err = call(bus, "SetLinkDNS", link, put_dns, NULL);
	if (!err)
		err = call(bus, "SetLinkDomains", link, put_domains, NULL);
	if (!err)
		err = call(bus, "SetLinkDefaultRoute", link, put_default, NULL);
	return err;
}

static bool is_in_use(struct systemd_resolved_bus *bus, const char *path)
{
	sd_bus_message *reply;
	uint64_t scopes = 0;
	int err = systemd_resolved_bus_property(bus, path, "ScopesMask", "t",
						&reply);

	if (!err)
		err = sd_bus_message_read(reply, "t", &scopes);
	sd_bus_message_unref(reply);
	return err >= 0 && (scopes & SCOPE_DNS);
}

/*
 * systemd-resolved goes on to ask the servers of other links until it has heard
 * of the device's addresses: names would leak for a moment.
 */
static void wait_until_in_use(struct systemd_resolved_bus *bus,
			      const struct systemd_resolved_link *link)
{
	char path[128];

	if (link_path(bus, link, path))
		return;
	while (!is_in_use(bus, path) && systemd_resolved_bus_pause(bus))
		;
}

static void explain(const struct systemd_resolved_bus *bus, int err,
		    struct reason *reason)
{
	if (!reason)
		return;
	if (err == -ETIMEDOUT)
		reason_set(
			reason,
			"systemd-resolved does not answer: restart it "
			"(systemctl restart systemd-resolved), or write DNS = "
			"none in the file");
	else
		reason_set(reason, "systemd-resolved: %s",
			   bus->reason[0] ? bus->reason : strerror(-err));
}

int systemd_resolved_apply(const struct systemd_resolved_link *link,
			   struct reason *reason)
{
	struct systemd_resolved_bus bus;
	int err = systemd_resolved_check(link);

	if (err)
		return err;
	err = systemd_resolved_bus_open(&bus);
	if (err >= 0)
		err = set_all(&bus, link);
	if (!err)
		wait_until_in_use(&bus, link);
	else
		explain(&bus, err, reason);
	systemd_resolved_bus_close(&bus);
	if (err)
		systemd_resolved_revert(link, NULL);
	return err;
}

/* Nobody is there who could still use our settings. */
static bool is_gone(int err)
{
	return err == -ENODEV || err == -EHOSTUNREACH || err == -ENOENT ||
	       err == -ECONNREFUSED;
}

int systemd_resolved_revert(const struct systemd_resolved_link *link,
			    struct reason *reason)
{
	struct systemd_resolved_bus bus;
	int result;

	if (if_nametoindex(link->device) == 0)
		return 0;
	result = systemd_resolved_bus_open(&bus);
	if (result >= 0)
		result = compare_servers(&bus, link);
	if (result == -EEXIST) {
		if (reason)
			reason_set(
				reason,
				"the name servers of %s are left as somebody "
				"else has set them",
				link->device);
		systemd_resolved_bus_close(&bus);
		return 1;
	}
	if (result > 0)
		result = call(&bus, "RevertLink", link, put_nothing, NULL);
	if (is_gone(result))
		result = 0;
	if (result < 0)
		explain(&bus, result, reason);
	systemd_resolved_bus_close(&bus);
	return result;
}

int systemd_resolved_is_applied(const struct systemd_resolved_link *link)
{
	struct systemd_resolved_bus bus;
	int result = systemd_resolved_bus_open(&bus);

	if (result >= 0)
		result = compare_servers(&bus, link);
	systemd_resolved_bus_close(&bus);
	return result == -EEXIST ? 0 : result;
}

bool systemd_resolved_answers(void)
{
	sd_bus_message *request = NULL;
	struct systemd_resolved_bus bus;
	int err = systemd_resolved_bus_open(&bus);

	if (err >= 0)
		err = sd_bus_message_new_method_call(
			bus.bus, &request, SYSTEMD_RESOLVED_NAME,
			SYSTEMD_RESOLVED_PATH, "org.freedesktop.DBus.Peer",
			"Ping");
	if (err >= 0)
		err = systemd_resolved_bus_exchange(&bus, request, NULL);
	sd_bus_message_unref(request);
	systemd_resolved_bus_close(&bus);
	return err == 0;
}
