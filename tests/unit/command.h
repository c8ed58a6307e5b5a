/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests of commands: run as a user does, in a directory of the test's own.
 */
#ifndef MINIVPN_TESTS_COMMAND_H
#define MINIVPN_TESTS_COMMAND_H

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/cli.h"
#include "common/config/config.h"
#include "common/config/load.h"

static char folder[] = "/tmp/minivpn-test-XXXXXX";

/* What the last command has written. */
static char out[8192], err[8192];

static inline void read_file(const char *path, char *text, size_t size)
{
	FILE *stream = fopen(path, "r");
	size_t length;

	assert_non_null(stream);
	length = fread(text, 1, size - 1, stream);
	text[length] = '\0';
	fclose(stream);
}

static inline void write_file(const char *path, const char *text)
{
	FILE *stream = fopen(path, "w");

	assert_non_null(stream);
	fputs(text, stream);
	assert_int_equal(fclose(stream), 0);
	assert_int_equal(chmod(path, 0600), 0);
}

static inline int redirect(int fd, const char *path)
{
	int saved = dup(fd);
	int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	assert_true(saved >= 0 && file >= 0);
	assert_true(dup2(file, fd) >= 0);
	close(file);
	return saved;
}

static inline void restore(int fd, int saved)
{
	assert_true(dup2(saved, fd) >= 0);
	close(saved);
}

/* This runs a command with the words that follow, up to a NULL. */
static inline int run(int (*command)(int, char **), ...)
{
	char *words[12] = {(char *)"command"};
	int count = 1, status, saved_out, saved_err;
	va_list arguments;

	va_start(arguments, command);
	while (count < 11 && (words[count] = va_arg(arguments, char *)))
		count++;
	va_end(arguments);
	fflush(stdout);
	saved_out = redirect(STDOUT_FILENO, "out");
	saved_err = redirect(STDERR_FILENO, "err");
	status = command(count, words);
	fflush(stdout);
	restore(STDOUT_FILENO, saved_out);
	restore(STDERR_FILENO, saved_err);
	read_file("out", out, sizeof(out));
	read_file("err", err, sizeof(err));
	return status;
}

static inline struct config *load(const char *path)
{
	struct config *config = NULL;

	assert_int_equal(config_load(path, NULL, NULL, &config), 0);
	return config;
}

static inline int enter(void **state)
{
	(void)state;
	if (!mkdtemp(folder) || chdir(folder))
		return -1;
	return setenv("MINIVPN_RUNDIR", folder, 1);
}

static inline int clean(void **state)
{
	DIR *directory = opendir(".");
	struct dirent *entry;

	(void)state;
	while ((entry = readdir(directory)))
		unlink(entry->d_name);
	closedir(directory);
	return 0;
}

static inline int leave(void **state)
{
	clean(state);
	return chdir("/") || rmdir(folder);
}

static inline unsigned count_files(void)
{
	DIR *directory = opendir(".");
	struct dirent *entry;
	unsigned count = 0;

	while ((entry = readdir(directory)))
		count += *entry->d_name != '.';
	closedir(directory);
	return count;
}

static inline void make_server(void)
{
	assert_int_equal(run(cli_init, "s.conf", "--endpoint",
			     "vpn.example.org:5000", NULL),
			 CLI_DONE);
}

#endif
