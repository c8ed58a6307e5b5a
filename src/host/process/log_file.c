/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/process/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "common/config/config.h"
#include "common/ipc/control_socket.h"
#include "common/log.h"

struct log_file {
	char path[PATH_MAX];
	char ident[CONFIG_NAME_SIZE + 16]; /* openlog(3) keeps the pointer */
	int fd;
	off_t size;
};

static int reopen(struct log_file *log)
{
	struct stat status;

	log->fd = open(log->path,
		       O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
		       0600);
	if (log->fd < 0)
		return -errno;
	log->size = fstat(log->fd, &status) < 0 ? 0 : status.st_size;
	return 0;
}

static void rotate(struct log_file *log)
{
	char old[PATH_MAX + 8];

	snprintf(old, sizeof(old), "%s.old", log->path);
	close(log->fd);
	rename(log->path, old);
	reopen(log);
}

static void write_line(void *data, enum log_level level, const char *line)
{
	struct log_file *log = data;
	char text[LOG_LINE_SIZE + 64], stamp[32] = "";
	time_t now = time(NULL);
	struct tm broken;
	ssize_t written;
	int length;

	syslog((int)level, "%s", line);
	if (log->fd < 0)
		return;
	if (localtime_r(&now, &broken))
		strftime(stamp, sizeof(stamp), "%Y-%m-%d %H:%M:%S", &broken);
	length = snprintf(text, sizeof(text), "%s %s%s\n", stamp,
			  level <= LOG_LEVEL_ERROR     ? "error: "
			  : level == LOG_LEVEL_WARNING ? "warning: "
						       : "",
			  line);
	if (length < 0)
		return;
	if ((size_t)length >= sizeof(text))
		length = (int)sizeof(text) - 1;
	written = write(log->fd, text, (size_t)length);
	if (written > 0)
		log->size += written;
	if (log->size > LOG_FILE_LIMIT)
		rotate(log);
}

int log_file_open(struct log_file **result, const char *tunnel)
{
	struct log_file *log = calloc(1, sizeof(*log));
	int err;

	if (!log)
		return -ENOMEM;
	err = control_path(log->path, sizeof(log->path), tunnel, "log");
	if (!err)
		err = reopen(log);
	if (err) {
		free(log);
		return err;
	}
	snprintf(log->ident, sizeof(log->ident), "minivpn-%s", tunnel);
	openlog(log->ident, LOG_PID | LOG_NDELAY, LOG_DAEMON);
	log_set_sink(write_line, log);
	*result = log;
	return 0;
}

void log_file_close(struct log_file *log)
{
	if (!log)
		return;
	log_set_sink(NULL, NULL);
	closelog();
	if (log->fd >= 0)
		close(log->fd);
	free(log);
}
