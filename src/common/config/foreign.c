/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/config/foreign.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define WIREGUARD                                                              \
	"this is a file of WireGuard's: minivpn has files and keys of its "    \
	"own, which \"minivpn init\" and \"minivpn add\" write on the server"
#define OPENVPN                                                                \
	"this is a file of OpenVPN's: minivpn has files of its own, which "    \
	"\"minivpn init\" and \"minivpn add\" write on the server; for "       \
	"certificates see X.509 certificates in minivpn.conf(5)"
#define UTF16                                                                  \
	"this is text in UTF-16: iconv -f UTF-16 -t UTF-8 FILE converts it"

/* Lines of OpenVPN's that nobody has by chance: one is not enough. */
static const char *const words[] = {
	"client",   "dev",    "proto",	      "remote",	     "remote-cert-tls",
	"tls-auth", "cipher", "resolv-retry", "nobind",	     "<ca>",
	"<cert>",   "<key>",  "verb",	      "persist-tun",
};

static bool is_word(const char *line, size_t length, const char *word)
{
	size_t size = strlen(word);

	return length >= size && !strncmp(line, word, size) &&
	       (length == size || strchr(" \t\r", line[size]));
}

static bool is_openvpn(const char *line, size_t length)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (is_word(line, length, words[i]))
			return true;
	}
	return false;
}

const char *foreign_file(const char *text, size_t length, unsigned *line)
{
	static const char head[] = "[Interface]";
	const char *end = text + length, *next;
	unsigned number = 1, of_openvpn = 0;

	*line = 1;
	if (length >= 2 &&
	    (!memcmp(text, "\xff\xfe", 2) || !memcmp(text, "\xfe\xff", 2)))
		return UTF16;
	for (; text < end; text = next, number++) {
		size_t size = (size_t)(end - text);
		const char *newline = memchr(text, '\n', size);

		next = newline ? newline + 1 : end;
		size = (size_t)(newline ? newline - text : end - text);
		if (size >= sizeof(head) - 1 &&
		    !strncasecmp(text, head, sizeof(head) - 1)) {
			*line = number;
			return WIREGUARD;
		}
		/* A section of ours; what is in OpenVPN's never has one. */
		if (size && *text == '[')
			return NULL;
		if (!is_openvpn(text, size))
			continue;
		if (!of_openvpn++)
			*line = number;
		if (of_openvpn == 3)
			return OPENVPN;
	}
	return NULL;
}
