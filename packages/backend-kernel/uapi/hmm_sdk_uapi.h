/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note OR MIT */
/* Made by generate.mjs from table.mjs: do not edit. */
#ifndef HMM_SDK_UAPI_H
#define HMM_SDK_UAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define HMM_SDK_ABI_VERSION 1
#define HMM_SDK_MAGIC 0xe8

/* Bits of info.capabilities */
/* entries of a range fault hold page frames (CAP_SYS_ADMIN), not opaque identities */
#define HMM_SDK_CAP_PHYSICAL 1U
/* software devices may have device-private memory */
#define HMM_SDK_CAP_MEMORY 2U
/* device-exclusive access */
#define HMM_SDK_CAP_EXCLUSIVE 4U
/* two-step IOVA windows on PCI devices */
#define HMM_SDK_CAP_DMA_IOVA 8U
/* faults may drop the mmap lock (userfaultfd works) */
#define HMM_SDK_CAP_UNLOCKED_FAULT 0x10U
/* software devices may have device-coherent memory */
#define HMM_SDK_CAP_COHERENT 0x80U
/* this process may open PCI devices (CAP_SYS_RAWIO, no lockdown) */
#define HMM_SDK_CAP_PCI 0x20U
/* PCI devices may map the memory of each other (CONFIG_PCI_P2PDMA) */
#define HMM_SDK_CAP_PEER 0x40U

/* Kinds of device */
/* the software device of the module */
#define HMM_SDK_DEVICE_SOFT 0U
/* a PCI device bound to the module's driver */
#define HMM_SDK_DEVICE_PCI 1U

/* Flags of DEVICE_OPEN */
/* choose the PCI device by pci_address, not by vendor and device */
#define HMM_SDK_OPEN_BY_ADDRESS 1U
/* the memory of the software device is device-coherent, not device-private */
#define HMM_SDK_OPEN_COHERENT 2U

/* Bits of device_info.capabilities */
/* mirrors may be mapped for DMA; otherwise mirror_reason says why not */
#define HMM_SDK_DEV_MIRROR 1U
/* DMA_MAP, DMA_UNMAP, DMA_SYNC */
#define HMM_SDK_DEV_STREAMING 2U
/* COHERENT_ALLOC */
#define HMM_SDK_DEV_COHERENT_ALLOC 4U
/* WINDOW_* */
#define HMM_SDK_DEV_WINDOW 8U
/* REG_READ, REG_WRITE */
#define HMM_SDK_DEV_REGISTERS 0x10U
/* interrupt events */
#define HMM_SDK_DEV_INTERRUPTS 0x20U
/* ENGINE_READ, ENGINE_WRITE */
#define HMM_SDK_DEV_ENGINE 0x40U
/* ENGINE_FETCH_ADD */
#define HMM_SDK_DEV_ATOMICS 0x80U
/* MIGRATE, EVICT */
#define HMM_SDK_DEV_MEMORY 0x100U
/* that memory is device-coherent: the CPU reaches it, and SET_CPU_FAULT_PAGES is EOPNOTSUPP */
#define HMM_SDK_DEV_MEMORY_COHERENT 0x100000U
/* EXCLUSIVE */
#define HMM_SDK_DEV_EXCLUSIVE 0x200U
/* a translation stands before the device that the module can revoke */
#define HMM_SDK_DEV_TRANSLATING 0x400U
/* device and CPU see the same data without sync */
#define HMM_SDK_DEV_CACHE_COHERENT 0x800U
/* an access to a revoked page fails exactly, and is reported */
#define HMM_SDK_DEV_EXACT_FAULT 0x1000U
/* an access after DMA_UNMAP is sure to fault */
#define HMM_SDK_DEV_STRICT 0x2000U
/* MIGRATE moves huge pages whole */
#define HMM_SDK_DEV_MEMORY_HUGE 0x40000U
/* the only vector is a level-triggered line: masked at each interrupt until IRQ_UNMASK */
#define HMM_SDK_DEV_INTX 0x4000U
/* mappings, or those that fill no pages, go through bounce buffers */
#define HMM_SDK_DEV_BOUNCE 0x8000U
/* DMA_LIST_*, SEGMENT_LIMITS */
#define HMM_SDK_DEV_LIST 0x10000U
/* ATTR_* in the flags of DMA_MAP, DMA_LIST_MAP, COHERENT_ALLOC */
#define HMM_SDK_DEV_ATTRIBUTES 0x20000U
/* PEER_OPEN; a device that is bound to the module has memory for peers */
#define HMM_SDK_DEV_PEER 0x80000U

/* Domain types */
/* no IOMMU before the device */
#define HMM_SDK_DOMAIN_NONE 0U
#define HMM_SDK_DOMAIN_IDENTITY 1U
#define HMM_SDK_DOMAIN_BLOCKED 2U
#define HMM_SDK_DOMAIN_UNMANAGED 3U
/* strict */
#define HMM_SDK_DOMAIN_DMA 4U
/* lazy: classic unmaps are flushed later */
#define HMM_SDK_DOMAIN_DMA_FQ 5U
/* the software device's own translation */
#define HMM_SDK_DOMAIN_SOFT 6U

/* Reasons, which go with an errno */
#define HMM_SDK_REASON_NONE 0U
/* no IOMMU, or an identity domain: unmapping revokes nothing */
#define HMM_SDK_REASON_NOT_TRANSLATING 1U
/* the device needs bounce buffers */
#define HMM_SDK_REASON_BOUNCE 2U
/* the device needs cache maintenance */
#define HMM_SDK_REASON_NOT_COHERENT 3U
/* the device caches translations itself (ATS) */
#define HMM_SDK_REASON_ATS 4U
/* the kernel has no dma_iova_* (before 6.16): a freed IOVA is handed out again at once */
#define HMM_SDK_REASON_NO_IOVA_API 5U
/* no IOVA window of that size */
#define HMM_SDK_REASON_NO_IOVA_SPACE 6U
/* a page is peer memory reached by bus address */
#define HMM_SDK_REASON_PEER_BUS 7U
/* secretmem: the kernel itself has no mapping of it */
#define HMM_SDK_REASON_SECRET 8U
/* no mapping at that address, or one that cannot be accessed (PROT_NONE, I/O memory) */
#define HMM_SDK_REASON_HOLE 9U
/* the mapping is read-only */
#define HMM_SDK_REASON_READ_ONLY 0xaU
/* the page could not be faulted in */
#define HMM_SDK_REASON_FAULT 0xbU
/* the DMA layer could not link the page */
#define HMM_SDK_REASON_LINK 0xcU
/* not reachable under the DMA mask */
#define HMM_SDK_REASON_MASK 0xdU
/* needs CAP_SYS_RAWIO */
#define HMM_SDK_REASON_PERMISSION 0xeU
/* the kernel is locked down */
#define HMM_SDK_REASON_LOCKDOWN 0xfU
/* the device is open already */
#define HMM_SDK_REASON_IN_USE 0x10U
/* interrupt messages are not isolated */
#define HMM_SDK_REASON_MSI 0x11U
/* another driver shares the IOMMU group */
#define HMM_SDK_REASON_GROUP 0x12U
/* invalidations kept coming in between */
#define HMM_SDK_REASON_INVALIDATED 0x13U
/* only anonymous memory can be exclusive */
#define HMM_SDK_REASON_NOT_ANONYMOUS 0x14U
/* the CPU keeps taking exclusive pages back */
#define HMM_SDK_REASON_CONTENDED 0x15U
/* the IOMMU domain is not one that the DMA API owns */
#define HMM_SDK_REASON_UNKNOWN_DOMAIN 0x16U
/* a limit of the module: see info */
#define HMM_SDK_REASON_LIMIT 0x17U
/* RLIMIT_MEMLOCK */
#define HMM_SDK_REASON_MEMLOCK 0x18U
/* no place in the bounce buffers */
#define HMM_SDK_REASON_BOUNCE_FULL 0x19U
/* the module was given no memory for device-coherent pages */
#define HMM_SDK_REASON_NOT_RESERVED 0x1bU
/* no way to the peer: different host bridges, or one not allow-listed */
#define HMM_SDK_REASON_PEER_ROUTE 0x1aU

/* Routes to the memory of a peer */
/* by the peer's bus address, past every IOMMU */
#define HMM_SDK_ROUTE_BUS 1U
/* through the host bridge, as any memory */
#define HMM_SDK_ROUTE_HOST_BRIDGE 2U

/* Bits of an entry: the high 32 bits */
/* out: may be accessed; in: fault it */
#define HMM_SDK_ENTRY_VALID 0x80000000U
/* out: may be written; in: fault it for writing */
#define HMM_SDK_ENTRY_WRITE 0x40000000U
/* can never be accessed */
#define HMM_SDK_ENTRY_ERROR 0x20000000U
/* the page field is a DMA page */
#define HMM_SDK_ENTRY_DMA_MAPPED 0x10000000U
#define HMM_SDK_ENTRY_PEER 0x8000000U
#define HMM_SDK_ENTRY_PEER_BUS 0x4000000U
/* in the device's own memory */
#define HMM_SDK_ENTRY_DEVICE 0x2000000U
/* the device has exclusive access */
#define HMM_SDK_ENTRY_EXCLUSIVE 0x1000000U
#define HMM_SDK_ENTRY_ORDER_SHIFT 0x13U
#define HMM_SDK_ENTRY_ORDER_MASK 0x1fU
#define HMM_SDK_ENTRY_PAGE_HIGH_MASK 0x7ffffU

/* Flags of READ_BEGIN, FAULT, MAP */
/* never block and never fault: only what is present, else EAGAIN */
#define HMM_SDK_NOWAIT 1U
/* MAP: for reading and writing, else reading only */
#define HMM_SDK_MAP_WRITE 2U
/* MAP: fault nothing; pages that are not present are left out (no VALID) */
#define HMM_SDK_MAP_PRESENT 4U

/* Directions of DMA */
#define HMM_SDK_BIDIRECTIONAL 0U
#define HMM_SDK_TO_DEVICE 1U
#define HMM_SDK_FROM_DEVICE 2U

