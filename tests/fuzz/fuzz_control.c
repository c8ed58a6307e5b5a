/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests on the control socket of a running tunnel: each connection gets one
 * answer, a JSON object that says ok or what is wrong, or (down) waits for the
 * end of the tunnel. The input is cut into connections, and each of them into
 * the pieces that are sent, by two bytes of length before each; a piece of no
 * length ends a connection.
 */
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/ipc/control_socket.h"
#include "common/reason.h"
#include "host/daemon/control.h"
#include "host/daemon/killswitch.h"
#include "host/daemon/lifecycle.h"
#include "host/daemon/reload.h"
#include "host/daemon/tunnel.h"
#include "host/daemon/warning.h"
#include "input.h"

#define ANSWER_SIZE 65536

static char directory[] = "/tmp/minivpn-control.XXXXXX";
static struct sockaddr_un address = {.sun_family = AF_UNIX};

static struct config_host servers[] = {
	{"vpn.example.org", .port = CONFIG_PORT}};
static struct config config = {
	.name = "fuzz",
	.path = "/nonexistent/fuzz.conf",
	.device = "tun0",
	.servers = servers,
	.server_count = 1,
	.max_clients = 10,
};

static void discard(void *data, enum log_level level, const char *line)
{
	(void)data;
	(void)level;
	check(line[0] != '\0');
}

static void leave(void)
{
	unlink(address.sun_path);
	rmdir(directory);
}

static void enter(void)
{
	check(mkdtemp(directory) != NULL);
	setenv("MINIVPN_RUNDIR", directory, 1);
	check(control_path(address.sun_path, sizeof(address.sun_path), "fuzz",
			   "sock") == 0);
	atexit(leave);
	log_set_sink(discard, NULL);
}

static void check_answer(const char *text, size_t length)
{
	json_t *answer = json_loadb(text, length, 0, NULL);
	json_t *ok = json_object_get(answer, "ok");

	check(json_is_boolean(ok));
	if (json_is_false(ok))
		check(json_is_string(json_object_get(answer, "error")));
	json_decref(answer);
}

/* Returns false where the connection is at its end. */
static bool read_answer(int fd)
{
	static char text[ANSWER_SIZE];
	ssize_t got = recv(fd, text, sizeof(text), MSG_DONTWAIT);

	if (got > 0)
		check_answer(text, (size_t)got);
	return got < 0;
}

static void connection(struct host *host, struct input *input)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool alive = true;

	check(fd >= 0);
	check(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	ev_run(host->loop, EVRUN_NOWAIT);
	while (alive && input->left) {
		size_t length;
		uint8_t *piece = input_piece(input, &length);

		if (length)
			send(fd, piece, length, MSG_NOSIGNAL | MSG_DONTWAIT);
		free(piece);
		/* Once to read the request, once to write the answer. */
		ev_run(host->loop, EVRUN_NOWAIT);
		ev_run(host->loop, EVRUN_NOWAIT);
		alive = read_answer(fd) && length;
	}
	close(fd);
	ev_run(host->loop, EVRUN_NOWAIT);
}

static struct host_control *control;

static void begun(struct host *host)
{
	(void)host;
	host_control_reloading(control);
}

static void done(struct host *host, json_t *answer)
{
	(void)host;
	host_control_reloaded(control, answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct host_reload_hooks hooks = {begun, done};
	static struct ev_loop *loop;
	struct host_killswitch killswitch = {0};
	struct host_lifecycle lifecycle = {0};
	struct host_reload reload = {0};
	struct host_tunnel tunnel = {0};
	struct host_warnings warnings = {0};
	struct host host = {
		.config = &config,
		.killswitch = &killswitch,
		.lifecycle = &lifecycle,
		.reload = &reload,
		.state = HOST_UP,
		.tunnel = &tunnel,
		.warnings = &warnings,
	};
	struct input input = {data, size};
	struct reason reason;

	if (!loop) {
		enter();
		loop = ev_loop_new(EVFLAG_AUTO);
		check(loop != NULL);
	}
	host.loop = loop;
	config.role = input_byte(&input) & 1 ? CONFIG_CLIENT : CONFIG_SERVER;
	host_reload_init(&host, &hooks);
	check(host_control_open(&control, &host, &reason) == 0);
	while (input.left && host.state != HOST_STOPPING)
		connection(&host, &input);
	host_control_close(control);
	host_reload_free(&host);
	return 0;
}
