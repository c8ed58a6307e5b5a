/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a running tunnel can take up from its file, and what only `down` and
 * `up` do.
 */
#ifndef MINIVPN_COMMON_CONFIG_RELOAD_H
#define MINIVPN_COMMON_CONFIG_RELOAD_H

#include <stdbool.h>

#include "common/config/config.h"

/*
 * The keys in which two files of one tunnel differ and that only `down` and
 * `up` take up, as "Listen, Device"; malloc'd, NULL where there is none. All
 * others can be taken up by a running tunnel.
 */
char *config_unreloadable(const struct config *now, const struct config *next);

/*
 * Can next be taken up without `down` at all? Not where it makes a client of a
 * server, or certificates of keys.
 */
bool config_reloadable(const struct config *now, const struct config *next);

/*
 * Gives next what config_unreloadable() lists as it is now, and now what next
 * had: now is only to be freed then, or to be given it back by another call.
 * -EINVAL where they are not config_reloadable().
 */
int config_keep_unreloadable(struct config *now, struct config *next);

#endif
