/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/config/value.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/date.h"
#include "common/inet.h"
#include "common/key.h"
#include "common/locked.h"

/* These are the limits of RFC 1035, section 2.3.4. */
#define HOST_NAME_MAX_LENGTH  253
#define HOST_LABEL_MAX_LENGTH 63

int value_wrong(struct value *value, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(value->reason.text, sizeof(value->reason.text), format,
		  arguments);
	va_end(arguments);
	return -EINVAL;
}

void *value_target(const struct value *value)
{
	void *base = value->config;

	if (value->peer)
		base = value->peer;
	return (char *)base + value->key->offset;
}

int value_switch(struct value *value)
{
	bool *target = value_target(value);

	if (strcasecmp(value->text, "yes") && strcasecmp(value->text, "no"))
		return value_wrong(value, "neither yes nor no");
	*target = !strcasecmp(value->text, "yes");
	return 0;
}

int value_number(struct value *value)
{
	const struct value_key *key = value->key;
	unsigned *target = value_target(value);
	unsigned long number = 0;
	const char *digit;

	for (digit = value->text; isdigit((unsigned char)*digit); digit++) {
		if (number <= key->max)
			number = number * 10 + (unsigned long)(*digit - '0');
	}
	if (*digit)
		return value_wrong(value, "not a number");
	if (number < key->min || number > key->max)
		return value_wrong(value, "not between %u and %u", key->min,
				   key->max);
	*target = (unsigned)number;
	return 0;
}

int value_number_or_auto(struct value *value)
{
	unsigned *target = value_target(value);

	if (strcasecmp(value->text, "auto"))
		return value_number(value);
	*target = 0;
	return 0;
}

int value_word(struct value *value)
{
	const struct value_choice *word = value->key->words;
	char known[REASON_SIZE - 16] = "";
	/* The field is an enum, which gcc and clang store as unsigned. */
	unsigned *target = value_target(value);
	size_t used = 0;

	for (; word->word; word++) {
		if (!strcasecmp(word->word, value->text)) {
			*target = (unsigned)word->value;
			return 0;
		}
		if (used < sizeof(known))
			used += (size_t)snprintf(known + used,
						 sizeof(known) - used, "%s%s",
						 used ? ", " : "", word->word);
	}
	return value_wrong(value, "not one of %s", known);
}

int value_parse_key(struct value *value, const char *text,
		    uint8_t key[KEY_SIZE])
{
	static const uint8_t zero[KEY_SIZE];

	if (key_parse(text, key))
		return value_wrong(value, "not a key: 44 characters of base64");
	if (!memcmp(key, zero, sizeof(zero)))
		return value_wrong(value, "the key is all zero");
	return 0;
}

int value_key(struct value *value)
{
	return value_parse_key(value, value->text, value_target(value));
}

int value_public_key(struct value *value)
{
	struct config_peer *peer = value->peer;
	int error = value_parse_key(value, value->text, peer->public_key);

	peer->has_key = !error;
	return error;
}

/* Apart from the array of peers, which moves while it grows. */
static int new_secret(struct value *value, uint8_t **key)
{
	uint8_t *new = calloc(1, KEY_SIZE);
	int err;

	if (!new)
		return -ENOMEM;
	locked_keep(new, KEY_SIZE);
	err = value_parse_key(value, value->text, new);
	if (err)
		free(new);
	else
		*key = new;
	return err;
}

int value_preshared_key(struct value *value)
{
	return new_secret(value, &value->config->preshared_key);
}

int value_peer_preshared_key(struct value *value)
{
	return new_secret(value, &value->peer->preshared_key);
}

int value_ticket_key(struct value *value)
{
	struct config *config = value->config;
	int error = value_parse_key(value, value->text, config->ticket_key);

	config->has_ticket_key = !error;
	return error;
}

int value_expires(struct value *value)
{
	if (date_parse_end(value->text, value_target(value)))
		return value_wrong(value, "not a date: YYYY-MM-DD, with a time "
					  "YYYY-MM-DD HH:MM");
	return 0;
}

char *value_path_from(const char *file, const char *path)
{
	const char *slash = strrchr(file, '/');
	int directory = *path != '/' && slash ? (int)(slash - file) + 1 : 0;
	char *result;

	return asprintf(&result, "%.*s%s", directory, file, path) < 0 ? NULL
								      : result;
}

int value_path(struct value *value)
{
	char **target = value_target(value);

	*target = value_path_from(value->config->path, value->text);
	return *target ? 0 : -ENOMEM;
}

int value_text(struct value *value)
{
	char **target = value_target(value);

	*target = strdup(value->text);
	return *target ? 0 : -ENOMEM;
}

/*
 * The kernel takes more (dev_valid_name() in net/core/dev.c), but "%d" is a
 * pattern there, and "all" and "default" mean other things in /proc/sys.
 */
bool value_is_device(const char *text)
{
	size_t length = strlen(text);
	const char *c;

	if (!length || length >= IFNAMSIZ)
		return false;
	for (c = text; *c; c++) {
		if (!isalnum((unsigned char)*c) && !strchr("._-", *c))
			return false;
	}
	return strcmp(text, ".") && strcmp(text, "..") && *text != '-' &&
	       strcmp(text, "all") && strcmp(text, "default");
}

