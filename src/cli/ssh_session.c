/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/ssh_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/plan/plan.h"

/* No more processes than these are between this one and sshd. */
#define ANCESTORS 16

/* value is "ADDRESS[%ZONE] PORT ...". */
static int parse_client(const char *value, struct inet_address *client)
{
	char text[INET_ADDRESS_TEXT];
	size_t length = strcspn(value, "% ");

	if (length >= sizeof(text))
		return -1;
	memcpy(text, value, length);
	text[length] = '\0';
	return inet_parse_address(text, client);
}

/*
 * This searches the environment that a process was started with; where it has
 * none, the address stays without a family.
 */
static void find_client(pid_t pid, struct inet_address *client)
{
	static const char *const names[] = {"SSH_CONNECTION=", "SSH_CLIENT="};
	char path[64], *variable = NULL;
	size_t size = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	file = fopen(path, "re");
	while (file && !client->family &&
	       getdelim(&variable, &size, '\0', file) > 0) {
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			size_t length = strlen(names[i]);

			if (strncmp(variable, names[i], length) == 0)
				parse_client(variable + length, client);
		}
	}
	if (file)
		fclose(file);
	free(variable);
}

/* Returns 0 where no parent can be seen. */
static pid_t parent_of(pid_t pid)
{
	char path[64], text[512] = "";
	const char *end;
	FILE *file;
	int parent;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (!fgets(text, sizeof(text), file))
		text[0] = '\0';
	fclose(file);
	/* The name before it may hold anything (proc(5)). */
	end = strrchr(text, ')');
	return end && sscanf(end, ") %*c %d", &parent) == 1 ? parent : 0;
}

/*
 * sudo(8) takes the variables away, but the shell that it was started in has
 * them.
 */
static struct inet_address find_session(void)
{
	struct inet_address client = {0};
	pid_t pid = getpid();

	for (int i = 0; i < ANCESTORS && pid > 0 && !client.family; i++) {
		find_client(pid, &client);
		pid = parent_of(pid);
	}
	return client;
}

void ssh_session_warn(const struct config *config)
{
	char text[INET_ADDRESS_TEXT];
	struct inet_address client;
	bool lan;

	if (!config->kill_switch)
		return;
	client = find_session();
	if (!client.family || !plan_killswitch_cuts(config, &client, &lan))
		return;
	inet_format_address(&client, text, sizeof(text));
	if (lan)
		fprintf(stderr,
			"minivpn: warning: KillSwitch cuts off your SSH "
			"session from %s: KillSwitch = yes, lan would not\n",
			text);
	else
		fprintf(stderr,
			"minivpn: warning: KillSwitch cuts off your SSH "
			"session from %s: KillSwitch = yes, exclude and "
			"Exclude = %s would not\n",
			text, text);
}
