/* SPDX-License-Identifier: GPL-2.0-or-later */
/* These checks are about what lies between a client and its servers. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/reason.h"
#include "host/dns/lookup.h"
#include "host/doctor/doctor_internal.h"
#include "host/kernel/rtnl.h"
#include "host/kernel/udp_socket.h"
#include "host/plan/routing.h"
#include "tunnel/dtls/server_probe.h"

#define HEADERS4 (20 + 8) /* IP and UDP */
#define HEADERS6 (40 + 8)
/* What a record adds to a packet, with the larger of the nonces. */
#define RECORD (13 + 8 + 16)
/* Below it IPv6 has no use for a link. */
#define LEAST 1280

struct vpn {
	const char *device;
	bool found;
};

static int vpn_visit(void *data, const struct rtnl_entry *entry)
{
	struct vpn *vpn = data;

	vpn->found = strcmp(entry->name, vpn->device) == 0 &&
		     (strcmp(entry->kind, "tun") == 0 ||
		      strcmp(entry->kind, "wireguard") == 0);
	return vpn->found;
}

/* A tunnel of ours may go through another VPN, where that lets it. */
static bool report_vpn(const struct doctor *doctor, const char *text,
		       const struct rtnl_route *route)
{
	struct vpn vpn = {.device = route->device};
	char remedy[IFNAMSIZ + 24];
	struct rtnl *rtnl;

	if (rtnl_open(&rtnl))
		return false;
	rtnl_link_each(rtnl, vpn_visit, &vpn);
	rtnl_close(rtnl);
	if (!vpn.found)
		return false;
	snprintf(remedy, sizeof(remedy), "ip link set %s down", vpn.device);
	doctor_find_remedy(doctor, "server", remedy,
			   "%s: no answer, and the way there goes by %s, which "
			   "is another VPN's: let that leave this address out, "
			   "or take it down: %s",
			   text, vpn.device, remedy);
	return true;
}

static void report_silence(const struct doctor *doctor, const char *text,
			   const struct rtnl_route *route, int err)
{
	if (err == -ETIMEDOUT && report_vpn(doctor, text, route))
		return;
	switch (err) {
	case -ECONNREFUSED:
		doctor_find(doctor, DOCTOR_WRONG, "server",
			    "%s: that host is there, but no server listens on "
			    "this UDP port: start it, or mend the port in "
			    "Server",
			    text);
		break;
	case -ETIMEDOUT:
		doctor_find(doctor, DOCTOR_WRONG, "server",
			    "%s: no answer: the server is down, or a firewall "
			    "on the way drops UDP to this port%s",
			    text,
			    doctor->config->secret_count
				    ? "; or Secret is not the server's, or a "
				      "clock is wrong by more than two minutes"
				    : "");
		break;
	default:
		doctor_find(doctor, DOCTOR_WRONG, "server", "%s: %s%s", text,
			    strerror(-err),
			    err == -EPERM ? ": a firewall of this host drops it"
					  : "");
	}
}

static void report_mtu(const struct doctor *doctor, const char *text,
		       const struct server_probe_result *probe, size_t headers)
{
	unsigned mtu = doctor->config->mtu;

	if (!probe->mtu)
		doctor_find(doctor, DOCTOR_NOTE, "path",
			    "%s: it carries less than %d bytes, or loses "
			    "packets: the tunnel works, with smaller ones",
			    text, LEAST);
	else if (mtu && mtu + RECORD + headers > probe->mtu)
		doctor_find(doctor, DOCTOR_WRONG, "path",
			    "%s: it carries packets of %u bytes, too small for "
			    "MTU = %u of the file: leave that out, it is found "
			    "by itself",
			    text, probe->mtu, mtu);
	else
		doctor_find(doctor, DOCTOR_FINE, "path",
			    "%s: it carries packets of %u bytes", text,
			    probe->mtu);
}

