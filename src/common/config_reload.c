/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a running tunnel can't take up from its file: config_unreloadable(). */
#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "common/config.h"

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool same_listen(const struct config *a, const struct config *b)
{
	if (a->listen_count != b->listen_count)
		return false;
	for (size_t i = 0; i < a->listen_count; i++) {
		if (!inet_endpoint_equal(&a->listen[i], &b->listen[i]))
			return false;
	}
	return true;
}

static bool same_identity(const struct config *a, const struct config *b)
{
	if (a->identity != b->identity)
		return false;
	if (a->identity == CONFIG_KEYS)
		return !memcmp(a->private_key, b->private_key, KEY_SIZE);
	return same_text(a->certificate, b->certificate) &&
	       same_text(a->key, b->key) && same_text(a->ca, b->ca) &&
	       same_text(a->crl, b->crl);
}

static bool same_nat(const struct config *a, const struct config *b)
{
	return a->nat == b->nat && !strcmp(a->nat_device, b->nat_device);
}

char *config_unreloadable(const struct config *now, const struct config *next)
{
	const struct {
		const char *key;
		bool same;
	} checks[] = {
		{"Listen", same_listen(now, next)},
		{"Address",
		 inet_prefix_equal(&now->address4, &next->address4) &&
			 inet_prefix_equal(&now->address6, &next->address6)},
		{"PrivateKey or certificates", same_identity(now, next)},
		{"Device", !strcmp(now->device, next->device)},
		{"MTU", now->mtu == next->mtu},
		{"NAT", same_nat(now, next)},
		{"Cipher", now->cipher == next->cipher},
		{"Offload", now->offload == next->offload},
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

int config_map(const char *path, int fd, struct config **config)
{
	struct stat status;
	void *text;
	int error;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (status.st_size <= 0)
		return -EINVAL;
	text = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd,
		    0);
	if (text == MAP_FAILED)
		return -errno;
	error = config_parse(path, text, (size_t)status.st_size, NULL, NULL,
			     config);
	munmap(text, (size_t)status.st_size);
	return error;
}

void config_hide_key(struct config *config)
{
	uint8_t digest[KEY_SIZE];

	if (config->identity != CONFIG_KEYS)
		return;
	if (gnutls_hash_fast(GNUTLS_DIG_SHA256, config->private_key, KEY_SIZE,
			     digest) < 0)
		memset(digest, 0, sizeof(digest));
	memcpy(config->private_key, digest, KEY_SIZE);
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
	if (now->role != next->role)
		return -EINVAL;
	SWAP(listen);
	SWAP(listen_count);
	SWAP(address4);
	SWAP(address6);
	SWAP(identity);
	SWAP(private_key);
	SWAP(certificate);
	SWAP(key);
	SWAP(ca);
	SWAP(crl);
	SWAP(device);
	SWAP(mtu);
	SWAP(nat);
	SWAP(nat_device);
	SWAP(cipher);
	SWAP(offload);
	SWAP(network_namespace);
	return 0;
}