/* Attributes, with the bits of the kernel */
#define HMM_SDK_ATTR_WEAK_ORDERING 2U
/* COHERENT_ALLOC only */
#define HMM_SDK_ATTR_WRITE_COMBINE 4U
/* mappings only */
#define HMM_SDK_ATTR_SKIP_CPU_SYNC 0x20U
/* COHERENT_ALLOC only */
#define HMM_SDK_ATTR_FORCE_CONTIGUOUS 0x40U
/* mappings only */
#define HMM_SDK_ATTR_IGNORE_CACHELINES 0x800U
/* mappings only: EOPNOTSUPP + NOT_COHERENT or BOUNCE */
#define HMM_SDK_ATTR_REQUIRE_COHERENT 0x1000U

/* Limits of lists */
#define HMM_SDK_MAX_LIST_PARTS 0x400U
#define HMM_SDK_MAX_LIST_SEGMENTS 0x1000U

/* mmap of a context descriptor: zeroed pages of the module (vm_insert_page) */
/* of one mapping of a context, at page 0 or what follows */
#define HMM_SDK_MAX_DRIVER_PAGES 0x400U
/* page of the offset: VM_IO, VM_PFNMAP, read-only */
#define HMM_SDK_DRIVER_PAGES_IO 1U
/* page of the offset: VM_MIXEDMAP without a struct page, read-only */
#define HMM_SDK_DRIVER_PAGES_BARE 2U

/* Flags of SEGMENT_LIMITS */
/* sets them; without it they are told */
#define HMM_SDK_SEGMENT_LIMITS_SET 1U

/* Whom DMA_SYNC and DMA_LIST_SYNC are for */
#define HMM_SDK_SYNC_CPU 0U
#define HMM_SDK_SYNC_DEVICE 1U

/* Where MIGRATE goes */
/* to device memory */
#define HMM_SDK_TO_MEMORY 0U
/* to system memory */
#define HMM_SDK_TO_SYSTEM 1U
/* flag: page by page; huge pages are split */
#define HMM_SDK_TO_SINGLE 2U

/* Outcomes of MIGRATE: indexes into MIGRATE_OUTCOMES of hmm-api */
#define HMM_SDK_OUTCOME_MIGRATED 0U
#define HMM_SDK_OUTCOME_POPULATED 1U
#define HMM_SDK_OUTCOME_DECLINED 2U
#define HMM_SDK_OUTCOME_ALREADY_THERE 3U
#define HMM_SDK_OUTCOME_NOT_PRESENT 4U
#define HMM_SDK_OUTCOME_NOT_ANONYMOUS 5U
#define HMM_SDK_OUTCOME_FOREIGN_DEVICE 6U
#define HMM_SDK_OUTCOME_BUSY 7U
#define HMM_SDK_OUTCOME_NO_MEMORY 8U
#define HMM_SDK_OUTCOME_LOST_RACE 9U

/* Types of event */
/* kind, first, pages, flags; count = DMA pages that were revoked */
#define HMM_SDK_EVENT_INVALIDATE 1U
/* the address space of the mirror is gone; once, after its release invalidation */
#define HMM_SDK_EVENT_RELEASED 2U
/* address = DMA byte address, kind = access, flags = source; may be dropped */
#define HMM_SDK_EVENT_DEVICE_FAULT 3U
/* kind = vector, count = interrupts since the last event; sequence is 0 */
#define HMM_SDK_EVENT_INTERRUPT 4U
/* the CPU touched device memory: count = pages that came back; sequence is 0; coalesced */
#define HMM_SDK_EVENT_CPU_FAULT 5U

/* Kinds of invalidation: index + 1 into InvalidateKind of hmm-api */
#define HMM_SDK_KIND_UNMAP 1U
#define HMM_SDK_KIND_CLEAR 2U
#define HMM_SDK_KIND_PROTECTION_VMA 3U
#define HMM_SDK_KIND_PROTECTION_PAGE 4U
#define HMM_SDK_KIND_SOFT_DIRTY 5U
#define HMM_SDK_KIND_RELEASE 6U
#define HMM_SDK_KIND_MIGRATE 7U
#define HMM_SDK_KIND_EXCLUSIVE 8U

/* Flags of EVENT_INVALIDATE */
/* caused by the device's own migration or exclusive grant */
#define HMM_SDK_EVENT_SELF 1U
/* raised where the kernel cannot wait */
#define HMM_SDK_EVENT_NONBLOCKABLE 2U
/* several in one: the hull of their ranges; kind is that of the last */
#define HMM_SDK_EVENT_COALESCED 4U

/* Accesses of EVENT_DEVICE_FAULT */
#define HMM_SDK_ACCESS_READ 0U
#define HMM_SDK_ACCESS_WRITE 1U
#define HMM_SDK_ACCESS_ATOMIC 2U

/* Sources of EVENT_DEVICE_FAULT */
/* nothing was ever mapped there */
#define HMM_SDK_SOURCE_NOT_MAPPED 0U
/* a page of a mirror that is not mapped now */
#define HMM_SDK_SOURCE_REVOKED 1U
/* a write to a page mapped for reading only, or the wrong direction */
#define HMM_SDK_SOURCE_PERMISSION 2U
/* the memory itself could not be read */
#define HMM_SDK_SOURCE_POISON 3U

/* Layout of the shared page: mmap(fd of a device, offset 0, one page, PROT_READ) */
/* byte offset of a u64: sequence of the newest event queued */
#define HMM_SDK_SHARED_EVENT_SEQ 0U
/* byte offset of a u32: not zero while READ_EVENTS has something */
#define HMM_SDK_SHARED_UNREAD 8U
/* byte offset of u64[504]: a mirror's sequence is element `slot` */
#define HMM_SDK_SHARED_MIRRORS 0x40U

/* GET_INFO */
struct hmm_sdk_info {
	/* in/out: ABI_VERSION of the caller; returns that of the module */
	__u32 abi;
	/* 0 */
	__u32 flags;
	/* out: CAP_* */
	__u64 capabilities;
	/* out: LINUX_VERSION_CODE the module was built for */
	__u32 kernel;
	/* out */
	__u32 page_shift;
	/* out: of a context */
	__u32 max_spaces;
	/* out: open at a time, of a context */
	__u32 max_devices;
	/* out: of a device */
	__u32 max_mirrors;
	/* out: of one mirror */
	__u32 max_mirror_pages;
	/* out: of one FAULT */
	__u32 max_fault_pages;
	/* out: of one MAP */
	__u32 max_map_pages;
	/* out: of one EXCLUSIVE */
	__u32 max_exclusive_pages;
	/* out: of one MIGRATE */
	__u32 max_migrate_pages;
	/* out: of one ENGINE_READ or ENGINE_WRITE */
	__u32 max_engine_bytes;
	/* out: buffers, and also mappings, of a device */
	__u32 max_buffers;
	/* out: of one buffer */
	__u64 max_buffer_bytes;
	/* out: of a device */
	__u32 max_windows;
	/* out: of one window */
	__u32 max_window_pages;
	/* out: device memory of one software device */
	__u32 max_memory_pages;
	/* out: of one READ_EVENTS */
	__u32 max_events;
	/* out: version of the module, text */
	__u8 version[32];
	/* out: release of the running kernel, text */
	__u8 release[64];
};

/* SPACE_BIND */
struct hmm_sdk_space_bind {
	/* 0 */
	__u32 flags;
	/* out: id in the context, never 0, never used again */
	__u32 space;
};

/* SPACE_CLOSE */
struct hmm_sdk_space_close {
	__u32 space;
	/* 0 */
	__u32 flags;
};

/* SPACE_EVENTS */
struct hmm_sdk_space_events {
	/* pointer to u32[max]: ids of spaces that were released */
	__u64 spaces;
	/* 1..64 */
	__u32 max;
	/* out */
	__u32 count;
};

/* DEVICE_OPEN */
struct hmm_sdk_device_open {
	/* DEVICE_* */
	__u32 kind;
	/* OPEN_* */
	__u32 flags;
	/* PCI by id; else 0 */
	__u32 vendor;
	/* PCI by id; else 0 */
	__u32 device;
	/* domain << 16 | bus << 8 | slot << 3 | function, with OPEN_BY_ADDRESS; else 0 */
	__u32 pci_address;
	/* soft: pages of device memory, 0 for none; PCI: 0 */
	__u32 memory_pages;
	/* out: the device descriptor, close-on-exec */
	__s32 fd;
	/* out+err: REASON_* */
	__u32 reason;
};

/* DEVICE_INFO */
struct hmm_sdk_device_info {
	/* out: DEVICE_* */
	__u32 kind;
	/* 0 */
	__u32 flags;
	/* out: DEV_* */
	__u64 capabilities;
	/* out */
	__u32 vendor;
	/* out */
	__u32 device;
	/* out */
	__u32 pci_address;
	/* out */
	__u32 vectors;
	/* out: bytes; 0 where there is none */
	__u64 bars[6];
	/* out: DMA mask in force */
	__u32 mask_bits;
	/* out: DOMAIN_* */
	__u32 domain;
	/* out: REASON_* why mirrors cannot be mapped */
	__u32 mirror_reason;
	/* out: pages of device memory */
	__u32 memory_pages;
	/* out: of them free now */
	__u32 memory_free;
	/* out: of one mirror of this device */
	__u32 max_mirror_pages;
	/* out: of one DMA_MAP */
	__u64 max_mapping_bytes;
};

/* SET_MASK */
struct hmm_sdk_set_mask {
	/* 1..64 */
	__u32 bits;
	/* 0 */
	__u32 flags;
};

/* BUFFER_ALLOC, COHERENT_ALLOC */
struct hmm_sdk_buffer_alloc {
	/* 1..max_buffer_bytes; rounded up to pages */
	__u64 bytes;
	/* COHERENT_ALLOC: ATTR_*; else 0 */
	__u32 flags;
	/* out: id */
	__u32 buffer;
	/* out: COHERENT_ALLOC: where the device sees it */
	__u64 dma_page;
	/* out+err: REASON_* */
	__u32 reason;
	/* 0 */
	__u32 pad;
};

