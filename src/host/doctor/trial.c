/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A whole handshake with a server of the file, and whether what it gives can be
 * had here. The server may be hostile, so a process without privileges talks to
 * it, and what that says is checked.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/ipc/channel.h"
#include "common/log.h"
#include "common/process.h"
#include "common/reason.h"
#include "host/change/change.h"
#include "host/dns/resolv_conf.h"
#include "host/doctor/doctor_internal.h"
#include "host/kernel/rtnl.h"
#include "host/plan/plan.h"
#include "host/process/confine.h"
#include "host/process/user.h"
#include "tunnel/client/trial.h"

/* More than client_trial_run() takes. */
#define PATIENCE_MS 10000

static void lost(struct channel_message *answer, int err, const char *reason)
{
	answer->type = CHANNEL_LOST;
	answer->lost.error = err;
	snprintf(answer->lost.reason, sizeof(answer->lost.reason), "%s",
		 reason);
}

/* Files are read before the privileges go. */
static void try_confined(struct client_trial *trial, pid_t parent,
			 struct channel_message *answer)
{
	struct user user = user_unused(user_of_tunnel().uid);
	struct reason reason = {0};
	int err;

	err = credentials_new(&trial->credentials, trial->config, &reason);
	if (!err) {
		err = confine_lookup(&user, parent);
		if (err)
			reason_set(&reason, "no process can be confined: %s",
				   strerror(-err));
	}
	answer->type = CHANNEL_CONFIG;
	if (!err)
		err = client_trial_run(trial, &answer->settings, &reason);
	if (err)
		lost(answer, err, reason.text);
}

static void child(struct client_trial *trial, int channel, pid_t parent)
{
	const int kept[] = {channel, trial->fd};
	struct channel_message answer = {0};

	prctl(PR_SET_NAME, "minivpn-trial", 0, 0, 0);
	log_set_level(LOG_LEVEL_ERROR);
	close_range(STDIN_FILENO, STDERR_FILENO, 0);
	process_close_others(kept, 2);
	try_confined(trial, parent, &answer);
	_exit(write(channel, &answer, sizeof(answer)) == sizeof(answer) ? 0
									: 1);
}

static void await(int channel, struct channel_message *answer)
{
	struct pollfd readable = {.fd = channel, .events = POLLIN};

	if (poll(&readable, 1, PATIENCE_MS) <= 0 ||
	    read(channel, answer, sizeof(*answer)) != sizeof(*answer) ||
	    channel_check(answer) ||
	    (answer->type != CHANNEL_CONFIG && answer->type != CHANNEL_LOST))
		lost(answer, -EPROTO, "the handshake can't be tried");
}

static void run(struct client_trial *trial, struct channel_message *answer)
{
	pid_t pid, parent = getpid();
	int ends[2];

	lost(answer, -EPROTO, "the handshake can't be tried");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return;
	pid = fork();
	if (pid == 0)
		child(trial, ends[1], parent);
	close(ends[1]);
	if (pid > 0) {
		await(ends[0], answer);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	close(ends[0]);
}

/* What the plan only warns of: a route that is left out, and the like. */
static void take_warning(void *data, enum log_level level, const char *line)
{
	if (level <= LOG_LEVEL_WARNING)
		doctor_find(data, DOCTOR_NOTE, "settings", "%s", line);
}

static int plan(const struct plan_client *client, struct change_list *list,
		struct reason *reason)
{
	struct plan_client with = *client;
	int err = plan_routing_find(with.rtnl, &with.routing);

	if (!err)
		err = plan_routing_front(
			with.rtnl, plan_takes_all(with.config, with.settings),
			&with.routing);
	if (err < 0)
		return err;
	err = plan_client(&with, list, reason);
	return err ? err
		   : plan_dns(with.config, with.settings, RESOLV_CONF_PATH,
			      NULL, list);
}

/* up would fail where the file that it has to write is fixed. */
static void check_names(const struct doctor *doctor,
			const struct change_list *list)
{
	struct reason reason;

	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i].kind != CHANGE_RESOLV_CONF ||
		    access(RESOLV_CONF_PATH, W_OK) == 0 || errno == ENOENT)
			continue;
		resolv_conf_explain(RESOLV_CONF_PATH, -errno, &reason);
		doctor_find(doctor, DOCTOR_WRONG, "names", "%s", reason.text);
	}
}

/* Can this host have what the server gives? */
static void judge(const struct doctor *doctor,
		  const struct inet_endpoint *server,
		  const struct settings *pushed)
{
	struct settings settings;
	struct plan_client client = {
		.config = doctor->config,
		.settings = &settings,
		.server = server,
	};
	struct change_list list = {0};
	struct reason reason = {0};
	int err;

	/* What there is in a namespace that is not there yet nobody knows. */
	if (doctor->config->network_namespace || rtnl_open(&client.rtnl))
		return;
	log_set_sink(take_warning, (void *)doctor);
	plan_bound(doctor->config, pushed, &settings);
	err = plan(&client, &list, &reason);
	log_set_sink(NULL, NULL);
	if (err)
		doctor_find(doctor, DOCTOR_WRONG, "settings",
			    "what the server gives can't be had here: %s",
			    reason.text);
	else
		check_names(doctor, &list);
	change_list_free(&list);
	rtnl_close(client.rtnl);
}

/* An administrator of the server has to know our key, and how to add it. */
static void report_unknown(const struct doctor *doctor, const char *reason)
{
	char text[KEY_TEXT_SIZE];
	uint8_t key[KEY_SIZE];

	if (doctor->config->identity != CONFIG_KEYS ||
	    key_public(doctor->config->private_key, key)) {
		doctor_find(doctor, DOCTOR_WRONG, "handshake", "%s", reason);
		return;
	}
	key_format(key, text);
	doctor_find(doctor, DOCTOR_WRONG, "handshake",
		    "%s: in the server's file, below [Peer NAME]: PublicKey = "
		    "%s",
		    reason, text);
}

static const char *advice(const struct config *config, int err)
{
	if (err == -EACCES && config->identity == CONFIG_KEYS)
		return ": if that is the server that you mean, write its key "
		       "into ServerKey, else mend Server";
	if (err == -ETIMEDOUT)
		return ", though it is there: something on the way drops large "
		       "datagrams, or it is busy";
	return "";
}

void doctor_trial(const struct doctor *doctor,
		  const struct inet_endpoint *server, const char *host, int fd)
{
	struct client_trial trial = {
		.config = doctor->config,
		.server_host = host,
		.fd = fd,
	};
	struct channel_message *answer = calloc(1, sizeof(*answer));
	int err;

	if (!answer)
		return;
	run(&trial, answer);
	err = answer->type == CHANNEL_LOST ? answer->lost.error : 0;
	if (answer->type == CHANNEL_CONFIG) {
		doctor_find(doctor, DOCTOR_FINE, "handshake",
			    "the server knows us, and gives an address");
		judge(doctor, server, &answer->settings);
	} else if (strstr(answer->lost.reason, "refuses our key")) {
		report_unknown(doctor, answer->lost.reason);
	} else {
		doctor_find(doctor, DOCTOR_WRONG, "handshake", "%s%s",
			    answer->lost.reason, advice(doctor->config, err));
	}
	free(answer);
}
