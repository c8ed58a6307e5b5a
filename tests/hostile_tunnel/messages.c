/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages to host that an honest tunnel process would not send. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hostile_tunnel.h"

#define FLOOD 20000

static struct inet_prefix prefix(const char *text)
{
	struct inet_prefix value = {0};

	inet_parse_prefix(text, &value);
	return value;
}

/* This sends until it is taken, as far as anybody is there to take it. */
static void put(struct tunnel *tunnel, const struct channel_message *message,
		int fd)
{
	while (channel_try_send(tunnel->channel, message, fd) == -ENOBUFS)
		channel_flush(tunnel->channel, 1000);
}

static void put_type(struct tunnel *tunnel, uint32_t type, unsigned times)
{
	struct channel_message message = {.type = type};

	for (unsigned i = 0; i < times; i++)
		put(tunnel, &message, -1);
}

static struct channel_message config(const char *address)
{
	struct channel_message message = {.type = CHANNEL_CONFIG};

	message.settings.address4 = prefix(address);
	message.settings.server4 = prefix("10.8.0.1").address;
	return message;
}

static void wide(struct tunnel *tunnel)
{
	struct channel_message message = config("10.8.0.2/8");

	message.settings.routes[0] = prefix("0.0.0.0/0");
	message.settings.routes[1] = prefix("203.0.113.0/24");
	message.settings.route_count = 2;
	message.settings.dns[0] = prefix("192.0.2.66").address;
	message.settings.dns_count = 1;
	put(tunnel, &message, -1);
}

static void flip(struct tunnel *tunnel)
{
	struct channel_message one = config("10.8.0.2/24");
	struct channel_message other = config("10.8.0.3/24");

	for (unsigned i = 0; i < FLOOD; i++)
		put(tunnel, i % 2 ? &one : &other, -1);
}

static struct channel_message lease(const char *peer, const char *address)
{
	struct channel_message message = {.type = CHANNEL_LEASE_TAKEN};

	snprintf(message.lease.peer, sizeof(message.lease.peer), "%s", peer);
	message.lease.address4 = prefix(address).address;
	message.lease.used = time(NULL) + 1000000;
	return message;
}

static void foreign_leases(struct tunnel *tunnel)
{
	struct channel_message message = lease("alice", "192.0.2.1");

	put(tunnel, &message, -1);
	for (unsigned i = 0; i < 50; i++) {
		char name[32];

		snprintf(name, sizeof(name), "mallory%u", i);
		message = lease(name, "10.8.0.66");
		put(tunnel, &message, -1);
	}
	message = lease("../../hostile", "10.8.0.66");
	put(tunnel, &message, -1);
}

static void lease_flood(struct tunnel *tunnel)
{
	struct channel_message one = lease("alice", "10.8.0.20");
	struct channel_message other = lease("alice", "10.8.0.21");

	for (unsigned i = 0; i < FLOOD; i++)
		put(tunnel, i % 2 ? &one : &other, -1);
}

/* Those who are no peers, and one who is: for ever. */
static void usage_flood(struct tunnel *tunnel)
{
	struct channel_message message = {.type = CHANNEL_USAGE};

	message.usage.count = CHANNEL_PEERS_MOST;
	for (unsigned i = 0; i < FLOOD; i++) {
		for (unsigned j = 0; j < CHANNEL_PEERS_MOST; j++) {
			struct channel_usage *one = &message.usage.list[j];

			snprintf(one->name, sizeof(one->name), "mallory%u",
				 i * CHANNEL_PEERS_MOST + j);
			one->untold.rx_bytes = UINT64_MAX;
		}
		strcpy(message.usage.list[0].name, "alice");
		strcpy(message.usage.list[1].name, "../../hostile");
		put(tunnel, &message, -1);
	}
}

static struct channel_message peer(const char *name, bool connected)
{
	struct channel_message message = {.type = CHANNEL_PEERS};

	message.peers.count = 1;
	message.peers.list[0].connected = connected;
	snprintf(message.peers.list[0].name, SETTINGS_NAME_SIZE, "%s", name);
	return message;
}

/* Some that the file does not have, and more than there may be. */
static void foreign_peers(struct tunnel *tunnel)
{
	struct channel_message message = lease("alice", "10.8.0.1");
	char name[32];

	put(tunnel, &message, -1);
	for (unsigned i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "mallory%u", i);
		message = peer(name, true);
		put(tunnel, &message, -1);
	}
	message = peer("alice", true);
	put(tunnel, &message, -1);
}

static void peer_flood(struct tunnel *tunnel)
{
	for (unsigned i = 0; i < FLOOD; i++) {
		struct channel_message message = peer("alice", i % 2);

		put(tunnel, &message, -1);
	}
}

static void lost_and_up(struct tunnel *tunnel)
{
	for (unsigned i = 0; i < FLOOD; i++)
		put_type(tunnel, i % 2 ? CHANNEL_UP : CHANNEL_LOST, 1);
}

static void log_flood(struct tunnel *tunnel)
{
	struct channel_message message = {.type = CHANNEL_LOG};

	message.log.level = LOG_LEVEL_ERROR;
	snprintf(message.log.line, sizeof(message.log.line), "hostile: line");
	for (unsigned i = 0; i < FLOOD; i++)
		put(tunnel, &message, -1);
	channel_flush(tunnel->channel, 10000);
	snprintf(message.log.line, sizeof(message.log.line), "hostile: end");
	for (unsigned i = 0; i < 100; i++)
		put(tunnel, &message, -1);
}

