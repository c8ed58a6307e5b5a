/* SPDX-License-Identifier: GPL-2.0-or-later */
/* minivpn doctor [NAME|FILE] [--json]: why it does not work, and what to do. */
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

#define USAGE	   "doctor [NAME|FILE] [--json]"
#define TIMEOUT_MS 10000
/* More names are cut off. */
#define OTHERS_SIZE 512

struct findings {
	unsigned wrong, notes;
	json_t *list; /* NULL: each is printed at once */
};

static void say(void *data, const struct doctor_finding *finding)
{
	static const struct {
		const char *text, *json;
	} words[] = {
		[DOCTOR_FINE] = {"ok", "ok"},
		[DOCTOR_NOTE] = {"note", "note"},
		[DOCTOR_WRONG] = {"WRONG", "wrong"},
	};
	struct findings *findings = data;

	findings->wrong += finding->verdict == DOCTOR_WRONG;
	findings->notes += finding->verdict == DOCTOR_NOTE;
	if (findings->list) {
		json_array_append_new(
			findings->list,
			json_pack("{s:s, s:s, s:s, s:s?}", "level",
				  words[finding->verdict].json, "what",
				  finding->what, "text", finding->text,
				  "remedy", finding->remedy));
		return;
	}
	printf("%-5s  %s: %s\n", words[finding->verdict].text, finding->what,
	       finding->text);
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

	/* Which rule or route is at fault is among the warnings. */
	doctor_find(doctor,
		    strcmp(text_of(status, "state"), "leaking") == 0
			    ? DOCTOR_WRONG
			    : DOCTOR_FINE,
		    "tunnel", "%s, device %s, MTU %.0f",
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

static void find_left(const struct doctor *doctor, const char *what,
		      const char *name, const char *text)
{
	char remedy[CONFIG_NAME_SIZE + 16];

	snprintf(remedy, sizeof(remedy), "minivpn down %s", name);
	doctor_find_remedy(doctor, what, remedy, "%s: %s", text, remedy);
}

/* Returns a reference to its status, or NULL where it is not up. */
static json_t *ask(struct doctor *doctor)
{
	const char *name = doctor->config->name;
	json_t *answer = NULL, *status = NULL;
	char left[CONFIG_NAME_SIZE];
	int err = control_request(name, "status", TIMEOUT_MS, &answer);

	doctor->unsure = err && err != -ENOENT && err != -ECONNREFUSED;
	if (!err)
		status = json_incref(json_object_get(answer, "status"));
	else if (doctor->unsure)
		doctor_find(doctor, DOCTOR_NOTE, "tunnel",
			    "whether it is up can't be told: %s: run it as "
			    "root",
			    strerror(-err));
	else if (control_left_behind(name))
		find_left(doctor, "tunnel", name,
			  "it was killed, and has left changes behind");
	else if (lock_left_resolv_conf(left))
		find_left(doctor, "names", left,
			  RESOLV_CONF_PATH " was left by a tunnel that is not "
					   "up");
	json_decref(answer);
	return status;
}

/*
 * Returns the only tunnel that is up, malloc'd, or NULL; then names has all of
 * them, or of those that could be.
 */
static char *only_one(char *names, size_t size)
{
	char **list, *name = NULL;
	size_t count;

	names[0] = '\0';
	if (control_list(&list, &count))
		return NULL;
	if (count == 1)
		name = strdup(list[0]);
	for (size_t i = 0; i < count; i++) {
		size_t at = strlen(names);

		snprintf(names + at, size - at, "%s%s", at ? ", " : "",
			 list[i]);
	}
	control_list_free(list, count);
	if (!count)
		config_names(names, size);
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

static int report(const struct findings *findings)
{
	int err;

	if (findings->list) {
		err = json_dumpf(findings->list, stdout,
				 JSON_INDENT(2) | JSON_PRESERVE_ORDER);
		if (err)
			return cli_error("doctor: %s", strerror(ENOMEM));
		putchar('\n');
	}
	if (findings->wrong)
		return cli_error("doctor: %u of that in the way of the tunnel",
				 findings->wrong);
	if (!findings->list)
		puts(findings->notes ? "nothing is in its way"
				     : "nothing is wrong here");
	return CLI_DONE;
}

static int examine(const struct config *config, const char *others, bool json)
{
	struct findings findings = {.list = json ? json_array() : NULL};
	struct doctor doctor = {
		.config = config, .report = say, .data = &findings};
	json_t *status = config ? ask(&doctor) : NULL;
	int result;

	doctor.up = status != NULL;
	if (status)
		check_status(&doctor, status);
	json_decref(status);
	doctor_examine(&doctor);
	if (!config && others[0])
		doctor_find(&doctor, DOCTOR_NOTE, "tunnels",
			    "none was examined: minivpn doctor NAME, which is "
			    "one of: %s",
			    others);
	result = report(&findings);
	json_decref(findings.list);
	return result;
}

/* Sets *name to what is to be examined, NULL: what there is. */
static int parse(int argc, char **argv, const char **name, bool *json)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0)
			*json = true;
		else if (argv[i][0] == '-')
			return cli_unknown_option(argv[i], USAGE);
		else if (*name)
			return cli_usage(USAGE);
		else
			*name = argv[i];
	}
	return CLI_DONE;
}

int cli_doctor(int argc, char **argv)
{
	struct config *config = NULL;
	const char *name = NULL;
	bool json = false;
	char *only = NULL, others[OTHERS_SIZE] = "";
	int status = parse(argc, argv, &name, &json);

	if (status != CLI_DONE)
		return status;
	if (!name)
		name = only = only_one(others, sizeof(others));
	config = name ? load(name) : NULL;
	status = name && !config ? CLI_FAILED : examine(config, others, json);
	config_free(config);
	free(only);
	return status;
}
