/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the text of one value to its place in struct config, for the schema's
 * table: each function is a schema_key's read. A value is checked by itself
 * only.
 */
#ifndef MINIVPN_COMMON_CONFIG_VALUE_H
#define MINIVPN_COMMON_CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/config/config.h"
#include "common/reason.h"

enum value_flag {
	VALUE_REPEATS = 1,  /* may be given again: adds to the list */
	VALUE_SECRET = 2,   /* is not shown, nor for others to read */
	VALUE_CONFUSED = 4, /* is not shown, as a secret may be in its place */
};

struct value_choice {
	const char *word;
	int value;
};

/* A text on its way into config (peer: NULL but in its section). */
struct value {
	const struct value_key *key;
	struct config *config;
	struct config_peer *peer;
	const char *text;
	bool again;   /* not the first time that the key is given here */
	size_t first; /* of Listen: the first that this text has added */
	struct reason reason; /* set with -EINVAL */
};

struct value_key {
	const char *name;
	unsigned sections; /* where it may stand: enum schema_section */
	unsigned required; /* where it must */
	unsigned flags;
	/* 0; -EINVAL with a reason; -ENOMEM. */
	int (*read)(struct value *value);
	/* What is read where it is not given; NULL: nothing. */
	const char *server_default, *client_default;
	size_t offset;	   /* single values: where in config (peer for peers) */
	unsigned min, max; /* numbers; lists: how many there may be */
	const struct value_choice *words;
};

/* Single ones, at the key's offset. */
int value_switch(struct value *value);	       /* bool */
int value_number(struct value *value);	       /* unsigned */
int value_number_or_auto(struct value *value); /* 0: auto */
int value_word(struct value *value);	       /* an enum */
int value_key(struct value *value);	       /* uint8_t[KEY_SIZE] */
int value_path(struct value *value);	       /* char * */
int value_text(struct value *value);	       /* char * */
int value_device(struct value *value);	       /* char[IFNAMSIZ] */
int value_host(struct value *value);	       /* struct config_host */
int value_host_name(struct value *value);      /* char * */
int value_namespace(struct value *value);      /* char * */
int value_expires(struct value *value);	       /* int64_t */

/* Lists, and what has a form of its own. */
int value_hosts(struct value *value);
int value_listen(struct value *value);
int value_server_address(struct value *value);
int value_siblings(struct value *value);
int value_peer_address(struct value *value);
int value_subnets(struct value *value);
int value_routes(struct value *value);
int value_dns(struct value *value);
int value_search(struct value *value);
int value_nat(struct value *value);
int value_kill_switch(struct value *value);
int value_exclude(struct value *value);
int value_secrets(struct value *value);
int value_server_keys(struct value *value);
int value_public_key(struct value *value);
int value_preshared_key(struct value *value);
int value_peer_preshared_key(struct value *value);
int value_ticket_key(struct value *value);

/* Sets the reason; returns -EINVAL. */
int value_wrong(struct value *value, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* One key of base64, which is not all zero. -EINVAL. */
int value_parse_key(struct value *value, const char *text,
		    uint8_t key[KEY_SIZE]);

/* A path as one in this file is meant, from where the file is; malloc'd. */
char *value_path_from(const char *file, const char *path);

/* Where the key's value goes. */
void *value_target(const struct value *value);

/* A name for the resolver (RFC 1123, section 2.1), or an address. */
bool value_is_host_name(const char *text);
bool value_is_device(const char *text);

/* Port 0 where none is said; host is malloc'd. -EINVAL, -ENOMEM. */
int value_split_host(const char *text, struct config_host *host);

/* Sets the reason why that makes none of item; returns -EINVAL. */
int value_explain_host(struct value *value, const char *item);

/* HOST[:PORT], [V6]:PORT, by default CONFIG_PORT; host is malloc'd. -EINVAL,
 * -ENOMEM. */
int value_parse_host(const char *text, struct config_host *host);

#endif
