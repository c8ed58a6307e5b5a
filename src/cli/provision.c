/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `add`, `remove`, `disable`, `enable`: a server's file and those of its
 * clients. */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/secret.h"
#include "cli/server_file.h"
#include "common/config/config.h"
#include "common/date.h"
#include "common/file.h"
#include "common/ipc/control_socket.h"
#include "common/key.h"

#define RELOAD_TIMEOUT 30000 /* milliseconds */

#define ADD                                                                    \
	"add FILE NAME [--address ADDRESS,...] [--expires DATE] [--key KEY] "  \
	"[--output FILE]"

/* What is said of a new client; options are NULL where they are not given. */
struct client {
	const char *file, *name;
	const char *address, *expires, *key, *output;
};

struct keys {
	uint8_t private_key[KEY_SIZE], public_key[KEY_SIZE];
	uint8_t preshared_key[KEY_SIZE];
	char private_text[KEY_TEXT_SIZE], public_text[KEY_TEXT_SIZE];
	char preshared_text[KEY_TEXT_SIZE];
};

static int make_keys(struct keys *keys)
{
	int error = key_generate(keys->private_key);

	if (!error)
		error = key_public(keys->private_key, keys->public_key);
	if (!error)
		error = key_generate(keys->preshared_key);
	if (error)
		return error;
	key_format(keys->private_key, keys->private_text);
	key_format(keys->public_key, keys->public_text);
	key_format(keys->preshared_key, keys->preshared_text);
	return 0;
}

/* HOST:PORT or HOST:FIRST-LAST, brackets around an IPv6 address. */
static void print_host(FILE *stream, const struct config_host *host)
{
	const struct inet_ports ports = config_host_ports(host);
	bool brackets = strchr(host->host, ':');
	char text[INET_PORTS_TEXT];

	fprintf(stream, "%s%s%s:%s", brackets ? "[" : "", host->host,
		brackets ? "]" : "",
		inet_format_ports(&ports, text, sizeof(text)));
}

/* The first: others are on their way out. */
static void print_secret(FILE *stream, const struct config *server)
{
	char text[KEY_TEXT_SIZE];

	if (!server->secret_count)
		return;
	key_format(server->secrets[0], text);
	fprintf(stream,
		"# What goes over the network looks like noise to all others.\n"
		"Secret     = %s\n",
		text);
	explicit_bzero(text, sizeof(text));
}

/* Whoever has made the key has it alone. */
static void print_private_key(FILE *stream, const struct client *client,
			      const struct keys *keys)
{
	if (!client->key)
		fprintf(stream, "PrivateKey = %s\n", keys->private_text);
	else
		fprintf(stream,
			"# The key whose public key is %s\n"
			"# is to be put in here by its owner:\n"
			"# PrivateKey =\n",
			client->key);
}

static void print_client(FILE *stream, const struct config *server,
			 const struct client *client, const char *server_key,
			 const struct keys *keys)
{
	fprintf(stream,
		"# %s's way into %s: see minivpn.conf(5). Keep it secret.\n"
		"[Client]\n"
		"Server     = ",
		client->name, server->name);
	print_host(stream, &server->endpoint);
	fprintf(stream, "\nServerKey  = %s\n", server_key);
	print_private_key(stream, client, keys);
	fprintf(stream,
		"# Recordings stay closed to a quantum computer.\n"
		"PresharedKey = %s\n"
		"Routes     = pushed\n"
		"DNS        = pushed\n",
		keys->preshared_text);
	print_secret(stream, server);
}

/*
 * A running server takes the changed file up; it does not matter where none
 * runs. Nothing is written to standard output, which is the client's file.
 */
static int tell_server(const char *command, const char *tunnel)
{
	const char *why = "no answer that can be understood";
	json_t *answer = NULL;
	int status = CLI_DONE;
	int error;

	error = control_request(tunnel, "reload", RELOAD_TIMEOUT, &answer);
	if (error == -ENOENT || error == -ECONNREFUSED)
		return CLI_DONE;
	if (error == -EACCES) {
		cli_error("%s: whether %s is up is for root to know: if it is, "
			  "\"minivpn reload %s\"",
			  command, tunnel, tunnel);
		return CLI_DONE;
	}
	if (error)
		why = strerror(-error);
	else if (json_string_value(json_object_get(answer, "error")))
		why = json_string_value(json_object_get(answer, "error"));
	if (!error && json_is_true(json_object_get(answer, "ok")))
		fprintf(stderr, "minivpn: %s: %s is up and has taken it up\n",
			command, tunnel);
	else
		status = cli_error("%s: the file is changed, but %s, which is "
				   "up, has not taken it up: %s",
				   command, tunnel, why);
	json_decref(answer);
	return status;
}

