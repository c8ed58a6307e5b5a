/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a kind of change is, to change.c, text.c and context.c: a table of
 * operations, which one file of this folder has for each kind.
 */
#ifndef MINIVPN_HOST_CHANGE_CHANGE_INTERNAL_H
#define MINIVPN_HOST_CHANGE_CHANGE_INTERNAL_H

#include "common/reason.h"
#include "common/text.h"
#include "host/change/change.h"

#define CHANGE_AS_ROOT                                                         \
	"not permitted: run it as root (sudo minivpn up ...), in a container " \
	"with --cap-add NET_ADMIN: CAP_NET_ADMIN is needed"

/* How the text of a kind says in which network namespace the change is made. */
enum change_place {
	CHANGE_PLACE_NONE,    /* it doesn't: there is none but our own */
	CHANGE_PLACE_COMMAND, /* ip -n NAME, ip netns exec, nsenter --net= */
	CHANGE_PLACE_FILE,    /* by the path of the file */
	CHANGE_PLACE_NAME,    /* its name is the last word of the command */
};

/* What a field holds, which says how it is written in a record. */
enum change_type {
	CHANGE_TYPE_NUMBER, /* uint8_t to uint64_t, in decimal */
	CHANGE_TYPE_FLAG,   /* bool: yes */
	CHANGE_TYPE_WORD,   /* an array of char */
	CHANGE_TYPE_ADDRESS,
	CHANGE_TYPE_PREFIX,
	CHANGE_TYPE_ENDPOINT,
	CHANGE_TYPE_PORTS, /* struct inet_ports: 4433, 20000-29999 */
	CHANGE_TYPE_LINK,  /* struct nft_filter_link: eth0, eth0/forwards */
};

/*
 * One of the fields that make a change what it is. Fields that only say how it
 * is to be applied are none of these.
 */
struct change_field {
	const char *key; /* NULL: the end of the table */
	enum change_type type;
	uint16_t offset, size; /* in struct change, of one value */
	uint16_t room;	       /* how many there may be, with commas between */
	uint16_t count;	       /* offset of how many there are; 0: all */
};

#define CHANGE_MEMBER(member) ((struct change *)0)->member
#define CHANGE_FIELD(key, type, member)                                        \
	{                                                                      \
		key, CHANGE_TYPE_##type, offsetof(struct change, member),      \
			sizeof(CHANGE_MEMBER(member)), 1, 0                    \
	}
#define CHANGE_ARRAY(key, type, member)                                        \
	{                                                                      \
		key, CHANGE_TYPE_##type, offsetof(struct change, member),      \
			sizeof(CHANGE_MEMBER(member)[0]),                      \
			sizeof(CHANGE_MEMBER(member)) /                        \
				sizeof(CHANGE_MEMBER(member)[0]),              \
			0                                                      \
	}
#define CHANGE_LIST(key, type, member, number)                                 \
	{                                                                      \
		key, CHANGE_TYPE_##type, offsetof(struct change, member),      \
			sizeof(CHANGE_MEMBER(member)[0]),                      \
			sizeof(CHANGE_MEMBER(member)) /                        \
				sizeof(CHANGE_MEMBER(member)[0]),              \
			offsetof(struct change, number)                        \
	}

struct change_operations {
	const char *name; /* in a record */
	const struct change_field *fields;
	enum change_place place;
	/* It is made by netlink, so that the namespace is entered before. */
	bool inside;
	bool table;	  /* see change_is_table() */
	bool makes_netns; /* see change_makes_netns() */
	/* It stays where something that was made in it could not be undone. */
	bool holds_others;
	/* See change_outlives_boot(); NULL: it never does. */
	bool (*outlives_boot)(const struct change *change);
	/* As change_apply(), change_revert(); the place is entered. */
	int (*apply)(struct change_context *context,
		     const struct change *change, struct reason *reason);
	int (*revert)(struct change_context *context,
		      const struct change *change, struct reason *reason);
	/* As change_missing(); NULL: 0. */
	int (*missing)(struct change_context *context,
		       const struct change *change);
	/* Of two of this kind in the same place; NULL: by all fields. */
	bool (*equal)(const struct change *a, const struct change *b);
	/* NULL: 0, of a kind of which there are few. */
	uint32_t (*hash)(const struct change *change);
	/* As in our own namespace; -EINVAL where a value can't be printed. */
	int (*print)(const struct change *change, struct text *text);
	/*
	 * Back from a text that has one of the starts. It need not be strict:
	 * the value is printed again, and has to be the same text. < 0: it is
	 * none.
	 */
	const char *starts[2];
	int (*parse)(const char *text, struct change *change);
};

extern const struct change_operations change_tun, change_link, change_address,
	change_route, change_rule, change_sysctl, change_gateway,
	change_killswitch, change_marks, change_filter, change_redirect,
	change_resolv_conf, change_systemd_resolved, change_directory,
	change_netns_mount, change_netns, change_loopback;

const struct change_operations *change_operations(enum change_kind kind);

bool change_fields_equal(const struct change_field *fields,
			 const struct change *a, const struct change *b);
uint32_t change_hash_bytes(const void *bytes, size_t size);
uint32_t change_hash_prefix(const struct inet_prefix *prefix);

/* -errno of a request as a reason, with what the kernel says; returns it. */
int change_explain_rtnl(const struct change_context *context, int err,
			const char *what, struct reason *reason);

/*
 * The answer of rtnl_route_has() and others, for change_missing(): what is gone
 * with its device is gone.
 */
int change_unless(int has);

/* As dev_valid_name() in the kernel, so that a name is one word. */
bool change_device_valid(const char *device);
/* A network with a family, and a length that it has. */
bool change_prefix_valid(const struct inet_prefix *prefix);

/* The file of the change: buffer, or what stays with context. */
const char *change_resolv_conf_path(const struct change_context *context,
				    const struct change *change,
				    char buffer[NETNS_PATH_SIZE]);

/*
 * Between a change as it is printed for our own namespace and the same in
 * another one, word for word; the first gives -ENOSPC, -EINVAL.
 */
int change_place_put(const struct change *change, char *text, size_t size);
int change_place_take(const char *text, struct netns *place,
		      char plain[CHANGE_TEXT_SIZE]);

#endif
