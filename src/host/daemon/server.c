/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/daemon/server.h"

#include <errno.h>
#include <string.h>

#include "common/reason.h"
#include "host/change/transition.h"
#include "host/daemon/daemon_internal.h"
#include "host/daemon/leases.h"
#include "host/daemon/lifecycle.h"
#include "host/daemon/mtu.h"
#include "host/daemon/tunnel.h"
#include "host/daemon/usage.h"
#include "host/kernel/udp_socket.h"
#include "host/plan/plan.h"

static void explain_socket(struct reason *reason,
			   const struct inet_endpoint *endpoint, int err)
{
	char text[INET_ENDPOINT_TEXT];

	if (endpoint->address.family)
		inet_format_endpoint(endpoint, text, sizeof(text));
	else
		snprintf(text, sizeof(text), "UDP port %u", endpoint->port);
	if (err == -EADDRINUSE)
		reason_set(
			reason,
			"%s is in use by another program: choose another port "
			"with Listen, or stop it (ss -lunp names it)",
			text);
	else if (err == -EADDRNOTAVAIL)
		reason_set(reason,
			   "%s: this host has no such address: correct Listen",
			   text);
	else if (err == -EACCES)
		reason_set(reason, "%s: not permitted: run it as root", text);
	else
		reason_set(reason, "%s: %s", text, strerror(-err));
}

int host_server_open_sockets(struct host *host, struct reason *reason)
{
	const struct config *config = host->config;

	if (config->listen_count > TUNNEL_LISTEN) {
		reason_set(reason, "more than %d Listen addresses",
			   TUNNEL_LISTEN);
		return -E2BIG;
	}
	for (size_t i = 0; i < config->listen_count; i++) {
		int err = udp_socket_listen(
			&config->listen[i], config->secret_count,
			&host->sockets.fds[host->sockets.count]);

		if (err) {
			explain_socket(reason, &config->listen[i], err);
			return err;
		}
		host->sockets.count += TUNNEL_SORTS;
	}
	host_mtu_sockets(host);
	return 0;
}

static void warn_of_ports(const struct config *config)
{
	struct reason reason;

	for (size_t i = 0; i < config->redirect_count; i++) {
		if (plan_redirect_warning(&config->redirects[i], &reason))
			log_warning("%s: %s", config->name, reason.text);
	}
}

int host_server_prepare(struct host *host, struct reason *reason)
{
	struct change_list list = {0};
	int err;

	err = host_leases_open(host);
	if (err) {
		reason_set(reason, "the file of leases can't be read: %s",
			   strerror(-err));
		return err;
	}
	err = host_usage_open(host);
	if (err) {
		reason_set(reason, "the file of usage can't be read: %s",
			   strerror(-err));
		return err;
	}
	err = plan_server(host->context.rtnl, host->config, &list, reason);
	warn_of_ports(host->config);
	if (!err)
		err = host_transition(host, &list, reason);
	change_list_free(&list);
	return err;
}

static void describe(const struct host *host, char *line, size_t size)
{
	const struct config *config = host->config;
	char text[2][INET_PREFIX_TEXT] = {"", ""};
	struct inet_prefix list[2];
	char on[INET_ENDPOINT_TEXT];
	size_t count = host_addresses(host, list, 2);

	for (size_t i = 0; i < count; i++)
		inet_format_prefix(&list[i], text[i], sizeof(text[i]));
	if (config->listen[0].address.family)
		inet_format_endpoint(&config->listen[0], on, sizeof(on));
	else
		snprintf(on, sizeof(on), "UDP port %u", config->listen[0].port);
	snprintf(line, size, "%s: up on %s, %s%s%s, listening on %s%s",
		 config->name, config->device, text[0], count > 1 ? ", " : "",
		 text[1], on,
		 config->listen_count + config->redirect_count > 1
			 ? " and others"
			 : "");
}

static void start(struct host *host)
{
	struct channel_message message = {.type = CHANNEL_START};
	char line[HOST_REASON_SIZE];

	message.mtu = host_mtu_current(host);
	host_tunnel_send(host, &message);
	describe(host, line, sizeof(line));
	host_up(host, line);
}

void host_server_ready(struct host *host)
{
	if (host_leases_send(host, true))
		start(host);
}

void host_server_drained(struct host *host)
{
	if (host->leases->sending && host_leases_send(host, false))
		start(host);
}

void host_server_check_links(struct host *host)
{
	const struct change_list *applied = journal_changes(host->journal);
	struct change_list list = {0};
	struct reason reason;
	int err = plan_server_new_links(host->context.rtnl, applied, &list);

	if (err) {
		/* What changes meanwhile is notified soon (-EINTR). */
		log_debug("%s: this host's links can't be read: %s",
			  host->config->name, strerror(-err));
	} else if (transition_filters(host->journal, &host->context, &list,
				      &reason)) {
		log_warning("%s: a link that has come is not kept apart from "
			    "this host's others: %s",
			    host->config->name, reason.text);
	}
	change_list_free(&list);
}

/* Adds those of a kind that are applied already. */
static int keep_kind(const struct host *host, enum change_kind kind,
		     struct change_list *wanted)
{
	const struct change_list *applied = journal_changes(host->journal);
	int err = 0;

	for (size_t i = 0; !err && i < applied->count; i++) {
		if (applied->items[i].kind == kind)
			err = change_list_add(wanted, &applied->items[i]);
	}
	return err;
}

int host_server_replan(struct host *host, const struct config *next,
		       struct change_list *wanted, struct reason *reason)
{
	/* The uplink's MTU may be another now, which is not for us to follow;
	 * and what we have written would be found as if it had always been so.
	 */
	bool keep_link = next->mtu == host->config->mtu;
	int err = keep_link ? keep_kind(host, CHANGE_LINK, wanted) : 0;
	size_t kept;

	if (!err)
		err = keep_kind(host, CHANGE_SYSCTL, wanted);
	kept = wanted->count;
	if (!err)
		err = plan_server(host->context.rtnl, next, wanted, reason);
	if (err)
		return err;
	plan_server_keep_links(journal_changes(host->journal), wanted);
	for (size_t i = kept; keep_link && i < wanted->count; i++) {
		if (wanted->items[i].kind == CHANGE_LINK) {
			change_list_remove(wanted, i);
			break;
		}
	}
	return 0;
}
