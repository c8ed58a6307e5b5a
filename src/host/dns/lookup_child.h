/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The process that resolves names. It reads what anybody on the way can make
 * up, and so has nothing: a user of its own, an empty root directory, no
 * capability, no system calls but those that read, write and wait. All that it
 * needs, it is given open: /etc/hosts, and sockets that lead to name servers
 * and nowhere else.
 */
#ifndef MINIVPN_HOST_DNS_LOOKUP_CHILD_H
#define MINIVPN_HOST_DNS_LOOKUP_CHILD_H

#include <sys/types.h>

#include "host/dns/lookup.h"
#include "host/dns/lookup_config.h"
#include "host/process/user.h"

/* RFC 1035, 2.3.4: 255 bytes on the wire. */
#define LOOKUP_NAME_SIZE 256

struct resolve_name {
	char name[LOOKUP_NAME_SIZE];
	uint16_t port;
};

/*
 * What host says, in one message, with descriptors: of /etc/hosts, if it could
 * be opened, and then of the name servers. The answer is a lookup_answer.
 */
struct lookup_request {
	uint32_t count;
	struct resolve_name names[LOOKUP_HOSTS];
	uint32_t behind_count; /* as in lookup_question */
	struct lookup_result behind[LOOKUP_RESULTS];
	struct lookup_search search;
	uint32_t has_hosts_file;
	int32_t error; /* why there is no name server, or 0 */
};

/*
 * Answers what host asks by fd, as that user, and ends; in a new process, whose
 * parent is parent.
 */
void lookup_child_main(int fd, const struct user *user, pid_t parent)
	__attribute__((noreturn));

#endif
