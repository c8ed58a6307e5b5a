/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of a server's further ports as text, in the kernel beside what
 * nft(8) makes, and as datagrams meet it.
 */
#include "host/nft/redirect.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "unit/nft_fixture.h"

static struct nft_redirect make(bool ipv6)
{
	struct nft_redirect redirect = {
		.table = "minivpn.ports-server",
		.device = "tun0",
		.ipv6 = ipv6,
		.count = 3,
		.ports = {{20000, 29999}, {700, 700}, {1000, 2000}},
		.to = {{.port = 4433}, {.port = 4433}, {.port = 443}},
	};

	inet_parse_address(ipv6 ? "2001:db8::1" : "192.0.2.1",
			   &redirect.to[2].address);
	return redirect;
}

static void test_as_nft(void **state)
{
	(void)state;
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		struct nft_redirect redirect = make(ipv6);
		struct nft *nft = enter_and_open();
		char text[4096], *ours, *theirs;

		assert_int_equal(nft_redirect_add(nft, &redirect), 0);
		ours = ruleset();
		assert_int_equal(nft_redirect_has(nft, &redirect), 1);
		nft_close(nft);
		nft = enter_and_open();
		assert_int_equal(
			nft_redirect_print(&redirect, text, sizeof(text)), 0);
		feed_without_owner(text);
		theirs = ruleset();
		assert_string_equal(ours, theirs);
		assert_non_null(strstr(ours, "udp dport 20000-29999 fib daddr "
					     "type local dnat to :4433"));
		nft_close(nft);
		free(ours);
		free(theirs);
	}
}

static void test_text(void **state)
{
	(void)state;
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		struct nft_redirect redirect = make(ipv6), parsed;
		char text[4096], again[4096];

		assert_int_equal(
			nft_redirect_print(&redirect, text, sizeof(text)), 0);
		assert_int_equal(nft_redirect_parse(text, &parsed), 0);
		assert_int_equal(
			nft_redirect_print(&parsed, again, sizeof(again)), 0);
		assert_string_equal(again, text);
		assert_int_equal(nft_redirect_print(&redirect, text, 100),
				 -ENOSPC);
		/* One character less, or another, is not ours. */
		nft_redirect_print(&redirect, text, sizeof(text));
		for (size_t i = 0; text[i]; i++) {
			memcpy(again, text, sizeof(text));
			again[i] = '?';
			assert_int_equal(nft_redirect_parse(again, &parsed),
					 -EINVAL);
			again[i] = '\0';
			assert_int_equal(nft_redirect_parse(again, &parsed),
					 -EINVAL);
		}
	}
}

static void refuse(struct nft_redirect redirect)
{
	char text[4096];

	assert_int_equal(nft_redirect_print(&redirect, text, sizeof(text)),
			 -EINVAL);
}

static void test_refused(void **state)
{
	struct nft_redirect redirect;

	(void)state;
	redirect = make(false);
	redirect.count = 0;
	refuse(redirect);
	redirect.count = NFT_REDIRECT_RANGES + 1;
	refuse(redirect);
	redirect = make(false);
	redirect.ports[0].first = 0;
	refuse(redirect);
	redirect = make(false);
	redirect.ports[0].last = 19999;
	refuse(redirect);
	redirect = make(false);
	redirect.to[0].port = 25000;
	refuse(redirect);
	/* The address is of the other family. */
	redirect = make(false);
	redirect.ipv6 = true;
	refuse(redirect);
	redirect = make(false);
	strcpy(redirect.device, "a\"b");
	refuse(redirect);
}

static int bound(int family, uint16_t port)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6,
				   .sin6_port = htons(port)};
	struct sockaddr_in four = {.sin_family = AF_INET,
				   .sin_port = htons(port)};
	struct timeval patience = {.tv_sec = 10};
	int fd = socket(family, SOCK_DGRAM, 0), one = 1;

	/* Neighbours have to find each other. */
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	assert_int_equal(
		family == AF_INET
			? bind(fd, (struct sockaddr *)&four, sizeof(four))
			: bind(fd, (struct sockaddr *)&six, sizeof(six)),
		0);
	return fd;
}

