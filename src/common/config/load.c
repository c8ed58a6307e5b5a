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
#include "common/config/foreign.h"
#include "common/config/include.h"
#include "common/config/ini.h"
#include "common/config/key_file.h"
#include "common/config/schema.h"
#include "common/file.h"
#include "common/locked.h"
#include "common/memfd.h"

/* Characters of a name that is no key of ours. */
#define NAME_SHOWN 24

/* About a millisecond of reading. */
#define PAUSE_PEERS 256

#define INCLUDES_MAX 64

/* How a key from a file of its own stands before the text in memory. */
#define KEY_OF_FILE "KeyOfFile"

struct include {
	unsigned line;
	char *pattern;
};

struct reading {
	struct config_source source;
	struct config_section *section;	  /* NULL: keys are passed over */
	bool started;			  /* a head was seen */
	const struct config_pause *pause; /* or NULL */
	size_t capacity;		  /* of the arrays of peers */
	struct include_text *text;	  /* NULL: of one piece, from memory */
	bool check_files;		  /* modes, and PEM files */
	unsigned before; /* lines of the files before this one */
	struct include includes[INCLUDES_MAX];
	size_t include_count;
};

static struct diagnostics *reports(struct reading *reading)
{
	return &reading->source.reports;
}

static void begin_main(struct reading *reading, unsigned line,
		       enum schema_section kind)
{
	struct config_section *section = &reading->source.main;

	if (reading->before) {
		diagnostics_error(reports(reading), line,
				  "[%s]: an included file has [Peer NAME] "
				  "sections only",
				  schema_section_name(kind));
		return;
	}
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
	if (reading->pause && config->peer_count % PAUSE_PEERS == 0)
		reading->pause->run(reading->pause->owner);
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

	line += reading->before;
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

/* Which line has a secret in it, for who looks at the file's mode. */
static void note_secret(struct reading *reading, unsigned line, const char *key)
{
	struct include_file *file =
		reading->text ? include_file(reading->text, line) : NULL;

	if (!file || file->secret_line)
		return;
	file->secret_line = line;
	file->secret_key = key;
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
	bool hidden = value.key->flags & (VALUE_SECRET | VALUE_CONFUSED);
	int error;

	if (section->kind == SCHEMA_IN_PEER)
		value.peer = &config->peers[section - reading->source.peers];
	if (!section->given[id])
		section->given[id] = line;
	if (value.key->flags & VALUE_SECRET)
		note_secret(reading, line, value.key->name);
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
				  hidden || !*text ? "" : " = ",
				  hidden ? "" : text, value.reason.text);
}

/* Not a piece of a private key: those have digits in them, and no end. */
static bool is_word(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz"
				     "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_ ");

	return !name[length] && length <= NAME_SHOWN;
}

/*
 * Neither its value, which may be a key under a mistyped name, is shown, nor
 * what has become a name as the = before a key is missing.
 */
static void explain_name(struct reading *reading, unsigned line,
			 const char *name)
{
	enum schema_section kind = reading->section->kind;
	size_t length = strcspn(name, " \t");
	char word[NAME_SHOWN + 1];
	struct reason reason;

	if (is_word(name)) {
		schema_explain(kind, name, &reason);
		diagnostics_error(reports(reading), line, "%s: %s", name,
				  reason.text);
		return;
	}
	snprintf(word, sizeof(word), "%.*s", (int)length, name);
	if (length <= NAME_SHOWN && schema_find(kind, word) != SCHEMA_COUNT)
		diagnostics_error(reports(reading), line,
				  "%s: there is no = behind it", word);
	else
		diagnostics_error(reports(reading), line, "unknown key in [%s]",
				  schema_section_name(kind));
}

/* Memory has them included already. */
static void add_include(struct reading *reading, unsigned line,
			const char *pattern)
{
	struct include *include = &reading->includes[reading->include_count];

	if (reading->before || reading->started || !*pattern) {
		diagnostics_error(reports(reading), line, "include: %s",
				  reading->before    ? "not in an included file"
				  : reading->started ? "belongs before [Server]"
						     : "has no value");
		return;
	}
	if (!reading->text)
		return;
	if (reading->include_count == INCLUDES_MAX) {
		diagnostics_error(reports(reading), line,
				  "include: more than %d of them",
				  INCLUDES_MAX);
		return;
	}
	include->line = line;
	include->pattern = strdup(pattern);
	if (include->pattern)
		reading->include_count++;
	else
		reports(reading)->exhausted = true;
}

