/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A library for LD_PRELOAD by which tests make the Nth call of a kind fail in
 * minivpn, or hold a process at that call until it is killed or let go. What is
 * wanted, and what has happened, is in one page of memory that all processes
 * share with the test (the file that FAULT_CONTROL names): so it also works
 * where a sandbox allows no further system call. faults.py is the other side.
 *
 * And it makes minivpn believe that the machine has slept: CLOCK_BOOTTIME and
 * dates are ahead of CLOCK_MONOTONIC by so many seconds more, and what tells of
 * a wall clock that has jumped is the FIFO that FAULT_ALARM names.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/virtio_net.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

#include <unistd.h>

/* Bits, as faults.py knows them. */
enum { COMMAND = 1, HOST = 2, TUNNEL = 4, JANITOR = 8 };
enum {
	MEMORY = 1,
	NETLINK = 2,
	FILES = 4,
	PROCESS = 8,
	MESSAGE = 16,
	JOINED = 32
};

enum mode {
	FAIL,	/* the call fails with error */
	REFUSE, /* NETLINK: the kernel seems to answer with error */
	LOSE,	/* NETLINK: it is done, but the answer is lost with error */
	HOLD,	/* waits until released */
};

#define CALLS 2048

struct control {
	uint32_t armed;
	uint32_t roles, kinds;
	uint32_t mode;
	uint32_t error;
	uint32_t first, last; /* calls, from 1; 0: only count */
	uint32_t count;
	uint32_t hit; /* pid of the process that has come to it */
	uint32_t released;
	uint32_t slept;	       /* seconds */
	char calls[CALLS][16]; /* "H:sendto", from 1 on */
	char where[1024];
};

static struct control *control;
static uint32_t role = COMMAND;

/* The families of this process's sockets, and a netlink(7) answer to come. */
#define SOCKETS 1024
static uint16_t families[SOCKETS];
static int answer_fd = -1;
static enum mode answer_mode;
static struct nlmsghdr answer_to;

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("FAULT_CONTROL");
	void *frames[1], *memory;
	int fd;

	if (!path)
		return;
	/* Loads what it takes, which allocates. */
	backtrace(frames, 1);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	memory = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE,
		      MAP_SHARED, fd, 0);
	close(fd);
	if (memory != MAP_FAILED)
		control = memory;
}

static void note_call(uint32_t number, const char *name)
{
	static const char letters[] = "?CH?T???J";

	if (number < CALLS)
		snprintf(control->calls[number], sizeof(control->calls[0]),
			 "%c:%s", letters[role], name);
}

/* Names of ours that are static have none here: addr2line(1) knows them. */
static void note_place(void)
{
	void *frames[16];
	int count = backtrace(frames, 16);
	size_t length = 0;

	for (int i = 2; i < count && length < sizeof(control->where); i++) {
		Dl_info info = {0};

		if (!dladdr(frames[i], &info) || !info.dli_fname)
			continue;
		length += (size_t)snprintf(
			control->where + length,
			sizeof(control->where) - length, "%s%s+%#lx",
			i > 2 ? " < " : "",
			info.dli_sname ? info.dli_sname : "?",
			(unsigned long)((char *)frames[i] -
					(char *)info.dli_fbase));
	}
}

static void hold(void)
{
	while (!__atomic_load_n(&control->released, __ATOMIC_ACQUIRE))
		__asm__ volatile("" ::: "memory");
}

/* True where this call is the one. errno is set where it is to fail. */
static bool is_hit(uint32_t kind, const char *name)
{
	static __thread bool inside;
	uint32_t number;

	if (!control || inside ||
	    !__atomic_load_n(&control->armed, __ATOMIC_ACQUIRE) ||
	    !(control->roles & role) || !(control->kinds & kind))
		return false;
	number = __atomic_add_fetch(&control->count, 1, __ATOMIC_ACQ_REL);
	inside = true;
	if (kind != MEMORY)
		note_call(number, name);
	if (!control->first || number < control->first ||
	    number > control->last) {
		inside = false;
		return false;
	}
	if (number == control->first)
		note_place();
	inside = false;
	__atomic_store_n(&control->hit, (uint32_t)getpid(), __ATOMIC_RELEASE);
	if (control->mode == HOLD) {
		hold();
		return false;
	}
	errno = (int)control->error;
	return true;
}

