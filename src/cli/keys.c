/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `genkey` and `pubkey`: key pairs by hand. */
#include "common/key.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/secret.h"
#include "common/file.h"

int cli_genkey(int argc, char **argv)
{
	uint8_t private_key[KEY_SIZE];
	char text[KEY_TEXT_SIZE];

	(void)argv;
	if (argc != 1)
		return cli_usage("genkey");
	secret_keep();
	secret_begin("genkey");
	if (key_generate(private_key))
		return cli_error("genkey: no random numbers: %s",
				 strerror(errno));
	key_format(private_key, text);
	puts(text);
	explicit_bzero(private_key, sizeof(private_key));
	explicit_bzero(text, sizeof(text));
	return secret_flush("genkey");
}

/* Standard input has one key and a newline, and nothing else. */
static int read_key(uint8_t key[KEY_SIZE])
{
	int error = -EINVAL;
	size_t length, end;
	char *text;

	if (file_read(STDIN_FILENO, &text, &length))
		return -EINVAL;
	for (end = length; end && isspace((unsigned char)text[end - 1]); end--)
		text[end - 1] = '\0';
	/* A zero byte must not hide what stands behind it. */
	if (strlen(text) == end)
		error = key_parse(text, key);
	file_free(text, length);
	return error;
}

int cli_pubkey(int argc, char **argv)
{
	uint8_t private_key[KEY_SIZE], public_key[KEY_SIZE];
	char text[KEY_TEXT_SIZE];
	int error;

	(void)argv;
	if (argc != 1)
		return cli_usage("pubkey <PRIVATE-KEY-FILE");
	secret_keep();
	if (read_key(private_key))
		return cli_error("pubkey: standard input: not a private key: "
				 "44 characters of base64, as \"minivpn "
				 "genkey\" prints them");
	error = key_public(private_key, public_key);
	explicit_bzero(private_key, sizeof(private_key));
	if (error)
		return cli_error("pubkey: GnuTLS makes no public key of it");
	key_format(public_key, text);
	puts(text);
	return secret_flush("pubkey");
}
