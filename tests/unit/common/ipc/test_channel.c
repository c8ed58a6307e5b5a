/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/config/config.h"
#include "common/ipc/channel.h"
#include "common/tunnel_sockets.h"

/* More than the kernel's buffer of a socket pair takes. */
#define MANY 2000
/* More than a channel keeps. */
#define TOO_MANY 40000

struct end {
	struct ev_loop *loop;
	struct channel *channel;
	unsigned received, closed;
	struct channel_message last;
	int fd;
	unsigned sent, to_send, pauses;
};

static void receive(void *owner, const struct channel_message *message, int fd)
{
	struct end *end = owner;

	end->received++;
	end->last = *message;
	end->fd = fd;
}

static void closed(void *owner)
{
	struct end *end = owner;

	end->closed++;
}

static void send_more(struct end *end)
{
	while (end->sent < end->to_send) {
		struct channel_message message = {.type = CHANNEL_UP};

		if (channel_is_full(end->channel)) {
			end->pauses++;
			return;
		}
		message.up.rtt_us = end->sent++;
		assert_int_equal(channel_send(end->channel, &message, -1), 0);
	}
}

static void drained(void *owner)
{
	send_more(owner);
}

static const struct channel_hooks hooks = {
	.receive = receive,
	.closed = closed,
	.drained = drained,
};

/* ends[1] is a channel, *raw the bare descriptor of the other side. */
static void open_end(struct end *end, int *raw)
{
	int fds[2];

	memset(end, 0, sizeof(*end));
	end->fd = -1;
	end->loop = ev_loop_new(EVFLAG_AUTO);
	assert_non_null(end->loop);
	assert_int_equal(channel_pair(fds), 0);
	assert_int_equal(
		channel_new(&end->channel, end->loop, fds[0], &hooks, end), 0);
	*raw = fds[1];
}

static void close_end(struct end *end)
{
	channel_free(end->channel);
	ev_loop_destroy(end->loop);
}

static void test_order_and_backlog(void **state)
{
	struct end from, to;
	int raw;

	(void)state;
	open_end(&from, &raw);
	memset(&to, 0, sizeof(to));
	to.loop = from.loop;
	assert_int_equal(channel_new(&to.channel, to.loop, raw, &hooks, &to),
			 0);
	for (unsigned i = 0; i < MANY; i++) {
		struct channel_message message = {.type = CHANNEL_UP};

		message.up.rtt_us = i;
		assert_int_equal(channel_send(from.channel, &message, -1), 0);
	}
	while (to.received < MANY) {
		unsigned before = to.received;

		ev_run(from.loop, EVRUN_ONCE);
		if (to.received > before)
			assert_int_equal(to.last.up.rtt_us, to.received - 1);
	}
	channel_free(to.channel);
	close_end(&from);
}

/* More than any queue has room for: the sender waits for it, none is lost. */
static void test_sender_waits_for_room(void **state)
{
	struct end from, to;
	int raw;

	(void)state;
	open_end(&from, &raw);
	from.to_send = TOO_MANY;
	memset(&to, 0, sizeof(to));
	to.loop = from.loop;
	assert_int_equal(channel_new(&to.channel, to.loop, raw, &hooks, &to),
			 0);
	send_more(&from);
	while (to.received < TOO_MANY) {
		ev_run(from.loop, EVRUN_ONCE);
		if (to.received)
			assert_int_equal(to.last.up.rtt_us, to.received - 1);
	}
	assert_in_range(from.pauses, 10, TOO_MANY);
	channel_free(to.channel);
	close_end(&from);
}

/*
 * Nobody reads: what may be left out is refused with room to spare for the
 * rest, and the rest is never left out, but the end of the connection.
 */
static void test_nothing_is_lost_in_silence(void **state)
{
	struct channel_message message = {.type = CHANNEL_MTU, .mtu = 1400};
	struct end from = {0};
	unsigned tried = 0, sent = 0;
	int raw;

	(void)state;
	open_end(&from, &raw);
	while (!channel_try_send(from.channel, &message, -1))
		tried++;
	assert_in_range(tried, 1000, 10000);
	assert_false(channel_is_overrun(from.channel));
	while (!channel_send(from.channel, &message, -1))
		sent++;
	assert_in_range(sent, 10000, 100000);
	assert_true(channel_is_overrun(from.channel));
	/* Not from within the sender. */
	assert_int_equal(from.closed, 0);
	assert_int_equal(channel_send(from.channel, &message, -1), -ENOBUFS);
	ev_run(from.loop, EVRUN_NOWAIT);
	assert_int_equal(from.closed, 1);
	ev_run(from.loop, EVRUN_NOWAIT);
	assert_int_equal(from.closed, 1);
	close(raw);
	close_end(&from);
}

