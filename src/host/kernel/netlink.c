/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/kernel/netlink.h"

#include <ctype.h>
#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

/* The kernel answers within the call that sends; this bounds the loop. */
#define TIMEOUT_SECONDS 5

/* The largest piece in which the kernel hands out a dump (netlink_recvmsg()).
 */
#define RECEIVE_SIZE 32768

/* MAX_ERRNO in the kernel. */
#define ERRNO_MAX 4095

struct exchange {
	uint32_t first;		   /* sequence number of the first message */
	unsigned messages;	   /* how many were sent */
	unsigned acknowledgements; /* how many are still to come */
	netlink_visit visit;
	void *data;
	int err; /* of visit; the rest of a dump is read all the same */
	unsigned refused; /* index of the message that the kernel refused */
	int *errors;	  /* of each message, which then is no end; or NULL */
	bool interrupted; /* NLM_F_DUMP_INTR */
};

static int socket_prepare(struct mnl_socket *socket)
{
	/* Old kernels lack some of these, and do without. */
	static const int options[] = {NETLINK_EXT_ACK, NETLINK_CAP_ACK,
				      NETLINK_GET_STRICT_CHK};
	const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	const struct timeval timeout = {.tv_sec = TIMEOUT_SECONDS};
	int fd = mnl_socket_get_fd(socket), on = 1;

	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	/* Connected to port 0, it takes nothing from other processes. */
	if (connect(fd, (const struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) <
	    0)
		return -errno;
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		mnl_socket_setsockopt(socket, options[i], &on, sizeof(on));
	return 0;
}

int netlink_open(struct netlink *netlink, int bus)
{
	struct mnl_socket *socket = mnl_socket_open2(bus, SOCK_CLOEXEC);
	int err;

	if (!socket)
		return -errno;
	err = socket_prepare(socket);
	if (err) {
		mnl_socket_close(socket);
		return err;
	}
	*netlink = (struct netlink){
		.socket = socket,
		.portid = mnl_socket_get_portid(socket),
	};
	return 0;
}

void netlink_close(struct netlink *netlink)
{
	if (netlink->socket)
		mnl_socket_close(netlink->socket);
	netlink->socket = NULL;
}

struct nlmsghdr *netlink_message(struct netlink_buffer *buffer, uint16_t type,
				 uint16_t flags)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer->bytes);

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	return message;
}

static int collect(const struct nlattr *attribute, void *data)
{
	struct netlink_attributes *attributes = data;
	uint16_t type = mnl_attr_get_type(attribute);

	if (type >= attributes->count || !attributes->types[type])
		return MNL_CB_OK;
	if (mnl_attr_validate(attribute, attributes->types[type]) < 0)
		return MNL_CB_ERROR;
	attributes->found[type] = attribute;
	return MNL_CB_OK;
}

int netlink_parse_bytes(const void *bytes, size_t size,
			struct netlink_attributes *attributes)
{
	memset(attributes->found, 0,
	       attributes->count * sizeof(attributes->found[0]));
	if (mnl_attr_parse_payload(bytes, size, collect, attributes) < 0)
		return -EPROTO;
	return 0;
}

int netlink_parse(const struct nlmsghdr *message, size_t header,
		  struct netlink_attributes *attributes)
{
	const char *payload = mnl_nlmsg_get_payload(message);
	size_t size = mnl_nlmsg_get_payload_len(message);

	header = MNL_ALIGN(header);
	if (size < header)
		return -EPROTO;
	return netlink_parse_bytes(payload + header, size - header, attributes);
}

int netlink_parse_nested(const struct nlattr *attribute,
			 struct netlink_attributes *attributes)
{
	return netlink_parse_bytes(mnl_attr_get_payload(attribute),
				   mnl_attr_get_payload_len(attribute),
				   attributes);
}

bool netlink_whole(const struct nlmsghdr *message, int left)
{
	return mnl_nlmsg_ok(message, left) &&
	       message->nlmsg_len <= (unsigned)left;
}

/* NLMSGERR_ATTR_MSG after header bytes of an error's or dump end's payload. */
static void keep_reason(struct netlink *netlink, const struct nlmsghdr *message,
			size_t header)
{
	static const enum mnl_attr_data_type types[] = {
		[NLMSGERR_ATTR_MSG] = MNL_TYPE_NUL_STRING,
	};
	const struct nlattr *found[NLMSGERR_ATTR_MSG + 1];
	struct netlink_attributes attributes = {
		.types = types,
		.found = found,
		.count = NLMSGERR_ATTR_MSG + 1,
	};

	if (!(message->nlmsg_flags & NLM_F_ACK_TLVS) ||
	    netlink_parse(message, header, &attributes) ||
	    !found[NLMSGERR_ATTR_MSG])
		return;
	snprintf(netlink->reason, sizeof(netlink->reason), "%s",
		 mnl_attr_get_str(found[NLMSGERR_ATTR_MSG]));
	for (char *c = netlink->reason; *c; c++) {
		if (!isprint((unsigned char)*c))
			*c = '?';
	}
}

/* 0 or -errno: callers negate it, and compare it with errors of ours. */
static bool is_error(int err)
{
	return err <= 0 && err >= -ERRNO_MAX;
}

