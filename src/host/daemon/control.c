/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/daemon/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <utlist.h>

#include "common/ipc/control_socket.h"
#include "common/reason.h"
#include "host/daemon/daemon_internal.h"
#include "host/daemon/lifecycle.h"
#include "host/daemon/reload.h"
#include "host/daemon/status.h"
#include "host/daemon/tunnel.h"

/* Only root gets here, but root makes mistakes too. */
#define CONTROL_CONNECTIONS 32
/* A connection that does not say or read anything for this long is closed. */
#define CONTROL_SECONDS 5.
/* The tunnel process gets this long for each part of its answer to `status`. */
#define STATUS_SECONDS 2.
/* With the last part, less than a command waits for the whole of it. */
#define STATUS_MOST_SECONDS 6.

enum connection_state {
	READING,
	WANTS_STATUS,
	WANTS_RATES,
	WANTS_DOWN,
	WANTS_RELOAD, /* the next one */
	RELOADING,    /* the present one */
	WRITING
};

struct connection {
	struct host_control *control;
	int fd;
	enum connection_state state;
	ev_io io;
	ev_timer timer;
	char request[CONTROL_REQUEST_SIZE];
	size_t got;
	char *answer;
	size_t length, sent;
	struct connection *next, *prev;
};

struct host_control {
	struct host *host;
	int fd;
	ev_io listener;
	struct connection *connections;
	unsigned count;
	/*
	 * The status that is being collected: a server's clients as text, a
	 * list in JSON without its brackets, so that it is made as they come.
	 */
	struct {
		bool begun;
		/* Whom it is for: WANTS_STATUS, or WANTS_RATES. */
		enum connection_state kind;
		double end;	/* it is not waited for beyond this: ev_now() */
		json_t *server; /* the client's one peer, or NULL */
		FILE *clients;
		char *text;
		size_t length;
		unsigned count;
		ev_timer timer;
	} status;
};

static void connection_close(struct connection *connection)
{
	struct host_control *control = connection->control;

	ev_io_stop(control->host->loop, &connection->io);
	ev_timer_stop(control->host->loop, &connection->timer);
	DL_DELETE(control->connections, connection);
	control->count--;
	if (connection->fd >= 0)
		close(connection->fd);
	free(connection->answer);
	free(connection);
}

static void expired(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	connection_close(timer->data);
}

/* Time counts from now on, however long this turn of the loop has taken. */
static void start_timer(struct connection *connection)
{
	struct ev_loop *loop = connection->control->host->loop;

	ev_now_update(loop);
	ev_timer_again(loop, &connection->timer);
}