/* Whether a client can be added by key at all, and by this name. */
static int check_add(const struct server_file *file, const char *path,
		     const char *name)
{
	const struct config *config = file->config;
	const struct config_peer *peer = config_peer_by_name(config, name);
	const struct include_file *where =
		peer ? include_file(&file->text, peer->line) : NULL;

	if (config->identity == CONFIG_X509)
		return cli_error("add: %s: it goes by certificates: have the "
				 "CA sign one with the CN \"%s\" instead",
				 path, name);
	if (!config->endpoint.host)
		return cli_error("add: %s: by which name do clients reach this "
				 "server? Write \"Endpoint = HOST[:PORT]\" "
				 "into [Server]",
				 path);
	if (peer)
		return cli_error("add: %s:%u: there is a [Peer %s] already",
				 where == file->text.files ? path : where->path,
				 peer->line - (where->first - 1), name);
	return CLI_DONE;
}

static void print_section(FILE *stream, const struct client *client,
			  const struct keys *keys)
{
	fprintf(stream, "[Peer %s]\nPublicKey  = %s\nPresharedKey = %s\n",
		client->name, client->key ? client->key : keys->public_text,
		keys->preshared_text);
	if (client->address)
		fprintf(stream, "Address    = %s\n", client->address);
	if (client->expires)
		fprintf(stream, "Expires    = %s\n", client->expires);
}

/* The only copy of the key is printed once the server's file has the peer. */
static int print_file(const struct client *client, const char *text)
{
	int status;

	if (client->output) {
		printf("%s: written: give it to %s, and keep it secret\n",
		       client->output, client->name);
		return CLI_DONE;
	}
	secret_begin("add");
	fputs(text, stdout);
	status = secret_flush("add");
	if (status != CLI_DONE)
		cli_error("add: the key is lost: \"minivpn remove %s %s\", "
			  "then add it again",
			  client->file, client->name);
	return status;
}

/* The client's file comes first, as it can be taken back. */
static int write_both(struct server_file *file, const struct client *client,
		      const char *section, const char *text)
{
	int err = 0;

	if (client->output)
		err = server_file_write(client->output, text, strlen(text),
					NULL);
	if (err)
		return cli_error("add: %s: %s", client->output,
				 err == -EEXIST
					 ? "is there already, and is left as "
					   "it is"
					 : strerror(-err));
	err = server_file_append(file, section);
	if (!err)
		return print_file(client, text);
	if (client->output)
		unlink(client->output);
	return cli_error("add: %s: %s", client->file,
			 err == -EINVAL ? file->reason.text : strerror(-err));
}

static int add_peer(struct server_file *file, const struct client *client)
{
	char *section = NULL, *text = NULL;
	char server_key[KEY_TEXT_SIZE];
	uint8_t public_key[KEY_SIZE];
	int status = CLI_FAILED;
	size_t sizes[2] = {0};
	FILE *streams[2];
	struct keys keys;

	if (make_keys(&keys) ||
	    key_public(file->config->private_key, public_key))
		return cli_error("add: no key can be made");
	key_format(public_key, server_key);
	streams[0] = open_memstream(&section, &sizes[0]);
	streams[1] = open_memstream(&text, &sizes[1]);
	if (streams[0] && streams[1]) {
		print_section(streams[0], client, &keys);
		print_client(streams[1], file->config, client, server_key,
			     &keys);
	}
	for (size_t i = 0; i < 2; i++) {
		if (streams[i] && fclose(streams[i]))
			streams[i] = NULL;
	}
	if (streams[0] && streams[1])
		status = write_both(file, client, section, text);
	else
		cli_error("add: %s", strerror(ENOMEM));
	file_free(section, sizes[0]);
	file_free(text, sizes[1]);
	explicit_bzero(&keys, sizeof(keys));
	return status;
}

/* What is written into the file as it is must not go on in another line. */
static bool is_line(const char *value)
{
	return !value || !value[strcspn(value, "\r\n#;")];
}

static bool read_arguments(struct client *client, int argc, char **argv)
{
	const char *value;

	for (int i = 1; i < argc; i++) {
		if ((value = cli_option("--address", argc, argv, &i)))
			client->address = value;
		else if ((value = cli_option("--expires", argc, argv, &i)))
			client->expires = value;
		else if ((value = cli_option("--key", argc, argv, &i)))
			client->key = value;
		else if ((value = cli_option("--output", argc, argv, &i)))
			client->output = value;
		else if (argv[i][0] != '-' && !client->file)
			client->file = argv[i];
		else if (argv[i][0] != '-' && !client->name)
			client->name = argv[i];
		else
			return false;
	}
	return client->name && is_line(client->address) &&
	       is_line(client->expires) && is_line(client->key);
}

