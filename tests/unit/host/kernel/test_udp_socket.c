/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which socket of a server's port gets what, by the kernel itself. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/kernel/udp_socket.h"

struct port {
	struct inet_endpoint endpoint;
	int fds[TUNNEL_SORTS];
	int sender;
};

/* A port that is free now. */
static void find_port(struct port *port)
{
	struct sockaddr_storage name;
	socklen_t length = inet_endpoint_to_sockaddr(&port->endpoint, &name);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, length), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &length), 0);
	assert_int_equal(inet_endpoint_from_sockaddr((struct sockaddr *)&name,
						     &port->endpoint),
			 0);
	close(fd);
}

static void open_port(struct port *port)
{
	static const struct inet_address loopback = {AF_INET, {127, 0, 0, 1}};
	struct sockaddr_storage name;
	socklen_t length;
	int err;

	memset(port, 0, sizeof(*port));
	do {
		port->endpoint.address = loopback;
		port->endpoint.port = 0;
		find_port(port);
		err = udp_socket_listen(&port->endpoint, false, port->fds);
	} while (err == -EADDRINUSE);
	assert_int_equal(err, 0);
	port->sender = socket(AF_INET, SOCK_DGRAM, 0);
	assert_true(port->sender >= 0);
	length = inet_endpoint_to_sockaddr(&port->endpoint, &name);
	assert_int_equal(
		connect(port->sender, (struct sockaddr *)&name, length), 0);
}

static void close_port(struct port *port)
{
	for (unsigned i = 0; i < TUNNEL_SORTS; i++)
		close(port->fds[i]);
	close(port->sender);
}

/* The socket that a datagram comes out of, once. */
static int sort_of(struct port *port, const uint8_t *data, size_t length)
{
	struct pollfd polled[TUNNEL_SORTS];
	uint8_t got[2048];
	int found = -1;

	for (unsigned i = 0; i < TUNNEL_SORTS; i++)
		polled[i] = (struct pollfd){port->fds[i], POLLIN, 0};
	assert_int_equal(send(port->sender, data, length, 0), length);
	assert_int_equal(poll(polled, TUNNEL_SORTS, 2000), 1);
	for (int i = 0; i < TUNNEL_SORTS; i++) {
		if (polled[i].revents)
			found = i;
	}
	assert_int_equal(recv(port->fds[found], got, sizeof(got), 0), length);
	assert_memory_equal(got, data, length);
	return found;
}

/* A record with 200 bytes, and where asked a hello's beginning in it. */
static size_t make(uint8_t *record, uint8_t type, uint8_t epoch)
{
	memset(record, 0, 213);
	record[0] = type;
	record[1] = 0xfe;
	record[2] = 0xfd;
	record[4] = epoch;
	record[12] = 200;
	return 213;
}

static void expect(struct port *port, uint8_t type, uint8_t epoch,
		   enum tunnel_sort sort)
{
	uint8_t record[300];
	size_t length = make(record, type, epoch);

	assert_int_equal(sort_of(port, record, length), sort);
	/* Another one behind it changes nothing; one that is cut is none. */
	assert_int_equal(sort_of(port, record, length + 50), sort);
	assert_int_equal(sort_of(port, record, length - 1), TUNNEL_SORT_ASKING);
	record[1] = 3;
	assert_int_equal(sort_of(port, record, length), TUNNEL_SORT_ASKING);
}

static void expect_hello(struct port *port, uint8_t id, uint8_t cookie,
			 enum tunnel_sort sort)
{
	uint8_t record[300];
	size_t length = make(record, 22, 0);

	record[13] = 1;
	record[59] = id;
	record[60 + id] = cookie;
	assert_int_equal(sort_of(port, record, length), sort);
	record[2] = 0xff; /* DTLS 1.0, as OpenSSL begins */
	assert_int_equal(sort_of(port, record, length), sort);
}

static void check_sorts(struct port *port)
{
	uint8_t short_hello[61] = {22, 0xfe, 0xfd, 0, 0, 0,  0,
				   0,  0,    0,	   0, 0, 47, 1};

	expect(port, 23, 1, TUNNEL_SORT_RECORD);
	expect(port, 23, 0, TUNNEL_SORT_ASKING);
	expect(port, 22, 1, TUNNEL_SORT_HANDSHAKE);
	expect(port, 21, 1, TUNNEL_SORT_HANDSHAKE);
	expect(port, 20, 0, TUNNEL_SORT_HANDSHAKE);
	expect(port, 22, 0, TUNNEL_SORT_HANDSHAKE); /* message type 0 */
	expect(port, 19, 1, TUNNEL_SORT_ASKING);
	expect(port, 24, 1, TUNNEL_SORT_ASKING);
	expect_hello(port, 0, 0, TUNNEL_SORT_ASKING);
	expect_hello(port, 0, 16, TUNNEL_SORT_HANDSHAKE);
	expect_hello(port, 32, 0, TUNNEL_SORT_ASKING);
	expect_hello(port, 32, 16, TUNNEL_SORT_HANDSHAKE);
	expect_hello(port, 33, 16, TUNNEL_SORT_ASKING);
	for (size_t i = 0; i < 14; i++)
		assert_int_equal(sort_of(port, short_hello, i),
				 TUNNEL_SORT_ASKING);
	/* What the program can't read ends it, with the first of them. */
	assert_int_equal(sort_of(port, short_hello, 60), TUNNEL_SORT_RECORD);
}

static void test_sorts(void **state)
{
	struct port port;

	(void)state;
	open_port(&port);
	check_sorts(&port);
	close_port(&port);
}

/* That sockets of ours share a port lets nobody else in. */
static void test_port_taken(void **state)
{
	int fds[TUNNEL_SORTS];
	struct port port;

	(void)state;
	open_port(&port);
	assert_int_equal(udp_socket_listen(&port.endpoint, false, fds),
			 -EADDRINUSE);
	close_port(&port);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sorts),
		cmocka_unit_test(test_port_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
