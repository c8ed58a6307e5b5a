/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `init`, `add`, `remove`: a server's file and those of its clients. */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/secret.h"
#include "cli/server_file.h"
#include "common/config/config.h"
#include "common/ipc/control_socket.h"
#include "common/key.h"

#define RELOAD_TIMEOUT 30000 /* milliseconds */

/* Of a new client. */
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

static void print_client(FILE *stream, const struct config *server,
			 const char *name, const char *server_key,
			 const struct keys *keys)
{
	fprintf(stream,
		"# %s's way into %s: see minivpn.conf(5). Keep it secret.\n"
		"[Client]\n"
		"Server     = ",
		name, server->name);
	print_host(stream, &server->endpoint);
	fprintf(stream,
		"\n"
		"ServerKey  = %s\n"
		"PrivateKey = %s\n"
		"# Recordings stay closed to a quantum computer.\n"
		"PresharedKey = %s\n"
		"Routes     = pushed\n"
		"DNS        = pushed\n",
		server_key, keys->private_text, keys->preshared_text);
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

static int add_peer(struct server_file *file, const char *path,
		    const char *name)
{
	char section[SETTINGS_NAME_SIZE + 2 * KEY_TEXT_SIZE + 64];
	char server_key[KEY_TEXT_SIZE];
	uint8_t public_key[KEY_SIZE];
	struct keys keys;
	int status, error;

	if (make_keys(&keys) ||
	    key_public(file->config->private_key, public_key))
		return cli_error("add: no key can be made");
	key_format(public_key, server_key);
	snprintf(section, sizeof(section),
		 "[Peer %s]\nPublicKey  = %s\nPresharedKey = %s\n", name,
		 keys.public_text, keys.preshared_text);
	error = server_file_append(file, section);
	if (error) {
		status = cli_error("add: %s: %s", path, strerror(-error));
	} else {
		secret_begin("add");
		print_client(stdout, file->config, name, server_key, &keys);
		status = secret_flush("add");
		if (status != CLI_DONE)
			cli_error("add: the key is lost: \"minivpn remove %s "
				  "%s\", then add it again",
				  path, name);
	}
	explicit_bzero(&keys, sizeof(keys));
	explicit_bzero(section, sizeof(section));
	return status;
}

int cli_add(int argc, char **argv)
{
	struct server_file file;
	int status;

	if (argc != 3)
		return cli_usage("add FILE NAME");
	if (!config_name_valid(argv[2]))
		return cli_error("add: \"%s\": not a name: up to %d letters, "
				 "digits and . _ @ -, no . or - first",
				 argv[2], SETTINGS_NAME_SIZE - 1);
	secret_keep();
	status = server_file_open(&file, "add", argv[1]);
	if (status == CLI_DONE)
		status = check_add(&file, argv[1], argv[2]);
	if (status == CLI_DONE)
		status = add_peer(&file, argv[1], argv[2]);
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
