/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The objects of the module, and who owns them.
 *
 * context (file of /dev/hmm_sdk) -> spaces
 * device (anonymous file)        -> mirrors, buffers, mappings, windows, events
 *
 * A device holds its context; a mirror holds its space. A space holds the mm_struct, never the
 * address space.
 *
 * Locks, outermost first:
 *   context->lock, device->lock   mutexes; may be held over allocation and over mmap locks
 *   mmap lock, folio lock
 *   mirror->lock                  mutex, taken by the invalidate callback: under it no allocation
 *                                 that reclaims, no user memory, no mmap or folio lock, no mmput
 *   pool->lock, events->lock      spinlocks
 */
#ifndef HMM_SDK_H
#define HMM_SDK_H

#include <linux/dma-mapping.h>
#include <linux/fs.h>
#include <linux/interrupt.h>
#include <linux/jump_label.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/maple_tree.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/siphash.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include "compat.h"
#include "hmm_sdk_uapi.h"

#ifndef TASK_SIZE_MAX
#define TASK_SIZE_MAX TASK_SIZE
#endif

#undef pr_fmt
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#define HS_VERSION "0.1.0"

#define HS_MAX_SPACES 1024
#define HS_MAX_DEVICES 64
#define HS_MAX_MIRRORS 256
#define HS_MAX_MIRROR_PAGES (1U << 20)
#define HS_MAX_PCI_MIRROR_PAGES (1U << 18)
#define HS_MAX_FAULT_PAGES 65536
#define HS_MAX_MAP_PAGES 16384
#define HS_MAX_EXCLUSIVE_PAGES 512
#define HS_MAX_MIGRATE_PAGES 65536
#define HS_MAX_ENGINE_BYTES (4U << 20)
#define HS_MAX_BUFFERS 4096
#define HS_MAX_BUFFER_BYTES (4ULL << 20)
#define HS_MAX_WINDOWS 256
#define HS_MAX_WINDOW_PAGES 65536
#define HS_MAX_MEMORY_PAGES 32768
#define HS_MAX_EVENTS 256
#define HS_MAX_VECTORS 32

/* Pages that the software engine moves in one hold of a lock. */
#define HS_ENGINE_PAGES 16
/* Pages of one migration step. */
#define HS_MIGRATE_CHUNK 512

/* Rounds of an exclusive grant that the CPU may spoil. */
#define HS_EXCLUSIVE_ROUNDS 16

#define HS_RING 1024

#define HS_MAP_ATTRIBUTES \
	(HMM_SDK_ATTR_WEAK_ORDERING | HMM_SDK_ATTR_SKIP_CPU_SYNC | \
	 HMM_SDK_ATTR_IGNORE_CACHELINES | HMM_SDK_ATTR_REQUIRE_COHERENT)
#define HS_ALLOC_ATTRIBUTES \
	(HMM_SDK_ATTR_WEAK_ORDERING | HMM_SDK_ATTR_WRITE_COMBINE | HMM_SDK_ATTR_FORCE_CONTIGUOUS)

/* Pools of device-private memory, and parts of the region for device-coherent memory. */
#define HS_MAX_POOLS 8
#define HS_MAX_PARTS 4
#define HS_PART_BYTES (16UL << 20)

struct hs_context {
	struct kref ref;
	/* Of the process that opened it: its close ends the context. */
	fl_owner_t owner;
	siphash_key_t key;
	struct mutex lock;
	bool greeted;
	bool ended;
	unsigned int nr_spaces;
	struct xarray spaces;
	u32 next_space;
	atomic_t nr_devices;
	/* Protects the list of spaces that were released and not yet reported. */
	spinlock_t event_lock;
	struct list_head released;
	wait_queue_head_t wait;
};

struct hs_space {
	struct kref ref;
	struct hs_context *context;
	u32 id;
	/* Not the memory: mmgrab only. */
	struct mm_struct *mm;
	struct mmu_notifier notifier;
	/* Under context->event_lock. */
	bool dropped;
	struct list_head link;
};

/* Something that the device sees in a run of DMA pages. */
enum hs_target_type {
	HS_TARGET_MIRROR,
	HS_TARGET_MAPPING,
	/* All of a list on the software device; one segment of one elsewhere. */
	HS_TARGET_LIST,
	HS_TARGET_SEGMENT,
	HS_TARGET_WINDOW,
	HS_TARGET_COHERENT,
};

struct hs_target {
	enum hs_target_type type;
	u64 dma_page;
	u64 pages;
};

