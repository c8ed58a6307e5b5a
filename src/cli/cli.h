/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The commands, one file each, and the little that they share. A command gets
 * the words after its name as argv[1...], argv[0] being its name, and returns
 * the program's exit status.
 */
#ifndef MINIVPN_CLI_CLI_H
#define MINIVPN_CLI_CLI_H

enum cli_status {
	CLI_DONE = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,
	/* A service that has to be left alone then: EX_CONFIG of sysexits.h. */
	CLI_CONFIG = 78,
};

int cli_up(int argc, char **argv);
int cli_down(int argc, char **argv);
int cli_status(int argc, char **argv);
int cli_reload(int argc, char **argv);
int cli_check(int argc, char **argv);
int cli_doctor(int argc, char **argv);
int cli_genkey(int argc, char **argv);
int cli_pubkey(int argc, char **argv);
int cli_init(int argc, char **argv);
int cli_add(int argc, char **argv);
int cli_list(int argc, char **argv);
int cli_remove(int argc, char **argv);
int cli_disable(int argc, char **argv);
int cli_enable(int argc, char **argv);
int cli_disconnect(int argc, char **argv);

/* No descriptor that is opened later becomes one of the standard three. */
void cli_open_standard(void);

/* "minivpn: ..." to stderr, one line; returns CLI_FAILED. */
int cli_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Says that up FILE lacks CAP_NET_ADMIN, and how it is got at: that is another
 * thing for root, in a container, than for others. CLI_FAILED.
 */
int cli_up_not_permitted(const char *file);

/* "usage: minivpn USAGE" to stderr; returns CLI_USAGE. */
int cli_usage(const char *usage);

/* The same after "minivpn: OPTION: no such option". */
int cli_unknown_option(const char *option, const char *usage);

/*
 * The value of "--dns VALUE" or "--dns=VALUE", NULL where it is not that option
 * or nothing is behind it. *i moves to the last word that is used.
 */
const char *cli_option(const char *option, int argc, char **argv, int *i);

/*
 * Loads a file and prints all that is wrong with it, "FILE:LINE: text" (and
 * "FILE:LINE: warning: text") to stderr. NULL where it can't be used.
 */
struct config;
struct config *cli_load(const char *file_or_name);
/* The same without a word. */
struct config *cli_load_quietly(const char *file_or_name);

/*
 * The tunnel that a command without a NAME means: a copy of name, or the only
 * one that is up. NULL after an error that lists them.
 */
char *cli_tunnel(const char *name);

#endif
