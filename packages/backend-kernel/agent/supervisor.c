// SPDX-License-Identifier: MIT
/*
 * Passes frames between Node (stdin, stdout) and the processes, starts and reaps them. It never
 * touches memory for anybody, and never waits for one process: a process that sleeps in a page
 * fault delays nobody else. When stdin ends, or Node dies, all processes are killed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"

/* A queue of whole frames to one descriptor. */
struct message {
	struct message *next;
	size_t length, sent;
	unsigned char bytes[];
};

struct queue {
	struct message *head, **tail;
	size_t bytes;
};

/* Node sends one command at a time to a process, so this is never reached by it. */
#define PROCESS_QUEUE_BYTES (1u << 20)
/* Above this, processes wait until Node has read. */
#define OUTPUT_QUEUE_BYTES (4u << 20)

struct process {
	uint32_t number; /* 0: free */
	pid_t pid;
	int fd;
	int thaw; /* while it is frozen: closing this lets it go; otherwise -1 */
	struct queue queue;
};

static struct process processes[AGENT_MAX_PROCESSES];
static struct queue output;
static unsigned char input[sizeof(struct frame) + AGENT_MAX_PAYLOAD];
static size_t input_length;

static void thaw(struct process *process)
{
	if (process->thaw >= 0)
		close(process->thaw);
	process->thaw = -1;
}

static _Noreturn void end(int status, const char *reason)
{
	if (reason != NULL)
		fprintf(stderr, "hmm-agent: %s\n", reason);
	for (unsigned int i = 0; i < AGENT_MAX_PROCESSES; i++) {
		if (processes[i].number == 0)
			continue;
		kill(processes[i].pid, SIGKILL);
		thaw(&processes[i]);
	}
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
	_exit(status);
}

static void enqueue(struct queue *queue, const struct frame *frame, const void *payload)
{
	struct message *message = malloc(sizeof(*message) + sizeof(*frame) + frame->length);

	if (message == NULL)
		end(1, "out of memory");
	message->next = NULL;
	message->length = sizeof(*frame) + frame->length;
	message->sent = 0;
	memcpy(message->bytes, frame, sizeof(*frame));
	if (frame->length != 0)
		memcpy(message->bytes + sizeof(*frame), payload, frame->length);
	if (queue->head == NULL)
		queue->tail = &queue->head;
	*queue->tail = message;
	queue->tail = &message->next;
	queue->bytes += message->length;
}

static void drop_head(struct queue *queue)
{
	struct message *message = queue->head;

	queue->head = message->next;
	queue->bytes -= message->length;
	free(message);
}

static void to_node(uint32_t process, uint32_t request, int32_t code, const void *payload,
		    uint32_t length)
{
	struct frame frame = { length, process, request, code };

	enqueue(&output, &frame, payload);
}

static struct process *find(uint32_t number)
{
	for (unsigned int i = 0; i < AGENT_MAX_PROCESSES; i++) {
		if (processes[i].number == number)
			return &processes[i];
	}
	return NULL;
}

static void add(uint32_t number, pid_t pid, int fd)
{
	struct process *process = find(0);

	if (process == NULL || fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		close(fd);
		to_node(number, 0, OP_EXITED, &(int32_t){ -SIGKILL }, sizeof(int32_t));
		return;
	}
	process->number = number;
	process->pid = pid;
	process->fd = fd;
	process->thaw = -1;
}

/* Its socket ended: its address space is gone already (exit drops it before the files). */
static void reap(struct process *process)
{
	int32_t status;
	int wait_status = 0;

	/* A socket may also end before the process does. */
	kill(process->pid, SIGKILL);
	thaw(process);
	while (waitpid(process->pid, &wait_status, 0) < 0 && errno == EINTR)
		;
	status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -WTERMSIG(wait_status);
	to_node(process->number, 0, OP_EXITED, &status, sizeof(status));
	close(process->fd);
	while (process->queue.head != NULL)
		drop_head(&process->queue);
	process->number = 0;
}