/* BUFFER_FREE */
struct hmm_sdk_buffer_free {
	__u32 buffer;
	/* 0 */
	__u32 flags;
};

/* BUFFER_READ, BUFFER_WRITE */
struct hmm_sdk_buffer_copy {
	__u32 buffer;
	/* 0 */
	__u32 flags;
	__u64 offset;
	__u64 length;
	/* pointer */
	__u64 data;
};

/* DMA_MAP */
struct hmm_sdk_dma_map {
	__u32 buffer;
	__u32 direction;
	/* bytes from the start of the buffer */
	__u64 offset;
	__u64 bytes;
	/* ATTR_* */
	__u32 flags;
	/* out: id */
	__u32 mapping;
	/* out */
	__u64 dma_page;
	/* out: byte offset of the first mapped byte in dma_page */
	__u32 dma_offset;
	/* out: 1 if an access after DMA_UNMAP is sure to fault */
	__u32 revocable;
	/* out+err: REASON_* */
	__u32 reason;
	/* 0 */
	__u32 pad;
};

/* DMA_UNMAP */
struct hmm_sdk_dma_unmap {
	__u32 mapping;
	/* 0 */
	__u32 flags;
};

/* DMA_SYNC */
struct hmm_sdk_dma_sync {
	__u32 mapping;
	/* SYNC_* */
	__u32 target;
	/* bytes from the start of the mapping */
	__u64 offset;
	__u64 bytes;
};

/* an element of dma_list_map.parts */
struct hmm_sdk_dma_list_part {
	__u32 buffer;
	/* 0 */
	__u32 pad;
	/* bytes from the start of the buffer */
	__u64 offset;
	__u64 bytes;
};

/* an element of dma_list_map.segments */
struct hmm_sdk_dma_segment {
	/* out */
	__u64 dma_page;
	/* out: byte offset of its first byte in dma_page */
	__u32 dma_offset;
	/* out */
	__u32 bytes;
};

/* DMA_LIST_MAP */
struct hmm_sdk_dma_list_map {
	/* pointer to dma_list_part[nr_parts] */
	__u64 parts;
	/* pointer to dma_segment[max_segments] */
	__u64 segments;
	/* 1..MAX_LIST_PARTS */
	__u32 nr_parts;
	/* 1..MAX_LIST_SEGMENTS */
	__u32 max_segments;
	__u32 direction;
	/* ATTR_* */
	__u32 flags;
	/* out: id */
	__u32 list;
	/* out: how many were written */
	__u32 nr_segments;
	/* out: 1 if an access after DMA_LIST_UNMAP is sure to fault */
	__u32 revocable;
	/* out+err: REASON_* */
	__u32 reason;
};

/* DMA_LIST_SYNC */
struct hmm_sdk_dma_list_sync {
	__u32 list;
	/* SYNC_* */
	__u32 target;
};

/* DMA_LIST_UNMAP */
struct hmm_sdk_dma_list_unmap {
	__u32 list;
	/* 0 */
	__u32 flags;
};

/* PEER_OPEN */
struct hmm_sdk_peer_open {
	/* device descriptor of the peer, or of the device itself */
	__s32 fd;
	/* 0 */
	__u32 flags;
	/* out: size of the buffer */
	__u64 bytes;
	/* out: id */
	__u32 buffer;
	/* out: where the peer shows it */
	__u32 bar;
	/* out: ROUTE_* */
	__u32 route;
	/* out+err: REASON_* */
	__u32 reason;
};

/* SEGMENT_LIMITS */
struct hmm_sdk_segment_limits {
	/* in/out: 512 or more: most bytes of a segment */
	__u32 max_bytes;
	/* in/out: 0..0xffff, one less than a power of two */
	__u32 min_align_mask;
	/* in/out: 511..0xffffffff, one less than a power of two */
	__u64 boundary_mask;
	/* SEGMENT_LIMITS_SET */
	__u32 flags;
	/* 0 */
	__u32 pad;
};

/* WINDOW_OPEN */
struct hmm_sdk_window_open {
	/* 1..max_window_pages */
	__u32 pages;
	/* 0 */
	__u32 flags;
	/* out: id */
	__u32 window;
	/* out+err: REASON_* */
	__u32 reason;
	/* out: first page */
	__u64 dma_page;
};

/* WINDOW_LINK */
struct hmm_sdk_window_link {
	__u32 window;
	__u32 buffer;
	/* page of the window */
	__u32 at;
	/* page of the buffer */
	__u32 buffer_page;
	__u32 pages;
	__u32 direction;
	/* out+err: REASON_* */
	__u32 reason;
	/* 0 */
	__u32 flags;
};

/* WINDOW_SYNC, WINDOW_UNLINK */
struct hmm_sdk_window_range {
	__u32 window;
	/* 0 */
	__u32 flags;
	__u32 at;
	__u32 pages;
};

/* WINDOW_CLOSE */
struct hmm_sdk_window_close {
	__u32 window;
	/* 0 */
	__u32 flags;
};

/* REG_READ, REG_WRITE */
struct hmm_sdk_register {
	__u32 bar;
	/* 4 or 8 */
	__u32 width;
	/* aligned to width, inside the BAR */
	__u64 offset;
	/* in/out: REG_READ returns it */
	__u64 value;
};

/* IRQ_LISTEN, IRQ_UNMASK */
struct hmm_sdk_irq {
	/* IRQ_LISTEN: 0 */
	__u32 vector;
	/* IRQ_LISTEN: 1 to deliver events, 0 to drop them; IRQ_UNMASK: 0 */
	__u32 enable;
};

/* MIRROR_CREATE */
struct hmm_sdk_mirror_create {
	/* of the context that opened the device */
	__u32 space;
	/* 0 */
	__u32 flags;
	/* first page number in the process */
	__u64 start_page;
	/* 1..max_mirror_pages */
	__u64 pages;
	/* out: id, never 0, never used again */
	__u32 mirror;
	/* out: index in the shared page */
	__u32 slot;
	/*
	 * out: page i of the mirror is DMA page dma_page + i while it is mapped; 0 without
	 * DEV_MIRROR
	 */
	__u64 dma_page;
	/* out: as READ_BEGIN */
	__u64 sequence;
	/* out */
	__u64 event_seq;
	/* out+err: REASON_* */
	__u32 reason;
	/* 0 */
	__u32 pad;
};

/* MIRROR_CLOSE */
struct hmm_sdk_mirror_close {
	__u32 mirror;
	/* 0 */
	__u32 flags;
	/* out: pages that were still mapped */
	__u32 unmapped;
	/* 0 */
	__u32 pad;
};

/* READ_BEGIN */
struct hmm_sdk_read_begin {
	__u32 mirror;
	/* NOWAIT */
	__u32 flags;
	/* out */
	__u64 sequence;
	/* out */
	__u64 event_seq;
};

/* READ_RETRY */
struct hmm_sdk_read_retry {
	__u32 mirror;
	/* out: 1 if it moved */
	__u32 retry;
	__u64 sequence;
	/* out */
	__u64 event_seq;
};

/* FAULT */
struct hmm_sdk_fault {
	__u32 mirror;
	/* NOWAIT */
	__u32 flags;
	__u32 first;
	/* 1..max_fault_pages */
	__u32 pages;
	/* ENTRY_VALID, ENTRY_WRITE */
	__u32 default_flags;
	/* which of ENTRY_VALID, ENTRY_WRITE of the entries count */
	__u32 mask;
	/* pointer to u64[pages], read if mask is not 0, and written */
	__u64 entries;
	__u64 deadline;
	/* sequence of the last event that was dispatched */
	__u64 seen;
	/* out: the sequence under which the entries hold: see READ_RETRY */
	__u64 sequence;
	/* out+err: sequence of the newest event */
	__u64 event_seq;
	/* out+err: index in the range; 0xffffffff if unknown */
	__u32 failed_page;
	/* out+err: REASON_* */
	__u32 reason;
};

/* MAP, EXCLUSIVE */
struct hmm_sdk_map {
	__u32 mirror;
	/* NOWAIT, MAP_WRITE, MAP_PRESENT; EXCLUSIVE: 0 */
	__u32 flags;
	__u32 first;
	/* 1..max_map_pages, or max_exclusive_pages */
	__u32 pages;
	/* pointer to u64[pages], written */
	__u64 entries;
	__u64 deadline;
	/* sequence of the last event that was dispatched */
	__u64 seen;
	/*
	 * out+err: sequence of the newest event when the pages were linked: `since` of
	 * COMMIT_CHECK
	 */
	__u64 event_seq;
	/* out: as FAULT */
	__u64 sequence;
	/* out: names this call to UNDO */
	__u32 serial;
	/* out: pages newly mapped or upgraded by this call */
	__u32 changed;
	/* out+err: index in the range; 0xffffffff if unknown */
	__u32 failed_page;
	/* out+err: REASON_* */
	__u32 reason;
	/* out+err: rounds lost to invalidations */
	__u32 retries;
	/* 0 */
	__u32 pad;
};

/* COMMIT_CHECK */
struct hmm_sdk_commit_check {
	__u32 mirror;
	/* 0 */
	__u32 flags;
	__u32 first;
	__u32 pages;
	/* event_seq of MAP */
	__u64 since;
	/* out+err: sequence of the newest event */
	__u64 event_seq;
};

/* UNMAP, UNDO */
struct hmm_sdk_unmap {
	__u32 mirror;
	/* UNDO: of MAP; UNMAP: 0 */
	__u32 serial;
	__u32 first;
	__u32 pages;
	/* out: pages unmapped */
	__u32 unmapped;
	/* 0 */
	__u32 pad;
	/* out */
	__u64 event_seq;
};