int cli_add(int argc, char **argv)
{
	struct client client = {0};
	struct server_file file;
	int status;

	if (!read_arguments(&client, argc, argv))
		return cli_usage(ADD);
	if (!config_name_valid(client.name))
		return cli_error("add: \"%s\": not a name: up to %d letters, "
				 "digits and . _ @ -, no . or - first",
				 client.name, SETTINGS_NAME_SIZE - 1);
	secret_keep();
	status = server_file_open(&file, "add", client.file);
	if (status == CLI_DONE)
		status = check_add(&file, client.file, client.name);
	if (status == CLI_DONE)
		status = add_peer(&file, &client);
	if (status == CLI_DONE)
		status = tell_server("add", file.config->name);
	server_file_close(&file);
	return status;
}

static int remove_peer(struct server_file *file, const char *path,
		       const char *name)
{
	const struct config_peer *peer =
		config_peer_by_name(file->config, name);
	int error;

	if (!peer && file->config->identity == CONFIG_X509)
		return cli_error("remove: %s: there is no [Peer %s]: revoke "
				 "its certificate, see CRL in minivpn.conf(5)",
				 path, name);
	if (!peer)
		return cli_error("remove: %s: there is no [Peer %s]", path,
				 name);
	error = server_file_cut(file, peer->line);
	if (error)
		return cli_error("remove: %s: %s",
				 include_file(&file->text, peer->line)->path,
				 strerror(-error));
	if (file->config->identity == CONFIG_X509)
		cli_error("remove: warning: %s still gets in with its "
			  "certificate until the CA revokes it",
			  name);
	return CLI_DONE;
}

int cli_remove(int argc, char **argv)
{
	struct server_file file;
	int status;

	if (argc != 3)
		return cli_usage("remove FILE NAME");
	status = server_file_open(&file, "remove", argv[1]);
	if (status == CLI_DONE)
		status = remove_peer(&file, argv[1], argv[2]);
	if (status == CLI_DONE)
		status = tell_server("remove", file.config->name);
	server_file_close(&file);
	return status;
}

/* With certificates a client may have no section yet. */
static int set_disabled(struct server_file *file, const char *name,
			const struct config_peer *peer, bool disabled)
{
	char section[SETTINGS_NAME_SIZE + 32];

	if (peer)
		return server_file_set(file, peer->line, "Disabled",
				       disabled ? "Disabled = yes\n" : "");
	snprintf(section, sizeof(section), "[Peer %s]\nDisabled = yes\n", name);
	return server_file_append(file, section);
}

static int change_peer(struct server_file *file, const char *command,
		       const char *path, const char *name)
{
	const struct config_peer *peer =
		config_peer_by_name(file->config, name);
	bool disabled = !strcmp(command, "disable");
	char date[DATE_SIZE];
	int err;

	if (!peer && !(disabled && file->config->identity == CONFIG_X509))
		return cli_error("%s: %s: there is no [Peer %s]", command, path,
				 name);
	if (peer && !disabled && peer->expires && peer->expires <= time(NULL))
		cli_error("%s: warning: %s stays out all the same: Expires = "
			  "%s",
			  command, name, date_format_end(peer->expires, date));
	if (peer && peer->disabled == disabled)
		return CLI_DONE;
	err = set_disabled(file, name, peer, disabled);
	if (err)
		return cli_error(
			"%s: %s: %s", command,
			peer ? include_file(&file->text, peer->line)->path
			     : path,
			strerror(-err));
	return CLI_DONE;
}

/* A running server is told of a file that was right before as well. */
static int change(const char *command, int argc, char **argv)
{
	struct server_file file;
	int status;

	if (argc != 3)
		return cli_usage(!strcmp(command, "disable")
					 ? "disable FILE NAME"
					 : "enable FILE NAME");
	if (!config_name_valid(argv[2]))
		return cli_error("%s: \"%s\": not a name", command, argv[2]);
	status = server_file_open(&file, command, argv[1]);
	if (status == CLI_DONE)
		status = change_peer(&file, command, argv[1], argv[2]);
	if (status == CLI_DONE)
		status = tell_server(command, file.config->name);
	server_file_close(&file);
	return status;
}

int cli_disable(int argc, char **argv)
{
	return change("disable", argc, argv);
}

int cli_enable(int argc, char **argv)
{
	return change("enable", argc, argv);
}
