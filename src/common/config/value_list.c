/* SPDX-License-Identifier: GPL-2.0-or-later */
/* These are values that are lists, separated by commas. */
#include "common/config/value.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/inet.h"

static char *trim(char *text)
{
	char *end = text + strlen(text);

	while (end > text && isspace((unsigned char)end[-1]))
		*--end = '\0';
	while (isspace((unsigned char)*text))
		text++;
	return text;
}

/* This calls add for each item, up to the first that is wrong. */
static int each(struct value *value,
		int (*add)(struct value *value, const char *item))
{
	size_t size = strlen(value->text) + 1;
	char *copy = strdup(value->text);
	char *rest = copy, *item;
	int error = 0;

	if (!copy)
		return -ENOMEM;
	while (!error && rest) {
		item = trim(strsep(&rest, ","));
		if (*item)
			error = add(value, item);
		else
			error = value_wrong(value, "an empty item in the list");
	}
	explicit_bzero(copy, size); /* it may have been of secrets */
	free(copy);
	return error;
}

/* items is a pointer to an array of count items of size bytes. */
static int append(void *items, size_t *count, const void *item, size_t size)
{
	void *array;

	memcpy(&array, items, sizeof(array));
	/* Lists are short, so that growing them by one is good enough. */
	array = reallocarray(array, *count + 1, size);
	if (!array)
		return -ENOMEM;
	memcpy((char *)array + *count * size, item, size);
	memcpy(items, &array, sizeof(array));
	(*count)++;
	return 0;
}

/* The lists that a message or the resolver has to hold are bounded. */
static int check_room(struct value *value, size_t count)
{
	if (count < value->key->max)
		return 0;
	return value_wrong(value, "more than %u of them", value->key->max);
}

static int add_secret(struct value *value, const char *item)
{
	struct config *config = value->config;
	uint8_t(*secrets)[KEY_SIZE] = config->secrets;
	int error = check_room(value, config->secret_count);

	if (!error)
		error = value_parse_key(value, item,
					secrets[config->secret_count]);
	if (!error && config->secret_count &&
	    !memcmp(secrets[0], secrets[1], KEY_SIZE))
		return value_wrong(value, "the same one twice");
	config->secret_count += !error;
	return error;
}

int value_secrets(struct value *value)
{
	return each(value, add_secret);
}

/* The second is the one that the server has had, or is to have. */
static int add_server_key(struct value *value, const char *item)
{
	struct config *config = value->config;
	uint8_t key[KEY_SIZE];
	int error = value_parse_key(value, item, key);

	if (error)
		return error;
	if (key_is_zero(config->server_key))
		memcpy(config->server_key, key, KEY_SIZE);
	else if (!memcmp(config->server_key, key, KEY_SIZE))
		error = value_wrong(value, "the same one twice");
	else if (key_is_zero(config->other_server_key))
		memcpy(config->other_server_key, key, KEY_SIZE);
	else
		error = value_wrong(value, "more than two of them");
	return error;
}

int value_server_keys(struct value *value)
{
	return each(value, add_server_key);
}

static int add_host(struct value *value, const char *item)
{
	struct config *config = value->config;
	struct config_host host;
	int error = value_split_host(item, &host);

	if (error == -EINVAL)
		return value_explain_host(value, item);
	if (error)
		return error;
	if (!host.port)
		host.port = CONFIG_PORT;
	error = append(&config->servers, &config->server_count, &host,
		       sizeof(host));
	if (error)
		free(host.host);
	return error;
}

int value_hosts(struct value *value)
{
	return each(value, add_host);
}

/* A socket for any address takes the port of all the others. */
static bool same_socket(const struct inet_endpoint *a,
			const struct inet_endpoint *b)
{
	if (a->port != b->port)
		return false;
	return !a->address.family || !b->address.family ||
	       inet_address_equal(&a->address, &b->address);
}

static bool same_address(const struct inet_address *a,
			 const struct inet_address *b)
{
	return !a->family || !b->family || inet_address_equal(a, b);
}

/* What is sent to a port would not arrive at the one who listens there. */
static const struct config_redirect *
find_redirect(const struct config *config, const struct inet_address *address,
	      const struct inet_ports *ports)
{
	for (size_t i = 0; i < config->redirect_count; i++) {
		const struct config_redirect *other = &config->redirects[i];

		if (same_address(&other->address, address) &&
		    inet_ports_overlap(&other->ports, ports))
			return other;
	}
	return NULL;
}