/* MIGRATE */
struct hmm_sdk_migrate {
	__u32 mirror;
	/* TO_MEMORY or TO_SYSTEM, | TO_SINGLE */
	__u32 target;
	__u32 first;
	/* 1..max_migrate_pages */
	__u32 pages;
	/* pointer to a bitmap of (pages + 7) / 8 bytes, bit i & 7 of byte i >> 3; 0 for none */
	__u64 declined;
	/* pointer to u8[pages], written */
	__u64 outcomes;
	/* in/out: pages migrated or populated are added to it: 0 at first */
	__u32 moved;
	/*
	 * in/out: pages of the range that were dealt with, their outcomes written: 0 at first; a
	 * call that ended with EINTR goes on from there
	 */
	__u32 done;
	/* out+err */
	__u64 event_seq;
};

/* EVICT */
struct hmm_sdk_evict {
	/* 0 */
	__u32 flags;
	/* in/out: pages brought back are added to it: 0 at first */
	__u32 moved;
	/* out+err: pages still in device memory */
	__u32 left;
	/* 0 */
	__u32 pad;
};

/* SET_CPU_FAULT_PAGES */
struct hmm_sdk_cpu_fault_pages {
	/* a power of 2, 1..512 */
	__u32 pages;
	/* 0 */
	__u32 flags;
};

/* ENGINE_READ, ENGINE_WRITE */
struct hmm_sdk_engine_copy {
	__u64 dma_page;
	/* bytes from its start */
	__u64 offset;
	/* 1..max_engine_bytes */
	__u32 length;
	/* 0 */
	__u32 flags;
	/* pointer */
	__u64 data;
	/* out+err: bytes moved */
	__u32 done;
	/* out+err: SOURCE_* of the fault */
	__u32 source;
};

/* ENGINE_FETCH_ADD */
struct hmm_sdk_engine_add {
	__u64 dma_page;
	/* aligned to 4 */
	__u64 offset;
	__s32 delta;
	/* out: the value before */
	__s32 old;
	/* 0 */
	__u32 flags;
	/* out+err: SOURCE_* of the fault */
	__u32 source;
};

/* REVOCATIONS */
struct hmm_sdk_revocations {
	__u64 dma_page;
	/* 1..max_map_pages */
	__u32 pages;
	/* out: 1 if every page of the run is mapped now */
	__u32 mapped;
	/* out: revocations of these pages so far; only differences mean anything */
	__u64 count;
};

/* COUNTERS */
struct hmm_sdk_counters {
	/* out */
	__u64 device_faults;
	/* out: pages of mirrors newly linked */
	__u64 pages_mapped;
	/* out: pages of mirrors unlinked, for whatever cause */
	__u64 pages_unmapped;
	/* out: that reached mirrors */
	__u64 invalidations;
	/* out */
	__u64 migrated_to_device;
	/* out */
	__u64 migrated_to_system;
	/* out */
	__u64 events_coalesced;
	/* out: device-fault events that found no room */
	__u64 events_dropped;
};

/* one event of READ_EVENTS */
struct hmm_sdk_event {
	/* out: grows from event to event of a device; 0 for interrupts and CPU faults */
	__u64 sequence;
	/* out: EVENT_* */
	__u32 type;
	/* out: id, or 0 */
	__u32 mirror;
	/* out */
	__u32 kind;
	/* out */
	__u32 flags;
	/* out: page index in the mirror */
	__u64 first;
	/* out */
	__u64 pages;
	/* out */
	__u64 address;
	/* out */
	__u64 count;
	/* out: CLOCK_MONOTONIC nanoseconds when it happened */
	__u64 time;
};

/* READ_EVENTS */
struct hmm_sdk_read_events {
	/* pointer to event[max] */
	__u64 events;
	/* 1..max_events */
	__u32 max;
	/* out */
	__u32 count;
	/* sequence of the last event that was dispatched; older ones are forgotten */
	__u64 seen;
	/* out: sequence of the newest event queued */
	__u64 event_seq;
	/* out: 1 if more can be read at once */
	__u32 more;
	/* 0 */
	__u32 pad;
};

/*
 * On a context. The handshake. Must be the first call: all others on the context fail with
 * EPROTO until abi matched once. Succeeds (and returns the abi of the module) also when it
 * differs. Never blocks.
 */
#define HMM_SDK_IOC_GET_INFO \
	_IOWR(HMM_SDK_MAGIC, 0x0, struct hmm_sdk_info)
/*
 * On a context. Issued by the process to be mirrored, on the descriptor it inherited: its
 * consent. Binds the caller's address space; keeps only the mm_struct, not the memory.
 * EEXIST: bound already. ENOSPC: max_spaces. EINTR. After exec the process binds again, and
 * gets a new id.
 */
#define HMM_SDK_IOC_SPACE_BIND \
	_IOWR(HMM_SDK_MAGIC, 0x1, struct hmm_sdk_space_bind)
/* On a context. Forgets a space. Mirrors of it live on until they are closed. */
#define HMM_SDK_IOC_SPACE_CLOSE \
	_IOWR(HMM_SDK_MAGIC, 0x2, struct hmm_sdk_space_close)
/*
 * On a context. Which spaces were released (last user of the address space gone) since the
 * last call; each once. The context polls readable while there are any. Never blocks: count
 * is 0 if there are none.
 */
#define HMM_SDK_IOC_SPACE_EVENTS \
	_IOWR(HMM_SDK_MAGIC, 0x3, struct hmm_sdk_space_events)
/*
 * On a context. Opens a device; blocks shortly. ENODEV: there is none. EBUSY + IN_USE: a
 * PCI device opens once at a time. EPERM + PERMISSION or LOCKDOWN. EOPNOTSUPP + MSI or
 * GROUP. EOPNOTSUPP: memory_pages without CAP_MEMORY. EOPNOTSUPP + NOT_RESERVED:
 * OPEN_COHERENT without CAP_COHERENT. ENOSPC: max_devices, or no region for device memory.
 * Bus mastering is on only while the device is open.
 */
#define HMM_SDK_IOC_DEVICE_OPEN \
	_IOWR(HMM_SDK_MAGIC, 0x8, struct hmm_sdk_device_open)
/* On a device. Never blocks. */
#define HMM_SDK_IOC_DEVICE_INFO \
	_IOWR(HMM_SDK_MAGIC, 0x10, struct hmm_sdk_device_info)
/*
 * On a device. dma_set_mask_and_coherent. EIO: the platform cannot serve so few bits.
 * EBUSY: something is mapped.
 */
#define HMM_SDK_IOC_SET_MASK \
	_IOWR(HMM_SDK_MAGIC, 0x11, struct hmm_sdk_set_mask)
/*
 * On a device. A zeroed, page-aligned buffer. Counts against RLIMIT_MEMLOCK of the user:
 * ENOMEM + MEMLOCK. ENOSPC: max_buffers.
 */
#define HMM_SDK_IOC_BUFFER_ALLOC \
	_IOWR(HMM_SDK_MAGIC, 0x12, struct hmm_sdk_buffer_alloc)
/*
 * On a device. dma_alloc_coherent: a buffer that is mapped as long as it lives. May block
 * for memory.
 */
#define HMM_SDK_IOC_COHERENT_ALLOC \
	_IOWR(HMM_SDK_MAGIC, 0x13, struct hmm_sdk_buffer_alloc)
/* On a device. EBUSY: still mapped or linked. */
#define HMM_SDK_IOC_BUFFER_FREE \
	_IOWR(HMM_SDK_MAGIC, 0x14, struct hmm_sdk_buffer_free)
/* On a device. CPU side. EINVAL beyond the end. */
#define HMM_SDK_IOC_BUFFER_READ \
	_IOWR(HMM_SDK_MAGIC, 0x15, struct hmm_sdk_buffer_copy)
/* On a device. CPU side. EINVAL beyond the end. */
#define HMM_SDK_IOC_BUFFER_WRITE \
	_IOWR(HMM_SDK_MAGIC, 0x16, struct hmm_sdk_buffer_copy)
/*
 * On a device. dma_map_phys of part of a buffer, contiguous in DMA space. EIO + MASK: not
 * reachable. ENOMEM + NO_IOVA_SPACE or BOUNCE_FULL. ENOSPC: max_buffers. A coherent buffer,
 * or memory of a peer: EINVAL.
 */
#define HMM_SDK_IOC_DMA_MAP \
	_IOWR(HMM_SDK_MAGIC, 0x17, struct hmm_sdk_dma_map)
/* On a device.  */
#define HMM_SDK_IOC_DMA_UNMAP \
	_IOWR(HMM_SDK_MAGIC, 0x18, struct hmm_sdk_dma_unmap)
/*
 * On a device. dma_sync_single_for_cpu or _for_device. EINVAL outside the mapping, or
 * against its direction.
 */
#define HMM_SDK_IOC_DMA_SYNC \
	_IOWR(HMM_SDK_MAGIC, 0x19, struct hmm_sdk_dma_sync)
/*
 * On a device. dma_iova_try_alloc. ENOMEM + NO_IOVA_SPACE; ENOSPC + LIMIT: max_windows;
 * EOPNOTSUPP + NOT_TRANSLATING or NO_IOVA_API.
 */
#define HMM_SDK_IOC_WINDOW_OPEN \
	_IOWR(HMM_SDK_MAGIC, 0x1a, struct hmm_sdk_window_open)
/*
 * On a device. dma_iova_link; all pages or none. EADDRINUSE: a page of the window is linked
 * already. ENOMEM. A coherent buffer, or memory of a peer: EINVAL.
 */
#define HMM_SDK_IOC_WINDOW_LINK \
	_IOWR(HMM_SDK_MAGIC, 0x1b, struct hmm_sdk_window_link)
/* On a device. dma_iova_sync. EINVAL: no page of the range is linked. */
#define HMM_SDK_IOC_WINDOW_SYNC \
	_IOWR(HMM_SDK_MAGIC, 0x1c, struct hmm_sdk_window_range)
/*
 * On a device. dma_iova_unlink; the device cannot reach the pages when it returns. EINVAL:
 * a page of the range is not linked.
 */
#define HMM_SDK_IOC_WINDOW_UNLINK \
	_IOWR(HMM_SDK_MAGIC, 0x1d, struct hmm_sdk_window_range)
