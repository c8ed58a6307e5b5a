/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's answers: a request is made as the host process makes it, and the
 * input is what comes back. The first byte of the input chooses the request,
 * the rest is cut into the pieces that recvmsg() returns, by two bytes of
 * length before each. The mnl_socket functions below are in the place of
 * libmnl's: nothing is sent to the kernel. A message's sequence number counts
 * from that of the request; its port is 0, which passes for ours.
 */
#include <errno.h>
#include <sys/socket.h>

#include "common/log.h"
#include "host/kernel/route_search.h"
#include "host/kernel/rtnl_internal.h"
#include "host/nft/killswitch.h"
#include "host/plan/plan.h"
#include "input.h"
#include "common/reason.h"
#include "tunnel/control/message.h"

static struct input answers;
static uint32_t asked; /* sequence number of the last request */

/*
 * One socket for all, as closing one takes the kernel its time. Any family will
 * do: a kernel may lack NETLINK_NETFILTER.
 */
struct mnl_socket *mnl_socket_open2(int bus, int flags)
{
	static struct mnl_socket *only;
	const struct sockaddr_nl address = {.nl_family = AF_NETLINK};
	int fd;

	(void)bus;
	if (only)
		return only;
	fd = socket(AF_NETLINK, SOCK_RAW | flags, NETLINK_ROUTE);
	check(fd >= 0);
	check(bind(fd, (const struct sockaddr *)&address, sizeof(address)) ==
	      0);
	only = mnl_socket_fdopen(fd);
	return only;
}

int mnl_socket_bind(struct mnl_socket *socket, unsigned groups, pid_t port)
{
	(void)groups;
	(void)port;
	return socket ? 0 : -1;
}

int mnl_socket_close(struct mnl_socket *socket)
{
	return socket ? 0 : -1;
}

ssize_t mnl_socket_sendto(const struct mnl_socket *socket, const void *request,
			  size_t length)
{
	const struct nlmsghdr *message = request;

	check(socket != NULL && mnl_nlmsg_ok(message, (int)length));
	asked = message->nlmsg_seq;
	return (ssize_t)length;
}

static void number(uint8_t *buffer, size_t length)
{
	struct nlmsghdr *message;
	size_t at = 0, next = 0;

	for (; next + sizeof(*message) <= length; at = next) {
		message = (struct nlmsghdr *)(buffer + at);
		message->nlmsg_seq += asked;
		if (message->nlmsg_len < sizeof(*message) ||
		    message->nlmsg_len > length - at)
			return;
		next = at + NLMSG_ALIGN(message->nlmsg_len);
	}
}

ssize_t mnl_socket_recvfrom(const struct mnl_socket *socket, void *buffer,
			    size_t size)
{
	uint8_t *piece;
	size_t length;

	check(socket != NULL);
	if (!answers.left) {
		errno = EAGAIN; /* as SO_RCVTIMEO has it */
		return -1;
	}
	piece = input_piece(&answers, &length);
	if (length > size)
		length = size;
	/* What is behind it is nobody's. */
	memset(buffer, 0xa5, size);
	memcpy(buffer, piece, length);
	free(piece);
	number(buffer, length);
	return (ssize_t)length;
}

static const struct inet_address host4 = {AF_INET, {203, 0, 113, 5}};
static const struct inet_address host6 = {AF_INET6, {0x20, 1, 0xd, 0xb8}};

static void discard(void *data, enum log_level level, const char *line)
{
	(void)data;
	(void)level;
	check(line[0] != '\0');
}

static void check_route(const struct rtnl_route *route, uint16_t family)
{
	const struct inet_address *to = &route->destination.address;

	check(to->family == family);
	check(route->destination.length <= 8 * inet_size(family));
	check(memchr(route->device, 0, sizeof(route->device)) != NULL);
	check(!route->gateway.family || inet_size(route->gateway.family));
	check(!route->source.family || route->source.family == family);
}

static int visit(void *data, const struct rtnl_route *route)
{
	const uint16_t *family = data;

	check_route(route, *family);
	return 0;
}

static void read_routes(struct rtnl *rtnl, uint16_t family)
{
	rtnl_table_each(rtnl, family, RT_TABLE_MAIN, visit, &family);
}

static void find_way(struct rtnl *rtnl, const struct inet_address *to,
		     bool plainly)
{
	struct rtnl_route way = {0};
	int error = plainly ? rtnl_route_get(rtnl, to, 0, &way)
			    : rtnl_route_match(rtnl, to, 1, &way);

	check(error <= 0);
	if (!error)
		check_route(&way, to->family);
}

static void read_link(struct rtnl *rtnl)
{
	unsigned index = 0, mtu = 0;
	char name[IFNAMSIZ];

	if (!rtnl_link_get(rtnl, "tun0", &index, &mtu))
		check(index > 0);
	if (!rtnl_link_name(rtnl, 7, name))
		check(memchr(name, 0, sizeof(name)) != NULL);
}

static void change_things(struct rtnl *rtnl)
{
	const struct inet_prefix prefix = {{AF_INET, {10, 8, 0, 2}}, 24};
	const struct rtnl_route route = {
		.destination = {{AF_INET, {10, 9}}, 16},
		.device = "tun0",
		.type = RTN_UNICAST,
		.protocol = RTNL_PROTOCOL,
	};

	check(rtnl_route_del(rtnl, &route) <= 0);
	check(rtnl_address_add(rtnl, "tun0", &prefix) <= 0);
	check(rtnl_link_no_autoconf(rtnl, "tun0") <= 0);
	check(rtnl_link_set(rtnl, "tun0", 1400, true) <= 0);
}

