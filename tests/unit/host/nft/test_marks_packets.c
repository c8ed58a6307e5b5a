/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What becomes of packets with the table of marks:
 *
 *   world          machine                guest
 *   eth0 --------- eth0      docker0 ---- eth0
 *   203.0.113.1    203.0.113.2            172.17.0.2
 *   198.51.100.10  tun0: 10.8.0.2         192.0.2.2
 *   2001:db8::1    2001:db8::2
 *
 * All that bears no mark goes into tun0, where the test looks at it.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <sys/socket.h>

#include "host/kernel/tun.h"
#include "host/nft/marks.h"
#include "unit/marks_fixture.h"
#include "unit/nft_fixture.h"

/*
 * What is sent must be there within so many milliseconds; what must not come is
 * not waited for.
 */
#define PATIENCE 5000

#define OURS   "203.0.113.2"
#define WORLD  "198.51.100.10"
#define OURS6  "2001:db8::2"
#define WORLD6 "2001:db8:1::10"
#define INNER  "10.8.0.2"

struct scene {
	int machine, world, guest; /* namespaces */
	int tun;
	struct nft *nft;
	struct nft_marks marks;
};

/* What follows is about the namespaces. */

static void be_in(int ns)
{
	assert_int_equal(setns(ns, CLONE_NEWNET), 0);
}

static void run(const char *command)
{
	if (netns_run(command))
		fail_msg("%s", command);
}

__attribute__((format(printf, 1, 2))) static void runf(const char *format, ...)
{
	char command[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	run(command);
}

static int new_namespace(void)
{
	int fd;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	run("ip link set lo up");
	run("sysctl -qw net.ipv6.conf.default.accept_dad=0");
	run("sysctl -qw net.ipv4.conf.all.rp_filter=0");
	run("sysctl -qw net.ipv4.conf.default.rp_filter=0");
	return fd;
}

static void connect_to(int other, const char *device)
{
	runf("ip link add %s type veth peer name eth0 netns /proc/%d/fd/%d",
	     device, getpid(), other);
}

static void furnish_world(void)
{
	run("ip address add 203.0.113.1/24 dev eth0");
	run("ip address add 2001:db8::1/64 dev eth0");
	run("ip address add 198.51.100.10/32 dev lo");
	run("ip address add 2001:db8:1::10/128 dev lo");
	run("ip link set eth0 up");
	run("ip route add 10.8.0.2 via 203.0.113.2 src 198.51.100.10");
	run("ip route replace 203.0.113.0/24 dev eth0 src 198.51.100.10");
	run("ip route replace 2001:db8::/64 dev eth0 src 2001:db8:1::10");
}

static void furnish_machine(void)
{
	run("sysctl -qw net.ipv4.ip_forward=1");
	run("sysctl -qw net.ipv4.ping_group_range=0\t0");
	run("ip address add 203.0.113.2/24 dev eth0");
	run("ip address add 2001:db8::2/64 dev eth0");
	run("ip address add 172.17.0.1/16 dev docker0");
	run("ip address add 10.8.0.2/24 dev tun0");
	run("ip link set eth0 up");
	run("ip link set docker0 up");
	run("ip link set tun0 addrgenmode none up");
	run("ip route add default via 203.0.113.1");
	run("ip route add default via 2001:db8::1");
	run("ip route add default dev tun0 table 77");
	run("ip -6 route add default dev tun0 table 77");
	run("ip route add throw 172.17.0.0/16 table 77");
	run("ip rule add pref 77 not fwmark 0x4d000001/0xff000001 lookup 77");
	run("ip -6 rule add pref 77 not fwmark 0x4d000001/0xff000001 lookup "
	    "77");
}

static void furnish_guest(void)
{
	run("ip address add 172.17.0.2/16 dev eth0");
	run("ip address add 192.0.2.2/32 dev lo");
	run("ip link set eth0 up");
	run("ip route add default via 172.17.0.1");
}

static struct scene *build(void)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	assert_non_null(scene);
	assert_int_equal(netns_enter(), 0);
	scene->world = new_namespace();
	scene->guest = new_namespace();
	scene->machine = new_namespace();
	connect_to(scene->world, "eth0");
	connect_to(scene->guest, "docker0");
	assert_int_equal(tun_create("tun0", &scene->tun), 0);
	furnish_machine();
	be_in(scene->world);
	furnish_world();
	be_in(scene->guest);
	furnish_guest();
	be_in(scene->machine);
	netns_await_up("eth0");
	netns_await_up("docker0");
	return scene;
}

