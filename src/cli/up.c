/* SPDX-License-Identifier: GPL-2.0-or-later */
/* minivpn up [--foreground | --dry-run | --killswitch] FILE|NAME */
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
#include "cli/ssh_session.h"
#include "common/config/config.h"
#include "common/locked.h"
#include "common/process.h"
#include "common/reason.h"
#include "host/daemon/killswitch_file.h"
#include "host/host.h"
#include "host/plan/dry_run.h"

#define USAGE "up [--foreground | --dry-run | --killswitch] FILE|NAME"

/* These are the ways to bring a tunnel up, by getopt_long()'s letter. */
enum mode {
	BACKGROUND = 0,
	FOREGROUND = 'f',
	DRY_RUN = 'n',
	KILLSWITCH = 'k',
};

static int dry_run(struct config *config)
{
	struct reason reason;
	int err = plan_dry_run(config, stdout, &reason);

	if (err)
		cli_error("%s: %s", config->name, reason.text);
	config_free(config);
	return err ? CLI_FAILED : CLI_DONE;
}

/*
 * The process leaves its terminal for a session of its own (daemon(7)). It must
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
	/*
	 * The key stays out of the swap until the launcher has it, and it is
	 * wiped in here.
	 */
	locked_keep(config->private_key, sizeof(config->private_key));
	locked_keep(config->secrets, sizeof(config->secrets));
	/* We must not hold a lock or a pipe of the caller's. */
	process_close_others(&report_fd, 1);
	return host_run(config, &options);
}

/*
 * A process that was killed could not say why; what it had changed is put back
 * all the same.
 */
static int report_end(int status)
{
	if (WIFSIGNALED(status))
		return cli_error("up: the process in the background was ended "
				 "by signal %d (%s): the log may say more",
				 WTERMSIG(status), strsignal(WTERMSIG(status)));
	return cli_error("up: the process in the background could not answer: "
			 "the log says why");
}

/* The tunnel is up, whether or not this can be written; warnings follow. */
static int report_up(char *text)
{
	char *line = strsep(&text, "\n");

	dprintf(STDOUT_FILENO, "minivpn: %s\n", line);
	while ((line = strsep(&text, "\n")) != NULL)
		dprintf(STDERR_FILENO, "minivpn: warning: %s\n", line);
	return CLI_DONE;
}

/*
 * The process in the background answers by "U" or "F" and a line. Where we are
 * interrupted meanwhile it sees our end of the pair go, and gives up.
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
		return report_up(text + 1);
	/*
	 * The process has put everything back before it says that it has
	 * failed.
	 */
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (!length)
		return report_end(status);
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

/*
 * The unit at boot calls this. It is silent about a broken file, as the
 * tunnel's own unit complains of that. config may be NULL.
 */
static int raise_killswitch(const char *file, struct config *config)
{
	struct reason reason;
	char name[CONFIG_NAME_SIZE];
	int err = 0;

	if (config) {
		err = killswitch_raise(config, &reason);
		if (err)
			cli_error("%s: %s", config->name, reason.text);
	} else if (!config_name(file, name)) {
		err = killswitch_raise_last(name, &reason);
		if (err)
			cli_error("%s: %s", name, reason.text);
	}
	config_free(config);
	return err ? CLI_FAILED : CLI_DONE;
}

static int run(struct config *config, enum mode mode)
{
	struct host_options options = {.foreground = true, .report_fd = -1};

	return mode == FOREGROUND ? host_run(config, &options)
				  : start_in_background(config);
}

/* Returns 0 where it goes on, else the exit status. */
static int load(const char *file, enum mode mode, struct config **config)
{
	*config = mode == KILLSWITCH ? cli_load_quietly(file) : cli_load(file);
	if (!*config && mode != KILLSWITCH)
		return mode == FOREGROUND ? CLI_CONFIG : CLI_FAILED;
	if (mode == DRY_RUN ||
	    capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN))
		return 0;
	config_free(*config);
	return cli_up_not_permitted(file);
}

int cli_up(int argc, char **argv)
{
	static const struct option options[] = {
		{"foreground", no_argument, NULL, FOREGROUND},
		{"dry-run", no_argument, NULL, DRY_RUN},
		{"killswitch", no_argument, NULL, KILLSWITCH},
		{0},
	};
	enum mode mode = BACKGROUND;
	struct config *config;
	int option, status;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == '?')
			return cli_unknown_option(argv[optind - 1], USAGE);
		if (mode && mode != (enum mode)option)
			return cli_usage(USAGE);
		mode = (enum mode)option;
	}
	if (optind + 1 != argc)
		return cli_usage(USAGE);
	status = load(argv[optind], mode, &config);
	if (status)
		return status;
	switch (mode) {
	case DRY_RUN:
		return dry_run(config);
	case KILLSWITCH:
		return raise_killswitch(argv[optind], config);
	case BACKGROUND:
	case FOREGROUND:
		break;
	}
	ssh_session_warn(config);
	return run(config, mode);
}
