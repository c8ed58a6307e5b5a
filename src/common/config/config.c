/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/config/config.h"
#include "common/file.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIRECTORY "/etc/minivpn"
#define SUFFIX	  ".conf"

static bool name_fits(const char *name, size_t size)
{
	const char *c;

	if (!*name || *name == '.' || *name == '-' || strlen(name) >= size)
		return false;
	for (c = name; *c; c++) {
		if (!isalnum((unsigned char)*c) && !strchr("._@-", *c))
			return false;
	}
	return true;
}

bool config_name_valid(const char *name)
{
	return name_fits(name, SETTINGS_NAME_SIZE);
}

bool config_namespace_valid(const char *name)
{
	const char *c;

	if (name[0] != '/')
		return name_fits(name, SETTINGS_NAME_SIZE);
	if (!name[1] || strlen(name) >= CONFIG_NAMESPACE_SIZE)
		return false;
	for (c = name; *c; c++) {
		if (!isalnum((unsigned char)*c) && !strchr("/._@-:+,=", *c))
			return false;
	}
	return true;
}

static bool has_suffix(const char *text, size_t length)
{
	size_t suffix = strlen(SUFFIX);

	return length > suffix && !strcmp(text + length - suffix, SUFFIX);
}

int config_name(const char *path, char name[CONFIG_NAME_SIZE])
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	char result[CONFIG_NAME_SIZE];
	size_t length = strlen(base);

	if (has_suffix(base, length))
		length -= strlen(SUFFIX);
	if (length >= sizeof(result))
		return -EINVAL;
	memcpy(result, base, length);
	result[length] = '\0';
	if (!name_fits(result, sizeof(result)))
		return -EINVAL;
	memcpy(name, result, length + 1);
	return 0;
}

static int is_file(const struct dirent *entry)
{
	char name[CONFIG_NAME_SIZE];

	return has_suffix(entry->d_name, strlen(entry->d_name)) &&
	       !config_name(entry->d_name, name);
}