static bool has_route(const struct doctor *doctor, const char *text,
		      const struct inet_endpoint *server,
		      struct rtnl_route *route)
{
	struct rtnl *rtnl;
	int err = rtnl_open(&rtnl);

	*route = (struct rtnl_route){0};
	if (err)
		return true; /* the sending will tell */
	/* A tunnel that is up would answer itself. */
	err = rtnl_route_get(rtnl, &server->address, PLAN_ROUTING_ANY, route);
	rtnl_close(rtnl);
	if (!err)
		return true;
	doctor_find(doctor, DOCTOR_WRONG, "route",
		    "%s: this host has no way there (%s): is it connected?",
		    text, strerror(-err));
	return false;
}

/* The mark leads past a tunnel that is up, and past its kill switch. */
static int open_socket(const struct inet_endpoint *server, bool probe, int *fd)
{
	const uint32_t mark = PLAN_ROUTING_ANY;
	struct sockaddr_storage to;
	socklen_t length = inet_endpoint_to_sockaddr(server, &to);
	int err = udp_socket_client(server->address.family, fd);

	if (err)
		return err;
	udp_socket_probe_mtu(*fd, probe);
	(void)!setsockopt(*fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
	if (connect(*fd, (struct sockaddr *)&to, length) == 0)
		return 0;
	err = -errno;
	close(*fd);
	return err;
}

static int ask(const struct config *config, const struct inet_endpoint *server,
	       size_t headers, struct server_probe_result *result)
{
	int fd, err = open_socket(server, true, &fd);

	if (err)
		return err;
	err = server_probe_ask(config, fd, headers, result);
	close(fd);
	return err;
}

/* Late answers to the probe would disturb the handshake. */
static void try_handshake(const struct doctor *doctor,
			  const struct inet_endpoint *server, const char *host)
{
	int fd;

	if (open_socket(server, false, &fd))
		return;
	doctor_trial(doctor, server, host, fd);
	close(fd);
}

/* Returns whether it answers. */
static bool check_server(const struct doctor *doctor,
			 const struct inet_endpoint *server)
{
	size_t headers =
		server->address.family == AF_INET6 ? HEADERS6 : HEADERS4;
	char text[INET_ENDPOINT_TEXT];
	struct server_probe_result probe;
	struct rtnl_route route;
	int err;

	inet_format_endpoint(server, text, sizeof(text));
	if (!has_route(doctor, text, server, &route))
		return false;
	err = ask(doctor->config, server, headers, &probe);
	if (err) {
		report_silence(doctor, text, &route, err);
		return false;
	}
	doctor_find(doctor, DOCTOR_FINE, "server", "%s answers, %.1f ms", text,
		    probe.ms);
	/* A datagram that the server answers a stranger is never so large. */
	if (!doctor->config->secret_count)
		report_mtu(doctor, text, &probe, headers);
	return true;
}

/* One of a server's addresses is enough for the handshake. */
static void check_host(const struct doctor *doctor, unsigned index)
{
	const struct config_host *host = &doctor->config->servers[index];
	struct lookup_result results[LOOKUP_RESULTS];
	struct reason reason;
	size_t count =
		lookup_now(host, index, results, LOOKUP_RESULTS, &reason);
	/* A second session would take the place of the one that is up. */
	bool tried = doctor->up || doctor->unsure;

	if (!count)
		doctor_find(doctor, DOCTOR_WRONG, "name",
			    "%s: mend the name in Server, or this host's name "
			    "servers",
			    reason.text);
	for (size_t i = 0; i < count; i++) {
		const struct inet_endpoint *server = &results[i].endpoint;

		if (!check_server(doctor, server) || tried)
			continue;
		try_handshake(doctor, server, host->host);
		tried = true;
	}
}

void doctor_client(const struct doctor *doctor)
{
	for (unsigned i = 0; i < doctor->config->server_count; i++)
		check_host(doctor, i);
}