static int check_redirect(struct value *value, const char *item,
			  const struct config_redirect *redirect)
{
	const struct config *config = value->config;
	char text[INET_PORTS_TEXT];
	const struct config_redirect *other;

	for (size_t i = 0; i < config->listen_count; i++) {
		if (same_address(&config->listen[i].address,
				 &redirect->address) &&
		    inet_ports_contain(&redirect->ports,
				       config->listen[i].port))
			return value_wrong(value,
					   "%.64s has port %u in it, which is "
					   "listened on already",
					   item, config->listen[i].port);
	}
	other = find_redirect(config, &redirect->address, &redirect->ports);
	if (other)
		return value_wrong(
			value, "%.64s overlaps %s", item,
			inet_format_ports(&other->ports, text, sizeof(text)));
	if (config->redirect_count == CONFIG_REDIRECTS)
		return value_wrong(value, "more than %d ranges of ports",
				   CONFIG_REDIRECTS);
	return 0;
}

/* item is [ADDRESS:]FIRST-LAST. */
static int parse_redirect(const char *item, struct config_redirect *redirect)
{
	const char *colon = strrchr(item, ':');
	struct inet_endpoint at;
	char *single;
	int err;

	if (inet_parse_ports(colon ? colon + 1 : item, &redirect->ports))
		return -EINVAL;
	if (!colon)
		return 0;
	/* An endpoint with the first port has the address. */
	single = strndup(item, (size_t)(strrchr(item, '-') - item));
	if (!single)
		return -ENOMEM;
	err = inet_parse_endpoint(single, &at);
	free(single);
	if (!err)
		redirect->address = at.address;
	return err;
}

/* It leads to the port that the text begins with. */
static int add_redirect(struct value *value, const char *item)
{
	struct config *config = value->config;
	struct config_redirect redirect = {0};
	const struct inet_endpoint *to;
	int err = parse_redirect(item, &redirect);

	if (err == -EINVAL)
		return value_wrong(value,
				   "\"%.64s\" is not [ADDRESS:]FIRST-LAST: "
				   "ports from 1 to 65535, the lower one first",
				   item);
	if (err)
		return err;
	if (value->first == config->listen_count)
		return value_wrong(value,
				   "%.64s leads nowhere: say a single port "
				   "before it, which is listened on",
				   item);
	to = &config->listen[value->first];
	if (!redirect.address.family)
		redirect.address = to->address;
	if (!same_address(&redirect.address, &to->address))
		return value_wrong(value,
				   "%.64s is at another address than the port "
				   "that it leads to",
				   item);
	redirect.to = to->port;
	err = check_redirect(value, item, &redirect);
	return err ? err
		   : append(&config->redirects, &config->redirect_count,
			    &redirect, sizeof(redirect));
}

static int add_listen(struct value *value, const char *item)
{
	struct config *config = value->config;
	struct inet_endpoint endpoint;
	struct inet_ports port;
	size_t i;

	if (strchr(item, '-'))
		return add_redirect(value, item);
	if (inet_parse_endpoint(item, &endpoint))
		return value_wrong(value, "\"%.64s\" is not [ADDRESS:]PORT",
				   item);
	if (inet_address_is_multicast(&endpoint.address))
		return value_wrong(value, "%.64s is a multicast address", item);
	if (!endpoint.port)
		endpoint.port = CONFIG_PORT;
	for (i = 0; i < config->listen_count; i++) {
		if (same_socket(&config->listen[i], &endpoint))
			return value_wrong(value, "%.64s is said twice", item);
	}
	port.first = port.last = endpoint.port;
	if (find_redirect(config, &endpoint.address, &port))
		return value_wrong(
			value, "%.64s is in a range of ports already", item);
	return append(&config->listen, &config->listen_count, &endpoint,
		      sizeof(endpoint));
}

int value_listen(struct value *value)
{
	value->first = value->config->listen_count;
	return each(value, add_listen);
}

static int check_usable(struct value *value, const char *item,
			const struct inet_address *address)
{
	static const uint8_t zero[sizeof(address->bytes)];

	if (inet_address_is_multicast(address))
		return value_wrong(value, "%.64s is a multicast address", item);
	if (inet_address_is_loopback(address))
		return value_wrong(value, "%.64s is a loopback address", item);
	if (!memcmp(address->bytes, zero, sizeof(zero)))
		return value_wrong(value, "%.64s is no host's address", item);
	return 0;
}

