/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The server's half of the host process: sockets, plan, leases, reload. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/file.h"
#include "host/host_private.h"
#include "host/socket.h"

static void say_socket(char *reason, size_t size,
		       const struct inet_endpoint *endpoint, int err)
{
	char text[INET_ENDPOINT_TEXT];

	if (endpoint->address.family)
		inet_format_endpoint(endpoint, text, sizeof(text));
	else
		snprintf(text, sizeof(text), "UDP port %u", endpoint->port);
	if (err == -EADDRINUSE)
		snprintf(reason, size,
			 "%s is in use by another program: choose another port "
			 "with Listen, or stop it (ss -lunp names it)",
			 text);
	else if (err == -EADDRNOTAVAIL)
		snprintf(reason, size,
			 "%s: this host has no such address: correct Listen",
			 text);
	else if (err == -EACCES)
		snprintf(reason, size, "%s: not permitted: run it as root",
			 text);
	else
		snprintf(reason, size, "%s: %s", text, strerror(-err));
}

int host_server_open_sockets(struct host *host, char *reason, size_t size)
{
	const struct config *config = host->config;

	if (config->listen_count > TUNNEL_LISTEN) {
		snprintf(reason, size, "more than %d Listen addresses",
			 TUNNEL_LISTEN);
		return -E2BIG;
	}
	for (size_t i = 0; i < config->listen_count; i++) {
		int err = socket_listen(&config->listen[i],
					&host->udp_fds[host->udp_count]);

		if (err) {
			say_socket(reason, size, &config->listen[i], err);
			return err;
		}
		host->udp_count += TUNNEL_SORTS;
	}
	host_mtu_sockets(host);
	return 0;
}

int host_server_prepare(struct host *host, char *reason, size_t size)
{
	struct change_list list = {0};
	int err;

	err = lease_store_open(&host->leases, host->config->name);
	if (err) {
		snprintf(reason, size, "the file of leases can't be read: %s",
			 strerror(-err));
		return err;
	}
	err = plan_server(host->context.rtnl, host->config, &list, reason,
			  size);
	if (!err)
		err = host_transition(host, &list, reason, size);
	change_list_free(&list);
	return err;
}

void host_server_ready(struct host *host)
{
	struct channel_message start = {.type = CHANNEL_START};

	host_lease_send(host);
	start.mtu = host_mtu_planned(host);
	host_send(host, &start);
	host_up(host);
}

void host_server_line(const struct host *host, char *line, size_t size)
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
		 text[1], on, config->listen_count > 1 ? " and others" : "");
}

/* The text in a memfd that nobody can change any more (memfd_create(2)). */
static int seal(const char *text, size_t length)
{
	int fd = memfd_create("config", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int err = fd < 0 ? -errno : file_write(fd, text, length);

	if (!err &&
	    fcntl(fd, F_ADD_SEALS,
		  F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		err = -errno;
	if (err && fd >= 0)
		close(fd);
	return err ? err : fd;
}

/* The caller's to wipe, by file_free(), whatever comes of it. */
static int read_text(const char *path, char **text, size_t *length)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	err = file_read(fd, text, length);
	close(fd);
	return err;
}

struct problems {
	char first[HOST_REASON_SIZE];
	unsigned count;
};

static void note_problem(void *data, const char *path, unsigned line,
			 bool warning, const char *text)
{
	struct problems *problems = data;

	if (warning)
		return;
	log_error("%s:%u: %s", path, line, text);
	if (!problems->count++ && line)
		snprintf(problems->first, sizeof(problems->first),
			 "%.100s:%u: %.300s", path, line, text);
	else if (problems->count == 1)
		snprintf(problems->first, sizeof(problems->first),
			 "%.100s: %.300s", path, text);
}

/* Only routes to peers' networks come and go; the rest waits for down, up. */
static int transition_routes(struct host *host, const struct config *config,
			     char *reason, size_t size)
{
	const struct change_list *force = journal_changes(host->journal);
	struct change_list planned = {0}, wanted = {0};
	int err;

	err = plan_server(host->context.rtnl, config, &planned, reason, size);
	for (size_t i = 0; !err && i < force->count; i++) {
		if (force->items[i].kind != CHANGE_ROUTE)
			err = change_list_add(&wanted, &force->items[i]);
	}
	for (size_t i = 0; !err && i < planned.count; i++) {
		if (planned.items[i].kind == CHANGE_ROUTE)
			err = change_list_add(&wanted, &planned.items[i]);
	}
	if (!err)
		err = host_transition(host, &wanted, reason, size);
	change_list_free(&planned);
	change_list_free(&wanted);
	return err;
}

static int take_up(struct host *host, struct config *config, int fd,
		   char *reason, size_t size)
{
	struct channel_message message = {.type = CHANNEL_RELOAD};
	int err;

	err = config_keep_unreloadable(host->config, config);
	if (err) {
		snprintf(reason, size,
			 "it is a client's file now: down and up");
		return err;
	}
	err = transition_routes(host, config, reason, size);
	if (err) {
		char why[HOST_REASON_SIZE];

		config_keep_unreloadable(host->config, config);
		transition_routes(host, host->config, why, sizeof(why));
		return err;
	}
	/* Also what becomes a tunnel process later must know it. */
	if (nursery_config(&host->nursery, fd))
		log_error("the nursery process has died: a tunnel process that "
			  "has to be started again will know the old file");
	if (host->channel)
		channel_send(host->channel, &message, fd);
	config_free(host->config);
	host->config = config;
	guard_configure(&host->guard, config);
	log_notice("%s: the file is read again: peers: %zu", config->name,
		   config->peer_count);
	return 0;
}

/* Reads and checks the file; -1 with the first mistake in reason. */
static int read_again(struct host *host, struct config **config, char *reason,
		      size_t size)
{
	const char *path = host->config->path;
	struct problems problems = {0};
	char *text = NULL;
	size_t length = 0;
	int fd = read_text(path, &text, &length);

	if (!fd)
		fd = seal(text, length);
	if (fd < 0) {
		snprintf(reason, size, "%.300s: %s (nothing was changed)", path,
			 strerror(-fd));
	} else if (config_parse(path, text, length, note_problem, &problems,
				config)) {
		snprintf(reason, size, "%.480s (nothing was changed)",
			 problems.first);
		close(fd);
		fd = -1;
	} else {
		config_hide_key(*config);
	}
	file_free(text, length);
	return fd;
}

json_t *host_server_reload(struct host *host)
{
	struct config *config = NULL;
	char reason[HOST_REASON_SIZE] = "", *rest;
	json_t *answer;
	int fd = read_again(host, &config, reason, sizeof(reason));

	if (fd < 0)
		return json_pack("{s:b,s:s}", "ok", 0, "error", reason);
	rest = config_unreloadable(host->config, config);
	if (take_up(host, config, fd, reason, sizeof(reason))) {
		config_free(config);
		answer = json_pack("{s:b,s:s}", "ok", 0, "error", reason);
	} else if (rest) {
		answer = json_pack("{s:b,s:s}", "ok", 1, "waiting", rest);
	} else {
		answer = json_pack("{s:b}", "ok", 1);
	}
	free(rest);
	close(fd);
	return answer;
}
