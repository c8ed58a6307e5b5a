/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the text of one value to its place in struct config, for the schema's
 * table: each function is a schema_key's read. A value is checked by itself
 * only.
 */
#ifndef MINIVPN_COMMON_CONFIG_VALUE_H
#define MINIVPN_COMMON_CONFIG_VALUE_H

#include <stdbool.h>

#include "common/config/schema.h"

/* Single ones, at the key's offset. */
int value_switch(struct schema_value *value);	      /* bool */
int value_number(struct schema_value *value);	      /* unsigned */
int value_number_or_auto(struct schema_value *value); /* 0: auto */
int value_word(struct schema_value *value);	      /* an enum */
int value_key(struct schema_value *value);	      /* uint8_t[KEY_SIZE] */
int value_path(struct schema_value *value);	      /* char * */
int value_device(struct schema_value *value);	      /* char[IFNAMSIZ] */
int value_host(struct schema_value *value);	      /* struct config_host */
int value_host_name(struct schema_value *value);      /* char * */
int value_namespace(struct schema_value *value);      /* char * */

/* Lists, and what has a form of its own. */
int value_hosts(struct schema_value *value);
int value_listen(struct schema_value *value);
int value_server_address(struct schema_value *value);
int value_peer_address(struct schema_value *value);
int value_subnets(struct schema_value *value);
int value_routes(struct schema_value *value);
int value_dns(struct schema_value *value);
int value_search(struct schema_value *value);
int value_nat(struct schema_value *value);
int value_kill_switch(struct schema_value *value);
int value_exclude(struct schema_value *value);
int value_public_key(struct schema_value *value);

/* Sets the reason; returns -EINVAL. */
int value_wrong(struct schema_value *value, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Where the key's value goes. */
void *value_target(const struct schema_value *value);

/* A name for the resolver (RFC 1123, section 2.1), or an address. */
bool value_is_host_name(const char *text);
bool value_is_device(const char *text);

/* Port 0 where none is said; host is malloc'd. -EINVAL, -ENOMEM. */
int value_split_host(const char *text, struct config_host *host);

#endif
