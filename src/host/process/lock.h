/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One tunnel of a name at a time: RUNDIR/NAME.pid, locked by flock(2) for as
 * long as any process of the tunnel lives (the descriptor is inherited), and
 * what is to be done when a name is found unlocked but not clean.
 */
#ifndef MINIVPN_HOST_PROCESS_LOCK_H
#define MINIVPN_HOST_PROCESS_LOCK_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/config/config.h"
#include "common/reason.h"

/*
 * Makes RUNDIR, takes the lock and writes our pid into the file. Waits up to
 * timeout_ms for processes that are just ending. -EBUSY: somebody has it, whose
 * pid is in *holder. -EPERM: others can change RUNDIR or STATEDIR.
 */
int lock_take(const char *tunnel, int timeout_ms, int *fd, pid_t *holder);

/* What another error than -EBUSY means, and what to do. */
void lock_explain(int error, struct reason *reason);

/*
 * From now on the lock is the last thing that this process and its children let
 * go when they end: after sockets and the tun device, which the next run wants
 * to have. The kernel puts what a dying process had open into a list in the
 * order of descriptors, and works it off from its end (task_work_run): so the
 * lock moves to the lowest descriptor, standard input, and *fd becomes that.
 */
int lock_hold_last(int *fd);

/* Removes NAME.pid and NAME.sock and lets go. */
void lock_drop(const char *tunnel, int fd);

/*
 * With the lock held: undoes what a killed run left in its journal. As
 * journal_heal().
 */
int lock_heal(const char *tunnel);

/*
 * The same for one of the tunnel's own processes. netns: the network namespace
 * that it may be about, or -1; privileged: it may enter and remove it.
 */
int lock_heal_own(const char *tunnel, int netns, bool privileged);

/* The same for its kill switch, which has a journal of its own. */
int lock_heal_killswitch(const char *tunnel);

/*
 * What a run of the tunnel has left in a resolv.conf that no journal knows of,
 * because the machine has lost power: /run is empty then. After lock_heal(),
 * with the lock held. others: also what other tunnels have left that are not up
 * and have no journal either. Each file is logged. How many were put right, or
 * -errno of one that could not.
 */
int lock_heal_resolv_conf(const char *tunnel, bool others);

/* The first tunnel that has left such a file; false: there is none. */
bool lock_left_resolv_conf(char name[CONFIG_NAME_SIZE]);

/* What an error of lock_heal() means, and what to do. */
const char *lock_heal_error(int error);

#endif
