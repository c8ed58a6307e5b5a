/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/role/role.h"

#include "common/log.h"

void role_drop(struct tunnel *tunnel, struct traffic *peer,
	       enum drop_reason reason)
{
	tunnel->total.drops[reason]++;
	if (peer)
		peer->drops[reason]++;
}

void role_count_sent(struct tunnel *tunnel, struct traffic *peer,
		     const struct udp_run *run, uint64_t bytes)
{
	struct traffic *both[] = {&tunnel->total, peer};

	for (size_t i = 0; i < 2 && both[i]; i++) {
		both[i]->tx_packets += run->sent;
		both[i]->tx_bytes += bytes;
		both[i]->drops[DROP_SEND] += run->count - run->sent;
	}
}

void role_log_runs(const struct tunnel *tunnel, const char *whom, bool lost)
{
	if (lost)
		log_warning("%s: datagrams that the kernel or the network card "
			    "is to cut (UDP_SEGMENT) are lost on the way: they "
			    "are sent one by one, which is slower%s",
			    whom,
			    tunnel->damages_runs
				    ? "; this kernel is known for it: update it"
				    : "");
	else
		log_notice("%s: datagrams that the kernel or the network card "
			   "is to cut arrive again",
			   whom);
}

void role_count_session(struct traffic *traffic, const struct session *session)
{
	const struct session_counters *counters;

	if (!session)
		return;
	counters = session_counters(session);
	traffic->drops[DROP_REPLAYED] += counters->replayed;
	traffic->drops[DROP_FORGED] += counters->forged;
	traffic->drops[DROP_MALFORMED] += counters->malformed;
}
