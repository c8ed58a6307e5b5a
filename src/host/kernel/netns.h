/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network namespaces (network_namespaces(7)) by the names that ip-netns(8)
 * gives them, NETNS_DIRECTORY/NAME, or by the path of another file that leads
 * to one: to be found, made, named and entered. What is done in one is for
 * others to say. The calling process has one thread.
 */
#ifndef MINIVPN_HOST_KERNEL_NETNS_H
#define MINIVPN_HOST_KERNEL_NETNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config/config.h"

#define NETNS_DIRECTORY "/run/netns"
/* NETNS_FILES/NAME: files of /etc for programs that `ip netns exec` starts. */
#define NETNS_FILES "/etc/netns"

/* Room for both, with a name and a file in it. */
#define NETNS_PATH_SIZE 192

/*
 * Which one. A name may lead to another namespace later, and its inode may be
 * that of another one; a cookie is never used twice (SO_NETNS_COOKIE).
 */
struct netns {
	char name[CONFIG_NAMESPACE_SIZE]; /* "": that of the process */
	uint32_t inode;			  /* of nsfs; 0: not known */
	uint64_t cookie;		  /* 0: the kernel is before 5.14 */
};

/* A name is a path where it begins with a slash. */
bool netns_is_path(const char *name);

bool netns_equal(const struct netns *a, const struct netns *b);

/*
 * *fd is the caller's, close-on-exec. -ENOENT: there is none of that name;
 * -EINVAL: what is there is no namespace; one of another kind is found out by
 * the functions below.
 */
int netns_open(const char *name, int *fd);

/* A new one without a name, which lasts as long as it is held. */
int netns_make(int *fd);

/* Which one fd is: sets inode and cookie. Takes CAP_SYS_ADMIN. */
int netns_identify(int fd, struct netns *netns);

/* 1: fd is the one; 0: it is another one, as far as is known of it; -errno. */
int netns_is(int fd, const struct netns *netns);

/*
 * The process is in fd until netns_return(back), by which it has to return.
 * Takes CAP_SYS_ADMIN over both.
 */
int netns_go(int fd, int *back);
/* Where that fails the process is good for nothing but to end. */
int netns_return(int back);

/*
 * Gives fd the name, so that others find it: a file on which it is mounted.
 * -EEXIST where the name is taken. Needs NETNS_DIRECTORY. Reverted by
 * netns_remove(), after a kill at any moment of either: 1 where another one
 * has the name by now. The namespace lives on while a process is in it.
 */
int netns_add(int fd, const char *name);
int netns_remove(const struct netns *netns);

/*
 * NETNS_DIRECTORY as ip-netns(8) wants it: a mount of its own, that others with
 * a copy of it (unshare(1) --mount) share, so that what is removed from it is
 * gone there too.
 */
bool netns_is_mounted(void);
int netns_mount(void);
/* 1: left, because namespaces of others are in it. */
int netns_unmount(void);

#endif
