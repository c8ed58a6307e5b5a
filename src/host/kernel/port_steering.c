/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/kernel/port_steering.h"

#include <errno.h>
#include <linux/filter.h>
#include <sys/socket.h>

#include "common/tunnel_sockets.h"

/*
 * Offsets in a datagram: of a record (RFC 6347, section 4.1), and of a
 * ClientHello from its beginning (section 4.2.2), which a cookie's length
 * follows behind the session's ID.
 */
#define AT_TYPE	      0
#define AT_VERSION    1
#define AT_EPOCH      3
#define AT_LENGTH     11
#define AT_BODY	      13
#define AT_SESSION    59
#define SESSION_MOST  32
#define BEHIND_HEADER (AT_BODY + 1)

#define TYPE_FIRST     20
#define TYPE_HANDSHAKE 22
#define TYPE_DATA      23

#define DTLS_1_2 0xfefd
#define DTLS_1_0 0xfeff /* which a first hello may say (section 4.1) */
#define HELLO	 1

#define LOAD8(at)  BPF_STMT(BPF_LD | BPF_B | BPF_ABS, at)
#define LOAD16(at) BPF_STMT(BPF_LD | BPF_H | BPF_ABS, at)
#define LOAD_SIZE  BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0)
#define TO_X	   BPF_STMT(BPF_MISC | BPF_TAX, 0)
#define ADD(value) BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, value)
#define GIVE(sort) BPF_STMT(BPF_RET | BPF_K, sort)
/* Leaves out the statement behind it, or as many, where it holds. */
#define UNLESS(how, value)     BPF_JUMP(BPF_JMP | (how), value, 1, 0)
#define SKIP(how, value, many) BPF_JUMP(BPF_JMP | (how), value, many, 0)
#define IF(how, value)	       BPF_JUMP(BPF_JMP | (how), value, 0, 1)

/*
 * A whole record of data, of an epoch that is encrypted, is for a session. A
 * hello that echoes no cookie, and what is no DTLS at all, go where anybody can
 * make datagrams go; handshakes and alerts have a socket of their own, so that
 * they stay in order. The tunnel process believes none of this and looks again.
 * A load from beyond the end gives a datagram to the first socket; what the
 * kernel has joined (UDP_GRO) is sorted by its first datagram.
 */
static struct sock_filter sorter[] = {
	LOAD_SIZE,
	UNLESS(BPF_JGE | BPF_K, BEHIND_HEADER),
	GIVE(TUNNEL_SORT_ASKING),
	LOAD16(AT_VERSION),
	SKIP(BPF_JEQ | BPF_K, DTLS_1_2, 2),
	UNLESS(BPF_JEQ | BPF_K, DTLS_1_0),
	GIVE(TUNNEL_SORT_ASKING),
	LOAD8(AT_TYPE),
	UNLESS(BPF_JGE | BPF_K, TYPE_FIRST),
	GIVE(TUNNEL_SORT_ASKING),
	IF(BPF_JGT | BPF_K, TYPE_DATA),
	GIVE(TUNNEL_SORT_ASKING),
	LOAD16(AT_LENGTH),
	ADD(AT_BODY),
	TO_X,
	LOAD_SIZE,
	UNLESS(BPF_JGE | BPF_X, 0),
	GIVE(TUNNEL_SORT_ASKING),
	LOAD8(AT_TYPE),
	SKIP(BPF_JEQ | BPF_K, TYPE_HANDSHAKE, 6),
	UNLESS(BPF_JEQ | BPF_K, TYPE_DATA),
	GIVE(TUNNEL_SORT_HANDSHAKE),
	LOAD16(AT_EPOCH),
	IF(BPF_JEQ | BPF_K, 0),
	GIVE(TUNNEL_SORT_ASKING),
	GIVE(TUNNEL_SORT_RECORD),
	LOAD16(AT_EPOCH),
	UNLESS(BPF_JEQ | BPF_K, 0),
	GIVE(TUNNEL_SORT_HANDSHAKE),
	LOAD8(AT_BODY),
	UNLESS(BPF_JEQ | BPF_K, HELLO),
	GIVE(TUNNEL_SORT_HANDSHAKE),
	LOAD8(AT_SESSION),
	IF(BPF_JGT | BPF_K, SESSION_MOST),
	GIVE(TUNNEL_SORT_ASKING),
	TO_X,
	BPF_STMT(BPF_LD | BPF_B | BPF_IND, AT_SESSION + 1),
	UNLESS(BPF_JEQ | BPF_K, 0),
	GIVE(TUNNEL_SORT_HANDSHAKE),
	GIVE(TUNNEL_SORT_ASKING),
};

static struct sock_filter first[] = {GIVE(TUNNEL_SORT_RECORD)};

static int attach(int fd, struct sock_filter *filter, size_t length)
{
	const struct sock_fprog program = {
		.len = (unsigned short)length,
		.filter = filter,
	};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program,
			  sizeof(program)) < 0
		       ? -errno
		       : 0;
}

int port_steering_attach(int fd, bool hidden)
{
	return hidden ? attach(fd, first, sizeof(first) / sizeof(first[0]))
		      : attach(fd, sorter, sizeof(sorter) / sizeof(sorter[0]));
}