static void use_gateway(struct nft *nft)
{
	const struct nft_gateway gateway = {
		.table = "minivpn-office",
		.inner = {{AF_INET, {10, 8}}, 24},
		.device = "tun0",
		.masquerade = true,
	};

	check(nft_gateway_del(nft, &gateway) <= 0);
	check(nft_gateway_add(nft, &gateway) <= 0);
}

static void use_killswitch(struct nft *nft)
{
	const struct nft_killswitch killswitch = {
		.table = "minivpn-office",
		.device = "tun0",
		.count = 1,
		.servers = {{.address = host4, .port = 4433}},
	};

	check(nft_killswitch_add(nft, &killswitch) <= 0);
	check(nft_killswitch_del(nft, &killswitch) <= 0);
}

static void use_nft(bool killswitch)
{
	struct nft *nft;

	if (nft_open(&nft))
		return;
	if (killswitch)
		use_killswitch(nft);
	else
		use_gateway(nft);
	check(strnlen(nft_reason(nft), 1024) < 1024);
	nft_close(nft);
}

/* One message on the heap: what is read behind its end is seen. */
static void read_exactly(void)
{
	static const uint16_t families[] = {AF_INET, AF_INET6};
	struct rtnl_reading reading;
	size_t length;
	uint8_t *piece = input_piece(&answers, &length);
	const struct nlmsghdr *message = (const struct nlmsghdr *)piece;

	for (size_t i = 0; i < 2 && netlink_whole(message, (int)length); i++)
		if (!rtnl_read_route(message, families[i], &reading))
			check_route(&reading.route, families[i]);
	free(piece);
}

/* First what the server says, as CONFIG on the wire; nothing: what we do. */
static void take_settings(struct config *config, struct settings *settings)
{
	size_t length;
	uint8_t *piece = input_piece(&answers, &length);
	struct message message;

	if (length && !message_decode(piece, length, &message)) {
		config->routes_choice = CONFIG_PUSHED;
		config->dns_choice = CONFIG_PUSHED;
		*settings = message.settings;
	}
	free(piece);
}

/* Only the tunnel's device is touched, but for the way to the server. */
static void check_change(const struct change *change)
{
	const struct inet_prefix way = inet_prefix_host(&host4);
	char text[CHANGE_TEXT_SIZE];
	struct change again;

	if (change->kind == CHANGE_ROUTE && change->route.device[0] &&
	    !inet_prefix_equal(&change->route.destination, &way))
		check(strcmp(change->route.device, "tun0") == 0);
	else if (change->kind == CHANGE_ADDRESS)
		check(strcmp(change->address.device, "tun0") == 0);
	/* The way's device may have a name that only its owner can say. */
	if (!change_print(change, text, sizeof(text)))
		check(change_parse(text, &again) == 0);
	else
		check(change->kind == CHANGE_ROUTE &&
		      strcmp(change->route.device, "tun0") != 0);
}

/* Whatever the routes look like, and whatever the server says. */
static void plan(struct rtnl *rtnl)
{
	struct config config = {
		.role = CONFIG_CLIENT,
		.name = "office",
		.device = "tun0",
		.routes_choice = CONFIG_DEFAULT,
	};
	struct settings settings,
		said = {
			.address4 = {{AF_INET, {10, 8, 0, 2}}, 24},
		};
	const struct inet_endpoint server = {.address = host4, .port = 4433};
	const struct plan_client client = {
		.rtnl = rtnl,
		.config = &config,
		.settings = &settings,
		.server = &server,
		.routing = {.table = PLAN_TABLE},
	};
	struct change_list list = {0};
	struct reason reason;

	take_settings(&config, &said);
	plan_bound(&config, &said, &settings);
	if (!plan_client_endpoint(&client, &list, &reason))
		plan_client(&client, &list, &reason);
	for (size_t i = 0; i < list.count; i++)
		check_change(&list.items[i]);
	change_list_free(&list);
}

static void find_routing(struct rtnl *rtnl)
{
	struct plan_routing routing;

	if (plan_routing_find(rtnl, &routing))
		return;
	check(routing.table >= PLAN_TABLE &&
	      routing.table < PLAN_TABLE + PLAN_TABLES);
	check(plan_routing_front(rtnl, true, &routing) <= 1);
	check(plan_routing_front(rtnl, false, &routing) <= 1);
}

static void request(uint8_t which, struct rtnl *rtnl)
{
	struct rtnl_route way;

	switch (which % 11) {
	case 0:
		read_link(rtnl);
		break;
	case 1:
		read_routes(rtnl, AF_INET);
		break;
	case 2:
		read_routes(rtnl, AF_INET6);
		break;
	case 3:
		find_way(rtnl, &host4, which & 0x80);
		break;
	case 4:
		find_way(rtnl, &host6, which & 0x80);
		break;
	case 5:
		change_things(rtnl);
		break;
	case 6:
		use_nft(which & 0x80);
		break;
	case 7:
		read_exactly();
		break;
	case 8:
		plan(rtnl);
		break;
	case 9:
		route_search_internet(rtnl, AF_INET, 0, &way);
		break;
	case 10:
		find_routing(rtnl);
		break;
	}
	check(strlen(rtnl_reason(rtnl)) < NETLINK_REASON_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rtnl *rtnl;
	uint8_t which;

	log_set_sink(discard, NULL);
	answers = (struct input){data, size};
	which = input_byte(&answers);
	check(rtnl_open(&rtnl) == 0);
	request(which, rtnl);
	rtnl_close(rtnl);
	return 0;
}