static void mtu(struct tunnel *tunnel, unsigned value)
{
	struct channel_message message = {.type = CHANNEL_MTU, .mtu = value};

	put(tunnel, &message, -1);
}

/* More than the link has, less than IPv6 needs, and less than there is. */
static void mtus(struct tunnel *tunnel)
{
	mtu(tunnel, 65535);
	mtu(tunnel, 400);
	mtu(tunnel, 68);
}

static void mtu_flood(struct tunnel *tunnel)
{
	for (unsigned i = 0; i < FLOOD; i++)
		mtu(tunnel, 1290 + i % 2);
}

static void malformed(struct tunnel *tunnel)
{
	struct channel_message message = config("10.8.0.2/24");

	message.settings.address4.length = 77;
	for (unsigned i = 0; i < FLOOD; i++)
		put(tunnel, &message, -1);
}

/* Each of host's own, and those that nobody has. */
static void foreign_types(struct tunnel *tunnel)
{
	for (uint32_t type = CHANNEL_LEASE; type < CHANNEL_TYPES + 5; type++)
		put_type(tunnel, type, 2);
}

/* These answers are of a server that nobody has named. */
static void false_answers(struct tunnel *tunnel)
{
	struct channel_message message = {.type = CHANNEL_ANSWERED};

	message.answered.address.family = AF_INET;
	message.answered.address.bytes[0] = 203;
	message.answered.port = 4433;
	for (unsigned i = 0; i < 10; i++)
		put(tunnel, &message, -1);
}

static void descriptors(struct tunnel *tunnel)
{
	struct channel_message message = {.type = CHANNEL_LOG};

	message.log.level = LOG_LEVEL_DEBUG;
	for (unsigned i = 0; i < 500; i++) {
		put(tunnel, &message, STDIN_FILENO);
		channel_flush(tunnel->channel, 1000);
	}
}

/* Whatever host has to say, nobody is there any more. */
static void be_silent(void)
{
	log_notice("hostile: silent");
	for (;;)
		poll(NULL, 0, -1);
}

/* Another one's, one that makes no sense, and none that was asked for twice. */
static void lie(struct tunnel *tunnel, uint32_t id)
{
	struct channel_message message = {.type = CHANNEL_LOADED};

	message.loaded.expires = INT64_MAX;
	message.loaded.error = 1;
	put(tunnel, &message, -1);
	message.loaded.error = 0;
	message.loaded.id = id;
	for (unsigned i = 0; i < 3; i++)
		put(tunnel, &message, -1);
}

void hostile_tunnel_reload(struct tunnel *tunnel, const char *name, uint32_t id)
{
	if (!strcmp(name, "reload-silence"))
		be_silent();
	if (!strcmp(name, "reload-lies"))
		lie(tunnel, id);
}

/* One peer a second, for longer than anybody waits, and no end. */
static void status_trickle(struct tunnel *tunnel)
{
	struct channel_message message = {
		.type = CHANNEL_STATUS_PEER,
		.peer = {.name = "alice",
			 .endpoint = {.address = {.family = AF_INET,
						  .bytes = {192, 0, 2, 1}},
				      .port = 4433}},
	};

	for (int i = 0; i < 10; i++) {
		channel_send(tunnel->channel, &message, -1);
		poll(NULL, 0, 1000);
	}
}

static const struct {
	const char *name;
	void (*send)(struct tunnel *tunnel);
} messages[] = {
	{"wide", wide},
	{"flip", flip},
	{"foreign-leases", foreign_leases},
	{"usage-flood", usage_flood},
	{"lease-flood", lease_flood},
	{"foreign-peers", foreign_peers},
	{"peer-flood", peer_flood},
	{"lost-and-up", lost_and_up},
	{"log-flood", log_flood},
	{"mtu", mtus},
	{"mtu-flood", mtu_flood},
	{"malformed", malformed},
	{"foreign-types", foreign_types},
	{"descriptors", descriptors},
	{"false-answers", false_answers},
	{"status-trickle", status_trickle},
};

static const struct {
	const char *name;
	uint32_t type;
	unsigned times;
} types[] = {
	{"failed", CHANNEL_FAILED, 1},
	{"ready-flood", CHANNEL_READY, FLOOD},
	{"endpoint-flood", CHANNEL_ENDPOINT_WANTED, FLOOD},
	{"status-flood", CHANNEL_STATUS_PEER, FLOOD},
	{"end-flood", CHANNEL_STATUS_END, FLOOD},
	{"loaded-flood", CHANNEL_LOADED, FLOOD},
};

bool hostile_tunnel_send(struct tunnel *tunnel, const char *name)
{
	bool known = false;

	for (size_t i = 0; i < sizeof(messages) / sizeof(*messages); i++) {
		if (strcmp(name, messages[i].name))
			continue;
		messages[i].send(tunnel);
		known = true;
	}
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		if (strcmp(name, types[i].name))
			continue;
		put_type(tunnel, types[i].type, types[i].times);
		known = true;
	}
	channel_flush(tunnel->channel, 10000);
	return known;
}
