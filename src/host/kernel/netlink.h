/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One netlink socket and one exchange at a time over it (netlink(7)): requests
 * out, answers and acknowledgements back, with the kernel's own words about
 * what it refused. Knows nothing of links, routes or tables.
 */
#ifndef MINIVPN_HOST_KERNEL_NETLINK_H
#define MINIVPN_HOST_KERNEL_NETLINK_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NETLINK_REASON_SIZE 160

struct netlink {
	struct mnl_socket *socket;
	unsigned portid;
	uint32_t sequence; /* the last one given out */
	/* What the kernel said of the last request that failed, or "". */
	char reason[NETLINK_REASON_SIZE];
};

/* Room for one request of ours; their content is bounded, none comes near. */
struct netlink_buffer {
	_Alignas(struct nlmsghdr) char bytes[1024];
};

/* One message of an answer. -errno: the exchange fails with it. */
typedef int (*netlink_visit)(void *data, const struct nlmsghdr *message);

/* bus is NETLINK_ROUTE and the like; the socket is closed on exec. */
int netlink_open(struct netlink *netlink, int bus);
void netlink_close(struct netlink *netlink);

/* A request of this type in buffer, which asks for an acknowledgement. */
struct nlmsghdr *netlink_message(struct netlink_buffer *buffer, uint16_t type,
				 uint16_t flags);

/*
 * Sends one request, gives every message of the answer to visit (may be NULL),
 * and waits for the acknowledgement or the end of the dump. visit must not use
 * the same socket. -EINTR: a dump was interrupted by a change, what visit has
 * seen is not consistent. -ETIMEDOUT: the kernel does not answer.
 */
int netlink_request(struct netlink *netlink, struct nlmsghdr *message,
		    netlink_visit visit, void *data);

/*
 * Sends a batch, whose messages are numbered from netlink->sequence + 1 on and
 * of which acknowledgements ask for one. Of the first message that is refused
 * *refused is the index.
 */
int netlink_batch(struct netlink *netlink, const void *batch, size_t size,
		  unsigned messages, unsigned acknowledgements,
		  unsigned *refused);

/*
 * The same for messages that each stand alone and ask for an acknowledgement:
 * one that is refused does not end it. errors[i] is 0 or -errno.
 */
int netlink_batch_each(struct netlink *netlink, const void *batch, size_t size,
		       unsigned messages, int *errors);

/*
 * As mnl_nlmsg_ok(), which takes a length beyond INT_MAX as a negative one:
 * then the next message would be the same one, for ever.
 */
bool netlink_whole(const struct nlmsghdr *message, int left);

/*
 * Attributes by type: types[] says which are wanted and of what kind (the
 * others are passed over, as newer kernels have more of them), found[] gets
 * them, NULL where absent; both have count entries. -EPROTO where one is
 * malformed. MNL_TYPE_BINARY does not check the length: the caller does.
 */
struct netlink_attributes {
	const enum mnl_attr_data_type *types;
	const struct nlattr **found;
	uint16_t count;
};

/* header: bytes of the family's own header before the attributes. */
int netlink_parse(const struct nlmsghdr *message, size_t header,
		  struct netlink_attributes *attributes);
int netlink_parse_nested(const struct nlattr *attribute,
			 struct netlink_attributes *attributes);
int netlink_parse_bytes(const void *bytes, size_t size,
			struct netlink_attributes *attributes);

#endif