static void write_some(struct connection *connection)
{
	ssize_t sent =
		send(connection->fd, connection->answer + connection->sent,
		     connection->length - connection->sent, MSG_NOSIGNAL);

	if (sent < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (sent > 0)
		connection->sent += (size_t)sent;
	if (sent <= 0 || connection->sent == connection->length)
		connection_close(connection);
}

static void writable(struct ev_loop *loop, ev_io *watcher, int events)
{
	(void)loop;
	(void)events;
	write_some(watcher->data);
}

/* This takes over answer, which is NULL where there was no memory for it. */
static void connection_send(struct connection *connection, char *answer)
{
	struct ev_loop *loop = connection->control->host->loop;

	connection->state = WRITING;
	connection->answer = answer;
	if (!connection->answer) {
		connection_close(connection);
		return;
	}
	connection->length = strlen(connection->answer);
	ev_io_stop(loop, &connection->io);
	ev_io_init(&connection->io, writable, connection->fd, EV_WRITE);
	ev_io_start(loop, &connection->io);
	start_timer(connection);
}

/* This takes over answer. */
static void connection_answer(struct connection *connection, json_t *answer)
{
	connection_send(connection,
			answer ? json_dumps(answer, JSON_COMPACT) : NULL);
	json_decref(answer);
}

static void answer_error(struct connection *connection, const char *text)
{
	connection_answer(connection,
			  json_pack("{s:b,s:s}", "ok", 0, "error", text));
}

static void status_begin(struct host_control *control)
{
	control->status.begun = true;
	control->status.end = ev_now(control->host->loop) + STATUS_MOST_SECONDS;
	control->status.count = 0;
	control->status.clients =
		open_memstream(&control->status.text, &control->status.length);
}

static void status_forget(struct host_control *control)
{
	if (control->status.clients)
		fclose(control->status.clients);
	control->status.clients = NULL;
	free(control->status.text);
	control->status.text = NULL;
	json_decref(control->status.server);
	control->status.server = NULL;
	control->status.begun = false;
}

static void ask_status(struct host_control *control,
		       enum connection_state kind);

/*
 * Returns a malloc'd text, or NULL. A server's clients go in front of the last
 * bracket.
 */
static char *status_answer(struct host_control *control,
			   const struct traffic *total)
{
	bool server = control->host->config->role == CONFIG_SERVER;
	json_t *status =
		host_status(control->host, control->status.server, total,
			    control->status.kind == WANTS_STATUS);
	char *text = status ? json_dumps(status, JSON_COMPACT) : NULL;
	const char *clients = "";
	char *answer = NULL;

	json_decref(status);
	if (control->status.clients && !fflush(control->status.clients))
		clients = control->status.text;
	if (text && asprintf(&answer, "{\"ok\":true,\"status\":%.*s%s%s%s}}",
			     (int)strlen(text) - 1, text,
			     server ? ",\"clients\":[" : "",
			     server ? clients : "", server ? "]" : "") < 0)
		answer = NULL;
	free(text);
	return answer;
}

/* Who wants the other kind has waited for the end of this one. */
static void ask_next(struct host_control *control)
{
	struct connection *connection;

	DL_FOREACH (control->connections, connection) {
		if (connection->state == WANTS_STATUS ||
		    connection->state == WANTS_RATES) {
			ask_status(control, connection->state);
			return;
		}
	}
}

/* To all that wait for it; total NULL: the tunnel process does not answer. */
static void status_finish(struct host_control *control,
			  const struct traffic *total)
{
	char *answer = status_answer(control, total);
	struct connection *connection, *next;

	ev_timer_stop(control->host->loop, &control->status.timer);
	status_forget(control);
	DL_FOREACH_SAFE (control->connections, connection, next) {
		if (connection->state == control->status.kind)
			connection_send(connection,
					answer ? strdup(answer) : NULL);
	}
	free(answer);
	ask_next(control);
}

static void status_expired(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	status_finish(timer->data, NULL);
}

static void ask_status(struct host_control *control, enum connection_state kind)
{
	if (control->status.begun)
		return; /* it has been asked for already */
	control->status.kind = kind;
	if (!host_tunnel_ask_status(control->host)) {
		status_finish(control, NULL);
		return;
	}
	status_begin(control);
	ev_timer_again(control->host->loop, &control->status.timer);
}

static void add_client(struct host_control *control,
		       const struct channel_peer *peer)
{
	json_t *object = control->status.kind == WANTS_RATES
				 ? host_status_rates(peer)
				 : host_status_peer(control->host, peer);
	FILE *out = control->status.clients;

	if (out && object) {
		if (ftell(out) > 0)
			putc(',', out);
		json_dumpf(object, out, JSON_COMPACT);
	}
	json_decref(object);
}

void host_control_status_delayed(struct host_control *control)
{
	if (!control || !control->status.begun)
		return;
	/* There are many; but a hostile process must not keep all waiting. */
	if (ev_now(control->host->loop) < control->status.end)
		ev_timer_again(control->host->loop, &control->status.timer);
}

void host_control_peer(struct host_control *control,
		       const struct channel_peer *peer)
{
	const struct config *config;

	if (!control || !control->status.begun)
		return;
	host_control_status_delayed(control);
	config = control->host->config;
	if (config->role == CONFIG_SERVER &&
	    control->status.count++ < config->max_clients)
		add_client(control, peer);
	if (config->role == CONFIG_CLIENT && !control->status.server)
		control->status.server = host_status_peer(control->host, peer);
}

void host_control_status_end(struct host_control *control,
			     const struct traffic *total)
{
	if (control && control->status.begun)
		status_finish(control, total);
}

void host_control_reloading(struct host_control *control)
{
	struct connection *connection;

	if (!control)
		return;
	DL_FOREACH (control->connections, connection) {
		if (connection->state == WANTS_RELOAD)
			connection->state = RELOADING;
	}
}

void host_control_reloaded(struct host_control *control, json_t *answer)
{
	struct connection *connection, *next;

	if (control) {
		DL_FOREACH_SAFE (control->connections, connection, next) {
			if (connection->state == RELOADING)
				connection_answer(connection,
						  json_incref(answer));
		}
	}
	json_decref(answer);
}

/* Whether the peer is connected is for who asks to see in the status. */
static void disconnect(struct connection *connection, const char *peer)
{
	struct host *host = connection->control->host;
	struct channel_message message = {.type = CHANNEL_DISCONNECT};

	if (host->config->role != CONFIG_SERVER || !peer ||
	    !config_name_valid(peer)) {
		answer_error(connection, "not a client's name");
		return;
	}
	snprintf(message.disconnect.peer, sizeof(message.disconnect.peer), "%s",
		 peer);
	if (host_tunnel_try_send(host, &message, -1))
		answer_error(connection, "the tunnel process does not listen");
	else
		connection_answer(connection, json_pack("{s:b}", "ok", 1));
}

/* peer: what it is about; NULL: nothing. */
static void serve(struct connection *connection, const char *request,
		  const char *peer)
{
	struct host *host = connection->control->host;

	if (!strcmp(request, "status") || !strcmp(request, "rates")) {
		connection->state =
			*request == 's' ? WANTS_STATUS : WANTS_RATES;
		ask_status(connection->control, connection->state);
	} else if (!strcmp(request, "down")) {
		connection->state = WANTS_DOWN;
		host_stop_wanted(host);
	} else if (!strcmp(request, "reload")) {
		connection->state = WANTS_RELOAD;
		host_reload(host);
	} else if (!strcmp(request, "disconnect")) {
		disconnect(connection, peer);
	} else {
		answer_error(connection, "unknown request");
	}
}

static void parse_request(struct connection *connection)
{
	json_t *root =
		json_loadb(connection->request, connection->got, 0, NULL);
	const char *request =
		json_string_value(json_object_get(root, "request"));

	ev_timer_stop(connection->control->host->loop, &connection->timer);
	if (request)
		serve(connection, request,
		      json_string_value(json_object_get(root, "peer")));
	else
		answer_error(connection, "not a request");
	json_decref(root);
}

static void readable(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct connection *connection = watcher->data;
	size_t room = sizeof(connection->request) - connection->got;
	ssize_t got = recv(connection->fd,
			   connection->request + connection->got, room, 0);

	(void)events;
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		connection_close(connection);
		return;
	}
	connection->got += (size_t)got;
	if (memchr(connection->request, '\n', connection->got)) {
		ev_io_stop(loop, watcher);
		parse_request(connection);
	} else if (connection->got == sizeof(connection->request)) {
		answer_error(connection, "the request is too long");
	}
}