static void test_a_descriptor_comes_along(void **state)
{
	struct channel_message message = {.type = CHANNEL_RELOAD};
	struct end from, to;
	int raw, pipes[2];
	char byte = 0;

	(void)state;
	open_end(&from, &raw);
	memset(&to, 0, sizeof(to));
	to.loop = from.loop;
	assert_int_equal(channel_new(&to.channel, to.loop, raw, &hooks, &to),
			 0);
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(channel_send(from.channel, &message, pipes[1]), 0);
	ev_run(from.loop, EVRUN_ONCE);
	assert_true(to.fd >= 0);
	assert_int_equal(write(to.fd, "x", 1), 1);
	assert_int_equal(read(pipes[0], &byte, 1), 1);
	assert_int_equal(byte, 'x');
	close(to.fd);
	close(pipes[0]);
	close(pipes[1]);
	channel_free(to.channel);
	close_end(&from);
}

/* Whatever has come since the last message: nobody can write any more. */
static void assert_closed(int reader)
{
	char byte;

	assert_int_equal(read(reader, &byte, 1), 0);
}

/*
 * The kernel fills the padding behind one descriptor with a second one, which
 * the receiver never asked for.
 */
static void test_more_descriptors_are_closed(void **state)
{
	struct channel_message message = {.type = CHANNEL_READY};
	struct iovec vector = {&message, sizeof(message)};
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(3 * sizeof(int))];
	} control = {.head = {.cmsg_len = CMSG_LEN(3 * sizeof(int)),
			      .cmsg_level = SOL_SOCKET,
			      .cmsg_type = SCM_RIGHTS}};
	struct msghdr header = {.msg_iov = &vector,
				.msg_iovlen = 1,
				.msg_control = &control,
				.msg_controllen = sizeof(control)};
	struct end end;
	int raw, pipes[2];

	(void)state;
	open_end(&end, &raw);
	assert_int_equal(pipe2(pipes, O_NONBLOCK), 0);
	for (size_t i = 0; i < 3; i++)
		memcpy(CMSG_DATA(&control.head) + i * sizeof(int), &pipes[1],
		       sizeof(int));
	assert_int_equal(sendmsg(raw, &header, 0), sizeof(message));
	close(pipes[1]);
	ev_run(end.loop, EVRUN_NOWAIT);
	assert_int_equal(end.received, 1);
	if (end.fd >= 0)
		close(end.fd);
	assert_closed(pipes[0]);
	close(pipes[0]);
	close(raw);
	close_end(&end);
}

static void test_hostile_messages_are_refused(void **state)
{
	struct channel_message message = {.type = CHANNEL_UP};
	struct end end;
	int raw;

	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	open_end(&end, &raw);
	/* These are short, of no known type, and too long. */
	assert_int_equal(send(raw, &message, 4, 0), 4);
	message.type = CHANNEL_TYPES + 7;
	assert_true(send(raw, &message, sizeof(message), 0) > 0);
	message.type = CHANNEL_LOG;
	message.log.level = LOG_LEVEL_INFO;
	memset(message.log.line, 'a', sizeof(message.log.line));
	assert_true(send(raw, &message, sizeof(message), 0) > 0);
	ev_run(end.loop, EVRUN_NOWAIT);
	assert_int_equal(end.received, 0);
	message.type = CHANNEL_READY;
	assert_true(send(raw, &message, sizeof(message), 0) > 0);
	ev_run(end.loop, EVRUN_NOWAIT);
	assert_int_equal(end.received, 1);
	close(raw);
	ev_run(end.loop, EVRUN_NOWAIT);
	assert_int_equal(end.closed, 1);
	close_end(&end);
}

static void test_check_of_reload(void **state)
{
	struct channel_message message = {.type = CHANNEL_PEM};

	(void)state;
	message.pem.which = CONFIG_PEM_CRL;
	assert_int_equal(channel_check(&message), 0);
	message.pem.which = CONFIG_PEMS;
	assert_int_equal(channel_check(&message), -EPROTO);
	memset(&message, 0, sizeof(message));
	message.type = CHANNEL_READY;
	assert_int_equal(channel_check(&message), 0);
	message.ready.expires = -1;
	assert_int_equal(channel_check(&message), -EPROTO);
	memset(&message, 0, sizeof(message));
	message.type = CHANNEL_LOADED;
	message.loaded.expires = INT64_MAX;
	assert_int_equal(channel_check(&message), 0);
	message.loaded.expires = -1;
	assert_int_equal(channel_check(&message), -EPROTO);
	message.loaded.expires = 0;
	message.loaded.error = -EINVAL;
	assert_int_equal(channel_check(&message), 0);
	message.loaded.error = 1;
	assert_int_equal(channel_check(&message), -EPROTO);
	message.loaded.error = -EINVAL;
	message.loaded.reason[0] = '\n';
	assert_int_equal(channel_check(&message), -EPROTO);
	memset(message.loaded.reason, 'x', sizeof(message.loaded.reason));
	assert_int_equal(channel_check(&message), -EPROTO);
}