static void raise_table(struct scene *scene, bool inbound)
{
	be_in(scene->machine);
	scene->marks = make(inbound);
	assert_int_equal(nft_open(&scene->nft), 0);
	assert_int_equal(nft_marks_add(scene->nft, &scene->marks), 0);
}

static void lower_table(struct scene *scene)
{
	nft_close(scene->nft);
	scene->nft = NULL;
}

static void tear_down(struct scene *scene)
{
	lower_table(scene);
	close(scene->tun);
	close(scene->machine);
	close(scene->world);
	close(scene->guest);
	free(scene);
}

static struct scene *marked_scene(void)
{
	struct scene *scene = build();

	raise_table(scene, true);
	return scene;
}

/* What follows is about sockets and packets. */

struct address {
	struct sockaddr_storage storage;
	socklen_t size;
};

static struct address address_of(const char *text, uint16_t port)
{
	struct address address = {.size = sizeof(struct sockaddr_in)};
	struct sockaddr_in *v4 = (void *)&address.storage;
	struct sockaddr_in6 *v6 = (void *)&address.storage;

	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		return address;
	}
	assert_int_equal(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	address.size = sizeof(*v6);
	return address;
}

/* Returns a socket in a namespace, bound, and not blocking. */
static int open_socket(int ns, int type, const char *text, uint16_t port)
{
	struct address address = address_of(text, port);
	int on = 1, fd;

	be_in(ns);
	fd = socket(address.storage.ss_family,
		    type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	/* What is not acknowledged must not hold back what comes next. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	assert_int_equal(bind(fd, (void *)&address.storage, address.size), 0);
	return fd;
}

static int begin_connection(int fd, const char *text, uint16_t port)
{
	struct address to = address_of(text, port);

	return connect(fd, (void *)&to.storage, to.size);
}

static void send_from(int fd, const char *text, uint16_t port)
{
	struct address to = address_of(text, port);

	assert_int_equal(
		sendto(fd, "hello", 5, 0, (void *)&to.storage, to.size), 5);
}

static bool comes(int fd, short what, int milliseconds)
{
	struct pollfd wait = {.fd = fd, .events = what};

	return poll(&wait, 1, milliseconds) == 1 && wait.revents & what;
}

static void expect_at(int fd)
{
	char buffer[64];

	if (!comes(fd, POLLIN, PATIENCE))
		fail_msg("nothing comes");
	assert_true(recv(fd, buffer, sizeof(buffer), 0) >= 0);
}

/* Answers from the address that was asked, as servers do. */
static void answer(int fd)
{
	char buffer[64], control[256];
	struct sockaddr_storage from;
	struct iovec part = {buffer, sizeof(buffer)};
	struct msghdr message = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *info;

	assert_true(comes(fd, POLLIN, PATIENCE));
	assert_true(recvmsg(fd, &message, 0) > 0);
	info = CMSG_FIRSTHDR(&message);
	if (info && info->cmsg_type == IP_PKTINFO) {
		struct in_pktinfo *address = (void *)CMSG_DATA(info);

		address->ipi_ifindex = 0;
		address->ipi_spec_dst = address->ipi_addr;
	}
	part.iov_len = 5;
	assert_int_equal(sendmsg(fd, &message, 0), 5);
}

/* The next IPv4 packet in the tunnel that is of that protocol. */
static struct iphdr expect_in_tunnel(struct scene *scene, uint8_t protocol)
{
	char buffer[2048];
	struct iphdr header;

	for (;;) {
		if (!comes(scene->tun, POLLIN, PATIENCE))
			fail_msg("nothing in the tunnel");
		if (read(scene->tun, buffer, sizeof(buffer)) <
		    (ssize_t)(sizeof(struct virtio_net_hdr) + sizeof(header)))
			continue;
		memcpy(&header, buffer + sizeof(struct virtio_net_hdr),
		       sizeof(header));
		if (header.version == 4 && header.protocol == protocol)
			return header;
	}
}

/* TCP: a server that accepts, and its end at the client. */

struct pair {
	int listener, server, client;
};

/*
 * This begins a connection, up to its first packet; the caller says what should
 * come of it.
 */
static struct pair call(int server, const char *at, uint16_t port, int client,
			const char *from)
{
	struct pair pair = {.server = -1};

	pair.listener = open_socket(server, SOCK_STREAM, at, port);
	assert_int_equal(listen(pair.listener, 1), 0);
	pair.client = open_socket(client, SOCK_STREAM, from, 0);
	assert_int_equal(begin_connection(pair.client, at, port), -1);
	assert_int_equal(errno, EINPROGRESS);
	return pair;
}

static void expect_connected(struct pair *pair)
{
	assert_true(comes(pair->client, POLLOUT, PATIENCE));
	assert_int_equal(send(pair->client, "hello", 5, 0), 5);
	assert_true(comes(pair->listener, POLLIN, PATIENCE));
	pair->server = accept4(pair->listener, NULL, NULL, SOCK_NONBLOCK);
	assert_true(pair->server >= 0);
	expect_at(pair->server);
	assert_int_equal(send(pair->server, "hello", 5, 0), 5);
	expect_at(pair->client);
}

static void end(struct pair *pair)
{
	struct linger now = {.l_onoff = 1};

	/* Nothing that is resent in the next part of a test. */
	setsockopt(pair->client, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(pair->client);
	close(pair->listener);
	if (pair->server >= 0)
		close(pair->server);
}

static const struct {
	const char *at, *from;
	uint16_t port;
} services[] = {
	{OURS, WORLD, 22},
	/* These are ports as if the kernel had given them to a client. */
	{OURS, WORLD, 40000},
	{OURS6, WORLD6, 22},
	{OURS6, WORLD6, 40000},
};

static void test_tcp_from_outside(void **state)
{
	struct scene *scene = marked_scene();

	(void)state;
	for (size_t i = 0; i < COUNT(services); i++) {
		struct pair pair =
			call(scene->machine, services[i].at, services[i].port,
			     scene->world, services[i].from);

		expect_connected(&pair);
		end(&pair);
	}
	tear_down(scene);
}

static void test_not_without_inbound(void **state)
{
	struct scene *scene = build();
	struct pair pair;

	(void)state;
	raise_table(scene, false);
	pair = call(scene->machine, OURS, 22, scene->world, WORLD);
	assert_int_equal(expect_in_tunnel(scene, IPPROTO_TCP).saddr,
			 inet_addr(OURS));
	end(&pair);
	tear_down(scene);
}

static void test_udp_from_outside(void **state)
{
	static const struct {
		const char *at;
		uint16_t port;
	} servers[] = {{OURS, 53}, {"0.0.0.0", 53}, {"0.0.0.0", 51820}};
	struct scene *scene = marked_scene();

	(void)state;
	for (size_t i = 0; i < COUNT(servers); i++) {
		int server = open_socket(scene->machine, SOCK_DGRAM,
					 servers[i].at, servers[i].port);
		int client = open_socket(scene->world, SOCK_DGRAM, WORLD, 0);

		send_from(client, OURS, servers[i].port);
		answer(server);
		expect_at(client);
		close(server);
		close(client);
	}
	tear_down(scene);
}

static void test_ping_from_outside(void **state)
{
	struct scene *scene = marked_scene();

	(void)state;
	be_in(scene->world);
	run("ping -n -c 1 -W 5 -I 198.51.100.10 203.0.113.2");
	run("ping -n -c 1 -W 5 -I 2001:db8:1::10 2001:db8::2");
	tear_down(scene);
}

static void test_port_that_is_closed(void **state)
{
	struct scene *scene = marked_scene();
	int client;

	(void)state;
	client = open_socket(scene->world, SOCK_STREAM, WORLD, 0);
	begin_connection(client, OURS, 23);
	assert_true(comes(client, POLLERR, PATIENCE));
	close(client);
	client = open_socket(scene->world, SOCK_DGRAM, WORLD, 0);
	assert_int_equal(begin_connection(client, OURS, 23), 0);
	assert_int_equal(send(client, "hello", 5, 0), 5);
	assert_true(comes(client, POLLERR, PATIENCE));
	close(client);
	tear_down(scene);
}

/* From the uplink's address as well, and to one that has just called. */
static void test_begun_here(void **state)
{
	static const char *const from[] = {"0.0.0.0", OURS};
	struct scene *scene = marked_scene();
	struct pair pair = call(scene->machine, OURS, 22, scene->world, WORLD);

	(void)state;
	expect_connected(&pair);
	for (size_t i = 0; i < COUNT(from); i++) {
		int client = open_socket(scene->machine, SOCK_DGRAM, from[i],
					 i ? 5060 : 0);
		struct pair out;

		send_from(client, WORLD, 53);
		expect_in_tunnel(scene, IPPROTO_UDP);
		close(client);
		out = call(scene->world, WORLD, 80, scene->machine, from[i]);
		expect_in_tunnel(scene, IPPROTO_TCP);
		end(&out);
	}
	end(&pair);
	tear_down(scene);
}

/* Before `up': the kernel's own routes alone. */
static void without_rule(const struct scene *scene)
{
	be_in(scene->machine);
	run("ip rule delete pref 77");
}

static void with_rule(const struct scene *scene)
{
	be_in(scene->machine);
	run("ip rule add pref 77 not fwmark 0x4d000001/0xff000001 lookup 77");
}

static void go_up(struct scene *scene)
{
	raise_table(scene, true);
	with_rule(scene);
}

static void test_begun_here_before(void **state)
{
	struct scene *scene = build();
	int client, server;
	struct pair pair;

	(void)state;
	without_rule(scene);
	pair = call(scene->world, WORLD, 80, scene->machine, "0.0.0.0");
	expect_connected(&pair);
	client = open_socket(scene->machine, SOCK_DGRAM, "0.0.0.0", 0);
	server = open_socket(scene->world, SOCK_DGRAM, WORLD, 53);
	assert_int_equal(begin_connection(client, WORLD, 53), 0);
	assert_int_equal(send(client, "hello", 5, 0), 5);
	go_up(scene);
	/* The table's first packet of it comes from outside. */
	answer(server);
	expect_at(client);
	assert_int_equal(send(client, "hello", 5, 0), 5);
	expect_in_tunnel(scene, IPPROTO_UDP);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(send(pair.client, "hello", 5, 0), 5);
		expect_in_tunnel(scene, IPPROTO_TCP);
		assert_int_equal(send(pair.server, "hello", 5, 0), 5);
		expect_at(pair.client);
		expect_in_tunnel(scene, IPPROTO_TCP);
	}
	close(client);
	close(server);
	end(&pair);
	tear_down(scene);
}

/* ssh goes on, whether or not somebody has tracked it already. */
static void test_begun_outside_before(void **state)
{
	(void)state;
	for (int tracked = 0; tracked < 2; tracked++) {
		struct scene *scene = build();
		struct pair pair;

		without_rule(scene);
		if (tracked)
			feed("table ip other { chain input { type filter hook "
			     "input priority 0; ct state established; }; }");
		pair = call(scene->machine, OURS, 22, scene->world, WORLD);
		expect_connected(&pair);
		go_up(scene);
		assert_int_equal(send(pair.server, "hello", 5, 0), 5);
		expect_in_tunnel(scene, IPPROTO_TCP);
		assert_int_equal(send(pair.client, "hello", 5, 0), 5);
		expect_at(pair.server);
		expect_at(pair.client);
		end(&pair);
		tear_down(scene);
	}
}

static void test_guest(void **state)
{
	struct scene *scene = marked_scene();
	int guest, client;
	struct pair pair;

	(void)state;
	guest = open_socket(scene->guest, SOCK_DGRAM, "172.17.0.2", 53);
	send_from(guest, WORLD, 53);
	assert_int_equal(expect_in_tunnel(scene, IPPROTO_UDP).saddr,
			 inet_addr("172.17.0.2"));
	/* By the machine's own address it is answered, and stays unmarked. */
	client = open_socket(scene->machine, SOCK_DGRAM, "0.0.0.0", 53);
	send_from(guest, "172.17.0.1", 53);
	answer(client);
	expect_at(guest);
	close(client);
	/* A port that is published. */
	be_in(scene->machine);
	feed("table ip docker { chain prerouting { type nat hook prerouting "
	     "priority dstnat; iifname eth0 udp dport 8053 dnat to "
	     "172.17.0.2:53; iifname eth0 tcp dport 8080 dnat to "
	     "172.17.0.2:80; }; }");
	client = open_socket(scene->world, SOCK_DGRAM, WORLD, 0);
	send_from(client, OURS, 8053);
	answer(guest);
	expect_at(client);
	close(client);
	pair.listener = open_socket(scene->guest, SOCK_STREAM, "0.0.0.0", 80);
	assert_int_equal(listen(pair.listener, 1), 0);
	pair.client = open_socket(scene->world, SOCK_STREAM, WORLD, 0);
	begin_connection(pair.client, OURS, 8080);
	expect_connected(&pair);
	/* What it begins goes into the tunnel all the same. */
	send_from(guest, WORLD, 54);
	expect_in_tunnel(scene, IPPROTO_UDP);
	end(&pair);
	close(guest);
	tear_down(scene);
}

/*
 * A network that main knows nothing of, as another tunnel's: the answer finds
 * its way back without a mark, and with one it would leave by eth0.
 */
static void test_from_another_tunnel(void **state)
{
	struct scene *scene = marked_scene();
	struct pair pair;

	(void)state;
	run("ip route add 192.0.2.0/24 dev docker0 table 78");
	run("ip rule add pref 76 not fwmark 0x4d000001/0xff000001 lookup 78");
	pair = call(scene->machine, "172.17.0.1", 22, scene->guest,
		    "192.0.2.2");
	expect_connected(&pair);
	end(&pair);
	tear_down(scene);
}

/* A neighbour to whom this machine is the router. */
static void test_forwarded(void **state)
{
	struct scene *scene = marked_scene();
	int client;

	(void)state;
	be_in(scene->world);
	run("ip route add 192.0.2.99 via 203.0.113.2");
	client = open_socket(scene->world, SOCK_DGRAM, WORLD, 0);
	send_from(client, "192.0.2.99", 53);
	assert_int_equal(expect_in_tunnel(scene, IPPROTO_UDP).saddr,
			 inet_addr(WORLD));
	close(client);
	tear_down(scene);
}

/* CVE-2019-14899: who guesses the inner address gets no answer. */
static void test_inner_address_from_outside(void **state)
{
	struct scene *scene = marked_scene();
	int client = open_socket(scene->world, SOCK_STREAM, WORLD, 0);

	(void)state;
	begin_connection(client, INNER, 23);
	assert_int_equal(expect_in_tunnel(scene, IPPROTO_TCP).saddr,
			 inet_addr(INNER));
	close(client);
	tear_down(scene);
}

/* An echo request from there, to the machine's inner address. */
static void come_by_tunnel(struct scene *scene, const char *from)
{
	struct {
		struct virtio_net_hdr none;
		struct iphdr ip;
		struct {
			uint8_t type, code;
			uint16_t checksum, id, sequence;
		} echo;
	} __attribute__((packed)) packet = {
		.ip = {.version = 4,
		       .ihl = 5,
		       .ttl = 64,
		       .protocol = IPPROTO_ICMP,
		       .tot_len = htons(28),
		       .saddr = inet_addr(from),
		       .daddr = inet_addr(INNER)},
		.echo = {.type = 8, .checksum = htons(0xf7ff)},
	};
	uint32_t sum = 0;

	for (int i = 0; i < 10; i++)
		sum += ((uint16_t *)(void *)&packet.ip)[i];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	packet.ip.check = (uint16_t)~sum;
	assert_int_equal(write(scene->tun, &packet, sizeof(packet)),
			 sizeof(packet));
}

/* Nothing of that ever leaves by the uplink. */
static void test_from_the_tunnel(void **state)
{
	struct scene *scene = marked_scene();
	int guest;

	(void)state;
	come_by_tunnel(scene, WORLD);
	assert_int_equal(expect_in_tunnel(scene, IPPROTO_ICMP).saddr,
			 inet_addr(INNER));
	run("ip route add 192.0.2.0/24 dev docker0 table 78");
	run("ip rule add pref 76 not fwmark 0x4d000001/0xff000001 lookup 78");
	be_in(scene->guest);
	guest = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	assert_true(guest >= 0);
	come_by_tunnel(scene, "192.0.2.2");
	expect_at(guest);
	close(guest);
	tear_down(scene);
}

/* Strict reverse-path filtering looks by the mark, where it is told to. */
static void test_reverse_path(void **state)
{
	const uint32_t mark = MARK;

	(void)state;
	for (int inbound = 0; inbound < 2; inbound++) {
		struct scene *scene = build();
		int own, server;
		struct pair pair;

		run("sysctl -qw net.ipv4.conf.eth0.rp_filter=1");
		run("sysctl -qw net.ipv4.conf.eth0.src_valid_mark=1");
		raise_table(scene, inbound);
		own = open_socket(scene->machine, SOCK_DGRAM, "0.0.0.0", 0);
		assert_int_equal(setsockopt(own, SOL_SOCKET, SO_MARK, &mark,
					    sizeof(mark)),
				 0);
		server = open_socket(scene->world, SOCK_DGRAM, WORLD, 4433);
		send_from(own, WORLD, 4433);
		answer(server);
		expect_at(own);
		if (inbound) {
			pair = call(scene->machine, OURS, 22, scene->world,
				    WORLD);
			expect_connected(&pair);
			end(&pair);
		}
		close(own);
		close(server);
		tear_down(scene);
	}
}

/* Who marks connections by himself knows what is to become of them. */
static void test_marks_of_others(void **state)
{
	struct scene *scene = build();
	struct pair pair;

	(void)state;
	feed("table ip other { chain prerouting { type filter hook prerouting "
	     "priority mangle; tcp dport 22 ct mark set 7; }; chain output { "
	     "type filter hook output priority filter; ct mark 7 counter; }; "
	     "}");
	raise_table(scene, true);
	pair = call(scene->machine, OURS, 22, scene->world, WORLD);
	expect_in_tunnel(scene, IPPROTO_TCP);
	be_in(scene->machine);
	netns_await("nft list table ip other", "counter packets 1");
	end(&pair);
	tear_down(scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcp_from_outside),
		cmocka_unit_test(test_not_without_inbound),
		cmocka_unit_test(test_udp_from_outside),
		cmocka_unit_test(test_ping_from_outside),
		cmocka_unit_test(test_port_that_is_closed),
		cmocka_unit_test(test_begun_here),
		cmocka_unit_test(test_begun_here_before),
		cmocka_unit_test(test_begun_outside_before),
		cmocka_unit_test(test_guest),
		cmocka_unit_test(test_from_another_tunnel),
		cmocka_unit_test(test_forwarded),
		cmocka_unit_test(test_inner_address_from_outside),
		cmocka_unit_test(test_from_the_tunnel),
		cmocka_unit_test(test_reverse_path),
		cmocka_unit_test(test_marks_of_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