static void on_entry(void *data, unsigned line, const char *name,
		     const char *text)
{
	struct reading *reading = data;
	struct config_section *section = reading->section;
	enum schema_id id;

	line += reading->before;
	if (!strcasecmp(name, "include")) {
		add_include(reading, line, text);
		return;
	}
	if (!reading->text && line == 1 && !strcmp(name, KEY_OF_FILE)) {
		key_parse(text, reading->source.config->private_key);
		return;
	}
	if (!reading->started)
		diagnostics_error(reports(reading), line,
				  "%.*s: stands before any section",
				  is_word(name) ? NAME_SHOWN : 0, name);
	if (!section)
		return;
	id = schema_find(section->kind, name);
	if (id == SCHEMA_COUNT) {
		explain_name(reading, line, name);
		return;
	}
	if (section->given[id] && !(schema_key(id)->flags & VALUE_REPEATS)) {
		diagnostics_error(reports(reading), line,
				  "%s: given twice, in line %u too",
				  schema_key(id)->name,
				  section->given[id] - reading->before);
		return;
	}
	read_value(reading, line, id, text);
}

static void on_mistake(void *data, unsigned line, const char *why)
{
	struct reading *reading = data;

	diagnostics_error(reports(reading), line + reading->before, "%s", why);
}

/* The files that may stand in the file itself. */
static const struct {
	const char *name;
	enum schema_id id;
	enum config_pem pem;
} blocks[] = {
	{"certificate", SCHEMA_CERTIFICATE, CONFIG_PEM_CERTIFICATE},
	{"cert", SCHEMA_CERTIFICATE, CONFIG_PEM_CERTIFICATE},
	{"key", SCHEMA_KEY, CONFIG_PEM_KEY},
	{"ca", SCHEMA_CA, CONFIG_PEM_CA},
	{"crl", SCHEMA_CRL, CONFIG_PEM_CRL},
};

static char **path_of(struct config *config, enum config_pem pem)
{
	switch (pem) {
	case CONFIG_PEM_CERTIFICATE:
		return &config->certificate;
	case CONFIG_PEM_KEY:
		return &config->key;
	case CONFIG_PEM_CA:
		return &config->ca;
	case CONFIG_PEM_CRL:
	case CONFIG_PEMS:
		break;
	}
	return &config->crl;
}

/* Messages name it by the file that it stands in, and the block. */
static void keep_text(struct reading *reading, size_t block, const char *text,
		      size_t length)
{
	struct config *config = reading->source.config;
	struct config_pem_text *kept = &config->pem_texts[blocks[block].pem];
	char **path = path_of(config, blocks[block].pem);

	kept->text = malloc(length + 1);
	if (!kept->text ||
	    asprintf(path, "%s <%s>", config->path, blocks[block].name) < 0) {
		reports(reading)->exhausted = true;
		return;
	}
	locked_keep(kept->text, length + 1);
	memcpy(kept->text, text, length);
	kept->text[length] = '\0';
	kept->length = length;
}

static void on_block(void *data, unsigned line, const char *name,
		     const char *text, size_t length)
{
	struct reading *reading = data;
	struct config_section *section = reading->section;
	const size_t count = sizeof(blocks) / sizeof(*blocks);
	size_t i = 0;
	unsigned *given;

	line += reading->before;
	while (i < count && strcasecmp(blocks[i].name, name) != 0)
		i++;
	if (i == count || !section || section->kind == SCHEMA_IN_PEER) {
		diagnostics_error(reports(reading), line,
				  "a block <...>: in [Server] and [Client] "
				  "there may be <certificate>, <key>, <ca> and "
				  "<crl>");
		return;
	}
	given = &section->given[blocks[i].id];
	if (*given) {
		diagnostics_error(reports(reading), line,
				  "<%s>: given twice, in line %u too",
				  blocks[i].name, *given - reading->before);
		return;
	}
	*given = line;
	if (blocks[i].pem == CONFIG_PEM_KEY)
		note_secret(reading, line, "<key>");
	keep_text(reading, i, text, length);
}

