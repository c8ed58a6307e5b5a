/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * These are the sockets that changes work with, in their own or another
 * namespace.
 */
#include <errno.h>
#include <unistd.h>

#include "host/change/change.h"

int change_context_open(struct change_context *context)
{
	*context = (struct change_context)CHANGE_CONTEXT_NONE;
	context->resolv_conf = RESOLV_CONF_PATH;
	return rtnl_open(&context->rtnl);
}

void change_context_close(struct change_context *context)
{
	const int fds[] = {context->tun_fd, context->tun_base,
			   context->netns_fd};

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	change_context_release(context);
	if (context->nft)
		nft_close(context->nft);
	if (context->rtnl)
		rtnl_close(context->rtnl);
	*context = (struct change_context)CHANGE_CONTEXT_NONE;
}

void change_context_hold(struct change_context *context)
{
	context->holding = true;
}

static void forget_routes(struct change_context *context)
{
	rtnl_routes_free(context->routes);
	context->routes = NULL;
}

void change_context_release(struct change_context *context)
{
	forget_routes(context);
	context->holding = false;
}

/* *fd is the caller's where it is not context's. */
static int find(const struct change_context *context, const struct netns *place,
		int *fd)
{
	int same, err;

	*fd = context->netns_fd;
	if (*fd >= 0 && netns_is(*fd, place) == 1)
		return 0;
	err = netns_open(place->name, fd);
	/* Its name leads to something else now. */
	if (err)
		return err == -EINVAL ? -ENOENT : err;
	same = netns_is(*fd, place);
	if (same == 1)
		return 0;
	close(*fd);
	return same < 0 ? same : -ENOENT;
}

static int open_sockets(struct rtnl **rtnl, struct nft **nft)
{
	int err = rtnl_open(rtnl);

	*nft = NULL;
	if (err)
		return err;
	err = nft_open(nft);
	if (!err || err == -EPROTONOSUPPORT)
		return 0;
	rtnl_close(*rtnl);
	return err;
}

static int open_inside(int fd, struct rtnl **rtnl, struct nft **nft)
{
	int back, failed, err = netns_go(fd, &back);

	if (err)
		return err;
	err = open_sockets(rtnl, nft);
	failed = netns_return(back);
	if (!failed || err)
		return failed ? failed : err;
	rtnl_close(*rtnl);
	if (*nft)
		nft_close(*nft);
	return failed;
}

int change_context_enter(struct change_context *context,
			 const struct netns *place)
{
	struct nft *nft = NULL;
	struct rtnl *rtnl;
	int fd, err;

	if (netns_equal(&context->place, place))
		return 0;
	if (!place->name[0]) {
		err = rtnl_open(&rtnl);
	} else {
		err = find(context, place, &fd);
		if (err)
			return err;
		err = open_inside(fd, &rtnl, &nft);
		if (fd != context->netns_fd)
			close(fd);
	}
	if (err)
		return err;
	forget_routes(context);
	if (context->nft)
		nft_close(context->nft);
	rtnl_close(context->rtnl);
	context->rtnl = rtnl;
	context->nft = nft;
	context->place = *place;
	return 0;
}