/* The first and, in IPv4, the last address of a network are no host's. */
static int check_own(struct value *value, const char *item,
		     const struct inet_prefix *prefix)
{
	struct inet_prefix network = inet_prefix_network(prefix);
	struct inet_address last = network.address;
	unsigned bit;

	if (inet_address_equal(&prefix->address, &network.address))
		return value_wrong(value,
				   "%.64s is the network itself: say the "
				   "server's address in it",
				   item);
	for (bit = prefix->length; bit < 32; bit++)
		last.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	if (prefix->address.family == AF_INET &&
	    inet_address_equal(&prefix->address, &last))
		return value_wrong(value, "%.64s is the broadcast address",
				   item);
	return 0;
}

static int add_own(struct value *value, const char *item)
{
	struct inet_prefix prefix, *own;
	unsigned max;
	int error;

	if (inet_parse_prefix(item, &prefix))
		return value_wrong(value, "\"%.64s\" is not ADDRESS/LENGTH",
				   item);
	error = check_usable(value, item, &prefix.address);
	if (error)
		return error;
	max = prefix.address.family == AF_INET ? 30 : 126;
	if (!strchr(item, '/'))
		return value_wrong(value,
				   "%.64s lacks the length of its network, as "
				   "in %.64s/%u",
				   item, item, max == 30 ? 24 : 64);
	if (prefix.length < 1 || prefix.length > max)
		return value_wrong(value,
				   "the length of %.64s is not between 1 and "
				   "%u",
				   item, max);
	own = max == 30 ? &value->config->address4 : &value->config->address6;
	if (own->address.family)
		return value_wrong(value, "%.64s is a second IPv%d address",
				   item, max == 30 ? 4 : 6);
	error = check_own(value, item, &prefix);
	if (!error)
		*own = prefix;
	return error;
}

int value_server_address(struct value *value)
{
	return each(value, add_own);
}

static int add_sibling(struct value *value, const char *item)
{
	struct config *config = value->config;
	struct inet_address address;
	int error = check_room(value, config->sibling_count);

	if (error)
		return error;
	if (inet_parse_address(item, &address))
		return value_wrong(value, "\"%.64s\" is not an address", item);
	if (config_is_sibling(config, &address))
		return value_wrong(value, "%.64s is said twice", item);
	return append(&config->siblings, &config->sibling_count, &address,
		      sizeof(address));
}

int value_siblings(struct value *value)
{
	return each(value, add_sibling);
}

static int add_fixed(struct value *value, const char *item)
{
	struct config_peer *peer = value->peer;
	struct inet_prefix prefix;
	struct inet_address *fixed;
	int error;

	if (inet_parse_prefix(item, &prefix))
		return value_wrong(value, "\"%.64s\" is not an address", item);
	if (prefix.length != inet_size(prefix.address.family) * 8)
		return value_wrong(value,
				   "%.64s is a network: networks behind a peer "
				   "are Subnets",
				   item);
	error = check_usable(value, item, &prefix.address);
	if (error)
		return error;
	fixed = prefix.address.family == AF_INET ? &peer->address4
						 : &peer->address6;
	if (fixed->family)
		return value_wrong(value, "%.64s is a second IPv%d address",
				   item, fixed->family == AF_INET ? 4 : 6);
	*fixed = prefix.address;
	return 0;
}

int value_peer_address(struct value *value)
{
	return each(value, add_fixed);
}

static int parse_network(struct value *value, const char *item,
			 struct inet_prefix *network)
{
	if (inet_parse_prefix(item, network))
		return value_wrong(value, "\"%.64s\" is not a network", item);
	*network = inet_prefix_network(network);
	return 0;
}

static int add_subnet(struct value *value, const char *item)
{
	struct config_peer *peer = value->peer;
	struct inet_prefix network;
	int error = parse_network(value, item, &network);

	if (error)
		return error;
	if (!network.length || inet_address_is_multicast(&network.address) ||
	    inet_address_is_loopback(&network.address))
		return value_wrong(value, "%.64s can't be behind a peer", item);
	return append(&peer->subnets, &peer->subnet_count, &network,
		      sizeof(network));
}

int value_subnets(struct value *value)
{
	return each(value, add_subnet);
}

