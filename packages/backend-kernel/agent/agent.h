/* SPDX-License-Identifier: MIT */
/* What the parts of the agent know of each other. */
#ifndef HMM_AGENT_H
#define HMM_AGENT_H

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include "protocol.h"

/* The context of the module, when the agent binds (it is inherited from Node). */
#define CONTEXT_FD 3
/* The channel of a process, in the process. */
#define CHANNEL_FD 4
/* The userfaultfd, in the process that serves its faults. */
#define HANDLER_FD 5

/*
 * What a process may map. The agent itself lies outside: program and heap below (it is linked at
 * a fixed address, main.c checks it), stack and vdso above. So no mirror covers the agent's own
 * memory, and no command can take it away.
 */
#define WINDOW_START 0x000100000000ull
#define WINDOW_END 0x700000000000ull
/* Mappings without an address go here, from the bottom, each with an unmapped page behind it. */
#define ARENA_START 0x200000000000ull
#define ARENA_END 0x300000000000ull

struct options {
	bool bind;
	const char *program;
};
extern struct options options;

/* supervisor.c */
int supervise(void);

/* process.c: what runs in a process; never return. */
_Noreturn void process_start(uint32_t process, uint32_t request, const char *name);
_Noreturn void process_resume(uint32_t process, uint32_t request);

/* handler.c: serves the faults of HANDLER_FD. */
_Noreturn void handler_start(uint32_t process);

/* userfaultfd.c: a userfaultfd for a part of the process, or -errno. */
int userfaultfd_open(const struct userfaultfd_request *request);
/* UFFDIO_MOVE; how far it came is in `reply`. 0 or -errno. */
int userfaultfd_move(const struct move_request *request, struct fill_reply *reply);

/* channel.c: the socket of a process. */
void channel_reply(uint32_t process, uint32_t request, int32_t code, const void *payload,
		   size_t length);
ssize_t channel_receive(struct frame *frame, void *payload);
/* `code`: OP_ADOPT or OP_ADOPT_HANDLER. */
int channel_adopt(int32_t code, uint32_t process, pid_t pid, int fd);

/* bind.c: SPACE_BIND of the calling process: 0 or -errno. */
int bind_space(uint32_t *space);

/* lifetime.c */
void die_with_parent(pid_t parent);
void close_from(int first);

/* memory.c: commands on the address space. All return 0 or -errno. */
void memory_init(void);
uint64_t page_size(void);
int memory_mmap(const struct mmap_request *request, int fd, uint64_t *address);
int memory_munmap(const struct range_request *request);
int memory_mprotect(const struct range_request *request);
int memory_mlock(const struct range_request *request);
int memory_mremap(const struct mremap_request *request, uint64_t *address);
int memory_madvise(const struct range_request *request);

/* soft-dirty.c: which pages were written. All return 0 or -errno. */
int soft_dirty_clear(void);
int soft_dirty_read(uint64_t address, uint64_t pages, unsigned char *dirty);

/* pagemap-scan.c: which pages were written since they were protected; they are again. 0 or -errno. */
int pagemap_scan(uint64_t address, uint64_t pages, unsigned char *written);

/* pin.c: pages pinned for long. All return 0 or -errno. */
int pin_pages(const struct range_request *request);
int pin_pages_short(const struct range_request *request);
int unpin_pages(const struct range_request *request);
/* A fork inherits the descriptors, not the pins. */
void pins_forget(void);

/* uprobe.c: breakpoints in a file, by the caller's number. Return 0 or -errno. */
int uprobe_register(uint32_t uprobe, uint32_t file, uint64_t offset);
int uprobe_unregister(uint32_t uprobe);
/* A fork inherits the descriptors, not the breakpoints. */
void uprobes_forget(void);

/* setting.c: a setting of the kernel that is changed for a while. */
struct setting {
	const char *path, *wanted;
	bool optional; /* not every kernel has it */
	char before[64];
};
int64_t setting_read(const char *path);
int setting_change(struct setting *setting);
void setting_restore(const struct setting *setting);
struct timespec deadline_in(unsigned int seconds);
bool wait_a_moment(const struct timespec *deadline);

/*
 * oom-reaper.c: kills the process and takes its memory, but keeps it from its end until `thaw` is closed. 0 or
 * -errno; `thaw` is -1 then.
 */
int oom_reap(pid_t pid, int *thaw);

/* ksm.c, numa-scan.c: what the kernel does of its own accord, done now. Return 0 or -errno. */
int ksm_merge(const struct range_request *request);
int numa_scan(void);

/* access.c: CPU accesses, whose faults are caught. All return 0 or -errno. */
void access_init(void);
int access_read(uint64_t address, void *to, uint64_t length);
int access_write(uint64_t address, const void *from, uint64_t length);
int access_fetch_add(uint64_t address, uint32_t delta, uint32_t *before);
/* madvise, which raises SIGBUS when it breaks memory of the process that asks for it. */
int access_madvise(uint64_t address, uint64_t length, int advice);
int access_compare_exchange(uint64_t address, uint32_t expected, uint32_t desired,
			    uint32_t *before);

/* window.c */
bool in_window(uint64_t address, uint64_t length);
bool is_paged(uint64_t address);

/* file.c: memory files by the caller's number. All return 0 or -errno. */
int file_create(uint32_t file, uint64_t length, uint32_t huge);
int file_sync(uint32_t file);
int file_read(uint32_t file, uint64_t offset, void *bytes, uint64_t length);
int file_write(uint32_t file, uint64_t offset, const void *bytes, uint64_t length);
int file_truncate(uint32_t file, uint64_t length);
int file_punch(uint32_t file, uint64_t offset, uint64_t length);
int file_close(uint32_t file);
/* File descriptor, or -EBADF. */
int file_fd(uint32_t file);

#endif
