/* SPDX-License-Identifier: GPL-2.0-or-later */
/* This makes a struct config of a file's text: sections, keys, defaults. */
#include "common/config/load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/config/check.h"
#include "common/config/ini.h"
#include "common/config/schema.h"
#include "common/file.h"
#include "common/locked.h"
#include "common/memfd.h"

struct reading {
	struct config_source source;
	struct config_section *section; /* NULL: keys are passed over */
	bool started;			/* a head was seen */
	size_t capacity;		/* of the arrays of peers */
};

static struct diagnostics *reports(struct reading *reading)
{
	return &reading->source.reports;
}

static void begin_main(struct reading *reading, unsigned line,
		       enum schema_section kind)
{
	struct config_section *section = &reading->source.main;

	if (section->kind == kind) {
		diagnostics_error(reports(reading), line,
				  "[%s]: a second one; the first is in line %u",
				  schema_section_name(kind), section->line);
		reading->section = section;
		return;
	}
	if (section->kind) {
		diagnostics_error(
			reports(reading), line,
			"[%s]: a file is a server's or a client's; there "
			"is [%s] in line %u",
			schema_section_name(kind),
			schema_section_name(section->kind), section->line);
		return;
	}
	section->kind = kind;
	section->line = line;
	reading->source.config->role =
		kind == SCHEMA_IN_SERVER ? CONFIG_SERVER : CONFIG_CLIENT;
	reading->section = section;
}

/* This makes room for one more peer and its section, by doubling. */
static bool grow_peers(struct reading *reading)
{
	struct config *config = reading->source.config;
	size_t capacity = reading->capacity ? reading->capacity * 2 : 16;
	struct config_section *sections;
	struct config_peer *peers;

	if (config->peer_count < reading->capacity)
		return true;
	peers = reallocarray(config->peers, capacity, sizeof(*peers));
	if (!peers)
		return false;
	config->peers = peers;
	sections = reallocarray(reading->source.peers, capacity,
				sizeof(*sections));
	if (!sections)
		return false;
	reading->source.peers = sections;
	reading->capacity = capacity;
	return true;
}

static void begin_peer(struct reading *reading, unsigned line, const char *name)
{
	struct config *config = reading->source.config;
	struct config_peer *peer;

	if (!grow_peers(reading)) {
		reports(reading)->exhausted = true;
		return;
	}
	peer = &config->peers[config->peer_count];
	reading->section = &reading->source.peers[config->peer_count];
	config->peer_count++;
	*peer = (struct config_peer){.line = line};
	*reading->section = (struct config_section){
		.kind = SCHEMA_IN_PEER,
		.line = line,
	};
	if (!*name)
		diagnostics_error(
			reports(reading), line,
			"[Peer]: a peer needs a name, as in [Peer alice]");
	else if (!config_name_valid(name))
		diagnostics_error(
			reports(reading), line,
			"[Peer %s]: not a name: up to %d letters, digits "
			"and . _ @ -, no . or - first",
			name, SETTINGS_NAME_SIZE - 1);
	else
		snprintf(peer->name, sizeof(peer->name), "%s", name);
}

static void on_section(void *data, unsigned line, const char *head)
{
	struct reading *reading = data;
	const char *name;
	size_t word;

	reading->started = true;
	reading->section = NULL;
	if (!head)
		return;
	word = strcspn(head, " \t");
	name = head + word + strspn(head + word, " \t");
	if (!strcasecmp(head, "Server"))
		begin_main(reading, line, SCHEMA_IN_SERVER);
	else if (!strcasecmp(head, "Client"))
		begin_main(reading, line, SCHEMA_IN_CLIENT);
	else if (word == 4 && !strncasecmp(head, "Peer", word))
		begin_peer(reading, line, name);
	else
		diagnostics_error(reports(reading), line,
				  "[%s]: unknown section: there are [Server], "
				  "[Client] and [Peer NAME]",
				  head);
}

static void read_value(struct reading *reading, unsigned line,
		       enum schema_id id, const char *text)
{
	struct config_section *section = reading->section;
	struct config *config = reading->source.config;
	struct value value = {
		.key = schema_key(id),
		.config = config,
		.text = text,
		.again = section->given[id],
	};
	bool secret = value.key->flags & VALUE_SECRET;
	int error;

	if (section->kind == SCHEMA_IN_PEER)
		value.peer = &config->peers[section - reading->source.peers];
	if (!section->given[id])
		section->given[id] = line;
	if (*text) {
		error = value.key->read(&value);
	} else {
		reason_set(&value.reason, "has no value");
		error = -EINVAL;
	}
	if (error == -ENOMEM)
		reports(reading)->exhausted = true;
	else if (error)
		diagnostics_error(reports(reading), line, "%s%s%s: %s",
				  value.key->name,
				  secret || !*text ? "" : " = ",
				  secret ? "" : text, value.reason.text);
}

static void on_entry(void *data, unsigned line, const char *name,
		     const char *text)
{
	struct reading *reading = data;
	struct config_section *section = reading->section;
	struct reason reason;
	enum schema_id id;

	if (!reading->started)
		diagnostics_error(reports(reading), line,
				  "%s: stands before any section", name);
	if (!section)
		return;
	id = schema_find(section->kind, name);
	/* The value is not shown, as it may be a key under a mistyped name. */
	if (id == SCHEMA_COUNT) {
		schema_explain(section->kind, name, &reason);
		diagnostics_error(reports(reading), line, "%s: %s", name,
				  reason.text);
		return;
	}
	if (section->given[id] && !(schema_key(id)->flags & VALUE_REPEATS)) {
		diagnostics_error(reports(reading), line,
				  "%s: given twice, in line %u too",
				  schema_key(id)->name, section->given[id]);
		return;
	}
	read_value(reading, line, id, text);
}

