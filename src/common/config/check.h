/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the keys of a file say of each other, checked once all are read: the
 * last step of load.c.
 */
#ifndef MINIVPN_COMMON_CONFIG_CHECK_H
#define MINIVPN_COMMON_CONFIG_CHECK_H

#include "common/config/config.h"
#include "common/config/diagnostics.h"
#include "common/config/schema.h"

/* A section as it was read. */
struct config_section {
	enum schema_section kind;     /* 0: none was seen */
	unsigned line;		      /* of its head */
	unsigned given[SCHEMA_COUNT]; /* the line of each key; 0: not given */
};

/* A file on its way to a config; peers[i] belongs to config->peers[i]. */
struct config_source {
	struct config *config;
	struct config_section main;
	struct config_section *peers;
	struct diagnostics reports;
};

/* Reports what is wrong; config's values may be half set where it has. */
void config_check(struct config_source *source);

/* The part of it that looks at addresses and networks. */
void config_check_addresses(struct config_source *source);

#endif
