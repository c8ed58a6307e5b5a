/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/process/launcher_files.h"

#include <errno.h>
#include <unistd.h>

#include "common/config/load.h"
#include "common/config/reload.h"
#include "common/memfd.h"

void launcher_files_init(struct launcher_files *files, struct config *config)
{
	files->config = config;
	files->key = NULL;
	for (int i = 0; i < CONFIG_PEMS; i++)
		files->pems[i] = -1;
}

int launcher_files_read(struct launcher_files *files, int *which)
{
	int err = 0;

	for (int i = 0; i < CONFIG_PEMS; i++) {
		const char *path =
			config_pem_path(files->config, (enum config_pem)i);
		int fd = path ? memfd_file(path) : -1;

		files->pems[i] = fd < 0 ? -1 : fd;
		if (path && fd < 0 && !err) {
			err = fd;
			*which = i;
		}
	}
	files->key = memfd_keep(files->pems[CONFIG_PEM_KEY], &files->key_size);
	return err;
}

int launcher_files_load(struct launcher_files *files, struct config *now,
			int fd, int *which)
{
	int err;

	*which = CONFIG_PEMS;
	err = config_map(now->path, fd, NULL, &files->config);
	if (!err && !config_reloadable(now, files->config))
		err = -EINVAL;
	if (!err)
		err = launcher_files_read(files, which);
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
