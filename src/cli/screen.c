/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/screen.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "cli/terminal.h"
#include "common/clock.h"

/* A terminal that does not take the last of it is left as it is. */
#define GOODBYE_MS 1000

/* The alternate screen and the cursor of xterm, which all others follow. */
#define ENTER "\033[?1049h\033[?25l\033[H\033[2J"
#define LEAVE "\033[0m\033[?25h\033[?1049l"

struct screen {
	int in, out, signals;
	sigset_t mask_before;
	struct termios before;
	char *frame; /* NULL: nothing is being written */
	size_t length, sent;
};

static void set_signals(sigset_t *set)
{
	static const int ours[] = {SIGINT,  SIGTERM, SIGHUP,  SIGQUIT,
				   SIGTSTP, SIGCONT, SIGWINCH};

	sigemptyset(set);
	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
		sigaddset(set, ours[i]);
}

/* Writes what the terminal takes now; false: it is gone. */
static bool flush_frame(struct screen *screen)
{
	while (screen->frame) {
		ssize_t sent = write(screen->out, screen->frame + screen->sent,
				     screen->length - screen->sent);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN;
		screen->sent += (size_t)sent;
		if (screen->sent == screen->length) {
			free(screen->frame);
			screen->frame = NULL;
		}
	}
	return true;
}

/* In one piece, or in none where it is not taken in time. */
static void write_now(struct screen *screen, const char *text)
{
	struct pollfd ready = {.fd = screen->out, .events = POLLOUT};

	if (poll(&ready, 1, GOODBYE_MS) == 1)
		(void)!write(screen->out, text, strlen(text));
}

/* Keys come one by one, and ^S does not stop what is written. */
static void enter(struct screen *screen)
{
	struct termios raw = screen->before;

	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_iflag &= ~(tcflag_t)IXON;
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	tcsetattr(screen->in, TCSANOW, &raw);
	write_now(screen, ENTER);
}

static void leave(struct screen *screen)
{
	free(screen->frame);
	screen->frame = NULL;
	write_now(screen, LEAVE);
	tcsetattr(screen->in, TCSANOW, &screen->before);
}

int screen_open(struct screen **result)
{
	struct screen *screen = calloc(1, sizeof(*screen));
	sigset_t signals;

	if (!screen)
		return -ENOMEM;
	if (!terminal_has_cursor() || !isatty(STDOUT_FILENO) ||
	    tcgetattr(STDIN_FILENO, &screen->before)) {
		free(screen);
		return -ENOTTY;
	}
	set_signals(&signals);
	sigprocmask(SIG_BLOCK, &signals, &screen->mask_before);
	screen->in = STDIN_FILENO;
	screen->signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	/* O_NONBLOCK must not be the shell's, which has the same description.
	 */
	screen->out = open("/proc/self/fd/1",
			   O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (screen->out < 0)
		screen->out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	if (screen->signals < 0 || screen->out < 0) {
		screen_close(screen);
		return -EMFILE;
	}
	enter(screen);
	*result = screen;
	return 0;
}

void screen_close(struct screen *screen)
{
	if (!screen)
		return;
	if (screen->signals >= 0 && screen->out >= 0)
		leave(screen);
	if (screen->signals >= 0)
		close(screen->signals);
	if (screen->out >= 0)
		close(screen->out);
	sigprocmask(SIG_SETMASK, &screen->mask_before, NULL);
	free(screen);
}

void screen_show(struct screen *screen, const char *text, size_t length)
{
	const char *end = text + length, *line = text;
	FILE *out;

	if (screen->frame)
		return;
	out = open_memstream(&screen->frame, &screen->length);
	if (!out)
		return;
	screen->sent = 0;
	fputs("\033[H", out);
	/* A line break below the last line would move all of them up. */
	while (line < end) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));

		stop = stop ? stop : end;
		fprintf(out, "%s\033[2K%.*s", line == text ? "" : "\r\n",
			(int)(stop - line), line);
		line = stop + 1;
	}
	fputs("\033[J", out);
	if (fclose(out)) {
		free(screen->frame);
		screen->frame = NULL;
	}
	flush_frame(screen);
}

/* As if it had not been blocked: the shell sees what ended or stopped us. */
static void raise_default(int number)
{
	sigset_t set;

	signal(number, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, number);
	raise(number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	/* Here it goes on after a stop. */
	sigprocmask(SIG_BLOCK, &set, NULL);
}

/* Returns whether there is anything to be shown anew. */
static bool take_signal(struct screen *screen)
{
	struct signalfd_siginfo info;

	if (read(screen->signals, &info, sizeof(info)) != sizeof(info))
		return false;
	if (info.ssi_signo == SIGWINCH)
		return true;
	if (info.ssi_signo == SIGCONT) {
		enter(screen);
		return true;
	}
	leave(screen);
	raise_default((int)info.ssi_signo);
	tcgetattr(screen->in, &screen->before);
	enter(screen);
	return true;
}

enum screen_event screen_wait(struct screen *screen, long long until_ms,
			      char *key)
{
	for (;;) {
		struct pollfd ready[] = {
			{.fd = screen->signals, .events = POLLIN},
			{.fd = screen->in, .events = POLLIN},
			{.fd = screen->out,
			 .events = screen->frame ? POLLOUT : 0},
		};
		long long left = until_ms - clock_ms(CLOCK_MONOTONIC);
		int count = poll(ready, 3, left > 0 ? (int)left : 0);

		if (count == 0)
			return SCREEN_TIME;
		if (ready[0].revents && take_signal(screen))
			return SCREEN_RESIZE;
		if (ready[1].revents)
			return read(screen->in, key, 1) == 1 ? SCREEN_KEY
							     : SCREEN_END;
		if (ready[2].revents && !flush_frame(screen))
			return SCREEN_END;
		if (ready[2].revents & (POLLHUP | POLLERR))
			return SCREEN_END;
	}
}
