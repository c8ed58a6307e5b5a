/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is in the journal is what should be there: whatever of it is gone,
 * somebody else has undone. It is put back at once. Where it is undone again
 * and again the pauses grow, so that two programs that do not yield do not use
 * up the processor; nothing leaves meanwhile (block.h).
 */
#ifndef MINIVPN_HOST_DAEMON_RESTORE_H
#define MINIVPN_HOST_DAEMON_RESTORE_H

#include "host/daemon/daemon_internal.h"

/* What others have undone, and how often it is put back. */
struct host_restores {
	double last; /* seconds, monotonic: something was missing; 0: never */
	double put;  /* the same, and was put back */
	double next; /* nothing is put back before */
	unsigned rapid; /* rounds of putting back, each soon in vain */
	unsigned missing;
	bool quarrel; /* that is so, and is warned of */
	char text[HOST_REASON_SIZE];
	struct log_limit lines, warnings;
};

struct host_restore {
	struct host_restores changes, tables;
};

/* What the journals say is applied, and is gone. */
void host_restore(struct host *host);
/* Tables alone, the kill switch's too. */
void host_restore_tables(struct host *host);
/* Something is missing that could not be put back yet. */
bool host_restore_waits(const struct host *host);

#endif