/* A datagram from the other namespace arrives at server. */
static void ask(int client, int server, const struct inet_endpoint *to,
		struct sockaddr_storage *peer, socklen_t *size)
{
	struct sockaddr_storage storage;
	socklen_t length = inet_endpoint_to_sockaddr(to, &storage);
	char text[8];

	*size = sizeof(*peer);
	assert_int_equal(sendto(client, "ask", 3, 0,
				(struct sockaddr *)&storage, length),
			 3);
	assert_int_equal(recvfrom(server, text, sizeof(text), 0,
				  (struct sockaddr *)peer, size),
			 3);
}

/* And is answered. */
static void exchange(int client, int server, const char *address, uint16_t port)
{
	struct inet_endpoint to = {.port = port}, from;
	struct sockaddr_storage peer;
	socklen_t size;
	char text[8];

	assert_int_equal(inet_parse_address(address, &to.address), 0);
	ask(client, server, &to, &peer, &size);
	assert_int_equal(
		sendto(server, "answer", 6, 0, (struct sockaddr *)&peer, size),
		6);
	size = sizeof(peer);
	assert_int_equal(recvfrom(client, text, sizeof(text), 0,
				  (struct sockaddr *)&peer, &size),
			 6);
	/* It comes from the port that was asked. */
	assert_int_equal(
		inet_endpoint_from_sockaddr((struct sockaddr *)&peer, &from),
		0);
	assert_true(inet_endpoint_equal(&from, &to));
}

/* Ours is the namespace of the server; a client's is behind a veth pair. */
static void build(int *here, int *there)
{
	static const char *const own[] = {
		"ip link add s0 type veth peer name c0",
		"ip link set s0 up",
		"ip address add 192.0.2.1/24 dev s0",
		"ip address add 192.0.2.3/24 dev s0",
		"ip address add 2001:db8::1/64 dev s0 nodad",
	};
	static const char *const client[] = {
		"ip link set c0 up",
		"ip address add 192.0.2.2/24 dev c0",
		"ip address add 2001:db8::2/64 dev c0 nodad",
	};
	char move[80];

	*here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	*there = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_int_equal(setns(*here, CLONE_NEWNET), 0);
	for (size_t i = 0; i < COUNT(own); i++)
		assert_int_equal(netns_run(own[i]), 0);
	snprintf(move, sizeof(move), "ip link set c0 netns /proc/%d/fd/%d",
		 getpid(), *there);
	assert_int_equal(netns_run(move), 0);
	assert_int_equal(setns(*there, CLONE_NEWNET), 0);
	for (size_t i = 0; i < COUNT(client); i++)
		assert_int_equal(netns_run(client[i]), 0);
}

static void test_datagrams(void **state)
{
	(void)state;
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		int family = ipv6 ? AF_INET6 : AF_INET;
		const char *one = ipv6 ? "2001:db8::1" : "192.0.2.1";
		struct nft_redirect redirect = make(ipv6);
		struct inet_endpoint to = {.port = 22222};
		struct nft *nft = enter_and_open();
		struct sockaddr_storage peer;
		socklen_t size;
		int here, there, server, other, client[6];
		char text[8];

		build(&here, &there);
		for (int i = 0; i < 6; i++)
			client[i] = bound(family, (uint16_t)(5000 + i));
		assert_int_equal(setns(here, CLONE_NEWNET), 0);
		assert_int_equal(nft_redirect_add(nft, &redirect), 0);
		server = bound(family, 4433);
		other = bound(family, 25000);
		exchange(client[0], server, one, 20000);
		exchange(client[1], server, one, 29999);
		exchange(client[2], server, one, 4433);
		exchange(client[3], server, one, 700);
		/* Another address of this host is as good. */
		to.address = redirect.to[2].address;
		to.address.bytes[3] = 3;
		if (!ipv6)
			ask(client[4], server, &to, &peer, &size);
		/* The port is somebody's. */
		exchange(client[5], other, one, 25000);
		assert_int_equal(recv(server, text, sizeof(text), MSG_DONTWAIT),
				 -1);
		close(server);
		close(other);
		for (int i = 0; i < 6; i++)
			close(client[i]);
		close(here);
		close(there);
		nft_close(nft);
	}
}