static int read_ini(struct reading *reading, const char *text, size_t length)
{
	static const struct ini_hooks hooks = {
		.section = on_section,
		.entry = on_entry,
		.block = on_block,
		.mistake = on_mistake,
	};

	const char *why = NULL;
	unsigned line;

	if (!reading->source.main.kind)
		why = foreign_file(text, length, &line);
	if (why) {
		diagnostics_error(reports(reading), line + reading->before,
				  "%s", why);
		return -EINVAL;
	}
	return ini_read(text, length, &hooks, reading);
}

/* The last one of the text. */
static int read_file(struct reading *reading)
{
	const struct include_text *text = reading->text;
	const struct include_file *file = &text->files[text->count - 1];

	reading->before = file->first - 1;
	reading->started = false;
	reading->section = NULL;
	return read_ini(reading, text->text + file->offset, file->length);
}

static int read_included(struct reading *reading, const struct include *include)
{
	char **paths;
	size_t count, i;
	int err = include_find(reading->source.config->path, include->pattern,
			       &paths, &count);

	if (err) {
		diagnostics_error(reports(reading), include->line,
				  "include = %s: %s", include->pattern,
				  strerror(-err));
		return err == -ENOMEM ? err : 0;
	}
	for (i = 0; i < count && err != -ENOMEM; i++) {
		err = include_open(reading->text, paths[i]);
		if (!err)
			err = read_file(reading);
		else
			diagnostics_error(reports(reading), include->line,
					  "include = %s: %s: %s",
					  include->pattern, paths[i],
					  err == -EINVAL ? "not a regular file"
							 : strerror(-err));
	}
	include_find_free(paths, count);
	return err == -ENOMEM ? err : 0;
}

/* Only what is read from files has any; they come behind the text itself. */
static int read_includes(struct reading *reading)
{
	int err = 0;

	for (size_t i = 0; i < reading->include_count && !err; i++) {
		if (reading->source.main.kind == SCHEMA_IN_CLIENT)
			diagnostics_error(
				reports(reading), reading->includes[i].line,
				"include: belongs in a server's file");
		else
			err = read_included(reading, &reading->includes[i]);
	}
	return err;
}

