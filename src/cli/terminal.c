/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/terminal.h"

#include <langinfo.h>
#include <limits.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

/* A terminal that does not know its size, as a serial line. */
#define COLUMNS 80
#define ROWS	24

struct character {
	size_t length;	/* bytes */
	unsigned width; /* columns */
	bool shown;
};

static unsigned size_from(const char *variable, unsigned fallback)
{
	const char *text = getenv(variable);
	long value = text ? strtol(text, NULL, 10) : 0;

	return value > 0 && value <= 10000 ? (unsigned)value : fallback;
}

void terminal_find_size(struct terminal *terminal)
{
	struct winsize size = {0};

	if (!terminal->rows || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
		size = (struct winsize){0};
	if (!terminal->rows)
		return;
	terminal->columns =
		size.ws_col ? size.ws_col : size_from("COLUMNS", COLUMNS);
	terminal->rows = size.ws_row ? size.ws_row : size_from("LINES", ROWS);
}

bool terminal_has_cursor(void)
{
	const char *term = getenv("TERM");

	return term && *term && strcmp(term, "dumb") != 0;
}

void terminal_find(struct terminal *terminal)
{
	const char *no_colour = getenv("NO_COLOR");
	bool utf8 = setlocale(LC_CTYPE, "") &&
		    !strcmp(nl_langinfo(CODESET), "UTF-8");

	*terminal = (struct terminal){.utf8 = true};
	/* Text that is none of the terminal's is still taken apart by this. */
	if (!utf8)
		setlocale(LC_CTYPE, "C.UTF-8");
	if (!isatty(STDOUT_FILENO))
		return;
	terminal->rows = ROWS;
	terminal->utf8 = utf8;
	terminal->colour = terminal_has_cursor() && !(no_colour && *no_colour);
	terminal_find_size(terminal);
}

/* These are the colours of ECMA-48 (SGR). */
const char *terminal_style(const struct terminal *terminal,
			   enum terminal_style style)
{
	if (!terminal->colour)
		return "";
	switch (style) {
	case TERMINAL_HEAD:
		return "\033[1;32m";
	case TERMINAL_LABEL:
		return "\033[1m";
	case TERMINAL_WARNING:
		return "\033[1;33m";
	case TERMINAL_PLAIN:
		break;
	}
	return "\033[0m";
}

/* What writes backwards could make one name of another (Unicode UAX 9). */
static bool changes_direction(wchar_t c)
{
	return c == 0x061c || c == 0x200e || c == 0x200f ||
	       (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* text is not empty. What can't be shown has the width of a question mark. */
static struct character next_character(const struct terminal *terminal,
				       const char *text)
{
	mbstate_t state = {0};
	wchar_t c = 0;
	size_t length = mbrtowc(&c, text, strlen(text), &state);
	int width;

	if (length == 0 || length > MB_LEN_MAX)
		return (struct character){1, 1, false};
	width = wcwidth(c);
	if (width < 0 || changes_direction(c) || c == 0x2028 || c == 0x2029 ||
	    (length > 1 && !terminal->utf8))
		return (struct character){length, 1, false};
	return (struct character){length, (unsigned)width, true};
}

/* How many bytes of text fit into width columns, which it may fill. */
static size_t bytes_of(const struct terminal *terminal, const char *text,
		       unsigned width, unsigned *taken)
{
	size_t bytes = 0;

	*taken = 0;
	while (text[bytes]) {
		struct character c = next_character(terminal, text + bytes);

		if (width && *taken + c.width > width)
			break;
		*taken += c.width;
		bytes += c.length;
	}
	return bytes;
}

static void write_bytes(FILE *out, const struct terminal *terminal,
			const char *text, size_t bytes)
{
	for (size_t at = 0; at < bytes;) {
		struct character c = next_character(terminal, text + at);

		if (c.shown)
			fwrite(text + at, 1, c.length, out);
		else
			putc('?', out);
		at += c.length;
	}
}

unsigned terminal_put(FILE *out, const struct terminal *terminal,
		      const char *text, unsigned width)
{
	const char *mark = terminal->utf8 ? "\u2026" : "~";
	unsigned taken;
	size_t bytes = bytes_of(terminal, text, width, &taken);
	bool cut = text[bytes] != '\0';

	if (cut && width > 1)
		bytes = bytes_of(terminal, text, width - 1, &taken);
	else if (cut)
		taken = 0, bytes = 0;
	if (out)
		write_bytes(out, terminal, text, bytes);
	if (out && cut)
		fputs(mark, out);
	return taken + cut;
}
