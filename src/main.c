/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of commands: which word starts what. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "common/date.h"
#include "common/syscall_filter.h"
#include "config.h"

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *usage; /* the words after the name */
	const char *help;
};

static const struct command commands[] = {
#define COMMAND(word, usage, help) {#word, cli_##word, usage, help},
#include "commands.def"
#undef COMMAND
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static bool asks_for_help(const char *word)
{
	return !strcmp(word, "--help") || !strcmp(word, "-h");
}

static void print_overview(FILE *out)
{
	fputs("usage: minivpn COMMAND [ARGUMENT ...]\n\n", out);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-10s %s\n", commands[i].name,
			commands[i].help);
	fputs("  help       show a command's arguments: help COMMAND\n\n"
	      "minivpn --version prints the version; "
	      "man minivpn has the rest.\n",
	      out);
}

static int print_usage(const struct command *command)
{
	printf("usage: minivpn %s%s%s\n%s\n", command->name,
	       *command->usage ? " " : "", command->usage, command->help);
	return CLI_DONE;
}

static int unknown(const char *name)
{
	cli_error("%s: no such command", name);
	print_overview(stderr);
	return CLI_USAGE;
}

static int help(int argc, char **argv)
{
	const struct command *command;

	if (argc > 2)
		return cli_usage("help [COMMAND]");
	if (argc < 2) {
		print_overview(stdout);
		return CLI_DONE;
	}
	command = find(argv[1]);
	return command ? print_usage(command) : unknown(argv[1]);
}

static int dispatch(int argc, char **argv)
{
	const struct command *command;

	if (argc < 1) {
		print_overview(stderr);
		return CLI_USAGE;
	}
	if (!strcmp(argv[0], "help") || asks_for_help(argv[0]))
		return help(argc, argv);
	if (!strcmp(argv[0], "--version")) {
		puts(PACKAGE_STRING);
		return CLI_DONE;
	}
	command = find(argv[0]);
	if (!command)
		return unknown(argv[0]);
	if (argc > 1 && asks_for_help(argv[1]))
		return print_usage(command);
	return command->run(argc, argv);
}

int main(int argc, char **argv)
{
	int status;

	cli_open_standard();
	date_prepare();
	/* Every command but a few reads a file with a private key. */
	syscall_filter_memory();
	status = dispatch(argc - 1, argv + 1);
	/* A key or a client's file that was lost on a full disk. */
	if ((fflush(stdout) || ferror(stdout)) && status == CLI_DONE)
		status = cli_error("standard output: %s", strerror(errno));
	return status;
}
