/* SPDX-License-Identifier: MIT */
/*
 * The protocol between Node and the agent, and between the supervisor and its processes.
 *
 * A frame is a header of 16 bytes and `length` bytes of payload, all little-endian. On the
 * supervisor's stdin and stdout frames follow each other; on the socket of a process a frame is
 * one SOCK_SEQPACKET message. Requests carry an OP_* code, replies 0 or -errno in its place, with
 * the request's number. src/agent-protocol.ts is the same table in TypeScript.
 */
#ifndef HMM_AGENT_PROTOCOL_H
#define HMM_AGENT_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

#define AGENT_PROTOCOL 9u

/* Bytes of data in one READ or WRITE, and the most a payload has. */
#define AGENT_CHUNK 65536u
#define AGENT_MAX_PAYLOAD (AGENT_CHUNK + 64u)
#define AGENT_MAX_PROCESSES 256u
#define AGENT_MAX_FILES 64u
#define AGENT_MAX_PINS 64u
#define AGENT_MAX_UPROBES 64u
#define AGENT_SHORT_PAGES 16u /* what every pipe holds */

struct frame {
	uint32_t length;
	uint32_t process;
	uint32_t request;
	int32_t code;
};

enum op {
	/* To the supervisor; `process` is the process it is about. */
	OP_SPAWN = 1, /* payload: name. Replied by the new process: struct hello. */
	OP_KILL = 2,  /* SIGKILL. No reply but EXITED. */
	OP_OOM_REAP = 3, /* SIGKILL and process_mrelease; it ends at OP_KILL */

	/* From the supervisor without a request (number 0). */
	OP_READY = 8,  /* struct ready, once at the start */
	OP_EXITED = 9, /* int32: exit status, or -signal */
	OP_USERFAULT = 10, /* struct userfault: a touch that the handler `process` has to serve */

	/* From a process to the supervisor only, with the new channel as SCM_RIGHTS. */
	OP_ADOPT = 12, /* int32: pid; `process` is the new process */
	/* The same with a userfaultfd, for which a handler `process` is to be started. */
	OP_ADOPT_HANDLER = 13,

	/* To a process. */
	OP_MMAP = 16,
	OP_MUNMAP = 17,
	OP_MPROTECT = 18,
	OP_MREMAP = 19,
	OP_MADVISE = 20,
	OP_READ = 21,
	OP_WRITE = 22,
	OP_FETCH_ADD = 23,
	OP_COMPARE_EXCHANGE = 24,
	OP_FILE_CREATE = 25,
	OP_FILE_TRUNCATE = 26,
	OP_FILE_PUNCH = 27,
	OP_FILE_CLOSE = 28,
	OP_FORK = 29, /* replied by the child (struct hello), or by the parent if fork failed */
	OP_EXEC = 30, /* replied by the new program */
	OP_EXIT = 31, /* no reply but EXITED */
	OP_USERFAULTFD = 32,
	OP_CLEAR_SOFT_DIRTY = 33,
	OP_PIN = 50, /* range_request; value: number of the pin, chosen by the caller, not 0 */
	OP_UNPIN = 51, /* range_request; value */
	OP_PIN_SHORT = 55, /* as OP_PIN, AGENT_SHORT_PAGES at most; ended by OP_UNPIN */
	OP_FILE_SYNC = 52, /* file_request */
	OP_FILE_READ = 53, /* file_request, AGENT_CHUNK bytes at most */
	OP_FILE_WRITE = 54, /* file_request, followed by the bytes */
	OP_SOFT_DIRTY = 34, /* range_request of at most AGENT_CHUNK pages; a byte for each */
	OP_KSM_MERGE = 56, /* range_request */
	OP_NUMA_SCAN = 57,
	/* move_request, to the process whose pages move: nobody else may. Replied: struct fill_reply */
	OP_UFFD_MOVE = 58,
	OP_MLOCK = 59, /* range_request; value 1: lock, 0: no more */
	/* range_request of at most AGENT_CHUNK pages, protected by USERFAULTFD_ASYNC; a byte for each */
	OP_PAGEMAP_SCAN = 60,
	OP_UPROBE = 61, /* file_request; huge: its number, not 0; length 1: put it there, 0: remove it */
	OP_DEVICE_OPEN = 36,  /* path. Replied: uint32 fd */
	OP_DEVICE_IOCTL = 37, /* struct ioctl_request, with the struct after it. Replied: the struct */
	OP_DEVICE_CLOSE = 38, /* struct ioctl_request, of which only the fd counts */

	/* To a handler of userfaults, which also takes EXIT. */
	OP_UFFD_STAGE = 40, /* struct stage_request, with bytes after it: what COPY copies */
	OP_UFFD_COPY = 41, /* range_request; value 1: write-protected. Replied: struct fill_reply */
	OP_UFFD_ZEROPAGE = 42, /* range_request. Replied: struct fill_reply */
	OP_UFFD_WRITEPROTECT = 43, /* range_request; value 1: protect, 0: no more */
	OP_UFFD_WAKE = 44, /* range_request */
	OP_UFFD_PID = 45, /* replied: uint32, for UFFD_MOVE */
};

