/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/process/launcher_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/config/load.h"
#include "common/config/reload.h"
#include "common/file.h"
#include "common/memfd.h"
#include "tunnel/dtls/crl.h"

void launcher_files_init(struct launcher_files *files, struct config *config)
{
	files->config = config;
	files->key = NULL;
	for (int i = 0; i < CONFIG_PEMS; i++)
		files->pems[i] = -1;
}

static int read_file(const struct config *config, enum config_pem which,
		     struct reason *reason)
{
	const struct config_pem_text *text = &config->pem_texts[which];
	const char *path = config_pem_path(config, which);
	int fd = text->text ? memfd_make(text->text, text->length)
			    : memfd_file(path);

	if (fd < 0)
		reason_set(reason, "%s: can't be read: %s", path,
			   fd == -EINVAL ? "it is not a regular file"
					 : strerror(-fd));
	return fd;
}

/*
 * A list may have a million entries. They are sorted here, as the tunnel
 * process has packets to carry meanwhile.
 */
static int read_crl(const struct launcher_files *files, struct reason *reason)
{
	struct crl_source source = {
		.path = files->config->crl,
		.ca_path = files->config->ca,
		.text = files->config->pem_texts[CONFIG_PEM_CRL].text,
		.length = files->config->pem_texts[CONFIG_PEM_CRL].length,
	};
	struct crl_bytes bytes = {NULL, 0};
	char *ca = NULL;
	int fd = files->pems[CONFIG_PEM_CA];

	if (fd < 0)
		return -ENOENT;
	fd = memfd_read(fd, &ca, &source.ca_length);
	source.ca = ca;
	if (!fd)
		fd = crl_load(&bytes, &source, reason);
	file_free(ca, source.ca_length);
	if (fd)
		return fd;
	fd = memfd_make((const char *)bytes.data, bytes.length);
	if (fd < 0)
		reason_set(reason, "%s: %s", source.path, strerror(-fd));
	free(bytes.data);
	return fd;
}

int launcher_files_read(struct launcher_files *files, struct reason *reason)
{
	struct reason unread = {0};
	int err = 0;

	/* The lists come last, and so after the CAs that have signed them. */
	for (int i = 0; i < CONFIG_PEMS; i++) {
		const char *path =
			config_pem_path(files->config, (enum config_pem)i);
		int fd = -1;

		if (path)
			fd = i == CONFIG_PEM_CRL
				     ? read_crl(files, &unread)
				     : read_file(files->config,
						 (enum config_pem)i, &unread);
		files->pems[i] = fd < 0 ? -1 : fd;
		if (path && fd < 0 && !err) {
			err = fd;
			*reason = unread;
		}
	}
	files->key = memfd_keep(files->pems[CONFIG_PEM_KEY], &files->key_size);
	return err;
}

int launcher_files_load(struct launcher_files *files, struct config *now,
			int fd, struct reason *reason)
{
	int err = config_map(now->path, fd, NULL, &files->config);

	if (!err && !config_reloadable(now, files->config))
		err = -EINVAL;
	if (!err)
		err = launcher_files_read(files, reason);
	if (err)
		launcher_files_free(files);
	return err;
}

int launcher_files_take(struct launcher_files *now, struct launcher_files *next)
{
	int err = next->config
			  ? config_keep_unreloadable(now->config, next->config)
			  : -EINVAL;

	if (err)
		return err;
	launcher_files_free(now);
	*now = *next;
	launcher_files_init(next, NULL);
	return 0;
}

void launcher_files_free(struct launcher_files *files)
{
	config_free(files->config);
	memfd_release(files->key, files->key_size);
	for (int i = 0; i < CONFIG_PEMS; i++) {
		if (files->pems[i] >= 0)
			close(files->pems[i]);
	}
	launcher_files_init(files, NULL);
}
