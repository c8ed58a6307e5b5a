/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * While a flood lasts, the kernel drops what a server would only receive to
 * drop it: records of nobody, and records so old that they must be replays. A
 * filter of a socket that gets nothing but records (SO_ATTACH_FILTER,
 * socket(7)), made of what is known now; what it lets through is checked as
 * ever.
 */
#ifndef MINIVPN_TUNNEL_SERVER_FLOOD_FILTER_BPF_H
#define MINIVPN_TUNNEL_SERVER_FLOOD_FILTER_BPF_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/inet.h"

/*
 * With more of them there is no filter: the kernel of Debian 12 takes 20 KiB of
 * a program (net.core.optmem_max).
 */
#define FLOOD_FILTER_BPF_SOURCES 256

/* Who may send records, and the first number that is not too old. */
struct flood_filter_bpf_source {
	struct inet_endpoint outer;
	uint64_t floor; /* 0: none is */
};

/* What becomes of what the sources have not sent. */
enum flood_filter_bpf_kind {
	/* It is dropped, and so are records below the floor (SO_ATTACH_FILTER).
	 */
	FLOOD_FILTER_BPF_DROP,
	/*
	 * Another socket of the port gets it, where nobody can tell what a
	 * datagram is (SO_ATTACH_REUSEPORT_CBPF).
	 */
	FLOOD_FILTER_BPF_STEER,
};

struct flood_filter_bpf {
	enum flood_filter_bpf_kind kind;
	struct sock_filter code[BPF_MAXINSNS];
	unsigned length;
};

/*
 * kind: as in the program. Of sources without order; two of one endpoint: the
 * lower floor holds. salt is random, so that nobody can choose an address that
 * passes for another's (one in billions does, and is dropped later). -E2BIG.
 */
int flood_filter_bpf_make(struct flood_filter_bpf *program,
			  enum flood_filter_bpf_kind kind,
			  const struct flood_filter_bpf_source *sources,
			  size_t count, uint64_t salt);

/* In place of what was there. -errno. */
int flood_filter_bpf_attach(const struct flood_filter_bpf *program, int fd);
/* From now on the socket, or the first one of the port, gets everything. */
void flood_filter_bpf_detach(enum flood_filter_bpf_kind kind, int fd);

#endif
