/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long the tunnel process may have the processor at a time, where others
 * want it too. It is not more of the processor: that is shared as before.
 */
#ifndef MINIVPN_TUNNEL_SCHEDULER_SLICE_H
#define MINIVPN_TUNNEL_SCHEDULER_SLICE_H

/*
 * Asks for longer turns of this process, and of those that it forks, than
 * others have by default: who has shorter ones goes first when both could run.
 * The programs that read and write what is tunnelled then do so at once, while
 * it is in the cache, and in between more is there to be dealt with together.
 * Nothing changes where they are longer already, where that is refused, with
 * Linux before 6.12, and with policies other than SCHED_OTHER and SCHED_BATCH,
 * for which the kernel keeps no such length.
 */
void scheduler_slice_lengthen(void);

#endif