/* Events of a mirror that found no room in the ring, as one. Under events->lock. */
struct hs_hull {
	struct list_head link;
	bool pending;
	bool released_pending;
	u32 kind;
	u32 flags;
	u64 first;
	u64 last;
	u64 count;
	/* Sequence of the newest event merged into it. */
	u64 sequence;
	/* What was read of it and not yet acknowledged. */
	u64 read_first;
	u64 read_last;
	u64 read_sequence;
};

struct hs_events {
	spinlock_t lock;
	wait_queue_head_t wait;
	struct hmm_sdk_event *ring;
	/* Free running: tail <= read <= head. Below tail: acknowledged. */
	u32 head;
	u32 read;
	u32 tail;
	u64 last;
	struct list_head hulls;
	bool listening;
	u32 interrupts[HS_MAX_VECTORS];
	u32 pending_vectors;
	u64 cpu_fault_pages;
	/* The page that user space may map. */
	void *shared;
};

struct hs_counters {
	atomic64_t device_faults;
	atomic64_t pages_mapped;
	atomic64_t pages_unmapped;
	atomic64_t invalidations;
	atomic64_t migrated_to_device;
	atomic64_t migrated_to_system;
	atomic64_t events_coalesced;
	atomic64_t events_dropped;
};

/* What segments of lists must be like. */
struct hs_limits {
	u32 max_bytes;
	u32 min_align_mask;
	u64 boundary_mask;
};

struct hs_device {
	struct hs_context *context;
	u32 kind;
	struct hs_pci *pci;
	struct hs_pool *pool;
	/* Where DMA is done: &pdev->dev, or NULL for the software device. */
	struct device *dma_dev;
	u64 capabilities;
	u32 mirror_reason;
	u32 domain;
	u32 mask_bits;
	u32 cpu_fault_pages;
	u32 max_mirror_pages;
	struct hs_limits limits;
	struct mm_struct *account_mm;

	/* Protects the tables below. */
	struct mutex lock;
	struct xarray mirrors;
	struct xarray buffers;
	struct xarray mappings;
	struct xarray lists;
	struct xarray windows;
	u32 next_id;
	u32 nr_mirrors;
	u32 nr_buffers;
	/* Mappings and lists. */
	u32 nr_mappings;
	u32 nr_windows;
	u64 mirror_pages;
	struct maple_tree targets;
	/* Software device: DMA pages are never handed out twice. */
	u64 next_dma_page;
	unsigned long slots[BITS_TO_LONGS(HS_MAX_MIRRORS)];

	struct hs_events events;
	struct hs_counters counters;
};

/* A page of a mirror: frame number below HS_PAGE_ORDER_SHIFT, order, and these. */
#define HS_PAGE_LINKED BIT_ULL(63)
#define HS_PAGE_WRITE BIT_ULL(62)
#define HS_PAGE_DEVICE BIT_ULL(61)
#define HS_PAGE_EXCLUSIVE BIT_ULL(60)
/* The call named by the serial gave it WRITE; it was linked before. */
#define HS_PAGE_UPGRADED BIT_ULL(59)
#define HS_PAGE_ORDER_SHIFT 52
#define HS_PAGE_PFN_MASK GENMASK_ULL(HS_PAGE_ORDER_SHIFT - 1, 0)

struct hs_page {
	u64 state;
	/* Of the call that changed it last; 0 once another call was given it too. */
	u32 serial;
	u32 revocations;
};

struct hs_mirror {
	struct kref ref;
	struct hs_target target;
	struct hs_device *device;
	struct hs_space *space;
	u32 id;
	u32 slot;
	u64 start_page;
	u32 pages;
	bool has_window;
	struct completion gone;
	struct completion *closer;
	/* One exclusive grant or migration at a time. */
	struct mutex grant_lock;

	struct mutex lock;
	struct mmu_interval_notifier notifier;
	bool closing;
	bool released;
	/* Invalidations, the device's own too. */
	u64 sequence;
	/* Who runs an exclusive grant of this mirror. */
	struct task_struct *own_task;
	/* The page that own_task makes exclusive, and whether another invalidation took it. */
	u32 grant_page;
	bool grant_lost;
	/* Newest sequence of the notifier that read_begin has returned. */
	unsigned long stable_seq;
	u32 serial;
	u32 linked;
	struct hs_page *table;
	struct dma_iova_state iova;
	struct hs_hull hull;
};

/* Memory in a BAR that peers may map. */
struct hs_peer {
	struct pci_dev *pdev;
	/* NULL: there is none. */
	void *address;
	u64 bytes;
	u32 bar;
	/* Buffers that show it. Under the lock of the list of PCI devices. */
	u32 users;
};