int value_device(struct value *value)
{
	char *target = value_target(value);

	if (!value_is_device(value->text))
		return value_wrong(value,
				   "not a device's name: up to %d letters, "
				   "digits and . _ -",
				   IFNAMSIZ - 1);
	snprintf(target, IFNAMSIZ, "%s", value->text);
	return 0;
}

bool value_is_host_name(const char *text)
{
	struct inet_address address;
	bool digits = true;
	size_t label = 0;
	const char *c;

	if (strlen(text) > HOST_NAME_MAX_LENGTH)
		return false;
	if (!inet_parse_address(text, &address))
		return true;
	for (c = text; *c; c++) {
		if (*c == '.' && label) {
			label = 0;
			digits = c[1] ? true : digits;
			continue;
		}
		if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_')
			return false;
		digits = digits && isdigit((unsigned char)*c);
		if ((*c == '-' && !label) || ++label > HOST_LABEL_MAX_LENGTH)
			return false;
	}
	/* A name that ends in a number is a mistyped address. */
	return c != text && !digits;
}

static int parse_port(const char *text, uint16_t *port)
{
	struct inet_endpoint endpoint;

	/* A port alone is an endpoint of no address. */
	if (strpbrk(text, ".:[") || inet_parse_endpoint(text, &endpoint))
		return -EINVAL;
	*port = endpoint.port;
	return 0;
}

static int split_name(const char *text, struct config_host *host)
{
	const char *colon = strchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : strlen(text);

	if (colon && parse_port(colon + 1, &host->port))
		return -EINVAL;
	host->host = strndup(text, length);
	if (!host->host)
		return -ENOMEM;
	if (value_is_host_name(host->host))
		return 0;
	free(host->host);
	host->host = NULL;
	return -EINVAL;
}

static int split_single(const char *text, struct config_host *host)
{
	struct config_host result = {0};
	char address[INET_ADDRESS_TEXT];
	struct inet_endpoint endpoint;
	int error;

	if (strpbrk(text, ".:[") && !inet_parse_endpoint(text, &endpoint)) {
		inet_format_address(&endpoint.address, address,
				    sizeof(address));
		result.port = endpoint.port;
		result.host = strdup(address);
		error = result.host ? 0 : -ENOMEM;
	} else {
		error = split_name(text, &result);
	}
	if (!error)
		*host = result;
	return error;
}

/* Names may have dashes too, but not behind the last colon. */
static const char *range_of(const char *text)
{
	const char *colon = strrchr(text, ':');

	return colon && strchr(colon, '-') ? colon + 1 : NULL;
}

int value_split_host(const char *text, struct config_host *host)
{
	const char *range = range_of(text);
	struct inet_ports ports;
	char *single;
	int error;

	if (!range)
		return split_single(text, host);
	if (inet_parse_ports(range, &ports))
		return -EINVAL;
	single = strndup(text, (size_t)(strchr(range, '-') - text));
	if (!single)
		return -ENOMEM;
	error = split_single(single, host);
	free(single);
	if (!error)
		host->last = ports.last > ports.first ? ports.last : 0;
	return error;
}

int value_explain_host(struct value *value, const char *item)
{
	if (range_of(item))
		return value_wrong(
			value,
			"\"%.64s\" is not HOST:FIRST-LAST: ports from "
			"1 to 65535, the lower one first",
			item);
	return value_wrong(value, "\"%.64s\" is not HOST[:PORT]", item);
}

int value_host(struct value *value)
{
	int error = value_split_host(value->text, value_target(value));

	return error == -EINVAL ? value_explain_host(value, value->text)
				: error;
}

int value_host_name(struct value *value)
{
	char **target = value_target(value);

	if (!value_is_host_name(value->text))
		return value_wrong(value, "not a name");
	*target = strdup(value->text);
	return *target ? 0 : -ENOMEM;
}

int value_nat(struct value *value)
{
	struct config *config = value->config;

	if (!strcasecmp(value->text, "yes")) {
		config->nat = CONFIG_NAT_ANY;
	} else if (!strcasecmp(value->text, "no")) {
		config->nat = CONFIG_NAT_NO;
	} else if (value_is_device(value->text)) {
		config->nat = CONFIG_NAT_DEVICE;
		snprintf(config->nat_device, sizeof(config->nat_device), "%s",
			 value->text);
	} else {
		return value_wrong(value, "neither yes, no, nor a device");
	}
	return 0;
}

int value_namespace(struct value *value)
{
	char **target = value_target(value);

	if (!config_namespace_valid(value->text))
		return value_wrong(value,
				   "neither a name (up to %d letters, "
				   "digits and . _ @ -) nor the path of "
				   "a network namespace",
				   SETTINGS_NAME_SIZE - 1);
	*target = strdup(value->text);
	return *target ? 0 : -ENOMEM;
}

int value_parse_host(const char *text, struct config_host *host)
{
	int error = value_split_host(text, host);

	if (error)
		return error;
	if (!host->port)
		host->port = CONFIG_PORT;
	if (!host->last)
		return 0;
	free(host->host);
	return -EINVAL;
}
