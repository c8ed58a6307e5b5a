/* SPDX-License-Identifier: GPL-2.0-or-later */
/* minivpn up [--foreground] [--dry-run] FILE|NAME */
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "common/config.h"
#include "common/descriptors.h"
#include "host/host.h"

#define USAGE "up [--foreground | --dry-run] FILE|NAME"

static int dry_run(struct config *config)
{
	char reason[512];
	int err = host_dry_run(config, stdout, reason, sizeof(reason));

	if (err)
		cli_error("%s: %s", config->name, reason);
	config_free(config);
	return err ? CLI_FAILED : CLI_DONE;
}

/*
 * The new session of a process that has left its terminal (daemon(7)). It must
 * not keep what it was given as standard output: whoever reads the other end
 * waits for ours to be closed.
 */
static int leave_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), err = 0;

	setsid();
	if (null < 0)
		return -errno;
	for (int fd = 0; fd <= 2; fd++) {
		if (dup2(null, fd) < 0)
			err = -errno;
	}
	if (null > 2)
		close(null);
	return err;
}

static int run_in_background(struct config *config, int report_fd)
{
	struct host_options options = {.report_fd = report_fd};
	int err = leave_terminal();

	if (err) {
		dprintf(report_fd, "F%s: /dev/null: %s", config->name,
			strerror(-err));
		config_free(config);
		return CLI_FAILED;
	}
	/* A lock or pipe of the caller's is not ours to hold. */
	descriptors_close_others(&report_fd, 1);
	return host_run(config, &options);
}

/* It had no chance to say why; what it had changed is put back all the same. */
static int say_how_it_ended(int status)
{
	if (WIFSIGNALED(status))
		return cli_error("up: the process in the background was ended "
				 "by signal %d (%s): the log may say more",
				 WTERMSIG(status), strsignal(WTERMSIG(status)));
	return cli_error("up: the process in the background could not answer: "
			 "the log says why");
}

/* It is up, whether or not anybody hears of it; then what to mind. */
static int say_up(char *text)
{
	char *line = strsep(&text, "\n");

	dprintf(STDOUT_FILENO, "minivpn: %s\n", line);
	while ((line = strsep(&text, "\n")) != NULL)
		dprintf(STDERR_FILENO, "minivpn: warning: %s\n", line);
	return CLI_DONE;
}

/*
 * The answer of the process in the background: "U" or "F" and a line. Where we
 * are interrupted meanwhile it sees our end of the pair go, and gives up.
 */
static int wait_for_report(int fd, pid_t child)
{
	char text[HOST_REPORT_SIZE];
	size_t length = 0;
	int status = 0;
	ssize_t got;

	do {
		got = read(fd, text + length, sizeof(text) - 1 - length);
		if (got > 0)
			length += (size_t)got;
	} while (got > 0 || (got < 0 && errno == EINTR));
	close(fd);
	text[length] = '\0';
	if (length && text[0] == 'U')
		return say_up(text + 1);
	/* It has put everything back before it says that it failed. */
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (!length)
		return say_how_it_ended(status);
	return cli_error("%s", text + 1);
}

static int start_in_background(struct config *config)
{
	int ends[2];
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return cli_error("up: %s", strerror(errno));
	fflush(NULL);
	child = fork();
	if (child < 0)
		return cli_error("up: %s", strerror(errno));
	if (child == 0) {
		close(ends[0]);
		exit(run_in_background(config, ends[1]));
	}
	close(ends[1]);
	config_free(config);
	return wait_for_report(ends[0], child);
}

int cli_up(int argc, char **argv)
{
	static const struct option options[] = {
		{"foreground", no_argument, NULL, 'f'},
		{"dry-run", no_argument, NULL, 'n'},
		{0},
	};
	bool foreground = false, dry = false;
	struct config *config;
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == '?')
			return cli_unknown_option(argv[optind - 1], USAGE);
		foreground |= option == 'f';
		dry |= option == 'n';
	}
	if (optind + 1 != argc || (foreground && dry))
		return cli_usage(USAGE);
	config = cli_load(argv[optind]);
	if (!config)
		return CLI_FAILED;
	if (dry)
		return dry_run(config);
	if (!capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN)) {
		config_free(config);
		return cli_error("up: not permitted: run it as root: sudo "
				 "minivpn up %s",
				 argv[optind]);
	}
	if (foreground) {
		struct host_options host = {.foreground = true,
					    .report_fd = -1};

		return host_run(config, &host) ? CLI_FAILED : CLI_DONE;
	}
	return start_in_background(config);
}
