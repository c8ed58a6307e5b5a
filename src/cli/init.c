/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `init`: a first server file that works as it is. */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "cli/secret.h"
#include "cli/server_file.h"
#include "common/config/config.h"
#include "common/config/value.h"
#include "common/file.h"
#include "common/inet.h"
#include "common/ipc/control_socket.h"
#include "common/key.h"

#define USAGE "init FILE --endpoint HOST[:PORT] [--dns ADDRESS,...|none]"

/*
 * These are Quad9's, a foundation which checks DNSSEC and says that it keeps no
 * record of who asks. They are public ones, because clients that ask a name
 * server of their own network tell that network every name, outside the tunnel;
 * and three, because the C library asks no more than that (MAXNS).
 */
#define PUBLIC_DNS "9.9.9.9, 149.112.112.112, 2620:fe::fe"

/* The text is "none", or as many addresses as a message to a client holds. */
#define DNS_TEXT (SETTINGS_DNS * (INET_ADDRESS_TEXT + 2))

struct plan {
	const char *file;
	struct config_host endpoint;
	struct inet_prefix address4, address6;
	char dns[DNS_TEXT]; /* as the file has it */
};

/*
 * The addresses are 10.x.y.1/24, with x not 0, where so many home networks are,
 * and the first /64 of a random unique local prefix (RFC 4193, section 3.2.2).
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
			 const char *private_key, const char *secret)
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
		"# Name servers that clients ask through the tunnel; none:\n"
		"# they ask those of the network that they are in.\n"
		"DNS        = %s\n"
		"# Clients go out under this machine's address.\n"
		"NAT        = yes\n"
		"# What goes over the network looks like noise to all who do not\n"
		"# have this, and they get no answer; \"minivpn add\" copies it.\n"
		"Secret     = %s\n",
		plan->endpoint.port, brackets ? "[" : "", plan->endpoint.host,
		brackets ? "]" : "", plan->endpoint.port, text4, text6,
		private_key, plan->dns, secret);
}

static int write_server(const struct plan *plan, const char *path)
{
	uint8_t key[KEY_SIZE], secret[KEY_SIZE];
	char key_text[KEY_TEXT_SIZE], secret_text[KEY_TEXT_SIZE];
	char *text = NULL;
	size_t length = 0;
	FILE *stream;
	int error;

	error = key_generate(key);
	if (!error)
		error = key_generate(secret);
	if (error)
		return error;
	key_format(key, key_text);
	key_format(secret, secret_text);
	stream = open_memstream(&text, &length);
	if (!stream) {
		error = -errno;
	} else {
		print_server(stream, plan, key_text, secret_text);
		error = fclose(stream) || !text ? -ENOMEM : 0;
	}
	if (!error)
		error = server_file_write(path, text, length, NULL);
	file_free(text, length);
	explicit_bzero(key, sizeof(key));
	explicit_bzero(key_text, sizeof(key_text));
	explicit_bzero(secret, sizeof(secret));
	explicit_bzero(secret_text, sizeof(secret_text));
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

/*
 * No name server of these networks is at the other end of a tunnel, so that a
 * client leaves it out.
 */
static const struct {
	struct inet_prefix network;
	const char *what;
} no_dns[] = {
	{{{AF_INET, {0}}, 8}, "no host's address"},
	{{{AF_INET, {127}}, 8}, "a loopback address, each client's own"},
	{{{AF_INET, {169, 254}}, 16}, "a link-local address"},
	{{{AF_INET, {224}}, 3}, "a multicast address"},
	{{{AF_INET6, {0}}, 128}, "no host's address"},
	{{{AF_INET6, {[15] = 1}}, 128},
	 "a loopback address, each client's own"},
	{{{AF_INET6, {0xfe, 0x80}}, 10}, "a link-local address"},
	{{{AF_INET6, {0xff}}, 8}, "a multicast address"},
};

static int add_dns(struct plan *plan, const char *item, unsigned count)
{
	char text[INET_ADDRESS_TEXT];
	struct inet_address address;
	size_t used = strlen(plan->dns);

	if (inet_parse_address(item, &address))
		return cli_error("init: --dns: \"%.64s\" is not an address",
				 item);
	for (size_t i = 0; i < sizeof(no_dns) / sizeof(*no_dns); i++)
		if (inet_prefix_contains(&no_dns[i].network, &address))
			return cli_error("init: --dns: %s is %s", item,
					 no_dns[i].what);
	if (count == SETTINGS_DNS)
		return cli_error("init: --dns: more than %d addresses",
				 SETTINGS_DNS);
	snprintf(plan->dns + used, sizeof(plan->dns) - used, "%s%s",
		 used ? ", " : "",
		 inet_format_address(&address, text, sizeof(text)));
	return CLI_DONE;
}

/* text is NULL where the option is not given. */
static int choose_dns(struct plan *plan, const char *text)
{
	char *copy, *rest, *item;
	int status = CLI_DONE;
	unsigned count = 0;

	if (!text || !strcasecmp(text, "none")) {
		snprintf(plan->dns, sizeof(plan->dns), "%s",
			 text ? "none" : PUBLIC_DNS);
		return CLI_DONE;
	}
	copy = rest = strdup(text);
	if (!copy)
		return cli_error("init: %s", strerror(ENOMEM));
	while (status == CLI_DONE && (item = strsep(&rest, ",")) != NULL) {
		size_t length;

		item += strspn(item, " ");
		length = strcspn(item, " ");
		/*
		 * A second word stays in the item, which is then reported as no
		 * address.
		 */
		if (!item[length + strspn(item + length, " ")])
			item[length] = '\0';
		status = add_dns(plan, item, count++);
	}
	free(copy);
	return status;
}

int cli_init(int argc, char **argv)
{
	const char *endpoint = NULL, *dns = NULL, *value;
	struct plan plan = {0};
	int i, status;

	for (i = 1; i < argc; i++) {
		if ((value = cli_option("--endpoint", argc, argv, &i)))
			endpoint = value;
		else if ((value = cli_option("--dns", argc, argv, &i)))
			dns = value;
		else if (argv[i][0] != '-' && !plan.file)
			plan.file = argv[i];
		else
			return cli_usage(USAGE);
	}
	if (!plan.file || !endpoint)
		return cli_usage(USAGE);
	status = choose_dns(&plan, dns);
	if (status != CLI_DONE)
		return status;
	if (value_parse_host(endpoint, &plan.endpoint))
		return cli_error("init: --endpoint %s: not HOST[:PORT]",
				 endpoint);
	secret_keep();
	status = init(&plan);
	free(plan.endpoint.host);
	return status;
}
