/* SPDX-License-Identifier: GPL-2.0-or-later */
/* These checks are about what lies between a client and its servers. */
#include <errno.h>
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

static void report_silence(const struct doctor *doctor, const char *text,
			   int err)
{
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
		      const struct inet_endpoint *server)
{
	struct rtnl_route route;
	struct rtnl *rtnl;
	int err = rtnl_open(&rtnl);

	if (err)
		return true; /* the sending will tell */
	/* A tunnel that is up would answer itself. */
	err = rtnl_route_get(rtnl, &server->address, PLAN_ROUTING_ANY, &route);
	rtnl_close(rtnl);
	if (!err)
		return true;
	doctor_find(doctor, DOCTOR_WRONG, "route",
		    "%s: this host has no way there (%s): is it connected?",
		    text, strerror(-err));
	return false;
}

static int ask(const struct config *config, const struct inet_endpoint *server,
	       size_t headers, struct server_probe_result *result)
{
	struct sockaddr_storage to;
	socklen_t length = inet_endpoint_to_sockaddr(server, &to);
	int fd, err = udp_socket_client(server->address.family, &fd);

	if (err)
		return err;
	udp_socket_probe_mtu(fd, true);
	if (connect(fd, (struct sockaddr *)&to, length) < 0)
		err = -errno;
	else
		err = server_probe_ask(config, fd, headers, result);
	close(fd);
	return err;
}

static void check_server(const struct doctor *doctor,
			 const struct inet_endpoint *server)
{
	size_t headers =
		server->address.family == AF_INET6 ? HEADERS6 : HEADERS4;
	char text[INET_ENDPOINT_TEXT];
	struct server_probe_result probe;
	int err;

	inet_format_endpoint(server, text, sizeof(text));
	if (!has_route(doctor, text, server))
		return;
	err = ask(doctor->config, server, headers, &probe);
	if (err) {
		report_silence(doctor, text, err);
		return;
	}
	doctor_find(doctor, DOCTOR_FINE, "server", "%s answers, %.1f ms", text,
		    probe.ms);
	/* A datagram that the server answers a stranger is never so large. */
	if (!doctor->config->secret_count)
		report_mtu(doctor, text, &probe, headers);
}

void doctor_client(const struct doctor *doctor)
{
	const struct config *config = doctor->config;

	for (unsigned i = 0; i < config->server_count; i++) {
		struct lookup_result results[LOOKUP_RESULTS];
		struct reason reason;
		size_t count = lookup_now(&config->servers[i], i, results,
					  LOOKUP_RESULTS, &reason);

		if (!count)
			doctor_find(doctor, DOCTOR_WRONG, "name",
				    "%s: mend the name in Server, or this "
				    "host's name servers",
				    reason.text);
		/* A session tells more, and a kill switch lets only that out.
		 */
		for (size_t j = 0; j < count && !doctor->up; j++)
			check_server(doctor, &results[j].endpoint);
	}
}