static int add_route(struct value *value, const char *item)
{
	struct config *config = value->config;
	struct inet_prefix network;
	int error = parse_network(value, item, &network);

	if (error)
		return error;
	/* What a server says has to fit into one message. */
	if (config->role == CONFIG_SERVER)
		error = check_room(value, config->route_count);
	if (error)
		return error;
	return append(&config->routes, &config->route_count, &network,
		      sizeof(network));
}

/* A tunnel that takes everything may leave these out, never everything. */
static int add_exclude(struct value *value, const char *item)
{
	struct config *config = value->config;
	struct inet_prefix network;
	int error;

	if (!strcasecmp(item, "lan")) {
		config->exclude_lan = true;
		return 0;
	}
	error = parse_network(value, item, &network);
	if (error)
		return error;
	if (!network.length)
		return value_wrong(value,
				   "%.64s is everything: say Routes = none "
				   "instead",
				   item);
	return append(&config->exclude, &config->exclude_count, &network,
		      sizeof(network));
}

int value_exclude(struct value *value)
{
	return each(value, add_exclude);
}

static int add_kill_switch(struct value *value, const char *item)
{
	struct config *config = value->config;

	if (!strcasecmp(item, "yes"))
		config->kill_switch = true;
	else if (config->kill_switch && !strcasecmp(item, "exclude"))
		config->kill_switch_exclude = true;
	else if (config->kill_switch && !strcasecmp(item, "lan"))
		config->kill_switch_lan = true;
	else
		return value_wrong(value,
				   "\"%.64s\" is neither no, nor yes with "
				   "exclude and lan behind it",
				   item);
	return 0;
}

int value_kill_switch(struct value *value)
{
	if (!strcasecmp(value->text, "no"))
		return 0;
	return each(value, add_kill_switch);
}

static int add_dns(struct value *value, const char *item)
{
	struct config *config = value->config;
	struct inet_address address;
	int error = check_room(value, config->dns_count);

	if (inet_parse_address(item, &address))
		return value_wrong(value, "\"%.64s\" is not an address", item);
	if (error)
		return error;
	return append(&config->dns, &config->dns_count, &address,
		      sizeof(address));
}

static int add_search(struct value *value, const char *item)
{
	struct config *config = value->config;
	int error = check_room(value, config->search_count);
	struct inet_address address;
	char *domain;

	if (strlen(item) >= SETTINGS_DOMAIN_SIZE || !value_is_host_name(item) ||
	    !inet_parse_address(item, &address))
		return value_wrong(value, "\"%.64s\" is not a domain", item);
	if (error)
		return error;
	domain = strdup(item);
	if (!domain)
		return -ENOMEM;
	error = append(&config->search, &config->search_count, &domain,
		       sizeof(domain));
	if (error)
		free(domain);
	return error;
}

/*
 * The value is a word or, by add, a list. A word stands alone: it neither
 * follows a list nor is followed by one. "pushed" is a client's word, as a
 * server is not pushed anything.
 */
static int choose(struct value *value, const struct value_choice *words,
		  enum config_choice *choice,
		  int (*add)(struct value *value, const char *item))
{
	bool joins = value->again && *choice == CONFIG_LIST;

	for (; words->word; words++) {
		if (strcasecmp(words->word, value->text))
			continue;
		if (value->again)
			return value_wrong(value, "stands beside other values");
		if (words->value == CONFIG_PUSHED &&
		    value->config->role == CONFIG_SERVER)
			return value_wrong(value, "only a client can take what "
						  "its server says");
		*choice = (enum config_choice)words->value;
		return 0;
	}
	if (value->again && !joins)
		return value_wrong(value, "an earlier %s leaves no room for it",
				   value->key->name);
	*choice = CONFIG_LIST;
	return each(value, add);
}

int value_routes(struct value *value)
{
	static const struct value_choice words[] = {
		{"none", CONFIG_NONE},
		{"default", CONFIG_DEFAULT},
		{"pushed", CONFIG_PUSHED},
		{NULL, 0},
	};

	return choose(value, words, &value->config->routes_choice, add_route);
}

static const struct value_choice none_or_pushed[] = {
	{"none", CONFIG_NONE},
	{"pushed", CONFIG_PUSHED},
	{NULL, 0},
};

int value_dns(struct value *value)
{
	return choose(value, none_or_pushed, &value->config->dns_choice,
		      add_dns);
}

int value_search(struct value *value)
{
	return choose(value, none_or_pushed, &value->config->search_choice,
		      add_search);
}