/* On a device. Unlinks what is left, and frees the addresses. */
#define HMM_SDK_IOC_WINDOW_CLOSE \
	_IOWR(HMM_SDK_MAGIC, 0x1e, struct hmm_sdk_window_close)
/*
 * On a device. dma_map_sgtable of parts of buffers: all or none. No segment is longer than
 * the limit or crosses a boundary; an IOMMU joins neighbours that fill their pages. EIO +
 * MASK: not reachable. ENOMEM, + NO_IOVA_SPACE or BOUNCE_FULL. ENOSPC + LIMIT: more
 * segments than max_segments, or max_buffers. A coherent buffer: EINVAL.
 */
#define HMM_SDK_IOC_DMA_LIST_MAP \
	_IOWR(HMM_SDK_MAGIC, 0x1f, struct hmm_sdk_dma_list_map)
/* On a device. dma_sync_sgtable_for_cpu or _for_device. EINVAL against its direction. */
#define HMM_SDK_IOC_DMA_LIST_SYNC \
	_IOWR(HMM_SDK_MAGIC, 0x24, struct hmm_sdk_dma_list_sync)
/* On a device.  */
#define HMM_SDK_IOC_DMA_LIST_UNMAP \
	_IOWR(HMM_SDK_MAGIC, 0x25, struct hmm_sdk_dma_list_unmap)
/*
 * On a device. The memory of a PCI device that peers may map (pci_p2pdma_add_resource), as
 * a buffer of this device: for DMA_LIST_MAP, and for BUFFER_READ and BUFFER_WRITE where it
 * is the device's own. The peer may be closed before the buffer is freed, but is not opened
 * again before. ENODEV: it has none. EREMOTEIO + PEER_ROUTE, EIO + MASK or EOPNOTSUPP +
 * BOUNCE: this device does not reach it. EOPNOTSUPP: no PCI device. EBADF: fd. ENOSPC +
 * LIMIT: max_buffers.
 */
#define HMM_SDK_IOC_PEER_OPEN \
	_IOWR(HMM_SDK_MAGIC, 0x27, struct hmm_sdk_peer_open)
/*
 * On a device. dma_set_max_seg_size, dma_set_seg_boundary, dma_set_min_align_mask; 65536,
 * 0xffffffff and 0 at open. EBUSY: something is mapped.
 */
#define HMM_SDK_IOC_SEGMENT_LIMITS \
	_IOWR(HMM_SDK_MAGIC, 0x26, struct hmm_sdk_segment_limits)
/* On a device. EINVAL: width, alignment, bounds. EOPNOTSUPP: no registers. */
#define HMM_SDK_IOC_REG_READ \
	_IOWR(HMM_SDK_MAGIC, 0x20, struct hmm_sdk_register)
/*
 * On a device. As REG_READ. EINVAL: a 4-byte value above 2^32; a doorbell that would end
 * the machine (edu: a transfer that leaves its buffer of 4096 bytes at 0x40000, or that
 * reaches its last byte).
 */
#define HMM_SDK_IOC_REG_WRITE \
	_IOWR(HMM_SDK_MAGIC, 0x21, struct hmm_sdk_register)
/* On a device. Whether interrupts become events; off at open. */
#define HMM_SDK_IOC_IRQ_LISTEN \
	_IOWR(HMM_SDK_MAGIC, 0x22, struct hmm_sdk_irq)
/*
 * On a device. After each interrupt of a device with DEV_INTX, when its cause was cleared;
 * no effect on others.
 */
#define HMM_SDK_IOC_IRQ_UNMASK \
	_IOWR(HMM_SDK_MAGIC, 0x23, struct hmm_sdk_irq)
/*
 * On a device. mmu_interval_notifier_insert, and a DMA window of the same size. ESRCH: the
 * process is gone. ENOSPC: max_mirrors, or + NO_IOVA_SPACE. Without DEV_MIRROR it works
 * too, for FAULT only.
 */
#define HMM_SDK_IOC_MIRROR_CREATE \
	_IOWR(HMM_SDK_MAGIC, 0x28, struct hmm_sdk_mirror_create)
/*
 * On a device. Revokes every mapping of the mirror, stops watching, waits until calls on it
 * have ended (they fail with EBADF). Its events that were not read are dropped.
 */
#define HMM_SDK_IOC_MIRROR_CLOSE \
	_IOWR(HMM_SDK_MAGIC, 0x29, struct hmm_sdk_mirror_close)
/*
 * On a device. mmu_interval_read_begin: waits while an invalidation of the mirror runs (not
 * interruptible, as in the kernel). NOWAIT: EAGAIN if it might have to.
 */
#define HMM_SDK_IOC_READ_BEGIN \
	_IOWR(HMM_SDK_MAGIC, 0x2a, struct hmm_sdk_read_begin)
/*
 * On a device. Whether the sequence moved. Never blocks for long. The same as comparing
 * with the mirror's slot of the shared page. Invalidations that the device's own call
 * caused do not move it.
 */
#define HMM_SDK_IOC_READ_RETRY \
	_IOWR(HMM_SDK_MAGIC, 0x2b, struct hmm_sdk_read_retry)
/*
 * On a device. hmm_range_fault. Returns entries that hold under `sequence`. Repeats inside
 * while invalidations come in between, until the deadline: EBUSY + INVALIDATED. ESTALE: an
 * event newer than `seen` overlaps the range (the fault itself may have raised it: a
 * copy-on-write, a zero page replaced); read and dispatch events, then call again. ESRCH:
 * the process is gone. EFAULT + HOLE or FAULT; EPERM + READ_ONLY; ENOMEM. With
 * default_flags and mask 0 it is a snapshot.
 */
#define HMM_SDK_IOC_FAULT \
	_IOWR(HMM_SDK_MAGIC, 0x2c, struct hmm_sdk_fault)
/*
 * On a device. Fault and link for DMA: every page, or none. A page is writable for the
 * device only with MAP_WRITE. Pages mapped already with enough rights keep their link; an
 * upgrade to write keeps the DMA page. Errors of FAULT, and EOPNOTSUPP + a reason: a page
 * whose mapping could not be revoked; ENOMEM or EIO + LINK. What the call linked before a
 * failing page is undone.
 */
#define HMM_SDK_IOC_MAP \
	_IOWR(HMM_SDK_MAGIC, 0x2d, struct hmm_sdk_map)
/*
 * On a device. ESTALE if an invalidation of the range is newer than `since`, self or not.
 * Never blocks for long.
 */
#define HMM_SDK_IOC_COMMIT_CHECK \
	_IOWR(HMM_SDK_MAGIC, 0x2e, struct hmm_sdk_commit_check)
/*
 * On a device. Takes back what MAP or EXCLUSIVE with that serial changed and no later call
 * changed or was given too: new pages are unmapped, upgraded ones go back to read-only.
 * Pages that a later MAP shares stay as they are. EINVAL: serial 0.
 */
#define HMM_SDK_IOC_UNDO \
	_IOWR(HMM_SDK_MAGIC, 0x2f, struct hmm_sdk_unmap)
/*
 * On a device. Unmaps what is mapped in the range; pages the device could write become
 * dirty. Never blocks for long.
 */
#define HMM_SDK_IOC_UNMAP \
	_IOWR(HMM_SDK_MAGIC, 0x30, struct hmm_sdk_unmap)
/*
 * On a device. make_device_exclusive and link with write access: every page or none. EBUSY
 * + CONTENDED. EOPNOTSUPP + NOT_ANONYMOUS. Errors of MAP.
 */
#define HMM_SDK_IOC_EXCLUSIVE \
	_IOWR(HMM_SDK_MAGIC, 0x31, struct hmm_sdk_map)
/*
 * On a device. Migrates in steps of 512 aligned pages, each inside one mapping, best effort
 * per page. A huge page none of which is declined moves whole if there is a block for it,
 * else page by page; `outcomes` says what became of each. EINVAL + `done`: a hole, or a
 * mapping that cannot migrate. EINTR + `done`. ESRCH.
 */
#define HMM_SDK_IOC_MIGRATE \
	_IOWR(HMM_SDK_MAGIC, 0x38, struct hmm_sdk_migrate)
/*
 * On a device. Brings all of the device memory back to the system. EBUSY: pages are left
 * (pinned or in motion); call again. EINTR.
 */
#define HMM_SDK_IOC_EVICT \
	_IOWR(HMM_SDK_MAGIC, 0x39, struct hmm_sdk_evict)
/* On a device. How many pages, aligned, a CPU fault brings back. 1 at open. */
#define HMM_SDK_IOC_SET_CPU_FAULT_PAGES \
	_IOWR(HMM_SDK_MAGIC, 0x3a, struct hmm_sdk_cpu_fault_pages)
/*
 * On a device. The device reads memory by DMA address. EFAULT with `source`, and a
 * device-fault event: not mapped, or revoked. EFAULT with `done` and source 0xffffffff: bad
 * `data` pointer. Does not fault pages in; never blocks for long.
 */
#define HMM_SDK_IOC_ENGINE_READ \
	_IOWR(HMM_SDK_MAGIC, 0x40, struct hmm_sdk_engine_copy)
/*
 * On a device. The device writes memory by DMA address. As ENGINE_READ; pages before the
 * faulting one may have been written.
 */
#define HMM_SDK_IOC_ENGINE_WRITE \
	_IOWR(HMM_SDK_MAGIC, 0x41, struct hmm_sdk_engine_copy)
/* On a device. Atomic add. EPERM: the page is not held exclusively. EFAULT as ENGINE_READ. */
#define HMM_SDK_IOC_ENGINE_FETCH_ADD \
	_IOWR(HMM_SDK_MAGIC, 0x42, struct hmm_sdk_engine_add)
/*
 * On a device. Compare before and after a transfer of a device that cannot report faults.
 * Never blocks for long.
 */
#define HMM_SDK_IOC_REVOCATIONS \
	_IOWR(HMM_SDK_MAGIC, 0x43, struct hmm_sdk_revocations)
