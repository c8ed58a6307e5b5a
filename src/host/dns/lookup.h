/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names to addresses without blocking the host process: by a short-lived
 * process that has nothing but sockets to the name servers, bounded in time;
 * and what is said to that process (host/process/lookup_child.h) and by it.
 */
#ifndef MINIVPN_HOST_DNS_LOOKUP_H
#define MINIVPN_HOST_DNS_LOOKUP_H

#include <ev.h>
#include <stddef.h>

#include "common/config/config.h"
#include "common/inet.h"
#include "common/reason.h"
#include "host/dns/lookup_config.h"
#include "host/dns/lookup_query.h"

/* Addresses that are kept, of all names together. */
#define LOOKUP_RESULTS 32
/* Names that are looked up; what Server names beyond them is passed over. */
#define LOOKUP_HOSTS 64

struct lookup_result {
	unsigned host; /* index into hosts */
	struct inet_endpoint endpoint;
};

struct lookup;

/*
 * Called once: results in the order of hosts, and reason, one line for the
 * names that gave none ("" where all did). The lookup is gone by then.
 */
typedef void (*lookup_done)(void *owner, const struct lookup_result *results,
			    size_t count, const char *reason);

/*
 * Who can start the process. start: a new one is asked by the other end of fd,
 * and the one of before is ended; -errno. end: where it has not ended yet.
 */
struct lookup_process {
	int (*start)(void *owner, int fd);
	void (*end)(void *owner);
	void *owner;
};

struct lookup_question {
	struct lookup_process process;
	const struct config_host *hosts; /* stay until done is called */
	size_t count;
	/*
	 * Only these are asked, and /etc/hosts, if there are any; else those of
	 * resolv.conf, and for what that has under "search" as well.
	 */
	const struct lookup_server *outside;
	size_t outside_count;
	/*
	 * What was found, all of it IPv4, by a host that has IPv6 only: it is
	 * found again as a NAT64 has it, if there is one (nat64.h). NULL: the
	 * hosts are to be resolved.
	 */
	const struct lookup_result *behind;
	size_t behind_count;
	double timeout; /* seconds */
};

/*
 * Where all hosts are addresses already, done is called before this returns,
 * and *lookup is NULL.
 */
int lookup_start(struct lookup **lookup, struct ev_loop *loop,
		 const struct lookup_question *question, lookup_done done,
		 void *owner);

/*
 * Lets the families of each host's addresses alternate, beginning with that of
 * its first, and otherwise as they are (RFC 8305, section 4).
 */
void lookup_alternate(struct lookup_result *results, size_t count);

/* done will not be called. NULL is allowed. */
void lookup_cancel(struct lookup *lookup);

/* One name at once, blocking, for a dry run; up to size results. */
size_t lookup_now(const struct config_host *host, unsigned index,
		  struct lookup_result *results, size_t size,
		  struct reason *reason);

/* RFC 1035, 2.3.4: 255 bytes on the wire. */
#define LOOKUP_NAME_SIZE 256

struct lookup_name {
	char name[LOOKUP_NAME_SIZE];
	uint16_t port;
};

/*
 * What host says, in one message, with descriptors: of /etc/hosts, if it could
 * be opened, and then of the name servers.
 */
struct lookup_request {
	uint32_t count;
	struct lookup_name names[LOOKUP_HOSTS];
	uint32_t behind_count; /* as in lookup_question */
	struct lookup_result behind[LOOKUP_RESULTS];
	struct lookup_search search;
	uint32_t has_hosts_file;
	int32_t error; /* why there is no name server, or 0 */
};

/* The answer, written in one write(2) of less than PIPE_BUF bytes. */
struct lookup_answer {
	struct lookup_result results[LOOKUP_RESULTS];
	size_t count;
	char reason[256];
};

/*
 * The process reads what strangers have answered, so host checks its answer as
 * it checks what the tunnel process says. got: bytes that were read. What is
 * not an answer about these hosts becomes one without results that says so;
 * each port becomes its host's.
 */
void lookup_answer_check(struct lookup_answer *answer, size_t got,
			 const struct config_host *hosts, size_t count);

#endif