/* What the program would call were this library not there. */
#define REAL(name)                                                             \
	static typeof(name) *real;                                             \
	if (!real)                                                             \
	real = (typeof(name) *)dlsym(RTLD_NEXT, #name)

#define HOOK(kind, type, failed, name, parameters, arguments)                  \
	type name parameters;                                                  \
	type name parameters                                                   \
	{                                                                      \
		REAL(name);                                                    \
		return is_hit(kind, #name) ? (failed) : real arguments;        \
	}

/* ---- Memory. dlsym() allocates: glibc's own names for its functions. */

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

void *malloc(size_t size)
{
	return is_hit(MEMORY, "malloc") ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return is_hit(MEMORY, "calloc") ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	return is_hit(MEMORY, "realloc") ? NULL : __libc_realloc(old, size);
}

void *reallocarray(void *old, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(old, bytes);
}

/* ---- Files */

HOOK(FILES, FILE *, NULL, fopen, (const char *path, const char *mode),
     (path, mode))
HOOK(FILES, FILE *, NULL, fdopen, (int fd, const char *mode), (fd, mode))
HOOK(FILES, DIR *, NULL, opendir, (const char *path), (path))
HOOK(FILES, int, EOF, fflush, (FILE * file), (file))
HOOK(FILES, ssize_t, -1, write, (int fd, const void *bytes, size_t size),
     (fd, bytes, size))
HOOK(FILES, ssize_t, -1, pwrite,
     (int fd, const void *bytes, size_t size, off_t offset),
     (fd, bytes, size, offset))
HOOK(FILES, int, -1, fsync, (int fd), (fd))
HOOK(FILES, int, -1, fdatasync, (int fd), (fd))
HOOK(FILES, int, -1, ftruncate, (int fd, off_t size), (fd, size))
HOOK(FILES, int, -1, truncate, (const char *path, off_t size), (path, size))
HOOK(FILES, int, -1, rename, (const char *from, const char *to), (from, to))
HOOK(FILES, int, -1, unlink, (const char *path), (path))
HOOK(FILES, int, -1, mkdir, (const char *path, mode_t mode), (path, mode))
HOOK(FILES, int, -1, rmdir, (const char *path), (path))
HOOK(FILES, int, -1, setns, (int fd, int type), (fd, type))
HOOK(FILES, int, -1, unshare, (int flags), (flags))
HOOK(FILES, int, -1, mount,
     (const char *from, const char *to, const char *type, unsigned long flags,
      const void *data),
     (from, to, type, flags, data))
HOOK(FILES, int, -1, umount2, (const char *path, int flags), (path, flags))
HOOK(FILES, char *, NULL, mkdtemp, (char *path), (path))
HOOK(FILES, int, -1, linkat,
     (int at, const char *from, int to_at, const char *to, int flags),
     (at, from, to_at, to, flags))
HOOK(FILES, int, -1, symlink, (const char *target, const char *path),
     (target, path))
HOOK(FILES, int, -1, fchmod, (int fd, mode_t mode), (fd, mode))
HOOK(FILES, int, -1, lchown, (const char *path, uid_t user, gid_t group),
     (path, user, group))
HOOK(FILES, int, -1, flock, (int fd, int operation), (fd, operation))

int open(const char *path, int flags, ...)
{
	va_list list;
	mode_t mode;

	REAL(open);
	va_start(list, flags);
	mode = va_arg(list, mode_t);
	va_end(list);
	return is_hit(FILES, "open") ? -1 : real(path, flags, mode);
}

/* ---- Processes and descriptors */

HOOK(PROCESS, int, -1, pipe2, (int fds[2], int flags), (fds, flags))
HOOK(PROCESS, int, -1, bind,
     (int fd, const struct sockaddr *address, socklen_t size),
     (fd, address, size))
HOOK(PROCESS, int, -1, connect,
     (int fd, const struct sockaddr *address, socklen_t size),
     (fd, address, size))
HOOK(PROCESS, int, -1, listen, (int fd, int backlog), (fd, backlog))
HOOK(PROCESS, int, -1, setsockopt,
     (int fd, int level, int option, const void *value, socklen_t size),
     (fd, level, option, value, size))
HOOK(PROCESS, int, -1, dup, (int fd), (fd))
HOOK(PROCESS, int, -1, dup2, (int old, int fd), (old, fd))
HOOK(PROCESS, int, -1, memfd_create, (const char *name, unsigned flags),
     (name, flags))
HOOK(PROCESS, int, -1, eventfd, (unsigned value, int flags), (value, flags))

int accept4(int fd, struct sockaddr *restrict address, socklen_t *restrict size,
	    int flags)
{
	REAL(accept4);
	return is_hit(PROCESS, "accept4") ? -1 : real(fd, address, size, flags);
}

int fcntl(int fd, int command, ...)
{
	va_list list;
	long argument;

	REAL(fcntl);
	va_start(list, command);
	argument = va_arg(list, long);
	va_end(list);
	return is_hit(PROCESS, "fcntl") ? -1 : real(fd, command, argument);
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list list;
	void *argument;

	REAL(ioctl);
	va_start(list, request);
	argument = va_arg(list, void *);
	va_end(list);
	return is_hit(PROCESS, "ioctl") ? -1 : real(fd, request, argument);
}

/* `up` has one child: the host process. That one's are tunnel and janitor. */
pid_t fork(void)
{
	pid_t child;

	REAL(fork);
	if (is_hit(PROCESS, "fork"))
		return -1;
	child = real();
	if (child == 0)
		role = role == COMMAND ? HOST : TUNNEL;
	return child;
}

int prctl(int operation, ...)
{
	unsigned long arguments[4];
	va_list list;

	REAL(prctl);
	va_start(list, operation);
	for (int i = 0; i < 4; i++)
		arguments[i] = va_arg(list, unsigned long);
	va_end(list);
	if (operation == PR_SET_NAME &&
	    !strcmp((const char *)arguments[0], "minivpn-janitor"))
		role = JANITOR;
	return is_hit(PROCESS, "prctl")
		       ? -1
		       : real(operation, arguments[0], arguments[1],
			      arguments[2], arguments[3]);
}

/* ---- Joined packets to a tun device, which all others pass by */

ssize_t writev(int fd, const struct iovec *parts, int count)
{
	const struct virtio_net_hdr *header = parts[0].iov_base;

	REAL(writev);
	return count > 1 && parts[0].iov_len == sizeof(*header) &&
			       header->gso_type != VIRTIO_NET_HDR_GSO_NONE &&
			       is_hit(JOINED, "writev")
		       ? -1
		       : real(fd, parts, count);
}

/* ---- Sleep of the machine */

static int alarm_fd = -1;

static time_t slept(void)
{
	return control ? __atomic_load_n(&control->slept, __ATOMIC_ACQUIRE) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	int result;

	REAL(clock_gettime);
	result = real(clock, now);
	if (clock == CLOCK_BOOTTIME || clock == CLOCK_REALTIME)
		now->tv_sec += slept();
	return result;
}

time_t time(time_t *result)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (result)
		*result = now.tv_sec;
	return now.tv_sec;
}

int timerfd_create(clockid_t clock, int flags)
{
	const char *path = getenv("FAULT_ALARM");

	REAL(timerfd_create);
	if (clock != CLOCK_REALTIME || !path)
		return real(clock, flags);
	alarm_fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	return alarm_fd;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *wanted,
		    struct itimerspec *old)
{
	REAL(timerfd_settime);
	return fd == alarm_fd ? 0 : real(fd, flags, wanted, old);
}

/* ---- Messages, to the kernel by netlink(7) and to other processes */

static void note_family(int fd, int family)
{
	if (fd >= 0 && fd < SOCKETS)
		families[fd] = (uint16_t)family;
}

static bool is_of_family(int fd, int family)
{
	return fd >= 0 && fd < SOCKETS && families[fd] == family;
}

int socket(int domain, int type, int protocol)
{
	int fd;

	REAL(socket);
	if (is_hit(PROCESS, "socket"))
		return -1;
	fd = real(domain, type, protocol);
	note_family(fd, domain);
	return fd;
}

int socketpair(int domain, int type, int protocol, int fds[2])
{
	int result;

	REAL(socketpair);
	if (is_hit(PROCESS, "socketpair"))
		return -1;
	result = real(domain, type, protocol, fds);
	if (result == 0) {
		note_family(fds[0], domain);
		note_family(fds[1], domain);
	}
	return result;
}

HOOK(MESSAGE, ssize_t, -1, send,
     (int fd, const void *bytes, size_t size, int flags),
     (fd, bytes, size, flags))

/* Only those of the channel: datagrams get lost anyway, and that is tested. */
ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	REAL(sendmsg);
	if (is_of_family(fd, AF_UNIX) && is_hit(MESSAGE, "sendmsg"))
		return -1;
	return real(fd, message, flags);
}

