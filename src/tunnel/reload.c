/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/reload.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/config/load.h"
#include "common/config/reload.h"
#include "common/file.h"
#include "common/memfd.h"
#include "common/reason.h"
#include "tunnel/role/expiry.h"

/* Answers RELOAD: with 0, or an error and its reason. */
static void answer(struct reload *reload, uint32_t id, int error,
		   const char *reason)
{
	struct channel_message message = {.type = CHANNEL_LOADED};

	message.loaded.id = id;
	message.loaded.error = error;
	if (!error)
		message.loaded.expires = reload_expiry(reload->credentials);
	snprintf(message.loaded.reason, sizeof(message.loaded.reason), "%s",
		 reason);
	channel_send(reload->tunnel->channel, &message, -1);
}

int64_t reload_expiry(const struct credentials *credentials)
{
	int64_t expires = credentials_expiry(credentials);

	return expires > 0 ? expires : 0;
}

static void free_texts(struct own_certificate_texts *texts)
{
	for (unsigned i = 0; i < CONFIG_PEMS; i++)
		file_free(texts->of[i].text, texts->of[i].length);
	crl_set_free(texts->crl);
	memset(texts, 0, sizeof(*texts));
}

static void free_ready(struct reload *reload)
{
	config_free(reload->config);
	credentials_free(reload->credentials);
	reload->config = NULL;
	reload->credentials = NULL;
}

void reload_free(struct reload *reload)
{
	free_ready(reload);
	free_texts(&reload->texts);
}

void reload_pem(struct reload *reload, unsigned which, int fd)
{
	struct own_certificate_texts *texts = &reload->texts;
	char *text = NULL;
	size_t length = 0;

	if (fd < 0)
		return; /* it will be missed */
	if (which == CONFIG_PEM_CRL) {
		crl_set_free(texts->crl);
		texts->crl = NULL;
		crl_set_map(&texts->crl, fd);
		return;
	}
	if (memfd_read(fd, &text, &length))
		return;
	file_free(texts->of[which].text, texts->of[which].length);
	texts->of[which].text = text;
	texts->of[which].length = length;
}

int reload_start(struct reload *reload, struct tunnel *tunnel,
		 struct reason *reason)
{
	int err = credentials_from(&tunnel->credentials, tunnel->config,
				   &reload->texts, reason);

	reload->tunnel = tunnel;
	/* From here on the credentials have it; nothing else needs it. */
	config_hide_key(tunnel->config);
	free_texts(&reload->texts);
	return err;
}

/* host has checked it, and it is checked again. */
static int read_config(struct reload *reload, int fd)
{
	const struct config_pause *pause =
		reload->pause.run ? &reload->pause : NULL;
	const struct config *now = reload->tunnel->config;
	int err = fd < 0 ? -EBADF
			 : config_map(now->path, fd, pause, &reload->config);

	if (!err && !config_reloadable(now, reload->config))
		err = -EINVAL;
	return err;
}

void reload_prepare(struct reload *reload, uint32_t id, int fd)
{
	struct reason reason = {"the new file did not arrive"};
	int err;

	free_ready(reload);
	err = read_config(reload, fd);
	if (!err)
		err = credentials_from(&reload->credentials, reload->config,
				       &reload->texts, &reason);
	free_texts(&reload->texts);
	if (!err)
		config_hide_key(reload->config);
	else
		free_ready(reload);
	answer(reload, id, err, err ? reason.text : "");
}

static bool same_secret(const struct config *a, unsigned i,
			const struct config *b, unsigned j)
{
	return i < a->secret_count && j < b->secret_count &&
	       key_equal(a->secrets[i], b->secrets[j]);
}

/* Where that fails the old ones stay. */
static void change_secrets(struct tunnel *tunnel, struct config *next)
{
	const struct config *old = tunnel->config;
	unsigned now[NOISE_SECRETS] = {0};

	_Static_assert(CONFIG_SECRETS == NOISE_SECRETS, "as many");
	if (!tunnel->noise)
		return;
	for (unsigned i = 0; i < NOISE_SECRETS; i++) {
		for (unsigned j = 0; j < NOISE_SECRETS; j++) {
			if (same_secret(old, i, next, j))
				now[i] = j;
		}
	}
	if (!noise_change(tunnel->noise, next->secrets, next->secret_count,
			  next->role == CONFIG_SERVER)) {
		noise_link_change(&tunnel->links, now);
		return;
	}
	log_error("Secret can't be changed");
	next->secret_count = old->secret_count;
	memcpy(next->secrets, old->secrets, sizeof(next->secrets));
}

void reload_take(struct reload *reload, unsigned mtu)
{
	struct tunnel *tunnel = reload->tunnel;
	struct config *config = reload->config;
	struct credentials *credentials = tunnel->credentials;

	if (!config || !reload->credentials) {
		log_error("host sent a message that makes no sense now");
		return;
	}
	config_keep_unreloadable(tunnel->config, config);
	change_secrets(tunnel, config);
	tunnel->credentials = reload->credentials;
	tunnel->role->reload(tunnel->state, config, mtu);
	config_hide_ticket_key(config);
	config_free(tunnel->config);
	credentials_free(credentials);
	tunnel->config = config;
	reload->config = NULL;
	reload->credentials = NULL;
	expiry_warn_own(tunnel->credentials, tunnel->config);
}