/* On a device. Since the device was opened. */
#define HMM_SDK_IOC_COUNTERS \
	_IOWR(HMM_SDK_MAGIC, 0x44, struct hmm_sdk_counters)
/*
 * On a device. Takes events in order; never blocks (count is 0 if there are none). The
 * device polls readable while there are any. `seen` frees slots of the queue: without room,
 * invalidations of a mirror coalesce into one event.
 */
#define HMM_SDK_IOC_READ_EVENTS \
	_IOWR(HMM_SDK_MAGIC, 0x45, struct hmm_sdk_read_events)

/* Layouts as the table computes them. */
#if defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define HMM_SDK_OFFSET_IS(type, field, offset) \
	_Static_assert(__builtin_offsetof(type, field) == (offset), #type "." #field)
#define HMM_SDK_SIZE_IS(type, size) _Static_assert(sizeof(type) == (size), #type)
HMM_SDK_SIZE_IS(struct hmm_sdk_info, 184);
HMM_SDK_OFFSET_IS(struct hmm_sdk_info, abi, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_info, flags, 4);
HMM_SDK_OFFSET_IS(struct hmm_sdk_info, capabilities, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_info, kernel, 16);
HMM_SDK_OFFSET_IS(struct hmm_sdk_info, page_shift, 20);
HMM_SDK_OFFSET_IS(struct hmm_sdk_info, max_spaces, 24);
HMM_SDK_OFFSET_IS(struct hmm_sdk_info, max_devices, 28);
HMM_SDK_OFFSET_IS(struct hmm_sdk_info, max_mirrors, 32);
HMM_SDK_OFFSET_IS(struct hmm_sdk_info, max_mirror_pages, 36);
HMM_SDK_OFFSET_IS(struct hmm_sdk_info, max_fault_pages, 40);
HMM_SDK_OFFSET_IS(struct hmm_sdk_info, max_map_pages, 44);
HMM_SDK_OFFSET_IS(struct hmm_sdk_info, max_exclusive_pages, 48);
HMM_SDK_OFFSET_IS(struct hmm_sdk_info, max_migrate_pages, 52);
HMM_SDK_OFFSET_IS(struct hmm_sdk_info, max_engine_bytes, 56);
HMM_SDK_OFFSET_IS(struct hmm_sdk_info, max_buffers, 60);
HMM_SDK_OFFSET_IS(struct hmm_sdk_info, max_buffer_bytes, 64);
HMM_SDK_OFFSET_IS(struct hmm_sdk_info, max_windows, 72);
HMM_SDK_OFFSET_IS(struct hmm_sdk_info, max_window_pages, 76);
HMM_SDK_OFFSET_IS(struct hmm_sdk_info, max_memory_pages, 80);
HMM_SDK_OFFSET_IS(struct hmm_sdk_info, max_events, 84);
HMM_SDK_OFFSET_IS(struct hmm_sdk_info, version, 88);
HMM_SDK_OFFSET_IS(struct hmm_sdk_info, release, 120);
HMM_SDK_SIZE_IS(struct hmm_sdk_space_bind, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_space_bind, flags, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_space_bind, space, 4);
HMM_SDK_SIZE_IS(struct hmm_sdk_space_close, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_space_close, space, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_space_close, flags, 4);
HMM_SDK_SIZE_IS(struct hmm_sdk_space_events, 16);
HMM_SDK_OFFSET_IS(struct hmm_sdk_space_events, spaces, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_space_events, max, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_space_events, count, 12);
HMM_SDK_SIZE_IS(struct hmm_sdk_device_open, 32);
HMM_SDK_OFFSET_IS(struct hmm_sdk_device_open, kind, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_device_open, flags, 4);
HMM_SDK_OFFSET_IS(struct hmm_sdk_device_open, vendor, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_device_open, device, 12);
HMM_SDK_OFFSET_IS(struct hmm_sdk_device_open, pci_address, 16);
HMM_SDK_OFFSET_IS(struct hmm_sdk_device_open, memory_pages, 20);
HMM_SDK_OFFSET_IS(struct hmm_sdk_device_open, fd, 24);
HMM_SDK_OFFSET_IS(struct hmm_sdk_device_open, reason, 28);
HMM_SDK_SIZE_IS(struct hmm_sdk_device_info, 112);
HMM_SDK_OFFSET_IS(struct hmm_sdk_device_info, kind, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_device_info, flags, 4);
HMM_SDK_OFFSET_IS(struct hmm_sdk_device_info, capabilities, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_device_info, vendor, 16);
HMM_SDK_OFFSET_IS(struct hmm_sdk_device_info, device, 20);
HMM_SDK_OFFSET_IS(struct hmm_sdk_device_info, pci_address, 24);
HMM_SDK_OFFSET_IS(struct hmm_sdk_device_info, vectors, 28);
HMM_SDK_OFFSET_IS(struct hmm_sdk_device_info, bars, 32);
HMM_SDK_OFFSET_IS(struct hmm_sdk_device_info, mask_bits, 80);
HMM_SDK_OFFSET_IS(struct hmm_sdk_device_info, domain, 84);
HMM_SDK_OFFSET_IS(struct hmm_sdk_device_info, mirror_reason, 88);
HMM_SDK_OFFSET_IS(struct hmm_sdk_device_info, memory_pages, 92);
HMM_SDK_OFFSET_IS(struct hmm_sdk_device_info, memory_free, 96);
HMM_SDK_OFFSET_IS(struct hmm_sdk_device_info, max_mirror_pages, 100);
HMM_SDK_OFFSET_IS(struct hmm_sdk_device_info, max_mapping_bytes, 104);
HMM_SDK_SIZE_IS(struct hmm_sdk_set_mask, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_set_mask, bits, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_set_mask, flags, 4);
HMM_SDK_SIZE_IS(struct hmm_sdk_buffer_alloc, 32);
HMM_SDK_OFFSET_IS(struct hmm_sdk_buffer_alloc, bytes, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_buffer_alloc, flags, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_buffer_alloc, buffer, 12);
HMM_SDK_OFFSET_IS(struct hmm_sdk_buffer_alloc, dma_page, 16);
HMM_SDK_OFFSET_IS(struct hmm_sdk_buffer_alloc, reason, 24);
HMM_SDK_OFFSET_IS(struct hmm_sdk_buffer_alloc, pad, 28);
HMM_SDK_SIZE_IS(struct hmm_sdk_buffer_free, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_buffer_free, buffer, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_buffer_free, flags, 4);
HMM_SDK_SIZE_IS(struct hmm_sdk_buffer_copy, 32);
HMM_SDK_OFFSET_IS(struct hmm_sdk_buffer_copy, buffer, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_buffer_copy, flags, 4);
HMM_SDK_OFFSET_IS(struct hmm_sdk_buffer_copy, offset, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_buffer_copy, length, 16);
HMM_SDK_OFFSET_IS(struct hmm_sdk_buffer_copy, data, 24);
HMM_SDK_SIZE_IS(struct hmm_sdk_dma_map, 56);
HMM_SDK_OFFSET_IS(struct hmm_sdk_dma_map, buffer, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_dma_map, direction, 4);
HMM_SDK_OFFSET_IS(struct hmm_sdk_dma_map, offset, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_dma_map, bytes, 16);
HMM_SDK_OFFSET_IS(struct hmm_sdk_dma_map, flags, 24);
HMM_SDK_OFFSET_IS(struct hmm_sdk_dma_map, mapping, 28);
HMM_SDK_OFFSET_IS(struct hmm_sdk_dma_map, dma_page, 32);
HMM_SDK_OFFSET_IS(struct hmm_sdk_dma_map, dma_offset, 40);
HMM_SDK_OFFSET_IS(struct hmm_sdk_dma_map, revocable, 44);
HMM_SDK_OFFSET_IS(struct hmm_sdk_dma_map, reason, 48);
HMM_SDK_OFFSET_IS(struct hmm_sdk_dma_map, pad, 52);
HMM_SDK_SIZE_IS(struct hmm_sdk_dma_unmap, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_dma_unmap, mapping, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_dma_unmap, flags, 4);
HMM_SDK_SIZE_IS(struct hmm_sdk_dma_sync, 24);
HMM_SDK_OFFSET_IS(struct hmm_sdk_dma_sync, mapping, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_dma_sync, target, 4);
HMM_SDK_OFFSET_IS(struct hmm_sdk_dma_sync, offset, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_dma_sync, bytes, 16);
HMM_SDK_SIZE_IS(struct hmm_sdk_dma_list_part, 24);
HMM_SDK_OFFSET_IS(struct hmm_sdk_dma_list_part, buffer, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_dma_list_part, pad, 4);
HMM_SDK_OFFSET_IS(struct hmm_sdk_dma_list_part, offset, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_dma_list_part, bytes, 16);
HMM_SDK_SIZE_IS(struct hmm_sdk_dma_segment, 16);
HMM_SDK_OFFSET_IS(struct hmm_sdk_dma_segment, dma_page, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_dma_segment, dma_offset, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_dma_segment, bytes, 12);
HMM_SDK_SIZE_IS(struct hmm_sdk_dma_list_map, 48);
HMM_SDK_OFFSET_IS(struct hmm_sdk_dma_list_map, parts, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_dma_list_map, segments, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_dma_list_map, nr_parts, 16);
HMM_SDK_OFFSET_IS(struct hmm_sdk_dma_list_map, max_segments, 20);
HMM_SDK_OFFSET_IS(struct hmm_sdk_dma_list_map, direction, 24);
HMM_SDK_OFFSET_IS(struct hmm_sdk_dma_list_map, flags, 28);
HMM_SDK_OFFSET_IS(struct hmm_sdk_dma_list_map, list, 32);
HMM_SDK_OFFSET_IS(struct hmm_sdk_dma_list_map, nr_segments, 36);
HMM_SDK_OFFSET_IS(struct hmm_sdk_dma_list_map, revocable, 40);
HMM_SDK_OFFSET_IS(struct hmm_sdk_dma_list_map, reason, 44);
HMM_SDK_SIZE_IS(struct hmm_sdk_dma_list_sync, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_dma_list_sync, list, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_dma_list_sync, target, 4);
HMM_SDK_SIZE_IS(struct hmm_sdk_dma_list_unmap, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_dma_list_unmap, list, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_dma_list_unmap, flags, 4);
HMM_SDK_SIZE_IS(struct hmm_sdk_peer_open, 32);
HMM_SDK_OFFSET_IS(struct hmm_sdk_peer_open, fd, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_peer_open, flags, 4);
HMM_SDK_OFFSET_IS(struct hmm_sdk_peer_open, bytes, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_peer_open, buffer, 16);
HMM_SDK_OFFSET_IS(struct hmm_sdk_peer_open, bar, 20);
HMM_SDK_OFFSET_IS(struct hmm_sdk_peer_open, route, 24);
HMM_SDK_OFFSET_IS(struct hmm_sdk_peer_open, reason, 28);
HMM_SDK_SIZE_IS(struct hmm_sdk_segment_limits, 24);
HMM_SDK_OFFSET_IS(struct hmm_sdk_segment_limits, max_bytes, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_segment_limits, min_align_mask, 4);
HMM_SDK_OFFSET_IS(struct hmm_sdk_segment_limits, boundary_mask, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_segment_limits, flags, 16);
HMM_SDK_OFFSET_IS(struct hmm_sdk_segment_limits, pad, 20);
HMM_SDK_SIZE_IS(struct hmm_sdk_window_open, 24);
HMM_SDK_OFFSET_IS(struct hmm_sdk_window_open, pages, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_window_open, flags, 4);
HMM_SDK_OFFSET_IS(struct hmm_sdk_window_open, window, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_window_open, reason, 12);
HMM_SDK_OFFSET_IS(struct hmm_sdk_window_open, dma_page, 16);
HMM_SDK_SIZE_IS(struct hmm_sdk_window_link, 32);
HMM_SDK_OFFSET_IS(struct hmm_sdk_window_link, window, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_window_link, buffer, 4);
HMM_SDK_OFFSET_IS(struct hmm_sdk_window_link, at, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_window_link, buffer_page, 12);
HMM_SDK_OFFSET_IS(struct hmm_sdk_window_link, pages, 16);
HMM_SDK_OFFSET_IS(struct hmm_sdk_window_link, direction, 20);
HMM_SDK_OFFSET_IS(struct hmm_sdk_window_link, reason, 24);
HMM_SDK_OFFSET_IS(struct hmm_sdk_window_link, flags, 28);
HMM_SDK_SIZE_IS(struct hmm_sdk_window_range, 16);
HMM_SDK_OFFSET_IS(struct hmm_sdk_window_range, window, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_window_range, flags, 4);
HMM_SDK_OFFSET_IS(struct hmm_sdk_window_range, at, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_window_range, pages, 12);
HMM_SDK_SIZE_IS(struct hmm_sdk_window_close, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_window_close, window, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_window_close, flags, 4);
HMM_SDK_SIZE_IS(struct hmm_sdk_register, 24);
HMM_SDK_OFFSET_IS(struct hmm_sdk_register, bar, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_register, width, 4);
HMM_SDK_OFFSET_IS(struct hmm_sdk_register, offset, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_register, value, 16);
HMM_SDK_SIZE_IS(struct hmm_sdk_irq, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_irq, vector, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_irq, enable, 4);
HMM_SDK_SIZE_IS(struct hmm_sdk_mirror_create, 64);
HMM_SDK_OFFSET_IS(struct hmm_sdk_mirror_create, space, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_mirror_create, flags, 4);
HMM_SDK_OFFSET_IS(struct hmm_sdk_mirror_create, start_page, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_mirror_create, pages, 16);
HMM_SDK_OFFSET_IS(struct hmm_sdk_mirror_create, mirror, 24);
HMM_SDK_OFFSET_IS(struct hmm_sdk_mirror_create, slot, 28);
HMM_SDK_OFFSET_IS(struct hmm_sdk_mirror_create, dma_page, 32);
HMM_SDK_OFFSET_IS(struct hmm_sdk_mirror_create, sequence, 40);
HMM_SDK_OFFSET_IS(struct hmm_sdk_mirror_create, event_seq, 48);
HMM_SDK_OFFSET_IS(struct hmm_sdk_mirror_create, reason, 56);
HMM_SDK_OFFSET_IS(struct hmm_sdk_mirror_create, pad, 60);
HMM_SDK_SIZE_IS(struct hmm_sdk_mirror_close, 16);
HMM_SDK_OFFSET_IS(struct hmm_sdk_mirror_close, mirror, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_mirror_close, flags, 4);
HMM_SDK_OFFSET_IS(struct hmm_sdk_mirror_close, unmapped, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_mirror_close, pad, 12);
HMM_SDK_SIZE_IS(struct hmm_sdk_read_begin, 24);
HMM_SDK_OFFSET_IS(struct hmm_sdk_read_begin, mirror, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_read_begin, flags, 4);
HMM_SDK_OFFSET_IS(struct hmm_sdk_read_begin, sequence, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_read_begin, event_seq, 16);
HMM_SDK_SIZE_IS(struct hmm_sdk_read_retry, 24);
HMM_SDK_OFFSET_IS(struct hmm_sdk_read_retry, mirror, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_read_retry, retry, 4);
HMM_SDK_OFFSET_IS(struct hmm_sdk_read_retry, sequence, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_read_retry, event_seq, 16);
HMM_SDK_SIZE_IS(struct hmm_sdk_fault, 72);
HMM_SDK_OFFSET_IS(struct hmm_sdk_fault, mirror, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_fault, flags, 4);
HMM_SDK_OFFSET_IS(struct hmm_sdk_fault, first, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_fault, pages, 12);
HMM_SDK_OFFSET_IS(struct hmm_sdk_fault, default_flags, 16);
HMM_SDK_OFFSET_IS(struct hmm_sdk_fault, mask, 20);
HMM_SDK_OFFSET_IS(struct hmm_sdk_fault, entries, 24);
HMM_SDK_OFFSET_IS(struct hmm_sdk_fault, deadline, 32);
HMM_SDK_OFFSET_IS(struct hmm_sdk_fault, seen, 40);
HMM_SDK_OFFSET_IS(struct hmm_sdk_fault, sequence, 48);
HMM_SDK_OFFSET_IS(struct hmm_sdk_fault, event_seq, 56);
HMM_SDK_OFFSET_IS(struct hmm_sdk_fault, failed_page, 64);
HMM_SDK_OFFSET_IS(struct hmm_sdk_fault, reason, 68);
HMM_SDK_SIZE_IS(struct hmm_sdk_map, 80);
HMM_SDK_OFFSET_IS(struct hmm_sdk_map, mirror, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_map, flags, 4);
HMM_SDK_OFFSET_IS(struct hmm_sdk_map, first, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_map, pages, 12);
HMM_SDK_OFFSET_IS(struct hmm_sdk_map, entries, 16);
HMM_SDK_OFFSET_IS(struct hmm_sdk_map, deadline, 24);
HMM_SDK_OFFSET_IS(struct hmm_sdk_map, seen, 32);
HMM_SDK_OFFSET_IS(struct hmm_sdk_map, event_seq, 40);
HMM_SDK_OFFSET_IS(struct hmm_sdk_map, sequence, 48);
HMM_SDK_OFFSET_IS(struct hmm_sdk_map, serial, 56);
HMM_SDK_OFFSET_IS(struct hmm_sdk_map, changed, 60);
HMM_SDK_OFFSET_IS(struct hmm_sdk_map, failed_page, 64);
HMM_SDK_OFFSET_IS(struct hmm_sdk_map, reason, 68);
HMM_SDK_OFFSET_IS(struct hmm_sdk_map, retries, 72);
HMM_SDK_OFFSET_IS(struct hmm_sdk_map, pad, 76);
HMM_SDK_SIZE_IS(struct hmm_sdk_commit_check, 32);
HMM_SDK_OFFSET_IS(struct hmm_sdk_commit_check, mirror, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_commit_check, flags, 4);
HMM_SDK_OFFSET_IS(struct hmm_sdk_commit_check, first, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_commit_check, pages, 12);
HMM_SDK_OFFSET_IS(struct hmm_sdk_commit_check, since, 16);
HMM_SDK_OFFSET_IS(struct hmm_sdk_commit_check, event_seq, 24);
HMM_SDK_SIZE_IS(struct hmm_sdk_unmap, 32);
HMM_SDK_OFFSET_IS(struct hmm_sdk_unmap, mirror, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_unmap, serial, 4);
HMM_SDK_OFFSET_IS(struct hmm_sdk_unmap, first, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_unmap, pages, 12);
HMM_SDK_OFFSET_IS(struct hmm_sdk_unmap, unmapped, 16);
HMM_SDK_OFFSET_IS(struct hmm_sdk_unmap, pad, 20);
HMM_SDK_OFFSET_IS(struct hmm_sdk_unmap, event_seq, 24);
HMM_SDK_SIZE_IS(struct hmm_sdk_migrate, 48);
HMM_SDK_OFFSET_IS(struct hmm_sdk_migrate, mirror, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_migrate, target, 4);
HMM_SDK_OFFSET_IS(struct hmm_sdk_migrate, first, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_migrate, pages, 12);
HMM_SDK_OFFSET_IS(struct hmm_sdk_migrate, declined, 16);
HMM_SDK_OFFSET_IS(struct hmm_sdk_migrate, outcomes, 24);
HMM_SDK_OFFSET_IS(struct hmm_sdk_migrate, moved, 32);
HMM_SDK_OFFSET_IS(struct hmm_sdk_migrate, done, 36);
HMM_SDK_OFFSET_IS(struct hmm_sdk_migrate, event_seq, 40);
HMM_SDK_SIZE_IS(struct hmm_sdk_evict, 16);
HMM_SDK_OFFSET_IS(struct hmm_sdk_evict, flags, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_evict, moved, 4);
HMM_SDK_OFFSET_IS(struct hmm_sdk_evict, left, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_evict, pad, 12);
HMM_SDK_SIZE_IS(struct hmm_sdk_cpu_fault_pages, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_cpu_fault_pages, pages, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_cpu_fault_pages, flags, 4);
HMM_SDK_SIZE_IS(struct hmm_sdk_engine_copy, 40);
HMM_SDK_OFFSET_IS(struct hmm_sdk_engine_copy, dma_page, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_engine_copy, offset, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_engine_copy, length, 16);
HMM_SDK_OFFSET_IS(struct hmm_sdk_engine_copy, flags, 20);
HMM_SDK_OFFSET_IS(struct hmm_sdk_engine_copy, data, 24);
HMM_SDK_OFFSET_IS(struct hmm_sdk_engine_copy, done, 32);
HMM_SDK_OFFSET_IS(struct hmm_sdk_engine_copy, source, 36);
HMM_SDK_SIZE_IS(struct hmm_sdk_engine_add, 32);
HMM_SDK_OFFSET_IS(struct hmm_sdk_engine_add, dma_page, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_engine_add, offset, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_engine_add, delta, 16);
HMM_SDK_OFFSET_IS(struct hmm_sdk_engine_add, old, 20);
HMM_SDK_OFFSET_IS(struct hmm_sdk_engine_add, flags, 24);
HMM_SDK_OFFSET_IS(struct hmm_sdk_engine_add, source, 28);
HMM_SDK_SIZE_IS(struct hmm_sdk_revocations, 24);
HMM_SDK_OFFSET_IS(struct hmm_sdk_revocations, dma_page, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_revocations, pages, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_revocations, mapped, 12);
HMM_SDK_OFFSET_IS(struct hmm_sdk_revocations, count, 16);
HMM_SDK_SIZE_IS(struct hmm_sdk_counters, 64);
HMM_SDK_OFFSET_IS(struct hmm_sdk_counters, device_faults, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_counters, pages_mapped, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_counters, pages_unmapped, 16);
HMM_SDK_OFFSET_IS(struct hmm_sdk_counters, invalidations, 24);
HMM_SDK_OFFSET_IS(struct hmm_sdk_counters, migrated_to_device, 32);
HMM_SDK_OFFSET_IS(struct hmm_sdk_counters, migrated_to_system, 40);
HMM_SDK_OFFSET_IS(struct hmm_sdk_counters, events_coalesced, 48);
HMM_SDK_OFFSET_IS(struct hmm_sdk_counters, events_dropped, 56);
HMM_SDK_SIZE_IS(struct hmm_sdk_event, 64);
HMM_SDK_OFFSET_IS(struct hmm_sdk_event, sequence, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_event, type, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_event, mirror, 12);
HMM_SDK_OFFSET_IS(struct hmm_sdk_event, kind, 16);
HMM_SDK_OFFSET_IS(struct hmm_sdk_event, flags, 20);
HMM_SDK_OFFSET_IS(struct hmm_sdk_event, first, 24);
HMM_SDK_OFFSET_IS(struct hmm_sdk_event, pages, 32);
HMM_SDK_OFFSET_IS(struct hmm_sdk_event, address, 40);
HMM_SDK_OFFSET_IS(struct hmm_sdk_event, count, 48);
HMM_SDK_OFFSET_IS(struct hmm_sdk_event, time, 56);
HMM_SDK_SIZE_IS(struct hmm_sdk_read_events, 40);
HMM_SDK_OFFSET_IS(struct hmm_sdk_read_events, events, 0);
HMM_SDK_OFFSET_IS(struct hmm_sdk_read_events, max, 8);
HMM_SDK_OFFSET_IS(struct hmm_sdk_read_events, count, 12);
HMM_SDK_OFFSET_IS(struct hmm_sdk_read_events, seen, 16);
HMM_SDK_OFFSET_IS(struct hmm_sdk_read_events, event_seq, 24);
HMM_SDK_OFFSET_IS(struct hmm_sdk_read_events, more, 32);
HMM_SDK_OFFSET_IS(struct hmm_sdk_read_events, pad, 36);
_Static_assert(HMM_SDK_IOC_GET_INFO == 0xc0b8e800, "GET_INFO");
_Static_assert(HMM_SDK_IOC_SPACE_BIND == 0xc008e801, "SPACE_BIND");
_Static_assert(HMM_SDK_IOC_SPACE_CLOSE == 0xc008e802, "SPACE_CLOSE");
_Static_assert(HMM_SDK_IOC_SPACE_EVENTS == 0xc010e803, "SPACE_EVENTS");
_Static_assert(HMM_SDK_IOC_DEVICE_OPEN == 0xc020e808, "DEVICE_OPEN");
_Static_assert(HMM_SDK_IOC_DEVICE_INFO == 0xc070e810, "DEVICE_INFO");
_Static_assert(HMM_SDK_IOC_SET_MASK == 0xc008e811, "SET_MASK");
_Static_assert(HMM_SDK_IOC_BUFFER_ALLOC == 0xc020e812, "BUFFER_ALLOC");
_Static_assert(HMM_SDK_IOC_COHERENT_ALLOC == 0xc020e813, "COHERENT_ALLOC");
_Static_assert(HMM_SDK_IOC_BUFFER_FREE == 0xc008e814, "BUFFER_FREE");
_Static_assert(HMM_SDK_IOC_BUFFER_READ == 0xc020e815, "BUFFER_READ");
_Static_assert(HMM_SDK_IOC_BUFFER_WRITE == 0xc020e816, "BUFFER_WRITE");
_Static_assert(HMM_SDK_IOC_DMA_MAP == 0xc038e817, "DMA_MAP");
_Static_assert(HMM_SDK_IOC_DMA_UNMAP == 0xc008e818, "DMA_UNMAP");
_Static_assert(HMM_SDK_IOC_DMA_SYNC == 0xc018e819, "DMA_SYNC");
_Static_assert(HMM_SDK_IOC_WINDOW_OPEN == 0xc018e81a, "WINDOW_OPEN");
_Static_assert(HMM_SDK_IOC_WINDOW_LINK == 0xc020e81b, "WINDOW_LINK");
_Static_assert(HMM_SDK_IOC_WINDOW_SYNC == 0xc010e81c, "WINDOW_SYNC");
_Static_assert(HMM_SDK_IOC_WINDOW_UNLINK == 0xc010e81d, "WINDOW_UNLINK");
_Static_assert(HMM_SDK_IOC_WINDOW_CLOSE == 0xc008e81e, "WINDOW_CLOSE");
_Static_assert(HMM_SDK_IOC_DMA_LIST_MAP == 0xc030e81f, "DMA_LIST_MAP");
_Static_assert(HMM_SDK_IOC_DMA_LIST_SYNC == 0xc008e824, "DMA_LIST_SYNC");
_Static_assert(HMM_SDK_IOC_DMA_LIST_UNMAP == 0xc008e825, "DMA_LIST_UNMAP");
_Static_assert(HMM_SDK_IOC_PEER_OPEN == 0xc020e827, "PEER_OPEN");
_Static_assert(HMM_SDK_IOC_SEGMENT_LIMITS == 0xc018e826, "SEGMENT_LIMITS");
_Static_assert(HMM_SDK_IOC_REG_READ == 0xc018e820, "REG_READ");
_Static_assert(HMM_SDK_IOC_REG_WRITE == 0xc018e821, "REG_WRITE");
_Static_assert(HMM_SDK_IOC_IRQ_LISTEN == 0xc008e822, "IRQ_LISTEN");
_Static_assert(HMM_SDK_IOC_IRQ_UNMASK == 0xc008e823, "IRQ_UNMASK");
_Static_assert(HMM_SDK_IOC_MIRROR_CREATE == 0xc040e828, "MIRROR_CREATE");
_Static_assert(HMM_SDK_IOC_MIRROR_CLOSE == 0xc010e829, "MIRROR_CLOSE");
_Static_assert(HMM_SDK_IOC_READ_BEGIN == 0xc018e82a, "READ_BEGIN");
_Static_assert(HMM_SDK_IOC_READ_RETRY == 0xc018e82b, "READ_RETRY");
_Static_assert(HMM_SDK_IOC_FAULT == 0xc048e82c, "FAULT");
_Static_assert(HMM_SDK_IOC_MAP == 0xc050e82d, "MAP");
_Static_assert(HMM_SDK_IOC_COMMIT_CHECK == 0xc020e82e, "COMMIT_CHECK");
_Static_assert(HMM_SDK_IOC_UNDO == 0xc020e82f, "UNDO");
_Static_assert(HMM_SDK_IOC_UNMAP == 0xc020e830, "UNMAP");
_Static_assert(HMM_SDK_IOC_EXCLUSIVE == 0xc050e831, "EXCLUSIVE");
_Static_assert(HMM_SDK_IOC_MIGRATE == 0xc030e838, "MIGRATE");
_Static_assert(HMM_SDK_IOC_EVICT == 0xc010e839, "EVICT");
_Static_assert(HMM_SDK_IOC_SET_CPU_FAULT_PAGES == 0xc008e83a, "SET_CPU_FAULT_PAGES");
_Static_assert(HMM_SDK_IOC_ENGINE_READ == 0xc028e840, "ENGINE_READ");
_Static_assert(HMM_SDK_IOC_ENGINE_WRITE == 0xc028e841, "ENGINE_WRITE");
_Static_assert(HMM_SDK_IOC_ENGINE_FETCH_ADD == 0xc020e842, "ENGINE_FETCH_ADD");
_Static_assert(HMM_SDK_IOC_REVOCATIONS == 0xc018e843, "REVOCATIONS");
_Static_assert(HMM_SDK_IOC_COUNTERS == 0xc040e844, "COUNTERS");
_Static_assert(HMM_SDK_IOC_READ_EVENTS == 0xc028e845, "READ_EVENTS");
#undef HMM_SDK_OFFSET_IS
#undef HMM_SDK_SIZE_IS
#endif

#endif /* HMM_SDK_UAPI_H */