static int list_included(const struct include_text *text, struct config *config)
{
	config->included = calloc(text->count, sizeof(*config->included));
	if (!config->included)
		return -ENOMEM;
	for (size_t i = 1; i < text->count; i++) {
		config->included[i - 1] = strdup(text->files[i].path);
		if (!config->included[i - 1])
			return -ENOMEM;
		config->included_count++;
	}
	return 0;
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
 * Secrets that others can read, and peers that others can add: both are as
 * good as a key.
 */
static void check_modes(struct config_source *source,
			const struct include_text *text)
{
	for (size_t i = 0; i < text->count; i++) {
		const struct include_file *file = &text->files[i];
		mode_t mode = file->status.st_mode;

		if (file->secret_line && mode & (S_IRWXG | S_IRWXO))
			diagnostics_warning(&source->reports, file->secret_line,
					    "%s: others can read this file: "
					    "chmod 600 %s",
					    file->secret_key, file->path);
		else if (mode & (S_IWGRP | S_IWOTH))
			diagnostics_warning(&source->reports, file->first,
					    "others can write this file: "
					    "chmod go-w %s",
					    file->path);
	}
}

/* PEM files that can't be read, or that others can. */
static void check_pem_files(struct config_source *source)
{
	static const enum schema_id ids[] = {SCHEMA_CERTIFICATE, SCHEMA_KEY,
					     SCHEMA_CA, SCHEMA_CRL};
	const struct config *config = source->config;
	const char *const paths[] = {config->certificate, config->key,
				     config->ca, config->crl};
	struct stat status;
	unsigned line;
	size_t i;

	for (i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		line = source->main.given[ids[i]];
		if (!paths[i] || config->pem_texts[i].text)
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

/* Where the main file names one. */
static void load_key_file(struct reading *reading)
{
	struct config *config = reading->source.config;
	unsigned line = reading->source.main.given[SCHEMA_PRIVATE_KEY_FILE];
	char *path;
	mode_t mode;
	int err = key_file_read(config->path, config->private_key_file,
				config->private_key, &path, &mode);

	if (err == -ENOMEM)
		reports(reading)->exhausted = true;
	else if (err)
		diagnostics_error(reports(reading), line,
				  "PrivateKeyFile = %s: %s",
				  config->private_key_file,
				  err == -EINVAL ? "not a file with a key: 44 "
						   "characters of base64"
						 : strerror(-err));
	else if (reading->check_files && mode & (S_IRWXG | S_IRWXO))
		diagnostics_warning(reports(reading), line,
				    "PrivateKeyFile = %s: others can read it: "
				    "chmod 600 %s",
				    config->private_key_file, path);
	free(path);
}

static int reading_start(struct reading *reading, const char *path)
{
	struct config *config = calloc(1, sizeof(*config));

	*reading = (struct reading){.source.config = config};
	if (!config)
		return -ENOMEM;
	locked_keep(config->private_key, sizeof(config->private_key));
	locked_keep(config->ticket_key, sizeof(config->ticket_key));
	locked_keep(config->secrets, sizeof(config->secrets));
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
	for (size_t i = 0; i < reading->include_count; i++)
		free(reading->includes[i].pattern);
	if (error)
		config_free(reading->source.config);
	else
		*config = reading->source.config;
	return error;
}

static int read_done(struct reading *reading, int err)
{
	struct config *config = reading->source.config;

	if (err)
		return err;
	set_defaults(reading);
	check_sections(reading);
	if (reading->text && config->private_key_file)
		load_key_file(reading);
	config_check(&reading->source);
	if (reading->check_files) {
		check_modes(&reading->source, reading->text);
		check_pem_files(&reading->source);
	}
	if (reading->text)
		err = list_included(reading->text, config);
	return err ? err : config_index(config);
}

static int parse(const char *path, const char *text, size_t length,
		 config_report report, void *data,
		 const struct config_pause *pause, struct config **config)
{
	struct reading reading;
	int err = reading_start(&reading, path);

	reading.pause = pause;
	if (!err)
		err = read_ini(&reading, text, length);
	err = read_done(&reading, err);
	return reading_end(&reading, path, err, report, data, config);
}

int config_parse(const char *path, const char *text, size_t length,
		 config_report report, void *data, struct config **config)
{
	return parse(path, text, length, report, data, NULL, config);
}

static int read_fd(const char *path, int fd, bool check_files,
		   config_report report, void *data, struct include_text *text,
		   struct config **config)
{
	struct reading reading;
	int err;

	*text = (struct include_text){0};
	err = include_read(text, path, fd);
	if (err) {
		if (report)
			report(data, path, 0, false, strerror(-err));
		return err;
	}
	err = reading_start(&reading, path);
	reading.text = text;
	reading.check_files = check_files;
	reading.source.reports.text = text;
	if (!err)
		err = read_file(&reading);
	if (!err)
		err = read_includes(&reading);
	err = read_done(&reading, err);
	return reading_end(&reading, path, err, report, data, config);
}

int config_read(const char *path, int fd, config_report report, void *data,
		struct include_text *text, struct config **config)
{
	return read_fd(path, fd, false, report, data, text, config);
}

int config_load(const char *path, config_report report, void *data,
		struct config **config)
{
	struct include_text text = {0};
	/* A pipe has nothing to say, rather than somebody to wait for. */
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	int err = fd < 0 ? -errno : 0;

	if (!err)
		err = read_fd(path, fd, true, report, data, &text, config);
	else if (report)
		report(data, path, 0, false, strerror(-err));
	if (fd >= 0)
		close(fd);
	include_free(&text);
	return err;
}

int config_map(const char *path, int fd, const struct config_pause *pause,
	       struct config **config)
{
	char *text = NULL;
	size_t length = 0;
	int error = memfd_read(fd, &text, &length);

	if (!error)
		error = parse(path, text, length, NULL, NULL, pause, config);
	file_free(text, length);
	return error;
}

int config_seal(const struct config *config, const struct include_text *text)
{
	static const char head[] = KEY_OF_FILE " = ";
	size_t before =
		config->private_key_file ? sizeof(head) - 1 + KEY_TEXT_SIZE : 0;
	char *whole;
	int fd;

	if (!before)
		return memfd_make(text->text, text->length);
	whole = malloc(before + text->length);
	if (!whole)
		return -ENOMEM;
	memcpy(whole, head, sizeof(head) - 1);
	key_format(config->private_key, whole + sizeof(head) - 1);
	whole[before - 1] = '\n'; /* in the place of its zero */
	memcpy(whole + before, text->text, text->length);
	fd = memfd_make(whole, before + text->length);
	file_free(whole, before + text->length);
	return fd;
}