struct hs_buffer {
	u32 id;
	u32 users;
	bool coherent;
	/* Whose memory it is, if not the module's. */
	struct hs_peer *peer;
	/* Of a peer: a translation stands between. Otherwise it lies at @dma. */
	bool translated;
	u64 bytes;
	u32 nr_pages;
	u32 charged;
	void *address;
	dma_addr_t dma;
	/* DMA_ATTR_* of a coherent one. */
	unsigned long attrs;
	struct hs_target target;
};

struct hs_mapping {
	u32 id;
	u32 direction;
	struct hs_buffer *buffer;
	u64 offset;
	u64 bytes;
	/* DMA_ATTR_* */
	unsigned long attrs;
	dma_addr_t dma;
	struct hs_target target;
};

/* A part of a list, or a piece of one that lies in one segment. */
struct hs_piece {
	struct hs_buffer *buffer;
	u64 offset;
	u64 bytes;
	/* First page in the run of the software device. */
	u64 page;
};

struct hs_list_segment {
	u64 dma;
	u64 bytes;
	struct hs_target target;
};

struct hs_list {
	u32 id;
	u32 direction;
	/* A part of it passes by the IOMMU. */
	bool by_bus;
	unsigned long attrs;
	u32 nr_pieces;
	u32 nr_segments;
	struct hs_piece *pieces;
	struct hs_list_segment *segments;
	/* PCI device. */
	struct sg_table table;
	/* Software device. */
	struct hs_target target;
};

struct hs_link {
	struct hs_buffer *buffer;
	u32 page;
	u32 direction;
};

struct hs_window {
	u32 id;
	u32 pages;
	u32 linked;
	struct hs_target target;
	struct dma_iova_state iova;
	struct hs_link *links;
};

/* dispatch.c: one struct in, the same struct out. */
typedef int (*hs_call_t)(void *owner, void *argument);

struct hs_call {
	unsigned int request;
	hs_call_t run;
};