void config_names(char *text, size_t size)
{
	struct dirent **entries;
	int count = scandir(DIRECTORY, &entries, is_file, alphasort);
	char name[CONFIG_NAME_SIZE];

	text[0] = '\0';
	for (int i = 0; i < count; i++) {
		size_t at = strlen(text);

		if (!config_name(entries[i]->d_name, name))
			snprintf(text + at, size - at, "%s%s", at ? ", " : "",
				 name);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

char *config_find(const char *file_or_name)
{
	size_t size = strlen(file_or_name) + sizeof(DIRECTORY "/" SUFFIX);
	char *path;

	if (strchr(file_or_name, '/') ||
	    has_suffix(file_or_name, strlen(file_or_name)))
		return strdup(file_or_name);
	path = malloc(size);
	if (path)
		snprintf(path, size, DIRECTORY "/%s" SUFFIX, file_or_name);
	return path;
}

const char *config_pem_path(const struct config *config, enum config_pem pem)
{
	switch (pem) {
	case CONFIG_PEM_CERTIFICATE:
		return config->certificate;
	case CONFIG_PEM_KEY:
		return config->key;
	case CONFIG_PEM_CA:
		return config->ca;
	case CONFIG_PEM_CRL:
		return config->crl;
	case CONFIG_PEMS:
		break;
	}
	return NULL;
}

static void free_text(struct config_pem_text *text)
{
	file_free(text->text, text->length);
	*text = (struct config_pem_text){NULL, 0};
}

void config_hide_key(struct config *config)
{
	explicit_bzero(config->private_key, sizeof(config->private_key));
	free_text(&config->pem_texts[CONFIG_PEM_KEY]);
}

void config_hide_ticket_key(struct config *config)
{
	explicit_bzero(config->ticket_key, sizeof(config->ticket_key));
}

static void free_key(uint8_t **key)
{
	if (*key)
		explicit_bzero(*key, KEY_SIZE);
	free(*key);
	*key = NULL;
}

void config_hide_keys(struct config *config)
{
	config_hide_key(config);
	config_hide_ticket_key(config);
	explicit_bzero(config->secrets, sizeof(config->secrets));
	free_key(&config->preshared_key);
	for (size_t i = 0; i < config->peer_count; i++)
		free_key(&config->peers[i].preshared_key);
}

struct inet_ports config_host_ports(const struct config_host *host)
{
	return (struct inet_ports){host->port,
				   host->last ? host->last : host->port};
}

bool config_is_sibling(const struct config *config,
		       const struct inet_address *address)
{
	for (size_t i = 0; i < config->sibling_count; i++) {
		if (inet_address_equal(&config->siblings[i], address))
			return true;
	}
	return false;
}

/* The first of the ports from "from" on that the server has. */
static struct inet_ports next_ports(const struct config *config, unsigned from)
{
	struct inet_ports next = {0}, ports;
	size_t count = config->listen_count + config->redirect_count;

	for (size_t i = 0; i < count; i++) {
		if (i < config->listen_count)
			ports.first = ports.last = config->listen[i].port;
		else
			ports = config->redirects[i - config->listen_count]
					.ports;
		if (ports.last >= from &&
		    (!next.first || ports.first < next.first))
			next = ports;
	}
	return next;
}

size_t config_spare_ports(const struct config *config, struct inet_ports *ports)
{
	unsigned from = 32768, best = 0;

	while (from <= UINT16_MAX) {
		struct inet_ports next = next_ports(config, from);
		unsigned end = next.first ? next.first : UINT16_MAX + 1;

		if (end > from && end - from > best) {
			best = end - from;
			ports->first = (uint16_t)from;
			ports->last = (uint16_t)(end - 1);
		}
		from = next.first ? next.last + 1u : UINT16_MAX + 1;
	}
	return best;
}

bool config_is_ipv6_only(const struct config *config)
{
	for (size_t i = 0; i < config->listen_count; i++) {
		if (config->listen[i].address.family != AF_INET6)
			return false;
	}
	return config->listen_count > 0;
}

/* What a peer is found by; NULL: it has no such thing. */
static const void *index_key(const struct config_peer *peer,
			     enum config_index_by by, size_t *size)
{
	switch (by) {
	case CONFIG_BY_NAME:
		*size = strlen(peer->name);
		return peer->name;
	case CONFIG_BY_KEY:
		*size = sizeof(peer->public_key);
		return peer->has_key ? peer->public_key : NULL;
	case CONFIG_BY_ADDRESS4:
		*size = sizeof(peer->address4);
		return peer->address4.family ? &peer->address4 : NULL;
	case CONFIG_BY_ADDRESS6:
		*size = sizeof(peer->address6);
		return peer->address6.family ? &peer->address6 : NULL;
	case CONFIG_INDEXES:
		break;
	}
	return NULL;
}

/* FNV-1a */
static uint32_t hash(const void *bytes, size_t size)
{
	const uint8_t *byte = bytes;
	uint32_t value = 2166136261u;

	for (size_t i = 0; i < size; i++)
		value = (value ^ byte[i]) * 16777619u;
	return value ^ value >> 15;
}

static void index_add(const struct config *config, enum config_index_by by,
		      size_t number)
{
	const struct config_index *index = &config->index[by];
	size_t size, slot;
	const void *key = index_key(&config->peers[number], by, &size);

	if (!key)
		return;
	slot = hash(key, size) & index->mask;
	while (index->slots[slot])
		slot = (slot + 1) & index->mask;
	index->slots[slot] = (uint32_t)number + 1;
}

/* At most half full, so that an empty slot ends each search. */
int config_index(struct config *config)
{
	size_t size = 2;

	while (size < 2 * config->peer_count)
		size *= 2;
	for (int by = 0; by < CONFIG_INDEXES; by++) {
		struct config_index *index = &config->index[by];

		index->mask = size - 1;
		index->slots = calloc(size, sizeof(*index->slots));
		if (!index->slots)
			return -ENOMEM;
		for (size_t i = 0; i < config->peer_count; i++)
			index_add(config, by, i);
	}
	return 0;
}

static const struct config_peer *find_peer(const struct config *config,
					   enum config_index_by by,
					   const void *wanted, size_t size)
{
	const struct config_index *index = &config->index[by];
	size_t slot = hash(wanted, size) & index->mask;

	if (!index->slots)
		return NULL; /* there are no peers: a client's */
	for (; index->slots[slot]; slot = (slot + 1) & index->mask) {
		const struct config_peer *peer =
			&config->peers[index->slots[slot] - 1];
		size_t its_size;
		const void *its = index_key(peer, by, &its_size);

		if (its_size == size && !memcmp(its, wanted, size))
			return peer;
	}
	return NULL;
}

const struct config_peer *config_peer_by_name(const struct config *config,
					      const char *name)
{
	return find_peer(config, CONFIG_BY_NAME, name, strlen(name));
}

const struct config_peer *config_peer_by_key(const struct config *config,
					     const uint8_t public_key[KEY_SIZE])
{
	return find_peer(config, CONFIG_BY_KEY, public_key, KEY_SIZE);
}

const struct config_peer *
config_peer_by_address(const struct config *config,
		       const struct inet_address *address)
{
	if (address->family == AF_UNSPEC)
		return NULL;
	return find_peer(config,
			 address->family == AF_INET ? CONFIG_BY_ADDRESS4
						    : CONFIG_BY_ADDRESS6,
			 address, sizeof(*address));
}

void config_free(struct config *config)
{
	size_t i;

	if (!config)
		return;
	config_hide_keys(config);
	for (i = 0; i < config->peer_count; i++)
		free(config->peers[i].subnets);
	free(config->peers);
	for (i = 0; i < CONFIG_INDEXES; i++)
		free(config->index[i].slots);
	for (i = 0; i < config->server_count; i++)
		free(config->servers[i].host);
	free(config->servers);
	for (i = 0; i < config->search_count; i++)
		free(config->search[i]);
	free(config->search);
	free(config->path);
	for (i = 0; i < config->included_count; i++)
		free(config->included[i]);
	free(config->included);
	free(config->routes);
	free(config->exclude);
	free(config->dns);
	free(config->private_key_file);
	free(config->certificate);
	free(config->key);
	free(config->ca);
	free(config->crl);
	for (i = 0; i < CONFIG_PEMS; i++)
		free_text(&config->pem_texts[i]);
	free(config->listen);
	free(config->redirects);
	free(config->siblings);
	free(config->endpoint.host);
	free(config->server_name);
	free(config->network_namespace);
	explicit_bzero(config, sizeof(*config));
	free(config);
}
