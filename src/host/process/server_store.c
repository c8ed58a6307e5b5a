/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/process/server_store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/ipc/control_socket.h"

/* A name (RFC 1035), an address with its port, and what is between them. */
#define LINE_SIZE (256 + INET_ENDPOINT_TEXT + INET_PORTS_TEXT + 2)
#define HOST_SIZE 256

#define IN_FORCE "killswitch:"

struct entry {
	char host[HOST_SIZE];
	struct inet_endpoint endpoint;
	uint16_t last; /* of its ports; 0: one alone */
};

/* Takes "-LAST" off the text; -EINVAL. */
static int take_last(char *text, uint16_t *last)
{
	char *dash = strrchr(text, '-');
	struct inet_ports ports;

	*last = 0;
	if (!dash)
		return 0;
	*dash++ = '\0';
	if (inet_parse_ports(dash, &ports))
		return -EINVAL;
	*last = ports.first;
	return 0;
}

struct entries {
	char device[IFNAMSIZ]; /* "": no kill switch is applied */
	size_t count;
	struct entry list[LOOKUP_RESULTS];
};

static int store_path(const char *tunnel, char *path, size_t size)
{
	int length = snprintf(path, size, "%s/%s.servers", control_statedir(),
			      tunnel);

	return length < 0 || (size_t)length >= size ? -ENAMETOOLONG : 0;
}

/* Lines that make no sense are passed over. */
static void read_line(char *line, struct entries *entries)
{
	struct entry *entry = &entries->list[entries->count];
	char *rest = strchr(line, ' ');
	size_t length;

	line[strcspn(line, "\n")] = '\0';
	if (!rest)
		return;
	*rest++ = '\0';
	length = strlen(rest);
	if (!strcmp(line, IN_FORCE)) {
		if (length < sizeof(entries->device))
			memcpy(entries->device, rest, length + 1);
		return;
	}
	if (entries->count == LOOKUP_RESULTS || strlen(line) >= HOST_SIZE ||
	    take_last(rest, &entry->last) ||
	    inet_parse_endpoint(rest, &entry->endpoint) ||
	    entry->endpoint.address.family == AF_UNSPEC ||
	    (entry->last &&
	     (!entry->endpoint.port || entry->last <= entry->endpoint.port)))
		return;
	snprintf(entry->host, sizeof(entry->host), "%s", line);
	entries->count++;
}

static int load(const char *tunnel, struct entries *entries)
{
	char path[PATH_MAX], line[LINE_SIZE];
	int err = store_path(tunnel, path, sizeof(path));
	FILE *file;
	int fd;

	memset(entries, 0, sizeof(*entries));
	if (err)
		return err;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	file = fdopen(fd, "r");
	if (!file) {
		close(fd);
		return -ENOMEM;
	}
	while (fgets(line, sizeof(line), file))
		read_line(line, entries);
	fclose(file);
	return 0;
}

static int write_entries(const struct entries *entries, FILE *file)
{
	char text[INET_ENDPOINT_TEXT];

	if (entries->device[0])
		fprintf(file, IN_FORCE " %s\n", entries->device);
	for (size_t i = 0; i < entries->count; i++) {
		fprintf(file, "%s %s", entries->list[i].host,
			inet_format_endpoint(&entries->list[i].endpoint, text,
					     sizeof(text)));
		if (entries->list[i].last)
			fprintf(file, "-%u", entries->list[i].last);
		fputc('\n', file);
	}
	if (fflush(file) || ferror(file))
		return errno ? -errno : -EIO;
	/* It is for the next boot, however this one ends. */
	return fsync(fileno(file)) < 0 ? -errno : 0;
}

static int write_file(const struct entries *entries, const char *path)
{
	FILE *file;
	int err, fd;

	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
		  0600);
	if (fd < 0)
		return -errno;
	file = fdopen(fd, "w");
	if (!file) {
		close(fd);
		return -ENOMEM;
	}
	err = write_entries(entries, file);
	if (fclose(file) && !err)
		err = -errno;
	return err;
}