#define HS_CALL(name, function) \
	[_IOC_NR(HMM_SDK_IOC_##name)] = { HMM_SDK_IOC_##name, (function) }

int hs_dispatch(const struct hs_call *calls, unsigned int count, void *owner, unsigned int request,
		void __user *argument);

/* context.c */
extern const struct file_operations hs_context_fops;
struct hs_context *hs_context_get(struct hs_context *context);
void hs_context_put(struct hs_context *context);

/* space.c */
int hs_space_bind(void *owner, void *argument);
int hs_space_close(void *owner, void *argument);
int hs_space_events(void *owner, void *argument);
void hs_space_drop(struct hs_space *space);
struct hs_space *hs_space_find(struct hs_context *context, u32 id);
void hs_space_put(struct hs_space *space);

/* device.c */
int hs_device_open(struct hs_context *context, struct hmm_sdk_device_open *argument,
		   struct file **file);
u32 hs_next_id(struct hs_device *device);
struct file *hs_device_file(int fd, struct hs_device **device);

/* events.c */
int hs_events_init(struct hs_events *events);
void hs_events_free(struct hs_events *events);
void hs_hull_init(struct hs_hull *hull);
void hs_event_invalidate(struct hs_mirror *mirror, u32 kind, u64 first, u64 pages, u32 flags,
			 u64 count);
void hs_event_released(struct hs_mirror *mirror);
void hs_event_device_fault(struct hs_device *device, u64 address, u32 access, u32 source);
void hs_event_interrupt(struct hs_device *device, u32 vector);
void hs_event_cpu_fault(struct hs_device *device, u64 pages);
void hs_events_forget(struct hs_mirror *mirror);
void hs_events_publish(struct hs_mirror *mirror);
bool hs_events_newer(struct hs_mirror *mirror, u64 first, u64 pages, u64 since);
void hs_events_acknowledge(struct hs_device *device, u64 seen);
u64 hs_events_last(struct hs_device *device);
bool hs_events_pending(struct hs_device *device);
int hs_read_events(void *owner, void *argument);
int hs_irq_listen(void *owner, void *argument);

/* target.c */
int hs_target_insert(struct hs_device *device, struct hs_target *target, u64 dma_page, u64 pages);
int hs_target_place(struct hs_device *device, struct hs_target *target, u64 pages);
void hs_target_remove(struct hs_device *device, struct hs_target *target);
struct hs_target *hs_target_find(struct hs_device *device, u64 dma_page);
int hs_revocations(void *owner, void *argument);

/* mirror.c */
int hs_mirror_create(void *owner, void *argument);
int hs_mirror_close(void *owner, void *argument);
int hs_read_begin(void *owner, void *argument);
int hs_read_retry(void *owner, void *argument);
int hs_commit_check(void *owner, void *argument);
int hs_unmap(void *owner, void *argument);
int hs_undo(void *owner, void *argument);
struct hs_mirror *hs_mirror_get(struct hs_device *device, u32 id);
void hs_mirror_put(struct hs_mirror *mirror);
int hs_mirror_shut(struct hs_device *device, u32 id, u32 *unmapped);
bool hs_mirror_range_ok(struct hs_mirror *mirror, u32 first, u32 pages, u32 max);

/* range_fault.c */
struct hs_fault {
	struct hs_mirror *mirror;
	u32 first;
	u32 pages;
	unsigned long default_flags;
	unsigned long mask;
	bool nowait;
	void *owner;
	/* Absolute, CLOCK_MONOTONIC. */
	u64 deadline;
	unsigned long *pfns;
	/*
	 * Of MAP: pages that the device holds exclusively, as they would be found were they there
	 * for the CPU; 0 for all others. NULL: none. They are not faulted, which would give them up.
	 */
	const unsigned long *held;
	/* Results. */
	unsigned long notifier_seq;
	u32 failed_page;
	u32 reason;
};

int hs_range_fault(void *owner, void *argument);
int hs_fault_pages(struct hs_fault *fault);
u64 hs_deadline(u64 given);

/* map.c */
int hs_map(void *owner, void *argument);
u64 hs_map_entry(struct hs_mirror *mirror, u32 index, bool valid);

/* link.c; under mirror->lock */
int hs_link_pages(struct hs_mirror *mirror, u32 first, u32 pages, const unsigned long *pfns,
		  bool write, u64 extra, u32 *changed, u32 *failed_page, u32 *reason);
u32 hs_unlink_pages(struct hs_mirror *mirror, u32 first, u32 last);
u32 hs_next_serial(struct hs_mirror *mirror);
void hs_share_page(struct hs_mirror *mirror, u32 index);
bool hs_page_held(struct hs_mirror *mirror, u32 index);
u32 hs_undo_pages(struct hs_mirror *mirror, u32 first, u32 pages, u32 serial);

/* engine.c */
int hs_engine_read(void *owner, void *argument);
int hs_engine_write(void *owner, void *argument);
int hs_engine_fetch_add(void *owner, void *argument);

/* buffer.c */
int hs_buffer_alloc(void *owner, void *argument);
int hs_coherent_alloc(void *owner, void *argument);
int hs_buffer_free(void *owner, void *argument);
int hs_buffer_read(void *owner, void *argument);
int hs_buffer_write(void *owner, void *argument);
void hs_buffers_free(struct hs_device *device);
int hs_buffer_publish(struct hs_device *device, struct hs_buffer *buffer, u32 *id, u64 *dma_page,
		      u32 *reason);
void hs_buffer_release(struct hs_device *device, struct hs_buffer *buffer);

/* peer.c */
bool hs_peer_any(void);
void hs_peer_publish(struct hs_peer *peer, struct pci_dev *pdev);
void hs_peer_withdraw(struct hs_peer *peer);
int hs_peer_open(void *owner, void *argument);

/* dma.c */
int hs_dma_map(void *owner, void *argument);
int hs_dma_unmap(void *owner, void *argument);
int hs_dma_sync(void *owner, void *argument);
int hs_set_mask(void *owner, void *argument);
void hs_mappings_free(struct hs_device *device);
unsigned long hs_map_attrs(u32 flags);
int hs_map_error(struct hs_device *device, int error, u32 *reason);
int hs_require_coherent(struct hs_device *device, struct hs_buffer *buffer, u64 offset, u64 bytes,
			u32 *reason);
int hs_check_reach(struct hs_device *device, struct hs_buffer *buffer, u64 offset, u64 bytes,
		   u32 *reason);
u64 hs_max_mapping_bytes(struct hs_device *device);
bool hs_mappings_cover(struct hs_device *device, u64 dma_page);

/* Whether bytes from @dma on are in the DMA page. */
static inline bool hs_covers(u64 dma, u64 bytes, u64 dma_page)
{
	return dma >> PAGE_SHIFT <= dma_page && dma_page <= (dma + bytes - 1) >> PAGE_SHIFT;
}
bool hs_direction_ok(u32 direction);
enum dma_data_direction hs_direction(u32 direction);

/* list.c */
void hs_limits_reset(struct hs_device *device);
void hs_limits_apply(struct hs_device *device);
int hs_segment_limits(void *owner, void *argument);
int hs_dma_list_map(void *owner, void *argument);
int hs_dma_list_unmap(void *owner, void *argument);
int hs_dma_list_sync(void *owner, void *argument);
struct page *hs_list_find(struct hs_list *list, u64 index, u32 offset, u32 bytes);
bool hs_lists_cover(struct hs_device *device, u64 dma_page);
void hs_lists_free(struct hs_device *device);

/* window.c */
int hs_window_open(void *owner, void *argument);
int hs_window_link(void *owner, void *argument);
int hs_window_sync(void *owner, void *argument);
int hs_window_unlink(void *owner, void *argument);
int hs_window_close(void *owner, void *argument);
void hs_windows_free(struct hs_device *device);

/* pci.c */
int hs_pci_register(void);
void hs_pci_unregister(void);
int hs_pci_open(struct hs_device *device, const struct hmm_sdk_device_open *argument, u32 *reason);
void hs_pci_describe(struct hs_device *device);
void hs_pci_quiesce(struct hs_device *device);
void hs_pci_close(struct hs_device *device);
struct hs_peer *hs_pci_hold_peer(struct hs_pci *pci);
void hs_pci_drop_peer(struct hs_peer *peer);
bool hs_peer_is_own(struct hs_device *device, struct hs_peer *peer);
bool hs_pci_allowed(u32 *reason);
void hs_pci_info(struct hs_device *device, struct hmm_sdk_device_info *info);
int hs_reg_read(void *owner, void *argument);
int hs_reg_write(void *owner, void *argument);
int hs_irq_unmask(void *owner, void *argument);

/* memory.c: pools of device memory, which belong to the module */
struct hs_pool;
int hs_pool_acquire(struct hs_device *device, u32 pages, bool coherent, u32 *reason);
void hs_pool_release(struct hs_device *device);
void hs_pools_free(void);
void hs_pool_info(struct hs_device *device, struct hmm_sdk_device_info *info);
bool hs_pool_has(struct hs_pool *pool, struct page *page);
void *hs_pool_owner(struct hs_pool *pool);
unsigned int hs_pool_others(struct hs_pool *pool, void **owners);
int hs_evict(void *owner, void *argument);
int hs_set_cpu_fault_pages(void *owner, void *argument);

/* coherent.c */
int hs_coherent_init(void);
bool hs_coherent_there(void);

/* page.c */
struct page *hs_pool_backing(struct page *page);

/* migrate.c */
int hs_migrate(void *owner, void *argument);

/* exclusive.c */
int hs_exclusive(void *owner, void *argument);

/* fail.c: steps that tests can make fail */
enum hs_step {
	/* Memory for an object or a table of the module. */
	HS_STEP_ALLOC,
	HS_STEP_NOTIFIER,
	/* DMA address space. */
	HS_STEP_IOVA,
	/* The link of one page. */
	HS_STEP_LINK,
	/* A range fault. */
	HS_STEP_FAULT,
	/* A page taken for the device alone. */
	HS_STEP_EXCLUSIVE,
	/* Memory for one page of a migration; the page stays. */
	HS_STEP_MIGRATE,
	/* Memory for a block of a migration; its pages move one by one, or it takes what stood behind it. */
	HS_STEP_BLOCK,
	/* Memory of a buffer, coherent or not. */
	HS_STEP_BUFFER,
	/* A streaming mapping. */
	HS_STEP_MAP,
	HS_STEP_TRANSFER,
	/* The copy of what was done to user space. */
	HS_STEP_ANSWER,
	HS_STEPS
};

#ifdef CONFIG_DEBUG_FS
DECLARE_STATIC_KEY_FALSE(hs_fail_enabled);
bool hs_fails_now(enum hs_step step);
void hs_fail_init(void);
void hs_fail_exit(void);

/* Passes a step; whether it has to fail. Costs a no-op while it is off. */
static inline bool hs_fails(enum hs_step step)
{
	return static_branch_unlikely(&hs_fail_enabled) && hs_fails_now(step);
}
#else
static inline bool hs_fails(enum hs_step step)
{
	return false;
}

static inline void hs_fail_init(void)
{
}

static inline void hs_fail_exit(void)
{
}
#endif

static inline void *hs_device_owner(struct hs_device *device)
{
	return device->pool ? hs_pool_owner(device->pool) : NULL;
}

#endif /* HMM_SDK_H */
