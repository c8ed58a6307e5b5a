/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The entry point of the tunnel process: all that comes from the network is
 * parsed in here, without privileges.
 */
#ifndef MINIVPN_TUNNEL_TUNNEL_H
#define MINIVPN_TUNNEL_TUNNEL_H

#include "tunnel/arguments.h"

struct channel_message;
struct tunnel;

/*
 * In the process that will fork tunnel processes, while it is still free: what
 * is the same for all of them is found out, or asked for. That includes longer
 * turns of the processor than others have by default, where others want it too:
 * whoever has shorter ones goes first when both could run. The programs that
 * read and write what is tunnelled then do so at once, while it is in the
 * cache, and in between more is there to be dealt with together. It is not more
 * of the processor. Nothing changes where turns are longer already, where that
 * is refused, with Linux before 6.12, and with policies other than SCHED_OTHER
 * and SCHED_BATCH, for which the kernel keeps no such length.
 */
void tunnel_prepare(void);

/* The exit status of a process of whose channel host has not read enough. */
#define TUNNEL_OVERRUN 3

/*
 * Runs the tunnel process to its end: called in a new process, with nothing
 * open but standard error, the descriptors above, and the tunnel's lock.
 */
void tunnel_main(const struct tunnel_arguments *arguments)
	__attribute__((noreturn));

/*
 * Does nothing, with each message of the host process before it is handled. The
 * symbol is weak: a test program that has a function of this name has it called
 * instead, in the tunnel process behind its sandbox.
 */
void tunnel_hook(struct tunnel *tunnel, const struct channel_message *message);

#endif
