/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests that change a network: namespaces of their own, the words of ip to
 * furnish them, and their whole state as text to compare.
 */
#ifndef MINIVPN_TESTS_NETNS_H
#define MINIVPN_TESTS_NETNS_H

#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NETNS_WORDS 24

extern char **environ;

static inline bool netns_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t length = strlen(text);
	bool done = fd >= 0 && write(fd, text, length) == length;

	if (fd >= 0)
		close(fd);
	return done;
}

/* A new network namespace, where need be in a new user namespace; 0, -1. */
static inline int netns_enter(void)
{
	char map[64];
	uid_t uid = getuid();
	gid_t gid = getgid();

	if (unshare(CLONE_NEWNET) == 0)
		return 0;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return -1;
	snprintf(map, sizeof(map), "0 %u 1", uid);
	if (!netns_write("/proc/self/setgroups", "deny") ||
	    !netns_write("/proc/self/uid_map", map))
		return -1;
	snprintf(map, sizeof(map), "0 %u 1", gid);
	return netns_write("/proc/self/gid_map", map) ? 0 : -1;
}

/* This runs a command of words between single spaces; its output goes to fd. */
static inline int netns_run_to(int fd, const char *command)
{
	char copy[256], *words[NETNS_WORDS] = {NULL}, *rest = copy;
	posix_spawn_file_actions_t actions;
	int status = -1;
	pid_t pid;

	snprintf(copy, sizeof(copy), "%s", command);
	for (int i = 0; i < NETNS_WORDS - 1 && rest; i++)
		words[i] = strsep(&rest, " ");
	posix_spawn_file_actions_init(&actions);
	if (fd >= 0)
		posix_spawn_file_actions_adddup2(&actions, fd, STDOUT_FILENO);
	if (posix_spawnp(&pid, words[0], &actions, NULL, words, environ) == 0)
		waitpid(pid, &status, 0);
	posix_spawn_file_actions_destroy(&actions);
	return status;
}

static inline int netns_run(const char *command)
{
	return netns_run_to(-1, command);
}

/* What the commands say, up to a NULL; the caller frees it. */
static inline char *netns_output(const char *const commands[])
{
	FILE *file = tmpfile();
	char *text = NULL;
	long size;

	if (!file)
		return NULL;
	for (size_t i = 0; commands[i]; i++)
		netns_run_to(fileno(file), commands[i]);
	fseek(file, 0, SEEK_END);
	size = ftell(file);
	rewind(file);
	if (size >= 0)
		text = calloc(1, size + 1);
	if (text && fread(text, 1, size, file) != (size_t)size) {
		free(text);
		text = NULL;
	}
	fclose(file);
	return text;
}

/* This waits until a command prints it. */
static inline void netns_await(const char *command, const char *said)
{
	const char *const commands[] = {command, NULL};
	bool found = false;

	while (!found) {
		char *text = netns_output(commands);

		found = !text || strstr(text, said);
		free(text);
	}
}

/* A worker of the kernel finds out that a link has its carrier (linkwatch). */
static inline void netns_await_up(const char *name)
{
	char command[128];

	snprintf(command, sizeof(command), "ip link show dev %s", name);
	netns_await(command, " state UP ");
}

/*
 * A link that is up and does nothing by itself: one end of a veth pair, as not
 * every kernel has dummy.
 */
static inline int netns_link(const char *name)
{
	char command[128];
	int error;

	snprintf(command, sizeof(command),
		 "ip link add %s type veth peer name x%s", name, name);
	error = netns_run(command);
	for (int i = 0; i < 2; i++) {
		snprintf(command, sizeof(command),
			 "ip link set dev %s%s addrgenmode none up",
			 i ? "x" : "", name);
		error |= netns_run(command);
	}
	for (int i = 0; !error && i < 2; i++) {
		snprintf(command, sizeof(command), "%s%s", i ? "x" : "", name);
		netns_await_up(command);
	}
	return error;
}

/* lo, and eth0 as the way to the world: 192.168.1.2, gateway 192.168.1.1. */
static inline int netns_uplink(void)
{
	return netns_enter() || netns_run("ip link set lo up") ||
			       netns_link("eth0") ||
			       netns_run("ip address add 192.168.1.2/24 "
					 "dev eth0") ||
			       netns_run("ip route add default via "
					 "192.168.1.1")
		       ? -1
		       : 0;
}

/* Links, addresses, routes, tables and settings, to be compared. */
static inline char *netns_state(void)
{
	static const char *const commands[] = {
		"ip -j link show",
		"ip -j address show",
		"ip -4 -j route show table all",
		"ip -6 -j route show table all",
		"nft -j list ruleset",
		"grep -rs . /proc/sys/net/ipv4/conf /proc/sys/net/ipv6/conf "
		"/proc/sys/net/ipv4/ip_forward",
		NULL,
	};

	return netns_output(commands);
}

#endif