static void test_check_of_settings(void **state)
{
	struct channel_message message = {.type = CHANNEL_CONFIG};

	(void)state;
	assert_int_equal(channel_check(&message), 0);
	message.settings.route_count = 1;
	assert_int_equal(channel_check(&message), -EPROTO);
	message.settings.routes[0].address.family = AF_INET;
	assert_int_equal(channel_check(&message), 0);
	message.settings.routes[0].length = 33;
	assert_int_equal(channel_check(&message), -EPROTO);
	message.settings.routes[0].length = 32;
	message.settings.route_count = SETTINGS_ROUTES + 1;
	assert_int_equal(channel_check(&message), -EPROTO);
	message.settings.route_count = 0;
	message.settings.address4.address.family = AF_INET6;
	assert_int_equal(channel_check(&message), -EPROTO);
	message.settings.address4.address.family = 0;
	message.settings.search_count = 1;
	strcpy(message.settings.search[0], "a\nnameserver 192.0.2.1");
	assert_int_equal(channel_check(&message), -EPROTO);
}

static void test_check_of_endpoints(void **state)
{
	struct channel_message message = {.type = CHANNEL_ENDPOINTS};

	(void)state;
	assert_int_equal(channel_check(&message), -EPROTO);
	message.endpoints.count = CHANNEL_ENDPOINTS_MOST;
	assert_int_equal(channel_check(&message), -EPROTO);
	for (size_t i = 0; i < CHANNEL_ENDPOINTS_MOST; i++)
		message.endpoints.list[i].address.address.family = AF_INET6;
	assert_int_equal(channel_check(&message), 0);
	message.endpoints.count++;
	assert_int_equal(channel_check(&message), -EPROTO);
	memset(&message, 0, sizeof(message));
	message.type = CHANNEL_ANSWERED;
	assert_int_equal(channel_check(&message), -EPROTO);
	message.answered.address.family = AF_INET;
	assert_int_equal(channel_check(&message), 0);
	message.answered.address.bytes[4] = 1;
	assert_int_equal(channel_check(&message), -EPROTO);
}

static void test_check_of_mapped_addresses(void **state)
{
	struct channel_message message = {.type = CHANNEL_CONFIG};
	struct inet_address *address = &message.settings.address6.address;

	(void)state;
	address->family = AF_INET6;
	message.settings.address6.length = 64;
	address->bytes[0] = 0xfd;
	assert_int_equal(channel_check(&message), 0);
	memcpy(address->bytes, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\x08\0\x02",
	       16);
	assert_int_equal(channel_check(&message), -EPROTO);
	memset(address, 0, sizeof(*address));
	message.settings.address6.length = 0;
	message.settings.address4.address.family = AF_INET;
	message.settings.address4.address.bytes[3] = 1;
	assert_int_equal(channel_check(&message), 0);
	message.settings.address4.address.bytes[4] = 1;
	assert_int_equal(channel_check(&message), -EPROTO);
}

static void test_check_of_mtu(void **state)
{
	static const struct {
		uint32_t type, mtu;
		int error;
	} cases[] = {
		{CHANNEL_MTU, 0, -EPROTO},
		{CHANNEL_MTU, 68, -EPROTO},
		{CHANNEL_MTU, 1280, 0},
		{CHANNEL_MTU, 65536, -EPROTO},
		{CHANNEL_START, 0, 0},
		{CHANNEL_START, 1435, 0},
		{CHANNEL_START, UINT32_MAX, -EPROTO},
		{CHANNEL_CONFIGURED, 0, 0},
		{CHANNEL_CONFIGURED, 65536, -EPROTO},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct channel_message message = {
			.type = cases[i].type,
			.mtu = cases[i].mtu,
		};

		assert_int_equal(channel_check(&message), cases[i].error);
	}
}