/* What is for another host, and comes by here, goes on to the port it is for.
 */
static void test_forwarded(void **state)
{
	static const char *const words[] = {
		"sysctl -qw net.ipv4.ip_forward=1",
		"ip link add s1 type veth peer name f0",
		"ip link set s1 up",
		"ip address add 192.0.3.1/24 dev s1",
	};
	struct inet_endpoint to = {.port = 25000};
	struct nft_redirect redirect = make(false);
	struct nft *nft = enter_and_open();
	int here, there, away, client, far;
	struct sockaddr_storage peer;
	socklen_t size;
	char move[80];

	(void)state;
	build(&here, &there);
	assert_int_equal(netns_run("ip route add default via 192.0.2.1"), 0);
	client = bound(AF_INET, 5000);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	away = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_int_equal(setns(here, CLONE_NEWNET), 0);
	for (size_t i = 0; i < COUNT(words); i++)
		assert_int_equal(netns_run(words[i]), 0);
	snprintf(move, sizeof(move), "ip link set f0 netns /proc/%d/fd/%d",
		 getpid(), away);
	assert_int_equal(netns_run(move), 0);
	assert_int_equal(nft_redirect_add(nft, &redirect), 0);
	assert_int_equal(setns(away, CLONE_NEWNET), 0);
	assert_int_equal(netns_run("ip link set f0 up"), 0);
	assert_int_equal(netns_run("ip address add 192.0.3.2/24 dev f0"), 0);
	far = bound(AF_INET, 25000);
	inet_parse_address("192.0.3.2", &to.address);
	ask(client, far, &to, &peer, &size);
	close(far);
	close(client);
	close(here);
	close(there);
	close(away);
	nft_close(nft);
}

static void test_goes_with_its_owner(void **state)
{
	struct nft_redirect redirect = make(false);
	struct nft *nft = enter_and_open(), *second;
	char *before = ruleset(), *up, *after;

	(void)state;
	assert_int_equal(nft_redirect_del(nft, &redirect), -ENOENT);
	assert_int_equal(nft_redirect_has(nft, &redirect), 0);
	assert_int_equal(nft_open(&second), 0);
	assert_int_equal(nft_redirect_add(nft, &redirect), 0);
	up = ruleset();
	skip_without_owner();
	assert_int_equal(nft_redirect_del(second, &redirect), -EPERM);
	assert_int_equal(nft_redirect_add(second, &redirect), -EEXIST);
	assert_int_equal(netns_run("nft flush ruleset"), 0);
	after = ruleset();
	assert_string_equal(after, up);
	free(after);
	nft_close(nft);
	after = ruleset();
	assert_string_equal(after, before);
	free(after);
	assert_int_equal(nft_redirect_add(second, &redirect), 0);
	assert_int_equal(nft_redirect_del(second, &redirect), 0);
	after = ruleset();
	assert_string_equal(after, before);
	nft_close(second);
	free(before);
	free(up);
	free(after);
}

static void test_foreign_table(void **state)
{
	struct nft_redirect redirect = make(false);
	struct nft *nft = enter_and_open();
	char *before, *after;

	(void)state;
	feed("table ip minivpn.ports-server { comment \"mine\"; }");
	before = ruleset();
	assert_int_equal(nft_redirect_add(nft, &redirect), -EEXIST);
	assert_int_equal(nft_redirect_del(nft, &redirect), -ENOENT);
	after = ruleset();
	assert_string_equal(after, before);
	nft_close(nft);
	free(before);
	free(after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_nft),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_datagrams),
		cmocka_unit_test(test_forwarded),
		cmocka_unit_test(test_goes_with_its_owner),
		cmocka_unit_test(test_foreign_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
