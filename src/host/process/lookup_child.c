/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/process/lookup_child.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/file.h"
#include "common/process.h"
#include "host/dns/lookup.h"
#include "host/dns/nat64.h"
#include "host/process/confine.h"

#define BLANKS " \t\r"

/* The rest of a line of /etc/hosts that is longer is passed over. */
#define LINE_SIZE 1024

struct child {
	struct lookup_request request;
	struct process_fds servers;
	char *hosts; /* the text of /etc/hosts, or NULL */
	size_t hosts_length;
	struct lookup_answer answer;
};

/* "vpn.example.org." is the same name as that without the dot at its end. */
static bool same_name(const char *a, const char *b)
{
	size_t length = strlen(a), other = strlen(b);

	length -= length > 0 && a[length - 1] == '.';
	other -= other > 0 && b[other - 1] == '.';
	return length == other && !strncasecmp(a, b, length);
}

/* The address of a line that has this name. The line is taken apart. */
static bool line_has(char *line, const char *name, struct inet_address *address)
{
	char *rest, *word;

	line[strcspn(line, "#")] = '\0';
	word = strtok_r(line, BLANKS, &rest);
	if (!word || inet_parse_address(word, address))
		return false;
	while ((word = strtok_r(NULL, BLANKS, &rest)) != NULL) {
		if (same_name(word, name))
			return true;
	}
	return false;
}

static size_t find_in_file(const struct child *child, const char *name,
			   struct inet_address *addresses, size_t size)
{
	const char *at = child->hosts, *end = at + child->hosts_length;
	size_t count = 0;

	while (child->hosts && at < end && count < size) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		int length = (int)((newline ? newline : end) - at);
		char line[LINE_SIZE];

		snprintf(line, sizeof(line), "%.*s", length, at);
		count += line_has(line, name, &addresses[count]);
		at += length + 1;
	}
	return count;
}

/*
 * Addresses, or the error that counts in the end: that no server has an answer,
 * if that is so of one of the names.
 */
static int both(int before, int now)
{
	return now > 0 || before == 0 ? now : before;
}

/*
 * The name is looked for in the domains of "search"; servers that are silent
 * are not asked again.
 */
static int search(const struct child *child, const char *name, int result,
		  struct inet_address *addresses, size_t size)
{
	const struct lookup_search *list = &child->request.search;
	char full[2 * LOOKUP_NAME_SIZE];

	for (unsigned i = 0; i < list->count && result != -ETIMEDOUT; i++) {
		int next;

		snprintf(full, sizeof(full), "%s.%s", name, list->domains[i]);
		next = lookup_query(full, child->servers.list,
				    child->servers.count, addresses, size);
		result = both(result, next);
		if (result > 0)
			break;
	}
	return result;
}

/* The dots in a name say what is tried first (resolv.conf(5)). */
static int ask(const struct child *child, const char *name,
	       struct inet_address *addresses, size_t size)
{
	size_t length = strlen(name);
	unsigned dots = 0;
	bool full = length && name[length - 1] == '.', first;
	int result = 0;

	if (!child->servers.count)
		return child->request.error ? child->request.error : -ENONET;
	for (const char *c = name; *c; c++)
		dots += *c == '.';
	first = full || dots >= child->request.search.ndots;
	if (first)
		result = lookup_query(name, child->servers.list,
				      child->servers.count, addresses, size);
	if (result <= 0 && !full)
		result = search(child, name, result, addresses, size);
	if (result <= 0 && !first && result != -ETIMEDOUT)
		result = both(result, lookup_query(name, child->servers.list,
						   child->servers.count,
						   addresses, size));
	return result;
}

static void explain(struct child *child, const char *name, int result)
{
	const char *why = strerror(-result);

	if (result == 0)
		why = "there is no such name";
	else if (result == -ENONET)
		why = "this host has no name server";
	else if (result == -ETIMEDOUT || result == -ECONNREFUSED)
		why = "no name server answers";
	else if (result == -EAGAIN)
		why = "the name servers can't say";
	else if (result == -EINVAL)
		why = "it can't be a name";
	snprintf(child->answer.reason, sizeof(child->answer.reason),
		 "can't resolve %.150s: %s", name, why);
}

static size_t find(struct child *child, const char *name,
		   struct inet_address *addresses, size_t size)
{
	size_t count;
	int result;

	if (!inet_parse_address(name, addresses))
		return 1;
	count = find_in_file(child, name, addresses, size);
	if (count)
		return count;
	result = ask(child, name, addresses, size);
	if (result > 0)
		return (size_t)result;
	explain(child, name, result);
	return 0;
}

static void lookup_all(struct child *child)
{
	struct lookup_answer *answer = &child->answer;

	for (uint32_t i = 0;
	     i < child->request.count && answer->count < LOOKUP_RESULTS; i++) {
		const struct lookup_name *name = &child->request.names[i];
		struct inet_address addresses[LOOKUP_RESULTS];
		size_t found = find(child, name->name, addresses,
				    LOOKUP_RESULTS - answer->count);

		for (size_t j = 0; j < found; j++)
			answer->results[answer->count++] =
				(struct lookup_result){
					.host = i,
					.endpoint = {addresses[j], name->port}};
	}
}

static void lookup_behind(struct child *child)
{
	struct lookup_answer *answer = &child->answer;
	struct inet_address addresses[LOOKUP_RESULTS];
	size_t found = find(child, NAT64_NAME, addresses, LOOKUP_RESULTS);
	struct inet_prefix prefix;
	size_t i = 0;

	while (i < found && !nat64_prefix(&addresses[i], &prefix))
		i++;
	if (i == found)
		return;
	for (i = 0; i < child->request.behind_count; i++) {
		struct lookup_result *result =
			&answer->results[answer->count++];

		*result = child->request.behind[i];
		result->endpoint.address =
			nat64_address(&prefix, &result->endpoint.address);
	}
}

/* The message is host's, and not hostile; that is what comes by the sockets. */
static bool receive(struct child *child, int fd)
{
	struct process_fds *servers = &child->servers;

	if (process_receive(fd, &child->request, sizeof(child->request),
			    servers) != sizeof(child->request))
		return false;
	if (!child->request.has_hosts_file)
		return true;
	if (!servers->count)
		return false;
	if (file_read(servers->list[0], &child->hosts, &child->hosts_length))
		child->hosts = NULL;
	close(servers->list[0]);
	servers->count--;
	memmove(servers->list, servers->list + 1,
		servers->count * sizeof(servers->list[0]));
	return true;
}

void lookup_child_main(int fd, const struct user *user, pid_t parent)
{
	struct child *child = calloc(1, sizeof(*child));

	prctl(PR_SET_NAME, "minivpn-lookup", 0, 0, 0);
	/*
	 * No descriptor of the others lives on in here, nor does the tunnel's
	 * lock.
	 */
	close_range(STDIN_FILENO, STDERR_FILENO, 0);
	process_close_others(&fd, 1);
	if (!child || !receive(child, fd) || confine_lookup(user, parent))
		_exit(1);
	if (child->request.behind_count)
		lookup_behind(child);
	else
		lookup_all(child);
	_exit(write(fd, &child->answer, sizeof(child->answer)) ==
			      sizeof(child->answer)
		      ? 0
		      : 1);
}