static void on_mistake(void *data, unsigned line, const char *why)
{
	struct reading *reading = data;

	diagnostics_error(reports(reading), line, "%s", why);
}

static void set_defaults(struct reading *reading)
{
	struct config_section *section = &reading->source.main;
	struct config *config = reading->source.config;
	enum schema_id id;

	for (id = 0; id < SCHEMA_COUNT; id++) {
		const struct value_key *key = schema_key(id);
		struct value value = {.key = key, .config = config};

		value.text = config->role == CONFIG_SERVER
				     ? key->server_default
				     : key->client_default;
		if (!(key->sections & section->kind) || section->given[id] ||
		    !value.text)
			continue;
		if (key->read(&value))
			reports(reading)->exhausted = true;
	}
	/* A server that listens on one port is reached there. */
	if (config->endpoint.host && !config->endpoint.port)
		config->endpoint.port = config->listen_count
						? config->listen[0].port
						: CONFIG_PORT;
}

static void check_sections(struct reading *reading)
{
	struct config_source *source = &reading->source;

	if (!source->main.kind)
		diagnostics_error(&source->reports, 0,
				  "neither [Server] nor [Client] in it");
	if (source->main.kind == SCHEMA_IN_CLIENT && source->config->peer_count)
		diagnostics_error(&source->reports, source->peers[0].line,
				  "[Peer]: belongs in a server's file");
}

/*
 * This is about files on disk: secrets that others can read, and PEM files that
 * we can't.
 */
static void check_files(struct config_source *source, mode_t mode)
{
	static const enum schema_id ids[] = {SCHEMA_CERTIFICATE, SCHEMA_KEY,
					     SCHEMA_CA, SCHEMA_CRL};
	const struct config *config = source->config;
	const char *const paths[] = {config->certificate, config->key,
				     config->ca, config->crl};
	unsigned line = source->main.given[SCHEMA_PRIVATE_KEY];
	struct stat status;
	size_t i;

	if (line && mode & (S_IRWXG | S_IRWXO))
		diagnostics_warning(&source->reports, line,
				    "PrivateKey: others can read this file: "
				    "chmod 600 %s",
				    config->path);
	for (i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		line = source->main.given[ids[i]];
		if (!paths[i])
			continue;
		if (stat(paths[i], &status) || access(paths[i], R_OK))
			diagnostics_error(&source->reports, line, "%s = %s: %s",
					  schema_key(ids[i])->name, paths[i],
					  strerror(errno));
		else if (ids[i] == SCHEMA_KEY &&
			 status.st_mode & (S_IRWXG | S_IRWXO))
			diagnostics_warning(&source->reports, line,
					    "Key = %s: others can read it: "
					    "chmod 600 %s",
					    paths[i], paths[i]);
	}
}

static int reading_start(struct reading *reading, const char *path)
{
	struct config *config = calloc(1, sizeof(*config));

	*reading = (struct reading){.source.config = config};
	if (!config)
		return -ENOMEM;
	locked_keep(config->private_key, sizeof(config->private_key));
	config->path = strdup(path);
	if (!config->path)
		return -ENOMEM;
	if (config_name(path, config->name))
		diagnostics_error(
			reports(reading), 0,
			"a tunnel can't have this file's name: up to %d "
			"letters, digits and . _ @ - before %s",
			CONFIG_NAME_SIZE - 1, ".conf");
	return 0;
}

static int reading_end(struct reading *reading, const char *path, int error,
		       config_report report, void *data, struct config **config)
{
	struct diagnostics *list = reports(reading);

	if (error == -ENOMEM)
		list->exhausted = true;
	diagnostics_tell(list, path, report, data);
	if (list->exhausted)
		error = -ENOMEM;
	else if (list->wrong)
		error = -EINVAL;
	diagnostics_free(list);
	free(reading->source.peers);
	if (error)
		config_free(reading->source.config);
	else
		*config = reading->source.config;
	return error;
}

/* mode is that of the file on disk, 0 where there is none. */
static int read_text(const char *path, const char *text, size_t length,
		     mode_t mode, config_report report, void *data,
		     struct config **config)
{
	static const struct ini_hooks hooks = {
		.section = on_section,
		.entry = on_entry,
		.mistake = on_mistake,
	};
	struct reading reading;
	int error = reading_start(&reading, path);

	if (!error)
		error = ini_read(text, length, &hooks, &reading);
	if (!error) {
		set_defaults(&reading);
		check_sections(&reading);
		config_check(&reading.source);
		if (mode)
			check_files(&reading.source, mode);
		error = config_index(reading.source.config);
	}
	return reading_end(&reading, path, error, report, data, config);
}

int config_parse(const char *path, const char *text, size_t length,
		 config_report report, void *data, struct config **config)
{
	return read_text(path, text, length, 0, report, data, config);
}

int config_load(const char *path, config_report report, void *data,
		struct config **config)
{
	struct stat status;
	char *text = NULL;
	size_t length = 0;
	int error = 0;
	/*
	 * O_NONBLOCK makes a pipe without a writer empty, where open() would
	 * wait.
	 */
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &status))
		error = -errno;
	if (!error)
		error = file_read(fd, &text, &length);
	if (fd >= 0)
		close(fd);
	if (error) {
		if (report)
			report(data, path, 0, false, strerror(-error));
		return error;
	}
	error = read_text(path, text, length, status.st_mode, report, data,
			  config);
	file_free(text, length);
	return error;
}

int config_map(const char *path, int fd, struct config **config)
{
	char *text = NULL;
	size_t length = 0;
	int error = memfd_read(fd, &text, &length);

	if (!error)
		error = config_parse(path, text, length, NULL, NULL, config);
	file_free(text, length);
	return error;
}
