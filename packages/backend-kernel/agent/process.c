// SPDX-License-Identifier: MIT
/* A process whose memory is mirrored: binds itself, then executes commands one at a time. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent.h"

/* In .bss, below the window. */
static unsigned char input[AGENT_MAX_PAYLOAD];
static unsigned char output[AGENT_MAX_PAYLOAD];
static uint32_t self;

static void reply(uint32_t request, int code, const void *payload, size_t length)
{
	channel_reply(self, request, code, payload, code < 0 ? 0 : length);
}

static void set_name(const char *name)
{
	prctl(PR_SET_NAME, name, 0, 0, 0);
}

/* The child of a fork starts here, with the parent's memory; so does a new process. */
static void greet(uint32_t request)
{
	struct hello hello = { .pid = (uint32_t)getpid() };
	int code = bind_space(&hello.space);

	reply(request, code, &hello, sizeof(hello));
	if (code < 0)
		_exit(1);
}

/* A sibling, not a child: the supervisor reaps all processes and all die with it. */
static pid_t fork_sibling(void)
{
	return (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
}

static int fork_process(uint32_t request, const unsigned char *payload, size_t length)
{
	struct fork_request fork_request;
	char name[16] = { 0 };
	pid_t supervisor = getppid(), pid;
	int ends[2];

	if (length < sizeof(fork_request))
		return -EINVAL;
	memcpy(&fork_request, payload, sizeof(fork_request));
	length -= sizeof(fork_request);
	memcpy(name, payload + sizeof(fork_request), length < 15 ? length : 15);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return -errno;
	pid = fork_sibling();
	if (pid < 0) {
		int error = errno;

		close(ends[0]);
		close(ends[1]);
		return -error;
	}
	if (pid == 0) {
		close(ends[0]);
		dup2(ends[1], CHANNEL_FD); /* lets go of the parent's channel */
		close(ends[1]);
		die_with_parent(supervisor);
		pins_forget();
		uprobes_forget();
		self = fork_request.process;
		set_name(name);
		greet(request);
		return 1; /* on with the loop, as the child */
	}
	close(ends[1]);
	channel_adopt(OP_ADOPT, fork_request.process, pid, ends[0]);
	close(ends[0]);
	return 1;
}

static int exec_self(uint32_t request)
{
	char process_text[16], request_text[16], bind_text[16];
	char *arguments[] = {
		(char *)(uintptr_t)options.program,
		(char *)(uintptr_t)"--resume",
		process_text,
		request_text,
		options.bind ? NULL : bind_text,
		NULL,
	};
	char *environment[] = { NULL };

	snprintf(process_text, sizeof(process_text), "%u", self);
	snprintf(request_text, sizeof(request_text), "%u", request);
	snprintf(bind_text, sizeof(bind_text), "--no-bind");
	execve("/proc/self/exe", arguments, environment);
	execve(options.program, arguments, environment);
	return -errno;
}

static int do_mmap(uint32_t request, const void *payload)
{
	struct mmap_request mmap_request;
	struct address_reply address;
	int fd = -1, code;

	memcpy(&mmap_request, payload, sizeof(mmap_request));
	if (mmap_request.file != 0) {
		fd = file_fd(mmap_request.file);
		if (fd < 0)
			return fd;
	}
	code = memory_mmap(&mmap_request, fd, &address.address);
	if (code < 0)
		return code;
	reply(request, 0, &address, sizeof(address));
	return 1;
}

static int do_mremap(uint32_t request, const void *payload)
{
	struct mremap_request mremap_request;
	struct address_reply address;
	int code;

	memcpy(&mremap_request, payload, sizeof(mremap_request));
	code = memory_mremap(&mremap_request, &address.address);
	if (code < 0)
		return code;
	reply(request, 0, &address, sizeof(address));
	return 1;
}

static int do_read(uint32_t request, const struct range_request *range)
{
	int code;

	if (range->length > AGENT_CHUNK)
		return -EINVAL;
	code = access_read(range->address, output, range->length);
	if (code < 0)
		return code;
	reply(request, 0, output, range->length);
	return 1;
}

/* A byte for each page. */
static int do_pages(int32_t op, uint32_t request, const struct range_request *range)
{
	uint64_t pages = range->length / (uint64_t)sysconf(_SC_PAGESIZE);
	int code;

	if (pages > AGENT_CHUNK || !in_window(range->address, range->length))
		return -EINVAL;
	if (op == OP_SOFT_DIRTY)
		code = soft_dirty_read(range->address, pages, output);
	else
		code = pagemap_scan(range->address, pages, output);
	if (code < 0)
		return code;
	reply(request, 0, output, pages);
	return 1;
}

static int do_atomic(int32_t op, uint32_t request, const void *payload)
{
	struct atomic_request atomic;
	struct word_reply word = { 0 };
	int code;

	memcpy(&atomic, payload, sizeof(atomic));
	if (op == OP_FETCH_ADD)
		code = access_fetch_add(atomic.address, atomic.operand, &word.value);
	else
		code = access_compare_exchange(atomic.address, atomic.operand, atomic.desired,
					       &word.value);
	if (code < 0)
		return code;
	reply(request, 0, &word, sizeof(word));
	return 1;
}

static int do_file(int32_t op, const void *payload)
{
	struct file_request file;

	memcpy(&file, payload, sizeof(file));
	switch (op) {
	case OP_FILE_CREATE:
		return file_create(file.file, file.length, file.huge);
	case OP_FILE_TRUNCATE:
		return file_truncate(file.file, file.length);
	case OP_FILE_SYNC:
		return file_sync(file.file);
	case OP_FILE_PUNCH:
		return file_punch(file.file, file.offset, file.length);
	default:
		return file_close(file.file);
	}
}

static int do_uprobe(const void *payload)
{
	struct file_request request;

	memcpy(&request, payload, sizeof(request));
	if (request.length == 0)
		return uprobe_unregister(request.huge);
	return uprobe_register(request.huge, request.file, request.offset);
}

static int do_file_read(uint32_t request, const void *payload)
{
	struct file_request file;
	int code;

	memcpy(&file, payload, sizeof(file));
	if (file.length > AGENT_CHUNK)
		return -EINVAL;
	code = file_read(file.file, file.offset, output, file.length);
	if (code < 0)
		return code;
	reply(request, 0, output, file.length);
	return 1;
}

static int do_file_write(const unsigned char *payload, size_t length)
{
	struct file_request file;

	memcpy(&file, payload, sizeof(file));
	if (file.length != length - sizeof(file))
		return -EINVAL;
	return file_write(file.file, file.offset, payload + sizeof(file), file.length);
}

/* The descriptor goes to a handler, which is no part of this process and does not wait with it. */
static int do_userfaultfd(const void *payload)
{
	struct userfaultfd_request request;
	int fd;

	memcpy(&request, payload, sizeof(request));
	fd = userfaultfd_open(&request);
	if (fd < 0)
		return fd;
	channel_adopt(OP_ADOPT_HANDLER, request.handler, 0, fd);
	close(fd);
	return 0;
}

static int do_userfaultfd_move(uint32_t request, const void *payload)
{
	struct move_request move;
	struct fill_reply filled = { 0 };
	int code;

	memcpy(&move, payload, sizeof(move));
	code = userfaultfd_move(&move, &filled);
	if (code < 0)
		return code;
	reply(request, 0, &filled, sizeof(filled));
	return 1;
}

static int do_device(int32_t op, uint32_t request, unsigned char *payload, size_t length)
{
	struct ioctl_request call;
	uint32_t fd;

	if (op == OP_DEVICE_OPEN) {
		char path[64] = { 0 };
		int opened;

		memcpy(path, payload, length < sizeof(path) - 1 ? length : sizeof(path) - 1);
		opened = open(path, O_RDWR | O_CLOEXEC);
		if (opened < 0)
			return -errno;
		fd = (uint32_t)opened;
		reply(request, 0, &fd, sizeof(fd));
		return 1;
	}
	memcpy(&call, payload, sizeof(call));
	if (op == OP_DEVICE_CLOSE)
		return close((int)call.fd) == 0 ? 0 : -errno;
	if (ioctl((int)call.fd, call.request, payload + sizeof(call)) != 0)
		return -errno;
	reply(request, 0, payload + sizeof(call), length - sizeof(call));
	return 1;
}

/* Least bytes of payload for each command. */
static size_t payload_size(int32_t op)
{
	switch (op) {
	case OP_MMAP:
		return sizeof(struct mmap_request);
	case OP_MUNMAP:
	case OP_MPROTECT:
	case OP_MADVISE:
	case OP_READ:
	case OP_WRITE:
	case OP_SOFT_DIRTY:
	case OP_PAGEMAP_SCAN:
	case OP_KSM_MERGE:
	case OP_MLOCK:
	case OP_PIN:
	case OP_PIN_SHORT:
	case OP_UNPIN:
		return sizeof(struct range_request);
	case OP_MREMAP:
		return sizeof(struct mremap_request);
	case OP_FETCH_ADD:
	case OP_COMPARE_EXCHANGE:
		return sizeof(struct atomic_request);
	case OP_FILE_CREATE:
	case OP_FILE_TRUNCATE:
	case OP_FILE_PUNCH:
	case OP_FILE_CLOSE:
	case OP_FILE_SYNC:
	case OP_FILE_READ:
	case OP_FILE_WRITE:
	case OP_UPROBE:
		return sizeof(struct file_request);
	case OP_EXIT:
		return sizeof(struct exit_request);
	case OP_USERFAULTFD:
		return sizeof(struct userfaultfd_request);
	case OP_UFFD_MOVE:
		return sizeof(struct move_request);
	case OP_DEVICE_IOCTL:
	case OP_DEVICE_CLOSE:
		return sizeof(struct ioctl_request);
	default:
		return 0;
	}
}

/* 0 or -errno, to be replied; 1 if the command has replied itself. */
static int execute(const struct frame *frame, size_t length)
{
	struct range_request range = { 0 };
	struct exit_request exit_request;

	if (length < payload_size(frame->code))
		return -EINVAL;
	if (payload_size(frame->code) == sizeof(range))
		memcpy(&range, input, sizeof(range));
	switch (frame->code) {
	case OP_MMAP:
		return do_mmap(frame->request, input);
	case OP_MUNMAP:
		return memory_munmap(&range);
	case OP_MPROTECT:
		return memory_mprotect(&range);
	case OP_MLOCK:
		return memory_mlock(&range);
	case OP_MREMAP:
		return do_mremap(frame->request, input);
	case OP_MADVISE:
		return memory_madvise(&range);
	case OP_READ:
		return do_read(frame->request, &range);
	case OP_WRITE:
		if (range.length != length - sizeof(range))
			return -EINVAL;
		return access_write(range.address, input + sizeof(range), range.length);
	case OP_FETCH_ADD:
	case OP_COMPARE_EXCHANGE:
		return do_atomic(frame->code, frame->request, input);
	case OP_FILE_CREATE:
	case OP_FILE_TRUNCATE:
	case OP_FILE_PUNCH:
	case OP_FILE_CLOSE:
	case OP_FILE_SYNC:
		return do_file(frame->code, input);
	case OP_UPROBE:
		return do_uprobe(input);
	case OP_FILE_READ:
		return do_file_read(frame->request, input);
	case OP_FILE_WRITE:
		return do_file_write(input, length);
	case OP_USERFAULTFD:
		return do_userfaultfd(input);
	case OP_UFFD_MOVE:
		return do_userfaultfd_move(frame->request, input);
	case OP_PIN:
		return pin_pages(&range);
	case OP_PIN_SHORT:
		return pin_pages_short(&range);
	case OP_UNPIN:
		return unpin_pages(&range);
	case OP_KSM_MERGE:
		return ksm_merge(&range);
	case OP_NUMA_SCAN:
		return numa_scan();
	case OP_CLEAR_SOFT_DIRTY:
		return soft_dirty_clear();
	case OP_SOFT_DIRTY:
	case OP_PAGEMAP_SCAN:
		return do_pages(frame->code, frame->request, &range);
	case OP_DEVICE_OPEN:
	case OP_DEVICE_IOCTL:
	case OP_DEVICE_CLOSE:
		return do_device(frame->code, frame->request, input, length);
	case OP_FORK:
		return fork_process(frame->request, input, length);
	case OP_EXEC:
		return exec_self(frame->request);
	case OP_EXIT:
		memcpy(&exit_request, input, sizeof(exit_request));
		_exit(exit_request.status);
	default:
		return -ENOTTY;
	}
}

static _Noreturn void loop(void)
{
	for (;;) {
		struct frame frame;
		ssize_t length = channel_receive(&frame, input);
		int code;

		if (length < 0)
			_exit(1);
		code = execute(&frame, (size_t)length);
		if (code <= 0)
			reply(frame.request, code, NULL, 0);
	}
}

_Noreturn void process_start(uint32_t process, uint32_t request, const char *name)
{
	self = process;
	close_from(CHANNEL_FD + 1);
	set_name(name);
	access_init();
	memory_init();
	greet(request);
	loop();
}

/* After exec: the old address space is gone, the new one is not mirrored; it waits for its end. */
_Noreturn void process_resume(uint32_t process, uint32_t request)
{
	self = process;
	access_init();
	memory_init();
	reply(request, 0, NULL, 0);
	loop();
}
