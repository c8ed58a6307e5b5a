/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/dns/lookup_query.h"

#include <arpa/nameser.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <resolv.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/clock.h"

#define PORT	    53
#define ROUNDS	    2
#define PATIENCE_MS 1000
#define TYPES	    2
#define ANSWER_SIZE 1232
#define TRUNCATED   2 /* the bit TC */

/* A question is one to one server. */
struct question {
	unsigned type, id;
	bool answered;
};

static const unsigned types[TYPES] = {ns_t_a, ns_t_aaaa};

/*
 * The pseudo-record by which we say how large an answer may be (RFC 6891, 6.1):
 * of the root, with what passes everywhere unfragmented.
 */
static const unsigned char large_answer[] = {
	0, 0, ns_t_opt, ANSWER_SIZE >> 8, ANSWER_SIZE & 0xff, 0, 0, 0, 0, 0, 0};

int lookup_query_encode(const char *name, unsigned type, unsigned id,
			bool large, void *datagram, size_t size)
{
	unsigned char *bytes = datagram;
	int length;

	if (size < NS_HFIXEDSZ + NS_QFIXEDSZ + sizeof(large_answer))
		return -EINVAL;
	size -= sizeof(large_answer);
	memset(bytes, 0, NS_HFIXEDSZ);
	put16(bytes, id);
	bytes[2] = 1; /* recursion desired */
	put16(bytes + 4, 1);
	length = dn_comp(name, bytes + NS_HFIXEDSZ,
			 (int)(size - NS_HFIXEDSZ - NS_QFIXEDSZ), NULL, NULL);
	if (length < 0)
		return -EINVAL;
	length += NS_HFIXEDSZ;
	put16(bytes + length, type);
	put16(bytes + length + 2, ns_c_in);
	length += NS_QFIXEDSZ;
	if (!large)
		return length;
	put16(bytes + 10, 1);
	memcpy(bytes + length, large_answer, sizeof(large_answer));
	return length + (int)sizeof(large_answer);
}

/* The question comes back as it was asked; what is behind it, or NULL. */
static const unsigned char *skip_question(const unsigned char *bytes,
					  const unsigned char *end,
					  const char *name, unsigned type)
{
	char asked[NS_MAXDNAME];
	const unsigned char *at = bytes + NS_HFIXEDSZ;
	int length = dn_expand(bytes, end, at, asked, sizeof(asked));
	size_t size = strlen(name);

	if (length < 0 || end - at < length + NS_QFIXEDSZ)
		return NULL;
	/* dn_expand() leaves out the dot at the end of a full name. */
	size -= size > 0 && name[size - 1] == '.';
	if (strlen(asked) != size || strncasecmp(asked, name, size) != 0)
		return NULL;
	at += length;
	if (get16(at) != type || get16(at + 2) != ns_c_in)
		return NULL;
	return at + NS_QFIXEDSZ;
}

/*
 * The server follows aliases for us (RFC 1034, 4.3.1): all addresses in the
 * answer are meant. What is cut off at the end is left out.
 */
static int read_addresses(const unsigned char *bytes, const unsigned char *at,
			  const unsigned char *end, unsigned type,
			  struct inet_address *addresses, size_t size)
{
	unsigned records = get16(bytes + 6);
	uint16_t family = type == ns_t_a ? AF_INET : AF_INET6;
	size_t count = 0;

	for (; records > 0 && count < size; records--) {
		int length = dn_skipname(at, end);
		size_t data;

		if (length < 0 || end - at < length + NS_RRFIXEDSZ)
			break;
		at += length;
		data = get16(at + 8);
		if ((size_t)(end - at) < NS_RRFIXEDSZ + data)
			break;
		if (get16(at) == type && get16(at + 2) == ns_c_in &&
		    data == inet_size(family))
			addresses[count++] = inet_address_from_bytes(
				family, at + NS_RRFIXEDSZ);
		at += NS_RRFIXEDSZ + data;
	}
	return (int)count;
}

int lookup_query_decode(const void *datagram, size_t length, const char *name,
			unsigned type, unsigned id,
			struct inet_address *addresses, size_t size)
{
	const unsigned char *bytes = datagram, *end = bytes + length, *at;
	unsigned code;
	int count;

