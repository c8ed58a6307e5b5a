/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The addresses that a client's servers had when its kill switch was last
 * raised, STATEDIR/NAME.servers: at boot, before there is a network, no name
 * can be resolved, and after a crash that costs time. One line each, "HOST
 * ADDRESS:PORT[-LAST]", HOST as in the file; and "killswitch: DEVICE" before
 * them until the switch is lifted, so that it is raised again after a reboot
 * even where the tunnel's file can't be read any more.
 */
#ifndef MINIVPN_HOST_PROCESS_SERVER_STORE_H
#define MINIVPN_HOST_PROCESS_SERVER_STORE_H

#include <net/if.h>

#include "host/dns/lookup.h"
#include "host/nft/killswitch.h"

/*
 * All that is known without asking anybody, in the order of config->servers:
 * addresses of the file, and what its names were last. results has
 * LOOKUP_RESULTS entries; their number.
 */
size_t server_store_known(const struct config *config,
			  struct lookup_result *results);

/*
 * A kill switch is applied that lets these pass. count 0: nobody was asked
 * yet, and what is known stays. -errno
 */
int server_store_raised(const struct config *config,
			const struct lookup_result *list, size_t count);

/* It is not applied any more; the addresses stay. -errno */
int server_store_lifted(const char *tunnel);

/*
 * The one that was applied when somebody wrote to the file last: its device
 * and servers, nothing else of killswitch. -ENOENT: none was.
 */
int server_store_last(const char *tunnel, struct nft_killswitch *killswitch);

#endif