ssize_t sendto(int fd, const void *bytes, size_t size, int flags,
	       const struct sockaddr *address, socklen_t address_size)
{
	REAL(sendto);
	if (!is_of_family(fd, AF_NETLINK) || !is_hit(NETLINK, "sendto"))
		return real(fd, bytes, size, flags, address, address_size);
	if (control->mode == FAIL)
		return -1;
	answer_fd = fd;
	answer_mode = control->mode;
	memcpy(&answer_to, bytes, sizeof(answer_to));
	if (control->mode == REFUSE)
		return (ssize_t)size;
	return real(fd, bytes, size, flags, address, address_size);
}

static ssize_t refuse(const struct msghdr *message)
{
	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
	} answer = {
		.head = {.nlmsg_len = sizeof(answer),
			 .nlmsg_type = NLMSG_ERROR,
			 .nlmsg_seq = answer_to.nlmsg_seq},
		.error = {.error = -(int)control->error, .msg = answer_to},
	};
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};

	if (message->msg_name && message->msg_namelen >= sizeof(kernel))
		memcpy(message->msg_name, &kernel, sizeof(kernel));
	memcpy(message->msg_iov->iov_base, &answer, sizeof(answer));
	return sizeof(answer);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	REAL(recvmsg);
	if (fd != answer_fd)
		return real(fd, message, flags);
	answer_fd = -1;
	if (answer_mode == REFUSE)
		return refuse(message);
	errno = (int)control->error;
	return -1;
}