/* Bytes of one COPY: a huge page is filled as a whole. */
#define AGENT_STAGE (2u << 20)

struct ready {
	uint32_t protocol;
	uint32_t page_size;
	uint64_t window_start; /* what may be mapped and mirrored: [start, end) */
	uint64_t window_end;
	uint64_t arena_start; /* where mappings without an address go: [start, end) */
	uint64_t arena_end;
};

/* First reply of a process: what binding gave. */
struct hello {
	uint32_t pid;
	uint32_t space; /* the module's number of the address space; 0 with --no-bind */
};

#define MMAP_SHARED 1u
#define MMAP_FIXED 2u
#define MMAP_POPULATE 4u
#define MMAP_DRIVER 8u /* pages of the module; private or shared, no file; offset says which */
#define MMAP_GROWS_DOWN 16u

struct mmap_request {
	uint64_t address;
	uint64_t length;
	uint64_t file_offset;
	uint32_t file; /* 0: anonymous */
	uint32_t protection;
	uint32_t flags;
	uint32_t huge; /* log2 of the bytes of its huge pages; 0: ordinary pages */
};

struct range_request { /* MUNMAP, MPROTECT, MADVISE, READ; WRITE, with the bytes after it */
	uint64_t address;
	uint64_t length;
	uint32_t value; /* protection bits, or the advice */
	uint32_t padding;
};

#define MREMAP_REQUEST_MAY_MOVE 1u
#define MREMAP_REQUEST_FIXED 2u
#define MREMAP_REQUEST_DONT_UNMAP 4u

struct mremap_request {
	uint64_t address;
	uint64_t length;
	uint64_t new_length;
	uint64_t target;
	uint32_t flags;
	uint32_t padding;
};

struct atomic_request {
	uint64_t address;
	uint32_t operand; /* what is added, or expected */
	uint32_t desired;
};

struct file_request {
	uint32_t file; /* chosen by the caller, not 0 */
	uint32_t huge; /* CREATE: as in mmap_request, or FILE_DAX */
	uint64_t offset;
	uint64_t length;
};

/* A file in the folder $HMM_SDK_DAX_FOLDER, whose file system is mapped without a page cache. */
#define FILE_DAX 255u
/* The same in the folder $HMM_SDK_DISK_FOLDER, with a page cache that is written back to a disk. */
#define FILE_DISK 254u

struct fork_request { /* with the name after it */
	uint32_t process;
};

/* For drivers of the kernel itself that mirror whoever opens them, such as test_hmm. */
struct ioctl_request {
	uint32_t fd;
	uint32_t request;
};

struct exit_request {
	int32_t status;
};

#define USERFAULTFD_MISSING 1u
#define USERFAULTFD_WRITE_PROTECT 2u
#define USERFAULTFD_ASYNC 4u /* nobody serves the writes: PAGEMAP_SCAN tells of them */

struct userfaultfd_request {
	uint64_t address;
	uint64_t length;
	uint32_t handler; /* number of the process that serves the faults, chosen by the caller */
	uint32_t modes;
};

#define USERFAULT_WRITE 1u
#define USERFAULT_WRITE_PROTECT 2u

struct userfault {
	uint64_t address;
	uint32_t flags;
	uint32_t padding;
};

struct move_request {
	uint64_t to;
	uint64_t from;
	uint64_t length;
	uint32_t handler; /* pid of the process that has the userfaultfd */
	uint32_t padding;
};

struct stage_request {
	uint64_t offset;
};

struct fill_reply {
	uint64_t done; /* bytes that were filled before `error` */
	int32_t error; /* 0 or -errno */
	uint32_t padding;
};

struct address_reply {
	uint64_t address;
};

struct word_reply {
	uint32_t value;
};

_Static_assert(sizeof(struct frame) == 16, "frame");
_Static_assert(sizeof(struct ready) == 40, "ready");
_Static_assert(sizeof(struct mmap_request) == 40, "mmap_request");
_Static_assert(sizeof(struct range_request) == 24, "range_request");
_Static_assert(sizeof(struct mremap_request) == 40, "mremap_request");
_Static_assert(sizeof(struct atomic_request) == 16, "atomic_request");
_Static_assert(sizeof(struct userfaultfd_request) == 24, "userfaultfd_request");
_Static_assert(sizeof(struct userfault) == 16, "userfault");
_Static_assert(sizeof(struct move_request) == 32, "move_request");
_Static_assert(sizeof(struct fill_reply) == 16, "fill_reply");
_Static_assert(sizeof(struct file_request) == 24, "file_request");

#endif
