/* SPDX-License-Identifier: GPL-2.0-or-later */
/* minivpn down [--heal | --killswitch] [NAME], and what is left to heal when
 * nobody answers. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "common/ipc/control_socket.h"
#include "common/log.h"
#include "common/owned.h"
#include "common/reason.h"
#include "host/daemon/killswitch_file.h"
#include "host/process/lock.h"

/* The tunnel has said goodbye and put the host back within this. */
#define DOWN_TIMEOUT_MS 15000
/* Processes that are ending after a kill hold the lock no longer than this. */
#define LOCK_WAIT_MS 2000

/* It is called where nobody answers: nothing was up, or a run was killed. */
static int heal(const char *name, int asked)
{
	bool left = control_left_behind(name), closed;
	int healed, lifted, names, fd, err;
	struct reason reason;
	pid_t holder;

	err = lock_take(name, LOCK_WAIT_MS, &fd, &holder);
	if (err == -EBUSY)
		return cli_error("%s: process %d has it and does not answer "
				 "(%s): end it and try again",
				 name, (int)holder, strerror(-asked));
	if (err) {
		lock_explain(err, &reason);
		return cli_error("%s: %s", name, reason.text);
	}
	healed = lock_heal(name);
	lifted = lock_heal_killswitch(name);
	/* Where a journal can't be carried out, resolv.conf is left to that. */
	names = healed < 0 ? 0 : lock_heal_resolv_conf(name, false);
	lock_drop(name, fd);
	/*
	 * A kill switch alone was left where up has failed, or the janitor has
	 * put the rest back.
	 */
	closed = !healed && lifted > 0;
	if (healed >= 0)
		healed = lifted < 0 ? lifted : healed + lifted;
	if (healed < 0)
		return cli_error("%s: what a killed run left can't be put "
				 "back: %s",
				 name, lock_heal_error(healed));
	if (names < 0)
		return CLI_FAILED;
	if (!left && names > 0)
		printf("minivpn: %s: was not up; name servers that it had left "
		       "are put right\n",
		       name);
	else if (!left)
		return cli_error("%s: is not up", name);
	if (!left)
		return CLI_DONE;
	if (closed)
		printf("minivpn: %s: lifted the kill switch\n", name);
	else
		printf("minivpn: %s: was killed; put back %d changes\n", name,
		       healed);
	return CLI_DONE;
}

/* The tunnel's own log says it already. */
static void be_silent(void *data, enum log_level level, const char *line)
{
	(void)data;
	(void)level;
	(void)line;
}

/* We may have privileges that the processes of the tunnel have not. */
static bool heal_rest(const char *name)
{
	int healed, lifted, fd;
	pid_t holder;

	if (lock_take(name, LOCK_WAIT_MS, &fd, &holder))
		return false;
	log_set_sink(be_silent, NULL);
	healed = lock_heal(name);
	lifted = lock_heal_killswitch(name);
	log_set_sink(NULL, NULL);
	lock_drop(name, fd);
	return healed >= 0 && lifted >= 0;
}

static int take_down(const char *name)
{
	json_t *answer;
	const char *error;
	int err, status = CLI_DONE;

	err = control_request(name, "down", DOWN_TIMEOUT_MS, &answer);
	if (err == -EACCES)
		return cli_error("down: not permitted: run it as root");
	if (err == -ENOENT || err == -ECONNREFUSED || err == -ECONNRESET ||
	    err == -EPROTO)
		return heal(name, err);
	if (err)
		return cli_error("%s: no answer: %s", name, strerror(-err));
	error = json_string_value(json_object_get(answer, "error"));
	if (error && !(control_left_behind(name) && heal_rest(name)))
		status = cli_error("%s: %s", name, error);
	else
		printf("minivpn: %s: down\n", name);
	json_decref(answer);
	return status;
}

/*
 * A service's end puts back what a killed run has left, but for its kill
 * switch. It is silent where there is nothing, or where somebody else has
 * brought the tunnel up.
 */
static int heal_service(const char *name)
{
	int healed, fd;
	pid_t holder;

	if (!control_left_behind(name) ||
	    lock_take(name, LOCK_WAIT_MS, &fd, &holder))
		return CLI_DONE;
	healed = lock_heal(name);
	lock_drop(name, fd);
	if (healed < 0)
		return cli_error("%s: what a killed run left can't be put "
				 "back: %s",
				 name, lock_heal_error(healed));
	if (healed > 0)
		printf("minivpn: %s: was killed; put back %d changes\n", name,
		       healed);
	return CLI_DONE;
}

static int lift_killswitch(const char *name)
{
	struct reason reason;

	if (!killswitch_lift(name, &reason))
		return CLI_DONE;
	return cli_error("%s: %s", name, reason.text);
}

/* A unit of systemd calls these in the end, with a name. */
static int serve_unit(const char *option, const char *name)
{
	if (!strcmp(option, "--heal"))
		return heal_service(name);
	return lift_killswitch(name);
}

/*
 * Without a name it is the only tunnel that is up, or that has left something;
 * after a loss of power that may be a resolv.conf alone.
 */
static char *default_tunnel(void)
{
	char left[CONFIG_NAME_SIZE], **names;
	size_t count = 1;

	if (!control_list(&names, &count))
		control_list_free(names, count);
	return cli_tunnel(count == 0 && lock_left_resolv_conf(left) ? left
								    : NULL);
}

int cli_down(int argc, char **argv)
{
	bool unit = argc == 3 && (!strcmp(argv[1], "--heal") ||
				  !strcmp(argv[1], "--killswitch"));
	char *name;
	int status;

	if (!unit && (argc > 2 || (argc == 2 && argv[1][0] == '-')))
		return cli_usage("down [--heal | --killswitch] [NAME]");
	name = argc > 1 ? cli_tunnel(argv[argc - 1]) : default_tunnel();
	if (!name)
		return CLI_FAILED;
	status = unit ? serve_unit(argv[1], name) : take_down(name);
	free(name);
	return status;
}