	if (length < NS_HFIXEDSZ || get16(bytes) != id || !(bytes[2] & 0x80) ||
	    get16(bytes + 4) != 1)
		return -EBADMSG;
	at = skip_question(bytes, end, name, type);
	if (!at)
		return -EBADMSG;
	code = bytes[3] & 0xf;
	if (code == ns_r_nxdomain)
		return 0;
	if (code != ns_r_noerror)
		return -EAGAIN;
	count = read_addresses(bytes, at, end, type, addresses, size);
	return count == 0 && bytes[2] & TRUNCATED ? -EAGAIN : count;
}

/* Connected: nobody else's datagrams get in, from a port that is a guess. */
int lookup_query_open(const struct lookup_server *server)
{
	struct inet_endpoint endpoint = {server->address, PORT};
	struct sockaddr_storage storage;
	socklen_t length = inet_endpoint_to_sockaddr(&endpoint, &storage);
	int fd = socket(storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (storage.ss_family == AF_INET6)
		((struct sockaddr_in6 *)&storage)->sin6_scope_id =
			server->scope;
	if ((server->mark && setsockopt(fd, SOL_SOCKET, SO_MARK, &server->mark,
					sizeof(server->mark)) < 0) ||
	    connect(fd, (struct sockaddr *)&storage, length) < 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

/*
 * It is sent by write(2), as sendto(2), which could lead a socket elsewhere, is
 * forbidden.
 */
static int ask(int fd, const char *name, bool large, struct question *question,
	       unsigned type)
{
	unsigned char datagram[NS_PACKETSZ];
	uint16_t id;
	int length;

	if (getrandom(&id, sizeof(id), 0) != sizeof(id))
		return -EIO;
	*question = (struct question){.type = type, .id = id};
	length = lookup_query_encode(name, type, id, large, datagram,
				     sizeof(datagram));
	if (length < 0)
		return length;
	return write(fd, datagram, (size_t)length) < 0 ? -errno : 0;
}

/*
 * This gives a datagram to the question that it answers, and returns the number
 * of addresses, or as above.
 */
static int take(const unsigned char *datagram, size_t length, const char *name,
		struct question *questions, struct inet_address *addresses,
		size_t size)
{
	int result = -EBADMSG;

	for (size_t i = 0; i < TYPES && result == -EBADMSG; i++) {
		if (questions[i].answered)
			continue;
		result = lookup_query_decode(datagram, length, name,
					     questions[i].type, questions[i].id,
					     addresses, size);
		questions[i].answered = result != -EBADMSG;
	}
	return result;
}

/*
 * This waits for both answers, and returns the number of addresses, or -errno
 * without any.
 */
static int listen_for(int fd, const char *name, struct question *questions,
		      struct inet_address *addresses, size_t size)
{
	struct pollfd poller = {.fd = fd, .events = POLLIN};
	unsigned char datagram[NS_PACKETSZ * 8];
	int64_t end = clock_ms(CLOCK_MONOTONIC) + PATIENCE_MS;
	int err = 0;
	size_t count = 0;

	while (!questions[0].answered || !questions[1].answered) {
		int result, left = (int)(end - clock_ms(CLOCK_MONOTONIC));
		ssize_t length;

		if (left <= 0 || poll(&poller, 1, left) <= 0)
			return count ? (int)count : -ETIMEDOUT;
		length = read(fd, datagram, sizeof(datagram));
		if (length < 0)
			return count ? (int)count : -errno;
		result = take(datagram, (size_t)length, name, questions,
			      addresses + count, size - count);
		if (result > 0)
			count += (size_t)result;
		else if (result == -EAGAIN)
			err = result;
	}
	return count ? (int)count : err;
}

static int ask_server(int fd, const char *name, bool large,
		      struct inet_address *addresses, size_t size)
{
	struct question questions[TYPES];
	int result = 0;

	for (size_t i = 0; !result && i < TYPES; i++)
		result = ask(fd, name, large, &questions[i], types[i]);
	if (!result)
		result = listen_for(fd, name, questions, addresses, size);
	return result;
}

int lookup_query(const char *name, const int *servers, size_t count,
		 struct inet_address *addresses, size_t size)
{
	int result = -ENONET;

	for (size_t i = 0; i < ROUNDS * count; i++) {
		/* An old server may not understand that: not twice. */
		bool large = i < count;

		result = ask_server(servers[i % count], name, large, addresses,
				    size);
		if (result >= 0)
			break;
	}
	return result;
}
