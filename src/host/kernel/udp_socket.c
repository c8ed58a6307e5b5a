/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/kernel/udp_socket.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "host/kernel/port_steering.h"

/*
 * The buffer holds a burst of 64 KiB super-packets; the kernel doubles it
 * (socket(7)).
 */
#define SOCKET_BUFFER (4 << 20)

/*
 * Peers without a session are made to wait, and what has waited for long is of
 * no use to them any more: so their buffer is small.
 */
#define UNKNOWN_BUFFER (512 << 10)

static int option(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno
								      : 0;
}

/*
 * With CAP_NET_ADMIN the FORCE options may exceed rmem_max; without it the
 * others give as much as that.
 */
static void enlarge_buffers(int fd, int receive)
{
	if (option(fd, SOL_SOCKET, SO_RCVBUFFORCE, receive))
		option(fd, SOL_SOCKET, SO_RCVBUF, receive);
	if (option(fd, SOL_SOCKET, SO_SNDBUFFORCE, SOCKET_BUFFER))
		option(fd, SOL_SOCKET, SO_SNDBUF, SOCKET_BUFFER);
}

static int open_udp(uint16_t family, int receive, int *fd)
{
	*fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return -errno;
	enlarge_buffers(*fd, receive);
	return 0;
}

static int ask_for_address(int fd, uint16_t family, bool both)
{
	int err;

	if (family == AF_INET)
		return option(fd, IPPROTO_IP, IP_PKTINFO, 1);
	err = option(fd, IPPROTO_IPV6, IPV6_V6ONLY, !both);
	if (err)
		return err;
	return option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
}

static int listen_on(const struct inet_endpoint *endpoint, bool both,
		     bool shared, int *fd)
{
	struct sockaddr_storage address;
	socklen_t length = inet_endpoint_to_sockaddr(endpoint, &address);
	int err;

	err = open_udp(endpoint->address.family,
		       shared ? UNKNOWN_BUFFER : SOCKET_BUFFER, fd);
	if (err)
		return err;
	err = ask_for_address(*fd, endpoint->address.family, both);
	if (!err && shared)
		err = option(*fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (!err && bind(*fd, (struct sockaddr *)&address, length) < 0)
		err = -errno;
	if (err) {
		close(*fd);
		*fd = -1;
	}
	return err;
}

static void close_others(int fds[TUNNEL_SORTS])
{
	for (int i = 1; i < TUNNEL_SORTS; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}

/*
 * The first socket has the port to itself when it is bound, so that another
 * program's is an error, and shares it with the others only then.
 */
static void share(const struct inet_endpoint *endpoint, bool both, bool hidden,
		  int fds[TUNNEL_SORTS])
{
	int err = option(fds[0], SOL_SOCKET, SO_REUSEPORT, 1);

	for (int i = 1; !err && i < TUNNEL_SORTS; i++)
		err = listen_on(endpoint, both, true, &fds[i]);
	if (!err)
		err = port_steering_attach(fds[0], hidden);
	if (!err)
		return;
	log_notice("this kernel does not sort what comes to a port: %s",
		   strerror(-err));
	close_others(fds);
}

static int listen_sorted(const struct inet_endpoint *endpoint, bool both,
			 bool hidden, int fds[TUNNEL_SORTS])
{
	int err = listen_on(endpoint, both, false, &fds[0]);

	for (int i = 1; i < TUNNEL_SORTS; i++)
		fds[i] = -1;
	if (!err)
		share(endpoint, both, hidden, fds);
	return err;
}

int udp_socket_listen(const struct inet_endpoint *endpoint, bool hidden,
		      int fds[TUNNEL_SORTS])
{
	struct inet_endpoint any = *endpoint;
	int err;

	if (endpoint->address.family != AF_UNSPEC)
		return listen_sorted(endpoint, false, hidden, fds);
	any.address.family = AF_INET6;
	err = listen_sorted(&any, true, hidden, fds);
	if (err != -EAFNOSUPPORT && err != -EADDRNOTAVAIL)
		return err;
	any.address.family = AF_INET;
	return listen_sorted(&any, false, hidden, fds);
}

/*
 * The lines of /proc/net/udp and udp6 have addresses as words in the machine's
 * order; a first word is enough to tell 127.0.0.0/8, and ::1 needs the last.
 */
static bool is_loopback(const char *address)
{
	struct inet_address loopback;
	uint32_t words[4];

	if (strlen(address) == 8) {
		if (sscanf(address, "%8" SCNx32, &words[0]) != 1)
			return false;
		loopback = inet_address_from_bytes(AF_INET, words);
	} else {
		if (sscanf(address,
			   "%8" SCNx32 "%8" SCNx32 "%8" SCNx32 "%8" SCNx32,
			   &words[0], &words[1], &words[2], &words[3]) != 4)
			return false;
		loopback = inet_address_from_bytes(AF_INET6, words);
	}
	return inet_address_is_loopback(&loopback);
}

/* A socket that is connected is in state 1, one that is not in 7. */
static bool read_bound(const char *line, uint16_t *port)
{
	char address[33];
	unsigned number, state;

	if (sscanf(line, " %*[0-9]: %32[0-9A-F]:%4x %*[0-9A-F]:%*x %2x",
		   address, &number, &state) != 3 ||
	    state != 7 || is_loopback(address))
		return false;
	*port = (uint16_t)number;
	return true;
}

static void find_bound(const char *path, const struct inet_ports *ports,
		       uint16_t *least)
{
	FILE *file = fopen(path, "re");
	char line[512];
	uint16_t port;

	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		if (read_bound(line, &port) &&
		    inet_ports_contain(ports, port) &&
		    (!*least || port < *least))
			*least = port;
	}
	fclose(file);
}

bool udp_socket_find_bound(const struct inet_ports *ports, uint16_t *port)
{
	*port = 0;
	find_bound("/proc/net/udp", ports, port);
	find_bound("/proc/net/udp6", ports, port);
	return *port != 0;
}

int udp_socket_client(uint16_t family, int *fd)
{
	return open_udp(family, SOCKET_BUFFER, fd);
}

/*
 * A socket for both families needs both options; one for IPv4 has the first
 * alone.
 */
void udp_socket_probe_mtu(int fd, bool probe)
{
	option(fd, IPPROTO_IP, IP_MTU_DISCOVER,
	       probe ? IP_PMTUDISC_PROBE : IP_PMTUDISC_WANT);
	option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER,
	       probe ? IPV6_PMTUDISC_PROBE : IPV6_PMTUDISC_WANT);
}