/* The socket is 0600, but a bug in that must not open it: see unix(7). */
static bool is_permitted(int fd)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
	       (peer.uid == 0 || peer.uid == geteuid());
}

static void acceptable(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct host_control *control = watcher->data;
	struct connection *connection;
	int fd = accept4(control->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (fd < 0)
		return;
	connection = control->count < CONTROL_CONNECTIONS && is_permitted(fd)
			     ? calloc(1, sizeof(*connection))
			     : NULL;
	if (!connection) {
		close(fd);
		return;
	}
	connection->control = control;
	connection->fd = fd;
	ev_io_init(&connection->io, readable, fd, EV_READ);
	ev_timer_init(&connection->timer, expired, 0., CONTROL_SECONDS);
	connection->io.data = connection->timer.data = connection;
	DL_APPEND(control->connections, connection);
	control->count++;
	ev_io_start(loop, &connection->io);
	start_timer(connection);
}

static int open_socket(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	mode_t mask;
	int fd, err;

	err = control_path(address.sun_path, sizeof(address.sun_path), name,
			   "sock");
	if (err)
		return err;
	unlink(address.sun_path); /* we have the lock: it is a dead one's */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	mask = umask(0177);
	err = bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
			      listen(fd, CONTROL_CONNECTIONS) < 0
		      ? -errno
		      : 0;
	umask(mask);
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

int host_control_open(struct host_control **result, struct host *host,
		      struct reason *reason)
{
	struct host_control *control = calloc(1, sizeof(*control));
	int fd = control ? open_socket(host->config->name) : -ENOMEM;

	if (fd < 0) {
		reason_set(reason, "control socket in %s: %s", control_rundir(),
			   strerror(-fd));
		free(control);
		return fd;
	}
	control->host = host;
	control->fd = fd;
	ev_io_init(&control->listener, acceptable, fd, EV_READ);
	ev_init(&control->status.timer, status_expired);
	control->status.timer.repeat = STATUS_SECONDS;
	control->listener.data = control->status.timer.data = control;
	ev_io_start(host->loop, &control->listener);
	*result = control;
	return 0;
}

/*
 * Their descriptors stay open until the process ends: the end of the stream
 * tells `down` that nothing of this run is left.
 */
void host_control_stopped(struct host_control *control, bool clean)
{
	const char *answer =
		clean ? "{\"ok\":true}"
		      : "{\"ok\":false,\"error\":\"not everything could be put "
			"back: the log says what\"}";
	struct connection *connection;

	if (!control)
		return;
	DL_FOREACH (control->connections, connection) {
		if (connection->state != WANTS_DOWN)
			continue;
		(void)!send(connection->fd, answer, strlen(answer),
			    MSG_NOSIGNAL);
		connection->fd = -1;
	}
}

void host_control_close(struct host_control *control)
{
	struct ev_loop *loop;

	if (!control)
		return;
	loop = control->host->loop;
	while (control->connections)
		connection_close(control->connections);
	ev_io_stop(loop, &control->listener);
	ev_timer_stop(loop, &control->status.timer);
	status_forget(control);
	close(control->fd);
	free(control);
}
