/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `init`: a first server file that works as it is. */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "cli/server_file.h"
#include "common/config.h"
#include "common/control.h"
#include "common/file.h"
#include "common/inet.h"
#include "common/key.h"

#define USAGE "init FILE --endpoint HOST[:PORT]"

struct plan {
	const char *file;
	struct config_host endpoint;
	struct inet_prefix address4, address6;
};

/*
 * 10.x.y.1/24 with x not 0, where so many home networks are; and the first
 * /64 of a random unique local prefix (RFC 4193, section 3.2.2).
 */
static int choose_addresses(struct plan *plan)
{
	uint8_t random[7];
	uint8_t *bytes;

	do {
		if (getrandom(random, sizeof(random), 0) !=
		    (ssize_t)sizeof(random))
			return -EIO;
	} while (!random[0]);
	plan->address4 = (struct inet_prefix){
		.address.family = AF_INET,
		.address.bytes = {10, random[0], random[1], 1},
		.length = 24,
	};
	plan->address6 = (struct inet_prefix){
		.address.family = AF_INET6,
		.length = 64,
	};
	bytes = plan->address6.address.bytes;
	bytes[0] = 0xfd;
	memcpy(bytes + 1, random + 2, 5);
	bytes[15] = 1;
	return 0;
}

static void print_server(FILE *stream, const struct plan *plan,
			 const char *private_key)
{
	bool brackets = strchr(plan->endpoint.host, ':');
	char text4[INET_PREFIX_TEXT], text6[INET_PREFIX_TEXT];

	inet_format_prefix(&plan->address4, text4, sizeof(text4));
	inet_format_prefix(&plan->address6, text6, sizeof(text6));
	fprintf(stream,
		"# A minivpn server: see minivpn.conf(5). Keep it secret: the\n"
		"# server's private key is in it.\n"
		"[Server]\n"
		"# The UDP port, on all addresses of this machine.\n"
		"Listen     = %u\n"
		"# Where clients find it: \"minivpn add\" tells them this.\n"
		"Endpoint   = %s%s%s:%u\n"
		"# Its own addresses; clients get theirs from these networks.\n"
		"Address    = %s, %s\n"
		"PrivateKey = %s\n"
		"# What clients send through the tunnel: default is everything;\n"
		"# or networks, as in 10.0.0.0/8, 192.168.4.0/24.\n"
		"Routes     = default\n"
		"# Clients go out under this machine's address.\n"
		"NAT        = yes\n",
		plan->endpoint.port, brackets ? "[" : "", plan->endpoint.host,
		brackets ? "]" : "", plan->endpoint.port, text4, text6,
		private_key);
}

static int write_server(const struct plan *plan, const char *path)
{
	uint8_t key[KEY_SIZE];
	char key_text[KEY_TEXT_SIZE];
	char *text = NULL;
	size_t length = 0;
	FILE *stream;
	int error;

	error = key_generate(key);
	if (error)
		return error;
	key_format(key, key_text);
	stream = open_memstream(&text, &length);
	if (!stream) {
		error = -errno;
	} else {
		print_server(stream, plan, key_text);
		error = fclose(stream) || !text ? -ENOMEM : 0;
	}
	if (!error)
		error = server_file_write(path, text, length, NULL);
	file_free(text, length);
	explicit_bzero(key, sizeof(key));
	explicit_bzero(key_text, sizeof(key_text));
	return error;
}

/* A NAME's directory may be missing yet; a FILE's is the user's business. */
static int make_directory(const char *file, const char *path)
{
	char *directory;
	int error;

	if (!strcmp(file, path))
		return 0;
	directory = strndup(path, (size_t)(strrchr(path, '/') - path));
	if (!directory)
		return -ENOMEM;
	error = control_make_directory(directory);
	free(directory);
	return error;
}

static int init(struct plan *plan)
{
	char *path = config_find(plan->file);
	char name[CONFIG_NAME_SIZE];
	int error;

	if (!path)
		return cli_error("init: %s", strerror(ENOMEM));
	if (config_name(path, name)) {
		free(path);
		return cli_error("init: %s: not a tunnel's name: up to %d "
				 "letters, digits and . _ @ -",
				 plan->file, CONFIG_NAME_SIZE - 1);
	}
	error = make_directory(plan->file, path);
	if (!error)
		error = choose_addresses(plan);
	if (!error)
		error = write_server(plan, path);
	if (error == -EEXIST)
		cli_error("init: %s: is there already, and is left as it is",
			  path);
	else if (error)
		cli_error("init: %s: %s", path, strerror(-error));
	else
		printf("%s: written. Add a client:  minivpn add %s NAME "
		       ">NAME.conf\n"
		       "Then bring the server up:  minivpn up %s\n",
		       path, plan->file, plan->file);
	free(path);
	return error ? CLI_FAILED : CLI_DONE;
}

int cli_init(int argc, char **argv)
{
	static const char option[] = "--endpoint";
	size_t length = strlen(option);
	const char *endpoint = NULL;
	struct plan plan = {0};
	int i, status;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], option) && i + 1 < argc)
			endpoint = argv[++i];
		else if (!strncmp(argv[i], option, length) &&
			 argv[i][length] == '=')
			endpoint = argv[i] + length + 1;
		else if (argv[i][0] != '-' && !plan.file)
			plan.file = argv[i];
		else
			return cli_usage(USAGE);
	}
	if (!plan.file || !endpoint)
		return cli_usage(USAGE);
	if (config_parse_host(endpoint, &plan.endpoint))
		return cli_error("init: --endpoint %s: not HOST[:PORT]",
				 endpoint);
	status = init(&plan);
	free(plan.endpoint.host);
	return status;
}
