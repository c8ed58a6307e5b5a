/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/clock.h"
#include "common/ipc/control_socket.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/config/config.h"
#include "common/owned.h"
#include "common/reason.h"

/* An answer has all clients that there may be, with room to spare. */
#define ANSWER_LIMIT (256u << 20)

static const char *directory(const char *variable, const char *fallback)
{
	const char *value = secure_getenv(variable);

	return value && *value ? value : fallback;
}

const char *control_rundir(void)
{
	return directory("MINIVPN_RUNDIR", "/run/minivpn");
}

const char *control_statedir(void)
{
	return directory("MINIVPN_STATEDIR", "/var/lib/minivpn");
}

int control_path(char *path, size_t size, const char *name, const char *suffix)
{
	int length = snprintf(path, size, "%s/%s.%s", control_rundir(), name,
			      suffix);

	return length < 0 || (size_t)length >= size ? -ENAMETOOLONG : 0;
}

static bool has_file(const char *name, const char *suffix)
{
	char path[PATH_MAX];

	return !control_path(path, sizeof(path), name, suffix) &&
	       access(path, F_OK) == 0;
}

bool control_left_behind(const char *name)
{
	return has_file(name, "journal") || has_file(name, "killswitch");
}

bool control_is_closed(const char *name)
{
	return !has_file(name, "journal") && has_file(name, "killswitch");
}

int control_make_directory(const char *path)
{
	struct stat status;

	if (mkdir(path, 0700) == 0)
		return 0;
	if (errno != EEXIST)
		return -errno;
	if (stat(path, &status) < 0)
		return -errno;
	return S_ISDIR(status.st_mode) ? 0 : -ENOTDIR;
}

int control_claim_directory(const char *path)
{
	struct reason reason;
	int err = owned_check(path, &reason);

	if (err != -ENOENT)
		return err;
	err = control_make_directory(path);
	return err ? err : owned_check(path, &reason);
}

int control_check_directories(struct reason *reason)
{
	if (owned_check(control_rundir(), reason) == -EPERM ||
	    owned_check(control_statedir(), reason) == -EPERM)
		return -EPERM;
	return 0;
}

/*
 * Returns "NAME" of "NAME.sock" and the like, malloc'd, or NULL for other
 * files.
 */
static char *tunnel_of(const char *file)
{
	const char *dot = strrchr(file, '.');
	char *name;

	if (!dot || (strcmp(dot, ".sock") && strcmp(dot, ".journal") &&
		     strcmp(dot, ".killswitch")))
		return NULL;
	name = strndup(file, (size_t)(dot - file));
	if (name && !config_name_valid(name)) {
		free(name);
		name = NULL;
	}
	return name;
}

static bool listed(char **names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(names[i], name))
			return true;
	}
	return false;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int control_list(char ***result, size_t *count)
{
	DIR *handle = opendir(control_rundir());
	struct dirent *entry;
	char **names = NULL;
	size_t found = 0;

	*result = NULL;
	*count = 0;
	if (!handle)
		return errno == ENOENT ? 0 : -errno;
	while ((entry = readdir(handle))) {
		char *name = tunnel_of(entry->d_name);
		char **grown;

		if (!name)
			continue;
		if (listed(names, found, name)) {
			free(name);
			continue;
		}
		grown = reallocarray(names, found + 1, sizeof(*names));
		if (!grown) {
			free(name);
			control_list_free(names, found);
			closedir(handle);
			return -ENOMEM;
		}
		names = grown;
		names[found++] = name;
	}
	closedir(handle);
	if (found)
		qsort(names, found, sizeof(*names), compare_names);
	*result = names;
	*count = found;
	return 0;
}

void control_list_free(char **names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

static int control_connect(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct reason reason;
	int fd, err;

	err = owned_check(control_rundir(), &reason);
	if (err)
		return err;
	err = control_path(address.sun_path, sizeof(address.sun_path), name,
			   "sock");
	if (err)
		return err;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

/* This reads to the end of the stream; the text is malloc'd. */
static int read_answer(int fd, int timeout_ms, char **text, size_t *length)
{
	int64_t deadline = clock_ms(CLOCK_MONOTONIC) + timeout_ms;
	size_t capacity = 0;

	*text = NULL;
	*length = 0;
	for (;;) {
		struct pollfd ready = {.fd = fd, .events = POLLIN};
		int64_t left = deadline - clock_ms(CLOCK_MONOTONIC);
		ssize_t got;

		if (left <= 0 || poll(&ready, 1, (int)left) == 0)
			return -ETIMEDOUT;
		if (*length == capacity) {
			char *grown;

			if (capacity >= ANSWER_LIMIT)
				return -EPROTO;
			capacity = capacity ? 2 * capacity : 4096;
			grown = realloc(*text, capacity);
			if (!grown)
				return -ENOMEM;
			*text = grown;
		}
		got = read(fd, *text + *length, capacity - *length);
		if (got < 0 && errno != EINTR)
			return -errno;
		if (got == 0)
			return 0;
		if (got > 0)
			*length += (size_t)got;
	}
}

static int ask(const char *name, const char *line, int timeout_ms,
	       json_t **answer)
{
	char *text = NULL;
	size_t length;
	int fd, err;

	*answer = NULL;
	fd = control_connect(name);
	if (fd < 0)
		return fd;
	if (send(fd, line, strlen(line), MSG_NOSIGNAL) < 0) {
		err = -errno;
	} else {
		err = read_answer(fd, timeout_ms, &text, &length);
		if (!err) {
			*answer = json_loadb(text, length, 0, NULL);
			err = json_is_object(*answer) ? 0 : -EPROTO;
		}
	}
	if (err) {
		json_decref(*answer);
		*answer = NULL;
	}
	free(text);
	close(fd);
	return err;
}

int control_request(const char *name, const char *request, int timeout_ms,
		    json_t **answer)
{
	char line[CONTROL_REQUEST_SIZE];

	snprintf(line, sizeof(line), "{\"request\":\"%s\"}\n", request);
	return ask(name, line, timeout_ms, answer);
}

int control_request_peer(const char *name, const char *request,
			 const char *peer, int timeout_ms, json_t **answer)
{
	char line[CONTROL_REQUEST_SIZE];

	snprintf(line, sizeof(line), "{\"request\":\"%s\",\"peer\":\"%s\"}\n",
		 request, peer);
	return ask(name, line, timeout_ms, answer);
}
