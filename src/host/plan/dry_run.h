/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `up --dry-run`: what a plan would change, without a host process. */
#ifndef MINIVPN_HOST_PLAN_DRY_RUN_H
#define MINIVPN_HOST_PLAN_DRY_RUN_H

#include <stdio.h>

#include "common/config/config.h"
#include "common/reason.h"

/*
 * Writes every change that host_run() would make, one a line. -errno with one
 * line in reason.
 */
int plan_dry_run(const struct config *config, FILE *out, struct reason *reason);

#endif
