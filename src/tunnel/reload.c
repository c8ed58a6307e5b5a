/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/reload.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "common/file.h"
#include "tunnel/expiry.h"

void reload_answer(struct tunnel *tunnel, uint32_t id, int error,
		   const char *reason)
{
	const struct credentials *credentials =
		tunnel->next.credentials ? tunnel->next.credentials
					 : tunnel->credentials;
	struct channel_message message = {.type = CHANNEL_LOADED};

	message.loaded.id = id;
	message.loaded.error = error;
	if (!error && credentials_expiry(credentials) > 0)
		message.loaded.expires = credentials_expiry(credentials);
	snprintf(message.loaded.reason, sizeof(message.loaded.reason), "%s",
		 reason);
	channel_send(tunnel->channel, &message, -1);
}

static void free_texts(struct certificate_texts *texts)
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
	struct certificate_texts *texts = &tunnel->next.texts;
	char *text = NULL;
	size_t length = 0;

	if (fd < 0 || file_read(fd, &text, &length))
		return; /* it will be missed */
	file_free(texts->of[which].text, texts->of[which].length);
	texts->of[which].text = text;
	texts->of[which].length = length;
}

/* host has checked it, and it is checked again. */
static int read_config(struct tunnel *tunnel, int fd)
{
	struct config *config = NULL;
	char *text = NULL;
	size_t length = 0;
	int err = fd < 0 ? -EBADF : file_read(fd, &text, &length);

	if (!err)
		err = config_parse(tunnel->config->path, text, length, NULL,
				   NULL, &config);
	file_free(text, length);
	if (!err)
		err = config_keep_unreloadable(tunnel->config, config);
	if (err) {
		config_free(config);
		return err;
	}
	/* Until it is taken, the old one has its own. */
	config_keep_unreloadable(tunnel->config, config);
	tunnel->next.config = config;
	return 0;
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
	reload_answer(tunnel, id, err, err ? reason : "");
	if (err)
		free_ready(tunnel);
}

void reload_take(struct tunnel *tunnel)
{
	struct config *config = tunnel->next.config;
	struct credentials *credentials = tunnel->credentials;

	if (!config || !tunnel->next.credentials) {
		log_error("host sent a message that makes no sense now");
		return;
	}
	config_keep_unreloadable(tunnel->config, config);
	tunnel->credentials = tunnel->next.credentials;
	tunnel->role->reload(tunnel->state, config);
	config_free(tunnel->config);
	credentials_free(credentials);
	tunnel->config = config;
	tunnel->next.config = NULL;
	tunnel->next.credentials = NULL;
	expiry_warn_own(tunnel);
}
