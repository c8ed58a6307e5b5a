/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/dns/lookup_config.h"

#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t\n\r"

/* glibc calls this RES_MAXNDOTS. */
#define NDOTS_MOST 15

/* word is an address; a link-local one has its link behind "%". */
static void add_server(struct lookup_config *config, char *word)
{
	struct lookup_server server = {0};
	char *scope;

	if (!word || config->server_count == LOOKUP_SERVERS)
		return;
	scope = strchr(word, '%');
	if (scope) {
		*scope++ = '\0';
		server.scope = if_nametoindex(scope);
		if (!server.scope)
			server.scope = (uint32_t)strtoul(scope, NULL, 10);
	}
	if (!inet_parse_address(word, &server.address))
		config->servers[config->server_count++] = server;
}

/* The last line of that kind counts. */
static void set_search(struct lookup_search *search, char **rest)
{
	const char *word;

	search->count = 0;
	while (search->count < LOOKUP_SEARCH &&
	       (word = strtok_r(NULL, BLANKS, rest)) != NULL) {
		if (strlen(word) < LOOKUP_DOMAIN_SIZE)
			strcpy(search->domains[search->count++], word);
	}
}

static void set_options(struct lookup_search *search, char **rest)
{
	static const char ndots[] = "ndots:";
	const char *word;

	while ((word = strtok_r(NULL, BLANKS, rest)) != NULL) {
		if (strncmp(word, ndots, strlen(ndots)) != 0)
			continue;
		search->ndots =
			(unsigned)strtoul(word + strlen(ndots), NULL, 10);
		if (search->ndots > NDOTS_MOST)
			search->ndots = NDOTS_MOST;
	}
}

static void read_line(struct lookup_config *config, char *line)
{
	char *rest, *word = strtok_r(line, BLANKS, &rest);

	if (!word)
		return;
	if (!strcmp(word, "nameserver"))
		add_server(config, strtok_r(NULL, BLANKS, &rest));
	else if (!strcmp(word, "search") || !strcmp(word, "domain"))
		set_search(&config->search, &rest);
	else if (!strcmp(word, "options"))
		set_options(&config->search, &rest);
}

void lookup_config_read(FILE *file, struct lookup_config *config)
{
	char line[LOOKUP_SEARCH * LOOKUP_DOMAIN_SIZE + 64];
	char local[] = "127.0.0.1";

	memset(config, 0, sizeof(*config));
	config->search.ndots = 1;
	while (file && fgets(line, sizeof(line), file))
		read_line(config, line);
	if (!config->server_count)
		add_server(config, local);
}
