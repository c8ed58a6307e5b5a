/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bound that a client's file sets to what its server may say.
 */
#ifndef MINIVPN_COMMON_CONFIG_SETTINGS_BOUND_H
#define MINIVPN_COMMON_CONFIG_SETTINGS_BOUND_H

#include <stdbool.h>

#include "common/config/config.h"
#include "common/config/settings.h"

/*
 * The network of the tunnel is a route as well, which the server chooses. Where
 * the client's file says itself what goes into the tunnel, a network that is
 * public, or larger than /22 (IPv6: /64), and not part of that, becomes the
 * address alone; true then. The server's own address inside stays, unless it is
 * not in that network, or is public: then it becomes none.
 */
bool settings_bound(const struct config *config, struct settings *settings);

#endif