static int spawn(const struct frame *frame, const unsigned char *payload)
{
	char name[16] = { 0 };
	pid_t supervisor = getpid(), pid;
	int ends[2];

	if (frame->process == 0 || find(frame->process) != NULL)
		return -EINVAL;
	if (find(0) == NULL)
		return -EAGAIN;
	memcpy(name, payload, frame->length < 15 ? frame->length : 15);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return -errno;
	pid = fork();
	if (pid < 0) {
		int error = errno;

		close(ends[0]);
		close(ends[1]);
		return -error;
	}
	if (pid == 0) {
		die_with_parent(supervisor);
		if (ends[1] == CHANNEL_FD)
			fcntl(CHANNEL_FD, F_SETFD, 0); /* kept by exec */
		else
			dup2(ends[1], CHANNEL_FD);
		dup2(open("/dev/null", O_RDWR | O_CLOEXEC), STDIN_FILENO);
		dup2(STDIN_FILENO, STDOUT_FILENO);
		process_start(frame->process, frame->request, name);
	}
	close(ends[1]);
	add(frame->process, pid, ends[0]);
	return 0;
}

/* A process that has nothing but the userfaultfd: what it does delays nobody else. */
static void start_handler(uint32_t number, int userfaultfd)
{
	pid_t supervisor = getpid(), pid;
	int ends[2];

	if (number == 0 || find(number) != NULL || find(0) == NULL ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		goto failed;
	pid = fork();
	if (pid == 0) {
		int channel = fcntl(ends[1], F_DUPFD, HANDLER_FD + 1);
		int handled = fcntl(userfaultfd, F_DUPFD, HANDLER_FD + 1);

		die_with_parent(supervisor);
		dup2(channel, CHANNEL_FD);
		dup2(handled, HANDLER_FD);
		close_from(HANDLER_FD + 1);
		close(CONTEXT_FD);
		dup2(open("/dev/null", O_RDWR | O_CLOEXEC), STDIN_FILENO);
		dup2(STDIN_FILENO, STDOUT_FILENO);
		handler_start(number);
	}
	close(ends[1]);
	close(userfaultfd);
	if (pid > 0) {
		add(number, pid, ends[0]);
		return;
	}
	close(ends[0]);
	userfaultfd = -1;
failed:
	if (userfaultfd >= 0)
		close(userfaultfd);
	to_node(number, 0, OP_EXITED, &(int32_t){ -SIGKILL }, sizeof(int32_t));
}

static void from_node(const struct frame *frame, const unsigned char *payload)
{
	struct process *process;
	int code;

	if (frame->code == OP_SPAWN) {
		code = spawn(frame, payload);
		if (code < 0)
			to_node(frame->process, frame->request, code, NULL, 0);
		return;
	}
	process = frame->process == 0 ? NULL : find(frame->process);
	if (process == NULL) {
		to_node(frame->process, frame->request, -ESRCH, NULL, 0);
	} else if (frame->code == OP_KILL) {
		kill(process->pid, SIGKILL);
		thaw(process);
	} else if (frame->code == OP_OOM_REAP) {
		code = process->thaw >= 0 ? -EALREADY : oom_reap(process->pid, &process->thaw);
		to_node(frame->process, frame->request, code, NULL, 0);
	} else if (process->queue.bytes > PROCESS_QUEUE_BYTES) {
		to_node(frame->process, frame->request, -ENOBUFS, NULL, 0);
	} else {
		enqueue(&process->queue, frame, payload);
	}
}

static void read_input(void)
{
	size_t done = 0;
	ssize_t got = read(STDIN_FILENO, input + input_length, sizeof(input) - input_length);

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (got <= 0)
		end(0, NULL);
	input_length += (size_t)got;
	while (input_length - done >= sizeof(struct frame)) {
		struct frame frame;

		memcpy(&frame, input + done, sizeof(frame));
		if (frame.length > AGENT_MAX_PAYLOAD)
			end(2, "a frame is too long");
		if (input_length - done < sizeof(frame) + frame.length)
			break;
		from_node(&frame, input + done + sizeof(frame));
		done += sizeof(frame) + frame.length;
	}
	memmove(input, input + done, input_length - done);
	input_length -= done;
}

static void write_output(void)
{
	while (output.head != NULL) {
		struct message *head = output.head;
		ssize_t sent = write(STDOUT_FILENO, head->bytes + head->sent,
				     head->length - head->sent);

		if (sent < 0) {
			if (errno == EINTR || errno == EAGAIN)
				return;
			end(0, NULL); /* Node is gone */
		}
		head->sent += (size_t)sent;
		if (head->sent < head->length)
			return;
		drop_head(&output);
	}
}

static void send_to(struct process *process)
{
	while (process->queue.head != NULL) {
		struct message *head = process->queue.head;

		if (send(process->fd, head->bytes, head->length, MSG_NOSIGNAL) < 0) {
			if (errno == EINTR)
				continue;
			return; /* full: poll says when; gone: the end is read soon */
		}
		drop_head(&process->queue);
	}
}

static int passed_fd(struct msghdr *message)
{
	struct cmsghdr *header = CMSG_FIRSTHDR(message);
	int fd = -1;

	if (header != NULL && header->cmsg_level == SOL_SOCKET &&
	    header->cmsg_type == SCM_RIGHTS && header->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

static void receive_from(struct process *process)
{
	static unsigned char payload[AGENT_MAX_PAYLOAD];
	struct frame frame;
	struct iovec parts[2] = {
		{ .iov_base = &frame, .iov_len = sizeof(frame) },
		{ .iov_base = payload, .iov_len = sizeof(payload) },
	};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr message = {
		.msg_iov = parts,
		.msg_iovlen = 2,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t got = recvmsg(process->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (got < (ssize_t)sizeof(frame) || message.msg_flags & MSG_TRUNC ||
	    (size_t)got != sizeof(frame) + frame.length) {
		reap(process);
		return;
	}
	if (frame.code == OP_ADOPT) {
		int32_t pid;
		int fd = passed_fd(&message);

		memcpy(&pid, payload, sizeof(pid));
		if (fd < 0)
			end(1, "a forked process has no channel");
		add(frame.process, pid, fd);
		return;
	}
	if (frame.code == OP_ADOPT_HANDLER) {
		int fd = passed_fd(&message);

		if (fd < 0)
			end(1, "a handler has no userfaultfd");
		start_handler(frame.process, fd);
		return;
	}
	to_node(frame.process, frame.request, frame.code, payload, frame.length);
}

static void get_ready(void)
{
	struct ready ready = {
		.protocol = AGENT_PROTOCOL,
		.page_size = (uint32_t)sysconf(_SC_PAGESIZE),
		.window_start = WINDOW_START,
		.window_end = WINDOW_END,
		.arena_start = ARENA_START,
		.arena_end = ARENA_END,
	};

	die_with_parent(0);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN); /* the terminal's: Node decides */
	fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
	fcntl(STDOUT_FILENO, F_SETFL, fcntl(STDOUT_FILENO, F_GETFL) | O_NONBLOCK);
	/* Sockets of the supervisor never take the number of a process's channel. */
	if (fcntl(CHANNEL_FD, F_GETFD) < 0)
		dup2(open("/dev/null", O_RDWR | O_CLOEXEC), CHANNEL_FD);
	to_node(0, 0, OP_READY, &ready, sizeof(ready));
}

int supervise(void)
{
	get_ready();
	for (;;) {
		struct pollfd polled[2 + AGENT_MAX_PROCESSES];
		struct process *of[2 + AGENT_MAX_PROCESSES];
		nfds_t count = 2;
		bool full = output.bytes > OUTPUT_QUEUE_BYTES;

		polled[0] = (struct pollfd){ .fd = STDIN_FILENO, .events = POLLIN };
		polled[1] = (struct pollfd){
			.fd = STDOUT_FILENO,
			.events = output.head != NULL ? POLLOUT : 0,
		};
		for (unsigned int i = 0; i < AGENT_MAX_PROCESSES; i++) {
			struct process *process = &processes[i];

			if (process->number == 0)
				continue;
			of[count] = process;
			polled[count++] = (struct pollfd){
				.fd = process->fd,
				.events = (short)((full ? 0 : POLLIN) |
						  (process->queue.head != NULL ? POLLOUT : 0)),
			};
		}
		if (poll(polled, count, -1) < 0) {
			if (errno == EINTR)
				continue;
			end(1, strerror(errno));
		}
		if (polled[0].revents != 0)
			read_input();
		for (nfds_t i = 2; i < count; i++) {
			if (polled[i].revents != 0)
				receive_from(of[i]);
		}
		for (unsigned int i = 0; i < AGENT_MAX_PROCESSES; i++) {
			if (processes[i].number != 0)
				send_to(&processes[i]);
		}
		if (polled[1].revents & (POLLERR | POLLHUP))
			end(0, NULL);
		write_output();
	}
}