static void test_check_of_tun_refuses(void **state)
{
	static const struct {
		int32_t given;
		int error;
	} cases[] = {
		{0, -EPROTO}, {EINVAL, -EPROTO},    {-EINVAL, 0},
		{-4095, 0},   {INT32_MIN, -EPROTO},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct channel_message message = {
			.type = CHANNEL_TUN_REFUSES,
			.tun_refuses.error = cases[i].given,
		};

		assert_int_equal(channel_check(&message), cases[i].error);
	}
}

static void test_check_of_texts(void **state)
{
	struct channel_message message = {.type = CHANNEL_LEASE_TAKEN};

	(void)state;
	assert_int_equal(channel_check(&message), -EPROTO);
	strcpy(message.lease.peer, "alice");
	assert_int_equal(channel_check(&message), 0);
	strcpy(message.lease.peer, "a b");
	assert_int_equal(channel_check(&message), -EPROTO);
	strcpy(message.lease.peer, "a\nb");
	assert_int_equal(channel_check(&message), -EPROTO);
	strcpy(message.lease.peer, "alice");
	inet_parse_address("192.0.2.1", &message.lease.local);
	assert_int_equal(channel_check(&message), -EPROTO);
	inet_parse_endpoint("192.0.2.7:4000", &message.lease.outer);
	assert_int_equal(channel_check(&message), 0);
	message.lease.socket = TUNNEL_SOCKETS;
	assert_int_equal(channel_check(&message), -EPROTO);
	message.lease.socket = 0;
	message.lease.outer.address.family = AF_UNIX;
	assert_int_equal(channel_check(&message), -EPROTO);
	memset(&message, 0, sizeof(message));
	message.type = CHANNEL_LOG;
	message.log.level = LOG_LEVEL_DEBUG + 1;
	message.log.line[0] = '\0';
	assert_int_equal(channel_check(&message), -EPROTO);
}

static void test_check_of_disconnect(void **state)
{
	struct channel_message message = {.type = CHANNEL_DISCONNECT};

	(void)state;
	strcpy(message.disconnect.peer, "alice");
	assert_int_equal(channel_check(&message), 0);
	message.disconnect.peer[2] = '\n';
	assert_int_equal(channel_check(&message), -EPROTO);
	memset(message.disconnect.peer, 'a', sizeof(message.disconnect.peer));
	assert_int_equal(channel_check(&message), -EPROTO);
}

static void test_check_of_peers(void **state)
{
	struct channel_message message = {.type = CHANNEL_PEERS};

	(void)state;
	assert_int_equal(channel_check(&message), -EPROTO);
	message.peers.count = CHANNEL_PEERS_MOST + 1;
	assert_int_equal(channel_check(&message), -EPROTO);
	message.peers.count = CHANNEL_PEERS_MOST;
	assert_int_equal(channel_check(&message), 0);
	message.peers.list[1].connected = 2;
	assert_int_equal(channel_check(&message), -EPROTO);
	message.peers.list[1].connected = 1;
	memset(message.peers.list[1].name, 'a', SETTINGS_NAME_SIZE);
	assert_int_equal(channel_check(&message), -EPROTO);
}

static void test_check_of_usage(void **state)
{
	struct channel_message message = {.type = CHANNEL_USAGE};

	(void)state;
	assert_int_equal(channel_check(&message), -EPROTO);
	message.usage.count = CHANNEL_PEERS_MOST + 1;
	assert_int_equal(channel_check(&message), -EPROTO);
	message.usage.count = CHANNEL_PEERS_MOST;
	assert_int_equal(channel_check(&message), 0);
	memset(message.usage.list[1].name, 'a', SETTINGS_NAME_SIZE);
	assert_int_equal(channel_check(&message), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_and_backlog),
		cmocka_unit_test(test_sender_waits_for_room),
		cmocka_unit_test(test_nothing_is_lost_in_silence),
		cmocka_unit_test(test_a_descriptor_comes_along),
		cmocka_unit_test(test_more_descriptors_are_closed),
		cmocka_unit_test(test_hostile_messages_are_refused),
		cmocka_unit_test(test_check_of_reload),
		cmocka_unit_test(test_check_of_settings),
		cmocka_unit_test(test_check_of_endpoints),
		cmocka_unit_test(test_check_of_mapped_addresses),
		cmocka_unit_test(test_check_of_mtu),
		cmocka_unit_test(test_check_of_tun_refuses),
		cmocka_unit_test(test_check_of_texts),
		cmocka_unit_test(test_check_of_disconnect),
		cmocka_unit_test(test_check_of_peers),
		cmocka_unit_test(test_check_of_usage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
