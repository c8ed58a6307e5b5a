/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stands between a server and its clients, and the networks behind it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "host/doctor/doctor_internal.h"
#include "host/kernel/route_search.h"
#include "host/kernel/sysctl.h"
#include "host/kernel/udp_socket.h"
#include "host/nft/forward_check.h"
#include "host/plan/plan.h"

static void check_port(const struct doctor *doctor,
		       const struct inet_endpoint *listen)
{
	char text[INET_ENDPOINT_TEXT];
	int fds[TUNNEL_SORTS], err = udp_socket_listen(listen, false, fds);

	inet_format_endpoint(listen, text, sizeof(text));
	if (err == -EADDRINUSE)
		doctor_find(doctor, DOCTOR_WRONG, "port",
			    "another program has UDP port %s: ss -lunp, or "
			    "another Listen",
			    text);
	else if (err == -EADDRNOTAVAIL)
		doctor_find(doctor, DOCTOR_WRONG, "port",
			    "%s of Listen is no address of this host", text);
	else if (err)
		doctor_find(doctor, DOCTOR_WRONG, "port",
			    "UDP port %s can't be had: %s", text,
			    strerror(-err));
	else
		doctor_find(doctor, DOCTOR_FINE, "port", "UDP %s is free",
			    text);
	for (unsigned i = 0; !err && i < TUNNEL_SORTS; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
}

static void check_range(const struct doctor *doctor,
			const struct config_redirect *redirect)
{
	char text[INET_PORTS_TEXT];
	struct reason reason;

	if (plan_redirect_warning(redirect, &reason))
		doctor_find(doctor, DOCTOR_NOTE, "port", "%s", reason.text);
	else
		doctor_find(
			doctor, DOCTOR_FINE, "port", "UDP %s %s to %u",
			inet_format_ports(&redirect->ports, text, sizeof(text)),
			doctor->up ? "leads" : "will lead", redirect->to);
}

/* up switches it on itself, where it may. */
static void check_forwarding(const struct doctor *doctor, const char *key)
{
	char value[SYSCTL_VALUE_SIZE], remedy[SYSCTL_KEY_SIZE + 16];
	int err = sysctl_read(key, value, sizeof(value));

	if (err)
		return;
	snprintf(remedy, sizeof(remedy), "sysctl -w %s=1", key);
	if (strcmp(value, "0") != 0)
		doctor_find(doctor, DOCTOR_FINE, "forwarding", "%s = %s", key,
			    value);
	else if (doctor->up)
		doctor_find_remedy(doctor, "forwarding", remedy,
				   "somebody has switched it off: %s", remedy);
	else if (access("/proc/sys/net/ipv4/ip_forward", W_OK) < 0)
		doctor_find(doctor, DOCTOR_WRONG, "forwarding",
			    "it is off and /proc/sys can't be written here: "
			    "sysctl -w %s=1 where that is possible",
			    key);
	else
		doctor_find(doctor, DOCTOR_FINE, "forwarding",
			    "%s is off: up switches it on, and down back", key);
}

static void found(void *data, const struct nft_obstacle *obstacle)
{
	const struct doctor *doctor = data;
	char text[256], remedy[512];

	nft_obstacle_describe(obstacle, text, sizeof(text));
	nft_obstacle_remedy(obstacle, doctor->config->device, remedy,
			    sizeof(remedy));
	doctor_find_remedy(doctor, "firewall", remedy, "%s: allow them: %s",
			   text, remedy);
}

static void check_firewall(const struct doctor *doctor)
{
	const struct config *config = doctor->config;
	struct nft_view view = {
		.index = if_nametoindex(config->device),
		.inner4 = inet_prefix_network(&config->address4),
		.inner6 = inet_prefix_network(&config->address6),
	};
	char text[512];

	memcpy(view.device, config->device, sizeof(view.device));
	nft_forward_find(&view, found, (void *)doctor);
	if (nft_obstacle_legacy(config->device, text, sizeof(text)))
		doctor_find(doctor, DOCTOR_NOTE, "firewall", "%s", text);
}

static bool is_repeated(const struct config *config, size_t index)
{
	for (size_t i = 0; i < index; i++) {
		if (config->listen[i].port == config->listen[index].port)
			return true;
	}
	return false;
}

/* Is a port of Listen closed to clients by a chain of another program? */
static void check_input(const struct doctor *doctor)
{
	const struct config *config = doctor->config;

	for (size_t i = 0; i < config->listen_count; i++) {
		const struct inet_endpoint *listen = &config->listen[i];
		struct nft_view view = {
			.index = if_nametoindex(config->device),
			.port = listen->port,
		};

		if (is_repeated(config, i))
			continue;
		memcpy(view.device, config->device, sizeof(view.device));
		if (listen->address.family != AF_INET6)
			view.inner4.address.family = AF_INET;
		if (listen->address.family != AF_INET)
			view.inner6.address.family = AF_INET6;
		nft_forward_find(&view, found, (void *)doctor);
	}
}

static void check_uplink(const struct doctor *doctor)
{
	struct rtnl_route route;
	struct rtnl *rtnl;
	bool found = false;

	if (rtnl_open(&rtnl))
		return;
	found = !route_search_internet(rtnl, AF_INET, RTNL_MARK_OUTSIDE,
				       &route) ||
		!route_search_internet(rtnl, AF_INET6, RTNL_MARK_OUTSIDE,
				       &route);
	rtnl_close(rtnl);
	if (!found)
		doctor_find(doctor, DOCTOR_NOTE, "uplink",
			    "this host has no default route: clients reach "
			    "only the networks that it has a route to");
}

void doctor_server(const struct doctor *doctor)
{
	const struct config *config = doctor->config;

	for (size_t i = 0; !doctor->up && i < config->listen_count; i++)
		check_port(doctor, &config->listen[i]);
	for (size_t i = 0; i < config->redirect_count; i++)
		check_range(doctor, &config->redirects[i]);
	if (config->address4.address.family)
		check_forwarding(doctor, "net.ipv4.ip_forward");
	if (config->address6.address.family)
		check_forwarding(doctor, "net.ipv6.conf.all.forwarding");
	check_firewall(doctor);
	check_input(doctor);
	check_uplink(doctor);
	if (config->identity == CONFIG_KEYS && !config->peer_count)
		doctor_find(doctor, DOCTOR_NOTE, "clients",
			    "the file has none: minivpn add %s NAME",
			    config->path);
}
