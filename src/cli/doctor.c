/* SPDX-License-Identifier: GPL-2.0-or-later */
/* minivpn doctor [NAME|FILE]: why it does not work, and what to do about it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "common/config/config.h"
#include "common/ipc/control_socket.h"
#include "common/kernel.h"
#include "host/dns/resolv_conf.h"
#include "host/doctor/doctor.h"
#include "host/process/lock.h"

#define USAGE	   "doctor [NAME|FILE]"
#define TIMEOUT_MS 10000

struct findings {
	unsigned wrong, notes;
};

static void say(void *data, enum doctor_verdict verdict, const char *what,
		const char *text)
{
	static const char *const words[] = {
		[DOCTOR_FINE] = "ok",
		[DOCTOR_NOTE] = "note",
		[DOCTOR_WRONG] = "WRONG",
	};
	struct findings *findings = data;

	findings->wrong += verdict == DOCTOR_WRONG;
	findings->notes += verdict == DOCTOR_NOTE;
	printf("%-5s  %s: %s\n", words[verdict], what, text);
	/* A line is shown at once, as the next check may take seconds. */
	fflush(stdout);
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static void check_session(const struct doctor *doctor, const json_t *server)
{
	json_t *heard = json_object_get(server, "last_heard");

	if (!json_is_number(heard))
		doctor_find(doctor, DOCTOR_WRONG, "session",
			    "there is none at this moment: the log says why");
	else if (json_number_value(heard) > 3. * doctor->config->keepalive)
		doctor_find(doctor, DOCTOR_WRONG, "session",
			    "nothing was heard of the server for %.0f s",
			    json_number_value(heard));
	else
		doctor_find(doctor, DOCTOR_FINE, "session",
			    "with %s, heard %.0f s ago",
			    text_of(server, "endpoint"),
			    json_number_value(heard));
}

static void check_runs(const struct doctor *doctor, const json_t *peer)
{
	if (json_is_true(json_object_get(peer, "runs_lost")))
		doctor_find(doctor, DOCTOR_NOTE, "offload",
			    "%s: what the kernel or the network card cuts to "
			    "datagrams (UDP_SEGMENT) is lost on the way, so it "
			    "is not used, which is slower: %s",
			    text_of(peer, "name"),
			    kernel_damages_runs()
				    ? "Linux 7.0.0 to 7.1.4, as here, damage "
				      "it: update the kernel"
				    : "some virtual network cards damage it "
				      "(ethtool -K DEVICE tx-udp-segmentation "
				      "off, and update the host), and a router "
				      "may drop it");
}

/* These findings are what the running tunnel knows of itself. */
static void check_status(const struct doctor *doctor, const json_t *status)
{
	json_t *server = json_object_get(status, "server"), *client, *warning;
	size_t i;

	doctor_find(doctor, DOCTOR_FINE, "tunnel", "%s, device %s, MTU %.0f",
		    text_of(status, "state"), text_of(status, "device"),
		    json_number_value(json_object_get(status, "mtu")));
	if (server)
		check_session(doctor, server);
	else
		doctor_find(
			doctor, DOCTOR_FINE, "clients", "%zu connected",
			json_array_size(json_object_get(status, "clients")));
	check_runs(doctor, server);
	json_array_foreach(json_object_get(status, "clients"), i, client)
		check_runs(doctor, client);
	json_array_foreach(json_object_get(status, "warnings"), i, warning)
		doctor_find(doctor, DOCTOR_NOTE, "warning", "%s",
			    json_string_value(warning));
}

/* Returns a reference to its status, or NULL where it is not up. */
static json_t *ask(const struct doctor *doctor)
{
	const char *name = doctor->config->name;
	json_t *answer = NULL, *status = NULL;
	char left[CONFIG_NAME_SIZE];
	int err = control_request(name, "status", TIMEOUT_MS, &answer);

	if (!err)
		status = json_incref(json_object_get(answer, "status"));
	else if (err != -ENOENT && err != -ECONNREFUSED)
		doctor_find(doctor, DOCTOR_NOTE, "tunnel",
			    "whether it is up can't be told: %s: run it as "
			    "root",
			    strerror(-err));
	else if (control_left_behind(name))
		doctor_find(doctor, DOCTOR_WRONG, "tunnel",
			    "it was killed, and has left changes behind: "
			    "minivpn down %s",
			    name);
	else if (lock_left_resolv_conf(left))
		doctor_find(doctor, DOCTOR_WRONG, "names",
			    RESOLV_CONF_PATH " was left by tunnel %s, which is "
					     "not up: minivpn down %s",
			    left, left);
	json_decref(answer);
	return status;
}

/*
 * Returns the only tunnel that is up, malloc'd, or NULL: then the machine alone
 * is checked.
 */
static char *only_one(void)
{
	char **names, *name = NULL;
	size_t count;

	if (control_list(&names, &count))
		return NULL;
	if (count == 1)
		name = strdup(names[0]);
	control_list_free(names, count);
	return name;
}

/* The path of the file of a tunnel that is up may be anywhere. */
static struct config *load(const char *file_or_name)
{
	char name[CONFIG_NAME_SIZE];
	json_t *answer, *file;
	struct config *config;

	if (strchr(file_or_name, '/') || config_name(file_or_name, name) ||
	    control_request(name, "status", TIMEOUT_MS, &answer))
		return cli_load(file_or_name);
	file = json_object_get(json_object_get(answer, "status"), "file");
	config = cli_load(json_is_string(file) ? json_string_value(file)
					       : file_or_name);
	json_decref(answer);
	return config;
}

static int examine(struct config *config)
{
	struct findings findings = {0};
	struct doctor doctor = {
		.config = config, .report = say, .data = &findings};
	json_t *status = config ? ask(&doctor) : NULL;

	doctor.up = status != NULL;
	if (status)
		check_status(&doctor, status);
	json_decref(status);
	doctor_examine(&doctor);
	if (findings.wrong)
		return cli_error("doctor: %u of that in the way of the tunnel",
				 findings.wrong);
	puts(findings.notes ? "nothing is in its way"
			    : "nothing is wrong here");
	return CLI_DONE;
}

int cli_doctor(int argc, char **argv)
{
	struct config *config = NULL;
	char *name;
	int status;

	if (argc > 2)
		return cli_usage(USAGE);
	if (argc > 1 && argv[1][0] == '-')
		return cli_unknown_option(argv[1], USAGE);
	name = argc > 1 ? strdup(argv[1]) : only_one();
	if (argc > 1 && !name)
		return cli_error("%s: %s", argv[1], strerror(ENOMEM));
	config = name ? load(name) : NULL;
	if (name && !config) {
		free(name);
		return CLI_FAILED;
	}
	free(name);
	status = examine(config);
	config_free(config);
	return status;
}
