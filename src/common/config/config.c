/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/config/config.h"

#include <ctype.h>
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

void config_hide_key(struct config *config)
{
	explicit_bzero(config->private_key, sizeof(config->private_key));
}

bool config_is_ipv6_only(const struct config *config)
{
	for (size_t i = 0; i < config->listen_count; i++) {
		if (config->listen[i].address.family != AF_INET6)
			return false;
	}
	return config->listen_count > 0;
}

static int by_name(const void *a, const void *b)
{
	const struct config_peer *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static int by_key(const void *a, const void *b)
{
	const struct config_peer *const *x = a, *const *y = b;

	return memcmp((*x)->public_key, (*y)->public_key, KEY_SIZE);
}

static int by_address4(const void *a, const void *b)
{
	const struct config_peer *const *x = a, *const *y = b;

	return memcmp(&(*x)->address4, &(*y)->address4, sizeof((*x)->address4));
}

static int by_address6(const void *a, const void *b)
{
	const struct config_peer *const *x = a, *const *y = b;

	return memcmp(&(*x)->address6, &(*y)->address6, sizeof((*x)->address6));
}

/* Returns a copy, malloc'd, or NULL where memory has run out. */
static const struct config_peer **
sorted(const struct config *config, int (*order)(const void *, const void *))
{
	const struct config_peer **list =
		calloc(config->peer_count + 1, sizeof(*list));

	if (!list)
		return NULL;
	for (size_t i = 0; i < config->peer_count; i++)
		list[i] = &config->peers[i];
	qsort(list, config->peer_count, sizeof(*list), order);
	return list;
}

int config_index(struct config *config)
{
	config->peers_by_name = sorted(config, by_name);
	config->peers_by_key = sorted(config, by_key);
	config->peers_by_address4 = sorted(config, by_address4);
	config->peers_by_address6 = sorted(config, by_address6);
	return config->peers_by_name && config->peers_by_key &&
			       config->peers_by_address4 &&
			       config->peers_by_address6
		       ? 0
		       : -ENOMEM;
}

static const struct config_peer *
find_peer(const struct config *config, const struct config_peer **list,
	  const struct config_peer *wanted,
	  int (*order)(const void *, const void *))
{
	const struct config_peer **found;

	if (!config->peer_count)
		return NULL;
	found = bsearch(&wanted, list, config->peer_count, sizeof(*list),
			order);
	return found ? *found : NULL;
}

const struct config_peer *config_peer_by_name(const struct config *config,
					      const char *name)
{
	struct config_peer wanted;

	if (strlen(name) >= sizeof(wanted.name))
		return NULL;
	strcpy(wanted.name, name);
	return find_peer(config, config->peers_by_name, &wanted, by_name);
}

/* Peers without a key have zeros, which are nobody's key. */
const struct config_peer *config_peer_by_key(const struct config *config,
					     const uint8_t public_key[KEY_SIZE])
{
	const struct config_peer *found;
	struct config_peer wanted;

	memcpy(wanted.public_key, public_key, KEY_SIZE);
	found = find_peer(config, config->peers_by_key, &wanted, by_key);
	return found && found->has_key ? found : NULL;
}

const struct config_peer *
config_peer_by_address(const struct config *config,
		       const struct inet_address *address)
{
	struct config_peer wanted;

	wanted.address4 = wanted.address6 = *address;
	if (address->family == AF_INET)
		return find_peer(config, config->peers_by_address4, &wanted,
				 by_address4);
	if (address->family == AF_INET6)
		return find_peer(config, config->peers_by_address6, &wanted,
				 by_address6);
	return NULL;
}

void config_free(struct config *config)
{
	size_t i;

	if (!config)
		return;
	for (i = 0; i < config->peer_count; i++)
		free(config->peers[i].subnets);
	free(config->peers);
	free(config->peers_by_name);
	free(config->peers_by_key);
	free(config->peers_by_address4);
	free(config->peers_by_address6);
	for (i = 0; i < config->server_count; i++)
		free(config->servers[i].host);
	free(config->servers);
	for (i = 0; i < config->search_count; i++)
		free(config->search[i]);
	free(config->search);
	free(config->path);
	free(config->routes);
	free(config->exclude);
	free(config->dns);
	free(config->certificate);
	free(config->key);
	free(config->ca);
	free(config->crl);
	free(config->listen);
	free(config->endpoint.host);
	free(config->server_name);
	free(config->network_namespace);
	explicit_bzero(config, sizeof(*config));
	free(config);
}