/* NLMSG_ERROR with an error of 0 is the acknowledgement. */
static int take_acknowledgement(struct netlink *netlink,
				struct exchange *exchange,
				const struct nlmsghdr *message)
{
	const struct nlmsgerr *answer = mnl_nlmsg_get_payload(message);
	size_t header = sizeof(*answer);

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*answer) ||
	    !is_error(answer->error))
		return -EPROTO;
	if (exchange->errors) {
		exchange->errors[message->nlmsg_seq - exchange->first] =
			answer->error;
		exchange->acknowledgements--;
		return 0;
	}
	if (answer->error == 0) {
		exchange->acknowledgements--;
		return 0;
	}
	/* Without NETLINK_CAP_ACK the whole request is sent back. */
	if (!(message->nlmsg_flags & NLM_F_CAPPED) &&
	    answer->msg.nlmsg_len > sizeof(answer->msg))
		header += answer->msg.nlmsg_len - sizeof(answer->msg);
	keep_reason(netlink, message, header);
	exchange->refused = message->nlmsg_seq - exchange->first;
	return answer->error;
}

/* The end of a dump; since Linux 4.14 with the error that ended it. */
static int take_end(struct netlink *netlink, struct exchange *exchange,
		    const struct nlmsghdr *message)
{
	int err = 0;

	if (mnl_nlmsg_get_payload_len(message) >= sizeof(err))
		memcpy(&err, mnl_nlmsg_get_payload(message), sizeof(err));
	exchange->acknowledgements--;
	if (err >= 0)
		return 0;
	keep_reason(netlink, message, sizeof(err));
	return is_error(err) ? err : -EPROTO;
}

static int take(struct netlink *netlink, struct exchange *exchange,
		const struct nlmsghdr *message)
{
	/* A late answer to a request that was given up. */
	if (message->nlmsg_seq - exchange->first >= exchange->messages ||
	    !mnl_nlmsg_portid_ok(message, netlink->portid))
		return 0;
	if (message->nlmsg_flags & NLM_F_DUMP_INTR)
		exchange->interrupted = true;
	if (message->nlmsg_type == NLMSG_ERROR)
		return take_acknowledgement(netlink, exchange, message);
	if (message->nlmsg_type == NLMSG_DONE)
		return take_end(netlink, exchange, message);
	if (message->nlmsg_type >= NLMSG_MIN_TYPE && exchange->visit &&
	    !exchange->err)
		exchange->err = exchange->visit(exchange->data, message);
	return 0;
}

static int receive(struct netlink *netlink, struct exchange *exchange)
{
	_Alignas(struct nlmsghdr) char buffer[RECEIVE_SIZE];
	const struct nlmsghdr *message = (const struct nlmsghdr *)buffer;
	ssize_t received;
	int left, err;

	received = mnl_socket_recvfrom(netlink->socket, buffer, sizeof(buffer));
	if (received < 0 && errno == EINTR)
		return 0;
	if (received < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	left = received;
	while (exchange->acknowledgements > 0 && netlink_whole(message, left)) {
		err = take(netlink, exchange, message);
		if (err)
			return err;
		message = mnl_nlmsg_next(message, &left);
	}
	return 0;
}

/*
 * What is left of an exchange that ended early: other acknowledgements, or a
 * dump, which the kernel carries on as long as it is read.
 */
static void drain(struct netlink *netlink)
{
	int fd = mnl_socket_get_fd(netlink->socket);
	char buffer[RECEIVE_SIZE];

	/* ENOBUFS comes once after something was lost. */
	while (recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT) > 0 ||
	       errno == ENOBUFS)
		;
}

static int run(struct netlink *netlink, struct exchange *exchange,
	       const void *request, size_t size)
{
	int err = 0;

	netlink->reason[0] = '\0';
	drain(netlink);
	if (mnl_socket_sendto(netlink->socket, request, size) < 0)
		return -errno;
	while (!err && exchange->acknowledgements > 0)
		err = receive(netlink, exchange);
	if (err)
		return err;
	return exchange->interrupted ? -EINTR : exchange->err;
}

int netlink_request(struct netlink *netlink, struct nlmsghdr *message,
		    netlink_visit visit, void *data)
{
	struct exchange exchange = {
		.first = ++netlink->sequence,
		.messages = 1,
		.acknowledgements = 1,
		.visit = visit,
		.data = data,
	};

	message->nlmsg_seq = exchange.first;
	return run(netlink, &exchange, message, message->nlmsg_len);
}

int netlink_batch(struct netlink *netlink, const void *batch, size_t size,
		  unsigned messages, unsigned acknowledgements,
		  unsigned *refused)
{
	struct exchange exchange = {
		.first = netlink->sequence + 1,
		.messages = messages,
		.acknowledgements = acknowledgements,
	};
	int err;

	netlink->sequence += messages;
	err = run(netlink, &exchange, batch, size);
	*refused = exchange.refused;
	return err;
}

int netlink_batch_each(struct netlink *netlink, const void *batch, size_t size,
		       unsigned messages, int *errors)
{
	struct exchange exchange = {
		.first = netlink->sequence + 1,
		.messages = messages,
		.acknowledgements = messages,
		.errors = errors,
	};

	netlink->sequence += messages;
	return run(netlink, &exchange, batch, size);
}
