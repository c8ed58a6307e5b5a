/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/config/reload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool same_redirects(const struct config *a, const struct config *b)
{
	if (a->redirect_count != b->redirect_count)
		return false;
	for (size_t i = 0; i < a->redirect_count; i++) {
		const struct config_redirect *one = &a->redirects[i];
		const struct config_redirect *other = &b->redirects[i];

		if (!inet_address_equal(&one->address, &other->address) ||
		    one->ports.first != other->ports.first ||
		    one->ports.last != other->ports.last ||
		    one->to != other->to)
			return false;
	}
	return true;
}

static bool same_listen(const struct config *a, const struct config *b)
{
	if (a->listen_count != b->listen_count)
		return false;
	for (size_t i = 0; i < a->listen_count; i++) {
		if (!inet_endpoint_equal(&a->listen[i], &b->listen[i]))
			return false;
	}
	return same_redirects(a, b);
}

static bool same_servers(const struct config *a, const struct config *b)
{
	if (a->server_count != b->server_count)
		return false;
	for (size_t i = 0; i < a->server_count; i++) {
		if (!same_text(a->servers[i].host, b->servers[i].host) ||
		    a->servers[i].port != b->servers[i].port ||
		    a->servers[i].last != b->servers[i].last)
			return false;
	}
	return true;
}

char *config_unreloadable(const struct config *now, const struct config *next)
{
	const struct {
		const char *key;
		bool same;
	} checks[] = {
		{"Listen", same_listen(now, next)},
		{"Server", same_servers(now, next)},
		{"Device", !strcmp(now->device, next->device)},
		{"Offload", now->offload == next->offload},
		{"PeerRoutes", now->peer_routes == next->peer_routes},
		{"Secret", !now->secret_count == !next->secret_count},
		{"Namespace",
		 same_text(now->network_namespace, next->network_namespace)},
	};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	const char *comma = "";

	if (!out)
		return NULL;
	for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
		if (checks[i].same)
			continue;
		fprintf(out, "%s%s", comma, checks[i].key);
		comma = ", ";
	}
	if (fclose(out) || !text || !*text) {
		free(text);
		return NULL;
	}
	return text;
}

bool config_reloadable(const struct config *now, const struct config *next)
{
	return now->role == next->role && now->identity == next->identity;
}

#define SWAP(field)                                                            \
	do {                                                                   \
		struct config swap_copy_ = *now;                               \
		memcpy(&now->field, &next->field, sizeof(now->field));         \
		memcpy(&next->field, &swap_copy_.field, sizeof(now->field));   \
		explicit_bzero(&swap_copy_, sizeof(swap_copy_));               \
	} while (0)

int config_keep_unreloadable(struct config *now, struct config *next)
{
	if (!config_reloadable(now, next))
		return -EINVAL;
	SWAP(listen);
	SWAP(listen_count);
	SWAP(redirects);
	SWAP(redirect_count);
	SWAP(servers);
	SWAP(server_count);
	SWAP(device);
	SWAP(offload);
	SWAP(peer_routes);
	SWAP(network_namespace);
	if (!now->secret_count != !next->secret_count) {
		SWAP(secret_count);
		SWAP(secrets);
	}
	return 0;
}
