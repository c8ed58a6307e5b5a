/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control messages: whatever is decoded lies within its bounds, can be encoded
 * in the room that it came in, and is decoded again as the same.
 */
#include <stdlib.h>
#include <string.h>

#include "common/ipc/channel.h"
#include "tunnel/control/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
	if (!good)
		abort();
}

static void check_prefix(const struct inet_prefix *prefix, uint16_t family)
{
	check(prefix->address.family == 0 || prefix->address.family == family);
	check(prefix->length <= inet_size(prefix->address.family) * 8);
}

static void check_settings(const struct settings *settings)
{
	check(memchr(settings->name, 0, sizeof(settings->name)) != NULL);
	check_prefix(&settings->address4, AF_INET);
	check_prefix(&settings->address6, AF_INET6);
	check(settings->route_count <= SETTINGS_ROUTES);
	for (unsigned i = 0; i < settings->route_count; i++)
		check_prefix(&settings->routes[i],
			     settings->routes[i].address.family);
	check(settings->dns_count <= SETTINGS_DNS);
	check(settings->search_count <= SETTINGS_SEARCH);
	for (unsigned i = 0; i < settings->search_count; i++)
		check(memchr(settings->search[i], 0, SETTINGS_DOMAIN_SIZE) !=
		      NULL);
}

/* The host process takes what has been decoded as it is. */
static void check_channel(const struct message *message)
{
	struct channel_message to_host = {.type = CHANNEL_CONFIG};

	to_host.settings = message->settings;
	check(channel_check(&to_host) == 0);
}

static void check_text(const char *text)
{
	size_t length = strnlen(text, MESSAGE_TEXT_SIZE);

	check(length < MESSAGE_TEXT_SIZE);
	for (size_t i = 0; i < length; i++)
		check(text[i] >= 0x20 && text[i] <= 0x7e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct message message, again;
	ssize_t length, second;
	uint8_t *once, *twice;

	message_is_control(data, size);
	if (message_decode(data, size, &message) < 0)
		return 0;
	check_settings(&message.settings);
	check_channel(&message);
	check_text(message.text);
	/* A PING without a timestamp is encoded with one: 12 bytes more. */
	once = malloc(size + 12);
	twice = malloc(size + 12);
	check(once && twice);
	length = message_encode(&message, once, size + 12);
	check(length >= 0);
	check(message_decode(once, length, &again) == 0);
	second = message_encode(&again, twice, size + 12);
	check(second == length && memcmp(once, twice, length) == 0);
	free(once);
	free(twice);
	return 0;
}
