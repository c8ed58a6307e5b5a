/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the child that resolves names says to host. It reads what strangers
 * have answered, so host checks it as it checks the tunnel process.
 */
#ifndef MINIVPN_HOST_DNS_LOOKUP_ANSWER_H
#define MINIVPN_HOST_DNS_LOOKUP_ANSWER_H

#include "host/dns/lookup.h"

/* Written in one write(2) of less than PIPE_BUF bytes. */
struct lookup_answer {
	struct lookup_result results[LOOKUP_RESULTS];
	size_t count;
	char reason[256];
};

/*
 * got: bytes that were read. What is not an answer about these hosts becomes
 * one without results that says so; each port becomes its host's.
 */
void lookup_answer_check(struct lookup_answer *answer, size_t got,
			 const struct config_host *hosts, size_t count);

#endif
