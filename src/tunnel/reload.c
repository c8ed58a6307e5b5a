/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/reload.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/file.h"
#include "common/memfd.h"
#include "common/config/load.h"
#include "common/config/reload.h"
#include "tunnel/role/expiry.h"

/* To RELOAD: 0, or error and reason. */
static void answer(struct tunnel *tunnel, uint32_t id, int error,
		   const char *reason)
{
	struct channel_message message = {.type = CHANNEL_LOADED};

	message.loaded.id = id;
	message.loaded.error = error;
	if (!error)
		message.loaded.expires =
			reload_expiry(tunnel->next.credentials);
	snprintf(message.loaded.reason, sizeof(message.loaded.reason), "%s",
		 reason);
	channel_send(tunnel->channel, &message, -1);
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
	memset(texts, 0, sizeof(*texts));
}

static void free_ready(struct tunnel *tunnel)
{
	config_free(tunnel->next.config);
	credentials_free(tunnel->next.credentials);
	tunnel->next.config = NULL;
	tunnel->next.credentials = NULL;
}

void reload_free(struct tunnel *tunnel)
{
	free_ready(tunnel);
	free_texts(&tunnel->next.texts);
}

void reload_pem(struct tunnel *tunnel, unsigned which, int fd)
{
	struct own_certificate_texts *texts = &tunnel->next.texts;
	char *text = NULL;
	size_t length = 0;

	if (fd < 0 || memfd_read(fd, &text, &length))
		return; /* it will be missed */
	file_free(texts->of[which].text, texts->of[which].length);
	texts->of[which].text = text;
	texts->of[which].length = length;
}

int reload_start(struct tunnel *tunnel, char *reason, size_t size)
{
	int err = credentials_from(&tunnel->credentials, tunnel->config,
				   &tunnel->next.texts, reason, size);

	/* From here on the credentials have it; nothing else needs it. */
	config_hide_key(tunnel->config);
	free_texts(&tunnel->next.texts);
	return err;
}

/* host has checked it, and it is checked again. */
static int read_config(struct tunnel *tunnel, int fd)
{
	int err = fd < 0 ? -EBADF
			 : config_map(tunnel->config->path, fd,
				      &tunnel->next.config);

	if (!err && !config_reloadable(tunnel->config, tunnel->next.config))
		err = -EINVAL;
	return err;
}

void reload_prepare(struct tunnel *tunnel, uint32_t id, int fd)
{
	char reason[LOG_LINE_SIZE] = "the new file did not arrive";
	int err;

	free_ready(tunnel);
	err = read_config(tunnel, fd);
	if (!err)
		err = credentials_from(&tunnel->next.credentials,
				       tunnel->next.config, &tunnel->next.texts,
				       reason, sizeof(reason));
	free_texts(&tunnel->next.texts);
	if (!err)
		config_hide_key(tunnel->next.config);
	else
		free_ready(tunnel);
	answer(tunnel, id, err, err ? reason : "");
}

void reload_take(struct tunnel *tunnel, unsigned mtu)
{
	struct config *config = tunnel->next.config;
	struct credentials *credentials = tunnel->credentials;

	if (!config || !tunnel->next.credentials) {
		log_error("host sent a message that makes no sense now");
		return;
	}
	config_keep_unreloadable(tunnel->config, config);
	tunnel->credentials = tunnel->next.credentials;
	tunnel->role->reload(tunnel->state, config, mtu);
	config_free(tunnel->config);
	credentials_free(credentials);
	tunnel->config = config;
	tunnel->next.config = NULL;
	tunnel->next.credentials = NULL;
	expiry_warn_own(tunnel);
}
