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

const struct config_peer *config_peer_by_name(const struct config *config,
					      const char *name)
{
	size_t i;

	for (i = 0; i < config->peer_count; i++) {
		if (!strcmp(config->peers[i].name, name))
			return &config->peers[i];
	}
	return NULL;
}

const struct config_peer *config_peer_by_key(const struct config *config,
					     const uint8_t public_key[KEY_SIZE])
{
	size_t i;

	for (i = 0; i < config->peer_count; i++) {
		if (config->peers[i].has_key &&
		    !memcmp(config->peers[i].public_key, public_key, KEY_SIZE))
			return &config->peers[i];
	}
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
