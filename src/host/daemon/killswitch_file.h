/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kill switch without a tunnel, as systemd wants it: raised before there is
 * a network, kept while the tunnel's own unit is started again, lifted when
 * that is stopped. With a tunnel it is killswitch.c's.
 */
#ifndef MINIVPN_HOST_DAEMON_KILLSWITCH_FILE_H
#define MINIVPN_HOST_DAEMON_KILLSWITCH_FILE_H

#include "common/config/config.h"
#include "common/reason.h"

/*
 * Raises it with what the file and the last run say of the servers, without a
 * gap where one is applied. Does nothing where the tunnel is up, nor, with a
 * name in Server, where none is applied and there is a network: it is resolved
 * first, by host. One that config does not want any more is lifted. -errno with
 * one line in reason.
 */
int killswitch_raise(const struct config *config, struct reason *reason);

/*
 * For a file that can't be read: raises, at boot only, the one that was applied
 * when the machine went down.
 */
int killswitch_raise_last(const char *tunnel, struct reason *reason);

/*
 * Lifts it; but not where the tunnel is up, where systemd starts the unit
 * again, or where it is shutting the machine down.
 */
int killswitch_lift(const char *tunnel, struct reason *reason);

#endif