static int save(const char *tunnel, const struct entries *entries)
{
	char path[PATH_MAX], temporary[PATH_MAX + 4];
	int err = store_path(tunnel, path, sizeof(path));

	if (!err)
		err = control_claim_directory(control_statedir());
	if (err)
		return err;
	snprintf(temporary, sizeof(temporary), "%s.new", path);
	err = write_file(entries, temporary);
	if (!err && rename(temporary, path) < 0)
		err = -errno;
	if (err)
		unlink(temporary);
	return err;
}

static size_t known_of(const struct config_host *server, unsigned index,
		       const struct entries *entries,
		       struct lookup_result *results, size_t size)
{
	struct inet_address address;
	size_t count = 0;

	if (!inet_parse_address(server->host, &address)) {
		results[0] = (struct lookup_result){
			.host = index,
			.endpoint = {address, server->port},
		};
		return 1;
	}
	for (size_t i = 0; i < entries->count && count < size; i++) {
		if (strcasecmp(entries->list[i].host, server->host) != 0)
			continue;
		results[count] = (struct lookup_result){
			.host = index,
			.endpoint = entries->list[i].endpoint,
		};
		results[count++].endpoint.port = server->port;
	}
	return count;
}

static bool is_among(const struct lookup_result *list, size_t count,
		     const struct lookup_result *one)
{
	for (size_t i = 0; i < count; i++)
		if (inet_endpoint_equal(&list[i].endpoint, &one->endpoint))
			return true;
	return false;
}

size_t server_store_known(const struct config *config,
			  struct lookup_result *results)
{
	struct entries entries;
	size_t count = 0;

	load(config->name, &entries);
	for (unsigned i = 0; i < config->server_count; i++) {
		struct lookup_result own[LOOKUP_RESULTS];
		size_t found = known_of(&config->servers[i], i, &entries, own,
					LOOKUP_RESULTS);

		/* A name of two Server lines has each address twice there. */
		for (size_t j = 0; j < found && count < LOOKUP_RESULTS; j++)
			if (!is_among(results, count, &own[j]))
				results[count++] = own[j];
	}
	return count;
}

static bool is_same(const struct entries *a, const struct entries *b)
{
	if (a->count != b->count || strcmp(a->device, b->device) != 0)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->list[i].host, b->list[i].host) != 0 ||
		    !inet_endpoint_equal(&a->list[i].endpoint,
					 &b->list[i].endpoint) ||
		    a->list[i].last != b->list[i].last)
			return false;
	return true;
}

int server_store_raised(const struct config *config,
			const struct lookup_result *list, size_t count)
{
	struct entries old, entries = {0};

	/* Names that are still to be asked for are what they were last. */
	if (!count && load(config->name, &entries))
		memset(&entries, 0, sizeof(entries));
	snprintf(entries.device, sizeof(entries.device), "%s", config->device);
	for (size_t i = 0; i < count && i < LOOKUP_RESULTS; i++) {
		struct entry *entry = &entries.list[entries.count];
		const char *host = config->servers[list[i].host].host;

		if (strlen(host) >= sizeof(entry->host))
			continue;
		snprintf(entry->host, sizeof(entry->host), "%s", host);
		entry->endpoint = list[i].endpoint;
		entry->last = config->servers[list[i].host].last;
		entries.count++;
	}
	/* Each attempt comes here, and the disk is written to for news alone.
	 */
	if (!load(config->name, &old) && is_same(&old, &entries))
		return 0;
	return save(config->name, &entries);
}

int server_store_lifted(const char *tunnel)
{
	struct entries entries;
	int err = load(tunnel, &entries);

	if (err || !entries.device[0])
		return err == -ENOENT ? 0 : err;
	entries.device[0] = '\0';
	return save(tunnel, &entries);
}

int server_store_last(const char *tunnel, struct nft_killswitch *killswitch)
{
	struct entries entries;
	int err = load(tunnel, &entries);

	if (err)
		return err;
	if (!entries.device[0])
		return -ENOENT;
	memset(killswitch, 0, sizeof(*killswitch));
	memcpy(killswitch->device, entries.device, sizeof(killswitch->device));
	for (size_t i = 0; i < entries.count; i++) {
		killswitch->last_ports[killswitch->count] =
			entries.list[i].last;
		killswitch->servers[killswitch->count++] =
			entries.list[i].endpoint;
	}
	return 0;
}
