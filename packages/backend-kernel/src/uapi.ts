// Made by ../uapi/generate.mjs from ../uapi/table.mjs: do not edit.

/** Scalar types of the binary interface; all little-endian. */
export type UapiType = 'u8' | 'u16' | 'u32' | 's32' | 'u64' | 's64'

/** Where a field is in its struct. `count` is 1 but for arrays. */
export interface UapiField {
  readonly offset: number
  readonly type: UapiType
  readonly count: number
}

/** A struct: its size in bytes and its fields by name. */
export interface UapiStruct {
  readonly size: number
  readonly fields: Readonly<Record<string, UapiField>>
}

export const ABI_VERSION = 1

// Bits of info.capabilities
/** entries of a range fault hold page frames (CAP_SYS_ADMIN), not opaque identities */
export const CAP_PHYSICAL = 1
/** software devices may have device-private memory */
export const CAP_MEMORY = 2
/** device-exclusive access */
export const CAP_EXCLUSIVE = 4
/** two-step IOVA windows on PCI devices */
export const CAP_DMA_IOVA = 8
/** faults may drop the mmap lock (userfaultfd works) */
export const CAP_UNLOCKED_FAULT = 0x10
/** software devices may have device-coherent memory */
export const CAP_COHERENT = 0x80
/** this process may open PCI devices (CAP_SYS_RAWIO, no lockdown) */
export const CAP_PCI = 0x20
/** PCI devices may map the memory of each other (CONFIG_PCI_P2PDMA) */
export const CAP_PEER = 0x40

// Kinds of device
/** the software device of the module */
export const DEVICE_SOFT = 0
/** a PCI device bound to the module's driver */
export const DEVICE_PCI = 1

// Flags of DEVICE_OPEN
/** choose the PCI device by pci_address, not by vendor and device */
export const OPEN_BY_ADDRESS = 1
/** the memory of the software device is device-coherent, not device-private */
export const OPEN_COHERENT = 2

// Bits of device_info.capabilities
/** mirrors may be mapped for DMA; otherwise mirror_reason says why not */
export const DEV_MIRROR = 1
/** DMA_MAP, DMA_UNMAP, DMA_SYNC */
export const DEV_STREAMING = 2
/** COHERENT_ALLOC */
export const DEV_COHERENT_ALLOC = 4
/** WINDOW_* */
export const DEV_WINDOW = 8
/** REG_READ, REG_WRITE */
export const DEV_REGISTERS = 0x10
/** interrupt events */
export const DEV_INTERRUPTS = 0x20
/** ENGINE_READ, ENGINE_WRITE */
export const DEV_ENGINE = 0x40
/** ENGINE_FETCH_ADD */
export const DEV_ATOMICS = 0x80
/** MIGRATE, EVICT */
export const DEV_MEMORY = 0x100
/** that memory is device-coherent: the CPU reaches it, and SET_CPU_FAULT_PAGES is EOPNOTSUPP */
export const DEV_MEMORY_COHERENT = 0x100000
/** EXCLUSIVE */
export const DEV_EXCLUSIVE = 0x200
/** a translation stands before the device that the module can revoke */
export const DEV_TRANSLATING = 0x400
/** device and CPU see the same data without sync */
export const DEV_CACHE_COHERENT = 0x800
/** an access to a revoked page fails exactly, and is reported */
export const DEV_EXACT_FAULT = 0x1000
/** an access after DMA_UNMAP is sure to fault */
export const DEV_STRICT = 0x2000
/** MIGRATE moves huge pages whole */
export const DEV_MEMORY_HUGE = 0x40000
/** the only vector is a level-triggered line: masked at each interrupt until IRQ_UNMASK */
export const DEV_INTX = 0x4000
/** mappings, or those that fill no pages, go through bounce buffers */
export const DEV_BOUNCE = 0x8000
/** DMA_LIST_*, SEGMENT_LIMITS */
export const DEV_LIST = 0x10000
/** ATTR_* in the flags of DMA_MAP, DMA_LIST_MAP, COHERENT_ALLOC */
export const DEV_ATTRIBUTES = 0x20000
/** PEER_OPEN; a device that is bound to the module has memory for peers */
export const DEV_PEER = 0x80000

// Domain types
/** no IOMMU before the device */
export const DOMAIN_NONE = 0
export const DOMAIN_IDENTITY = 1
export const DOMAIN_BLOCKED = 2
export const DOMAIN_UNMANAGED = 3
/** strict */
export const DOMAIN_DMA = 4
/** lazy: classic unmaps are flushed later */
export const DOMAIN_DMA_FQ = 5
/** the software device's own translation */
export const DOMAIN_SOFT = 6

// Reasons, which go with an errno
export const REASON_NONE = 0
/** no IOMMU, or an identity domain: unmapping revokes nothing */
export const REASON_NOT_TRANSLATING = 1
/** the device needs bounce buffers */
export const REASON_BOUNCE = 2
/** the device needs cache maintenance */
export const REASON_NOT_COHERENT = 3
/** the device caches translations itself (ATS) */
export const REASON_ATS = 4
/** the kernel has no dma_iova_* (before 6.16): a freed IOVA is handed out again at once */
export const REASON_NO_IOVA_API = 5
/** no IOVA window of that size */
export const REASON_NO_IOVA_SPACE = 6
/** a page is peer memory reached by bus address */
export const REASON_PEER_BUS = 7
/** secretmem: the kernel itself has no mapping of it */
export const REASON_SECRET = 8
/** no mapping at that address, or one that cannot be accessed (PROT_NONE, I/O memory) */
export const REASON_HOLE = 9
/** the mapping is read-only */
export const REASON_READ_ONLY = 0xa
/** the page could not be faulted in */
export const REASON_FAULT = 0xb
/** the DMA layer could not link the page */
export const REASON_LINK = 0xc
/** not reachable under the DMA mask */
export const REASON_MASK = 0xd
/** needs CAP_SYS_RAWIO */
export const REASON_PERMISSION = 0xe
/** the kernel is locked down */
export const REASON_LOCKDOWN = 0xf
/** the device is open already */
export const REASON_IN_USE = 0x10
/** interrupt messages are not isolated */
export const REASON_MSI = 0x11
/** another driver shares the IOMMU group */
export const REASON_GROUP = 0x12
/** invalidations kept coming in between */
export const REASON_INVALIDATED = 0x13
/** only anonymous memory can be exclusive */
export const REASON_NOT_ANONYMOUS = 0x14
/** the CPU keeps taking exclusive pages back */
export const REASON_CONTENDED = 0x15
/** the IOMMU domain is not one that the DMA API owns */
export const REASON_UNKNOWN_DOMAIN = 0x16
/** a limit of the module: see info */
export const REASON_LIMIT = 0x17
/** RLIMIT_MEMLOCK */
export const REASON_MEMLOCK = 0x18
/** no place in the bounce buffers */
export const REASON_BOUNCE_FULL = 0x19
/** the module was given no memory for device-coherent pages */
export const REASON_NOT_RESERVED = 0x1b
/** no way to the peer: different host bridges, or one not allow-listed */
export const REASON_PEER_ROUTE = 0x1a

// Routes to the memory of a peer
/** by the peer's bus address, past every IOMMU */
export const ROUTE_BUS = 1
/** through the host bridge, as any memory */
export const ROUTE_HOST_BRIDGE = 2

// Bits of an entry: the high 32 bits
/** out: may be accessed; in: fault it */
export const ENTRY_VALID = 0x80000000
/** out: may be written; in: fault it for writing */
export const ENTRY_WRITE = 0x40000000
/** can never be accessed */
export const ENTRY_ERROR = 0x20000000
/** the page field is a DMA page */
export const ENTRY_DMA_MAPPED = 0x10000000
export const ENTRY_PEER = 0x8000000
export const ENTRY_PEER_BUS = 0x4000000
/** in the device's own memory */
export const ENTRY_DEVICE = 0x2000000
/** the device has exclusive access */
export const ENTRY_EXCLUSIVE = 0x1000000
export const ENTRY_ORDER_SHIFT = 0x13
export const ENTRY_ORDER_MASK = 0x1f
export const ENTRY_PAGE_HIGH_MASK = 0x7ffff

// Flags of READ_BEGIN, FAULT, MAP
/** never block and never fault: only what is present, else EAGAIN */
export const NOWAIT = 1
/** MAP: for reading and writing, else reading only */
export const MAP_WRITE = 2
/** MAP: fault nothing; pages that are not present are left out (no VALID) */
export const MAP_PRESENT = 4

// Directions of DMA
export const BIDIRECTIONAL = 0
export const TO_DEVICE = 1
export const FROM_DEVICE = 2

// Attributes, with the bits of the kernel
export const ATTR_WEAK_ORDERING = 2
/** COHERENT_ALLOC only */
export const ATTR_WRITE_COMBINE = 4
/** mappings only */
export const ATTR_SKIP_CPU_SYNC = 0x20
/** COHERENT_ALLOC only */
export const ATTR_FORCE_CONTIGUOUS = 0x40
/** mappings only */
export const ATTR_IGNORE_CACHELINES = 0x800
/** mappings only: EOPNOTSUPP + NOT_COHERENT or BOUNCE */
export const ATTR_REQUIRE_COHERENT = 0x1000

// Limits of lists
export const MAX_LIST_PARTS = 0x400
export const MAX_LIST_SEGMENTS = 0x1000

// mmap of a context descriptor: zeroed pages of the module (vm_insert_page)
/** of one mapping of a context, at page 0 or what follows */
export const MAX_DRIVER_PAGES = 0x400
/** page of the offset: VM_IO, VM_PFNMAP, read-only */
export const DRIVER_PAGES_IO = 1
/** page of the offset: VM_MIXEDMAP without a struct page, read-only */
export const DRIVER_PAGES_BARE = 2

// Flags of SEGMENT_LIMITS
/** sets them; without it they are told */
export const SEGMENT_LIMITS_SET = 1

// Whom DMA_SYNC and DMA_LIST_SYNC are for
export const SYNC_CPU = 0
export const SYNC_DEVICE = 1

// Where MIGRATE goes
/** to device memory */
export const TO_MEMORY = 0
/** to system memory */
export const TO_SYSTEM = 1
/** flag: page by page; huge pages are split */
export const TO_SINGLE = 2

// Outcomes of MIGRATE: indexes into MIGRATE_OUTCOMES of hmm-api
export const OUTCOME_MIGRATED = 0
export const OUTCOME_POPULATED = 1
export const OUTCOME_DECLINED = 2
export const OUTCOME_ALREADY_THERE = 3
export const OUTCOME_NOT_PRESENT = 4
export const OUTCOME_NOT_ANONYMOUS = 5
export const OUTCOME_FOREIGN_DEVICE = 6
export const OUTCOME_BUSY = 7
export const OUTCOME_NO_MEMORY = 8
export const OUTCOME_LOST_RACE = 9

// Types of event
/** kind, first, pages, flags; count = DMA pages that were revoked */
export const EVENT_INVALIDATE = 1
/** the address space of the mirror is gone; once, after its release invalidation */
export const EVENT_RELEASED = 2
/** address = DMA byte address, kind = access, flags = source; may be dropped */
export const EVENT_DEVICE_FAULT = 3
/** kind = vector, count = interrupts since the last event; sequence is 0 */
export const EVENT_INTERRUPT = 4
/** the CPU touched device memory: count = pages that came back; sequence is 0; coalesced */
export const EVENT_CPU_FAULT = 5

// Kinds of invalidation: index + 1 into InvalidateKind of hmm-api
export const KIND_UNMAP = 1
export const KIND_CLEAR = 2
export const KIND_PROTECTION_VMA = 3
export const KIND_PROTECTION_PAGE = 4
export const KIND_SOFT_DIRTY = 5
export const KIND_RELEASE = 6
export const KIND_MIGRATE = 7
export const KIND_EXCLUSIVE = 8

// Flags of EVENT_INVALIDATE
/** caused by the device's own migration or exclusive grant */
export const EVENT_SELF = 1
/** raised where the kernel cannot wait */
export const EVENT_NONBLOCKABLE = 2
/** several in one: the hull of their ranges; kind is that of the last */
export const EVENT_COALESCED = 4

// Accesses of EVENT_DEVICE_FAULT
export const ACCESS_READ = 0
export const ACCESS_WRITE = 1
export const ACCESS_ATOMIC = 2

// Sources of EVENT_DEVICE_FAULT
/** nothing was ever mapped there */
export const SOURCE_NOT_MAPPED = 0
/** a page of a mirror that is not mapped now */
export const SOURCE_REVOKED = 1
/** a write to a page mapped for reading only, or the wrong direction */
export const SOURCE_PERMISSION = 2
/** the memory itself could not be read */
export const SOURCE_POISON = 3

// Layout of the shared page: mmap(fd of a device, offset 0, one page, PROT_READ)
/** byte offset of a u64: sequence of the newest event queued */
export const SHARED_EVENT_SEQ = 0
/** byte offset of a u32: not zero while READ_EVENTS has something */
export const SHARED_UNREAD = 8
/** byte offset of u64[504]: a mirror's sequence is element `slot` */
export const SHARED_MIRRORS = 0x40

/** `struct hmm_sdk_info`: GET_INFO. */
export const Info = {
  size: 184,
  fields: {
    /** in/out: ABI_VERSION of the caller; returns that of the module */
    abi: { offset: 0, type: 'u32', count: 1 },
    /** 0 */
    flags: { offset: 4, type: 'u32', count: 1 },
    /** out: CAP_* */
    capabilities: { offset: 8, type: 'u64', count: 1 },
    /** out: LINUX_VERSION_CODE the module was built for */
    kernel: { offset: 16, type: 'u32', count: 1 },
    /** out */
    pageShift: { offset: 20, type: 'u32', count: 1 },
    /** out: of a context */
    maxSpaces: { offset: 24, type: 'u32', count: 1 },
    /** out: open at a time, of a context */
    maxDevices: { offset: 28, type: 'u32', count: 1 },
    /** out: of a device */
    maxMirrors: { offset: 32, type: 'u32', count: 1 },
    /** out: of one mirror */
    maxMirrorPages: { offset: 36, type: 'u32', count: 1 },
    /** out: of one FAULT */
    maxFaultPages: { offset: 40, type: 'u32', count: 1 },
    /** out: of one MAP */
    maxMapPages: { offset: 44, type: 'u32', count: 1 },
    /** out: of one EXCLUSIVE */
    maxExclusivePages: { offset: 48, type: 'u32', count: 1 },
    /** out: of one MIGRATE */
    maxMigratePages: { offset: 52, type: 'u32', count: 1 },
    /** out: of one ENGINE_READ or ENGINE_WRITE */
    maxEngineBytes: { offset: 56, type: 'u32', count: 1 },
    /** out: buffers, and also mappings, of a device */
    maxBuffers: { offset: 60, type: 'u32', count: 1 },
    /** out: of one buffer */
    maxBufferBytes: { offset: 64, type: 'u64', count: 1 },
    /** out: of a device */
    maxWindows: { offset: 72, type: 'u32', count: 1 },
    /** out: of one window */
    maxWindowPages: { offset: 76, type: 'u32', count: 1 },
    /** out: device memory of one software device */
    maxMemoryPages: { offset: 80, type: 'u32', count: 1 },
    /** out: of one READ_EVENTS */
    maxEvents: { offset: 84, type: 'u32', count: 1 },
    /** out: version of the module, text */
    version: { offset: 88, type: 'u8', count: 32 },
    /** out: release of the running kernel, text */
    release: { offset: 120, type: 'u8', count: 64 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_space_bind`: SPACE_BIND. */
export const SpaceBind = {
  size: 8,
  fields: {
    /** 0 */
    flags: { offset: 0, type: 'u32', count: 1 },
    /** out: id in the context, never 0, never used again */
    space: { offset: 4, type: 'u32', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_space_close`: SPACE_CLOSE. */
export const SpaceClose = {
  size: 8,
  fields: {
    space: { offset: 0, type: 'u32', count: 1 },
    /** 0 */
    flags: { offset: 4, type: 'u32', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_space_events`: SPACE_EVENTS. */
export const SpaceEvents = {
  size: 16,
  fields: {
    /** pointer to u32[max]: ids of spaces that were released */
    spaces: { offset: 0, type: 'u64', count: 1 },
    /** 1..64 */
    max: { offset: 8, type: 'u32', count: 1 },
    /** out */
    count: { offset: 12, type: 'u32', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_device_open`: DEVICE_OPEN. */
export const DeviceOpen = {
  size: 32,
  fields: {
    /** DEVICE_* */
    kind: { offset: 0, type: 'u32', count: 1 },
    /** OPEN_* */
    flags: { offset: 4, type: 'u32', count: 1 },
    /** PCI by id; else 0 */
    vendor: { offset: 8, type: 'u32', count: 1 },
    /** PCI by id; else 0 */
    device: { offset: 12, type: 'u32', count: 1 },
    /** domain << 16 | bus << 8 | slot << 3 | function, with OPEN_BY_ADDRESS; else 0 */
    pciAddress: { offset: 16, type: 'u32', count: 1 },
    /** soft: pages of device memory, 0 for none; PCI: 0 */
    memoryPages: { offset: 20, type: 'u32', count: 1 },
    /** out: the device descriptor, close-on-exec */
    fd: { offset: 24, type: 's32', count: 1 },
    /** out+err: REASON_* */
    reason: { offset: 28, type: 'u32', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_device_info`: DEVICE_INFO. */
export const DeviceInfo = {
  size: 112,
  fields: {
    /** out: DEVICE_* */
    kind: { offset: 0, type: 'u32', count: 1 },
    /** 0 */
    flags: { offset: 4, type: 'u32', count: 1 },
    /** out: DEV_* */
    capabilities: { offset: 8, type: 'u64', count: 1 },
    /** out */
    vendor: { offset: 16, type: 'u32', count: 1 },
    /** out */
    device: { offset: 20, type: 'u32', count: 1 },
    /** out */
    pciAddress: { offset: 24, type: 'u32', count: 1 },
    /** out */
    vectors: { offset: 28, type: 'u32', count: 1 },
    /** out: bytes; 0 where there is none */
    bars: { offset: 32, type: 'u64', count: 6 },
    /** out: DMA mask in force */
    maskBits: { offset: 80, type: 'u32', count: 1 },
    /** out: DOMAIN_* */
    domain: { offset: 84, type: 'u32', count: 1 },
    /** out: REASON_* why mirrors cannot be mapped */
    mirrorReason: { offset: 88, type: 'u32', count: 1 },
    /** out: pages of device memory */
    memoryPages: { offset: 92, type: 'u32', count: 1 },
    /** out: of them free now */
    memoryFree: { offset: 96, type: 'u32', count: 1 },
    /** out: of one mirror of this device */
    maxMirrorPages: { offset: 100, type: 'u32', count: 1 },
    /** out: of one DMA_MAP */
    maxMappingBytes: { offset: 104, type: 'u64', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_set_mask`: SET_MASK. */
export const SetMask = {
  size: 8,
  fields: {
    /** 1..64 */
    bits: { offset: 0, type: 'u32', count: 1 },
    /** 0 */
    flags: { offset: 4, type: 'u32', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_buffer_alloc`: BUFFER_ALLOC, COHERENT_ALLOC. */
export const BufferAlloc = {
  size: 32,
  fields: {
    /** 1..max_buffer_bytes; rounded up to pages */
    bytes: { offset: 0, type: 'u64', count: 1 },
    /** COHERENT_ALLOC: ATTR_*; else 0 */
    flags: { offset: 8, type: 'u32', count: 1 },
    /** out: id */
    buffer: { offset: 12, type: 'u32', count: 1 },
    /** out: COHERENT_ALLOC: where the device sees it */
    dmaPage: { offset: 16, type: 'u64', count: 1 },
    /** out+err: REASON_* */
    reason: { offset: 24, type: 'u32', count: 1 },
    /** 0 */
    pad: { offset: 28, type: 'u32', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_buffer_free`: BUFFER_FREE. */
export const BufferFree = {
  size: 8,
  fields: {
    buffer: { offset: 0, type: 'u32', count: 1 },
    /** 0 */
    flags: { offset: 4, type: 'u32', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_buffer_copy`: BUFFER_READ, BUFFER_WRITE. */
export const BufferCopy = {
  size: 32,
  fields: {
    buffer: { offset: 0, type: 'u32', count: 1 },
    /** 0 */
    flags: { offset: 4, type: 'u32', count: 1 },
    offset: { offset: 8, type: 'u64', count: 1 },
    length: { offset: 16, type: 'u64', count: 1 },
    /** pointer */
    data: { offset: 24, type: 'u64', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_dma_map`: DMA_MAP. */
export const DmaMap = {
  size: 56,
  fields: {
    buffer: { offset: 0, type: 'u32', count: 1 },
    direction: { offset: 4, type: 'u32', count: 1 },
    /** bytes from the start of the buffer */
    offset: { offset: 8, type: 'u64', count: 1 },
    bytes: { offset: 16, type: 'u64', count: 1 },
    /** ATTR_* */
    flags: { offset: 24, type: 'u32', count: 1 },
    /** out: id */
    mapping: { offset: 28, type: 'u32', count: 1 },
    /** out */
    dmaPage: { offset: 32, type: 'u64', count: 1 },
    /** out: byte offset of the first mapped byte in dma_page */
    dmaOffset: { offset: 40, type: 'u32', count: 1 },
    /** out: 1 if an access after DMA_UNMAP is sure to fault */
    revocable: { offset: 44, type: 'u32', count: 1 },
    /** out+err: REASON_* */
    reason: { offset: 48, type: 'u32', count: 1 },
    /** 0 */
    pad: { offset: 52, type: 'u32', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_dma_unmap`: DMA_UNMAP. */
export const DmaUnmap = {
  size: 8,
  fields: {
    mapping: { offset: 0, type: 'u32', count: 1 },
    /** 0 */
    flags: { offset: 4, type: 'u32', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_dma_sync`: DMA_SYNC. */
export const DmaSync = {
  size: 24,
  fields: {
    mapping: { offset: 0, type: 'u32', count: 1 },
    /** SYNC_* */
    target: { offset: 4, type: 'u32', count: 1 },
    /** bytes from the start of the mapping */
    offset: { offset: 8, type: 'u64', count: 1 },
    bytes: { offset: 16, type: 'u64', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_dma_list_part`: an element of dma_list_map.parts. */
export const DmaListPart = {
  size: 24,
  fields: {
    buffer: { offset: 0, type: 'u32', count: 1 },
    /** 0 */
    pad: { offset: 4, type: 'u32', count: 1 },
    /** bytes from the start of the buffer */
    offset: { offset: 8, type: 'u64', count: 1 },
    bytes: { offset: 16, type: 'u64', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_dma_segment`: an element of dma_list_map.segments. */
export const DmaSegment = {
  size: 16,
  fields: {
    /** out */
    dmaPage: { offset: 0, type: 'u64', count: 1 },
    /** out: byte offset of its first byte in dma_page */
    dmaOffset: { offset: 8, type: 'u32', count: 1 },
    /** out */
    bytes: { offset: 12, type: 'u32', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_dma_list_map`: DMA_LIST_MAP. */
export const DmaListMap = {
  size: 48,
  fields: {
    /** pointer to dma_list_part[nr_parts] */
    parts: { offset: 0, type: 'u64', count: 1 },
    /** pointer to dma_segment[max_segments] */
    segments: { offset: 8, type: 'u64', count: 1 },
    /** 1..MAX_LIST_PARTS */
    nrParts: { offset: 16, type: 'u32', count: 1 },
    /** 1..MAX_LIST_SEGMENTS */
    maxSegments: { offset: 20, type: 'u32', count: 1 },
    direction: { offset: 24, type: 'u32', count: 1 },
    /** ATTR_* */
    flags: { offset: 28, type: 'u32', count: 1 },
    /** out: id */
    list: { offset: 32, type: 'u32', count: 1 },
    /** out: how many were written */
    nrSegments: { offset: 36, type: 'u32', count: 1 },
    /** out: 1 if an access after DMA_LIST_UNMAP is sure to fault */
    revocable: { offset: 40, type: 'u32', count: 1 },
    /** out+err: REASON_* */
    reason: { offset: 44, type: 'u32', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_dma_list_sync`: DMA_LIST_SYNC. */
export const DmaListSync = {
  size: 8,
  fields: {
    list: { offset: 0, type: 'u32', count: 1 },
    /** SYNC_* */
    target: { offset: 4, type: 'u32', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_dma_list_unmap`: DMA_LIST_UNMAP. */
export const DmaListUnmap = {
  size: 8,
  fields: {
    list: { offset: 0, type: 'u32', count: 1 },
    /** 0 */
    flags: { offset: 4, type: 'u32', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_peer_open`: PEER_OPEN. */
export const PeerOpen = {
  size: 32,
  fields: {
    /** device descriptor of the peer, or of the device itself */
    fd: { offset: 0, type: 's32', count: 1 },
    /** 0 */
    flags: { offset: 4, type: 'u32', count: 1 },
    /** out: size of the buffer */
    bytes: { offset: 8, type: 'u64', count: 1 },
    /** out: id */
    buffer: { offset: 16, type: 'u32', count: 1 },
    /** out: where the peer shows it */
    bar: { offset: 20, type: 'u32', count: 1 },
    /** out: ROUTE_* */
    route: { offset: 24, type: 'u32', count: 1 },
    /** out+err: REASON_* */
    reason: { offset: 28, type: 'u32', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_segment_limits`: SEGMENT_LIMITS. */
export const SegmentLimits = {
  size: 24,
  fields: {
    /** in/out: 512 or more: most bytes of a segment */
    maxBytes: { offset: 0, type: 'u32', count: 1 },
    /** in/out: 0..0xffff, one less than a power of two */
    minAlignMask: { offset: 4, type: 'u32', count: 1 },
    /** in/out: 511..0xffffffff, one less than a power of two */
    boundaryMask: { offset: 8, type: 'u64', count: 1 },
    /** SEGMENT_LIMITS_SET */
    flags: { offset: 16, type: 'u32', count: 1 },
    /** 0 */
    pad: { offset: 20, type: 'u32', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_window_open`: WINDOW_OPEN. */
export const WindowOpen = {
  size: 24,
  fields: {
    /** 1..max_window_pages */
    pages: { offset: 0, type: 'u32', count: 1 },
    /** 0 */
    flags: { offset: 4, type: 'u32', count: 1 },
    /** out: id */
    window: { offset: 8, type: 'u32', count: 1 },
    /** out+err: REASON_* */
    reason: { offset: 12, type: 'u32', count: 1 },
    /** out: first page */
    dmaPage: { offset: 16, type: 'u64', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_window_link`: WINDOW_LINK. */
export const WindowLink = {
  size: 32,
  fields: {
    window: { offset: 0, type: 'u32', count: 1 },
    buffer: { offset: 4, type: 'u32', count: 1 },
    /** page of the window */
    at: { offset: 8, type: 'u32', count: 1 },
    /** page of the buffer */
    bufferPage: { offset: 12, type: 'u32', count: 1 },
    pages: { offset: 16, type: 'u32', count: 1 },
    direction: { offset: 20, type: 'u32', count: 1 },
    /** out+err: REASON_* */
    reason: { offset: 24, type: 'u32', count: 1 },
    /** 0 */
    flags: { offset: 28, type: 'u32', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_window_range`: WINDOW_SYNC, WINDOW_UNLINK. */
export const WindowRange = {
  size: 16,
  fields: {
    window: { offset: 0, type: 'u32', count: 1 },
    /** 0 */
    flags: { offset: 4, type: 'u32', count: 1 },
    at: { offset: 8, type: 'u32', count: 1 },
    pages: { offset: 12, type: 'u32', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_window_close`: WINDOW_CLOSE. */
export const WindowClose = {
  size: 8,
  fields: {
    window: { offset: 0, type: 'u32', count: 1 },
    /** 0 */
    flags: { offset: 4, type: 'u32', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_register`: REG_READ, REG_WRITE. */
export const Register = {
  size: 24,
  fields: {
    bar: { offset: 0, type: 'u32', count: 1 },
    /** 4 or 8 */
    width: { offset: 4, type: 'u32', count: 1 },
    /** aligned to width, inside the BAR */
    offset: { offset: 8, type: 'u64', count: 1 },
    /** in/out: REG_READ returns it */
    value: { offset: 16, type: 'u64', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_irq`: IRQ_LISTEN, IRQ_UNMASK. */
export const Irq = {
  size: 8,
  fields: {
    /** IRQ_LISTEN: 0 */
    vector: { offset: 0, type: 'u32', count: 1 },
    /** IRQ_LISTEN: 1 to deliver events, 0 to drop them; IRQ_UNMASK: 0 */
    enable: { offset: 4, type: 'u32', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_mirror_create`: MIRROR_CREATE. */
export const MirrorCreate = {
  size: 64,
  fields: {
    /** of the context that opened the device */
    space: { offset: 0, type: 'u32', count: 1 },
    /** 0 */
    flags: { offset: 4, type: 'u32', count: 1 },
    /** first page number in the process */
    startPage: { offset: 8, type: 'u64', count: 1 },
    /** 1..max_mirror_pages */
    pages: { offset: 16, type: 'u64', count: 1 },
    /** out: id, never 0, never used again */
    mirror: { offset: 24, type: 'u32', count: 1 },
    /** out: index in the shared page */
    slot: { offset: 28, type: 'u32', count: 1 },
    /** out: page i of the mirror is DMA page dma_page + i while it is mapped; 0 without DEV_MIRROR */
    dmaPage: { offset: 32, type: 'u64', count: 1 },
    /** out: as READ_BEGIN */
    sequence: { offset: 40, type: 'u64', count: 1 },
    /** out */
    eventSeq: { offset: 48, type: 'u64', count: 1 },
    /** out+err: REASON_* */
    reason: { offset: 56, type: 'u32', count: 1 },
    /** 0 */
    pad: { offset: 60, type: 'u32', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_mirror_close`: MIRROR_CLOSE. */
export const MirrorClose = {
  size: 16,
  fields: {
    mirror: { offset: 0, type: 'u32', count: 1 },
    /** 0 */
    flags: { offset: 4, type: 'u32', count: 1 },
    /** out: pages that were still mapped */
    unmapped: { offset: 8, type: 'u32', count: 1 },
    /** 0 */
    pad: { offset: 12, type: 'u32', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_read_begin`: READ_BEGIN. */
export const ReadBegin = {
  size: 24,
  fields: {
    mirror: { offset: 0, type: 'u32', count: 1 },
    /** NOWAIT */
    flags: { offset: 4, type: 'u32', count: 1 },
    /** out */
    sequence: { offset: 8, type: 'u64', count: 1 },
    /** out */
    eventSeq: { offset: 16, type: 'u64', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_read_retry`: READ_RETRY. */
export const ReadRetry = {
  size: 24,
  fields: {
    mirror: { offset: 0, type: 'u32', count: 1 },
    /** out: 1 if it moved */
    retry: { offset: 4, type: 'u32', count: 1 },
    sequence: { offset: 8, type: 'u64', count: 1 },
    /** out */
    eventSeq: { offset: 16, type: 'u64', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_fault`: FAULT. */
export const Fault = {
  size: 72,
  fields: {
    mirror: { offset: 0, type: 'u32', count: 1 },
    /** NOWAIT */
    flags: { offset: 4, type: 'u32', count: 1 },
    first: { offset: 8, type: 'u32', count: 1 },
    /** 1..max_fault_pages */
    pages: { offset: 12, type: 'u32', count: 1 },
    /** ENTRY_VALID, ENTRY_WRITE */
    defaultFlags: { offset: 16, type: 'u32', count: 1 },
    /** which of ENTRY_VALID, ENTRY_WRITE of the entries count */
    mask: { offset: 20, type: 'u32', count: 1 },
    /** pointer to u64[pages], read if mask is not 0, and written */
    entries: { offset: 24, type: 'u64', count: 1 },
    deadline: { offset: 32, type: 'u64', count: 1 },
    /** sequence of the last event that was dispatched */
    seen: { offset: 40, type: 'u64', count: 1 },
    /** out: the sequence under which the entries hold: see READ_RETRY */
    sequence: { offset: 48, type: 'u64', count: 1 },
    /** out+err: sequence of the newest event */
    eventSeq: { offset: 56, type: 'u64', count: 1 },
    /** out+err: index in the range; 0xffffffff if unknown */
    failedPage: { offset: 64, type: 'u32', count: 1 },
    /** out+err: REASON_* */
    reason: { offset: 68, type: 'u32', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_map`: MAP, EXCLUSIVE. */
export const Map = {
  size: 80,
  fields: {
    mirror: { offset: 0, type: 'u32', count: 1 },
    /** NOWAIT, MAP_WRITE, MAP_PRESENT; EXCLUSIVE: 0 */
    flags: { offset: 4, type: 'u32', count: 1 },
    first: { offset: 8, type: 'u32', count: 1 },
    /** 1..max_map_pages, or max_exclusive_pages */
    pages: { offset: 12, type: 'u32', count: 1 },
    /** pointer to u64[pages], written */
    entries: { offset: 16, type: 'u64', count: 1 },
    deadline: { offset: 24, type: 'u64', count: 1 },
    /** sequence of the last event that was dispatched */
    seen: { offset: 32, type: 'u64', count: 1 },
    /** out+err: sequence of the newest event when the pages were linked: `since` of COMMIT_CHECK */
    eventSeq: { offset: 40, type: 'u64', count: 1 },
    /** out: as FAULT */
    sequence: { offset: 48, type: 'u64', count: 1 },
    /** out: names this call to UNDO */
    serial: { offset: 56, type: 'u32', count: 1 },
    /** out: pages newly mapped or upgraded by this call */
    changed: { offset: 60, type: 'u32', count: 1 },
    /** out+err: index in the range; 0xffffffff if unknown */
    failedPage: { offset: 64, type: 'u32', count: 1 },
    /** out+err: REASON_* */
    reason: { offset: 68, type: 'u32', count: 1 },
    /** out+err: rounds lost to invalidations */
    retries: { offset: 72, type: 'u32', count: 1 },
    /** 0 */
    pad: { offset: 76, type: 'u32', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_commit_check`: COMMIT_CHECK. */
export const CommitCheck = {
  size: 32,
  fields: {
    mirror: { offset: 0, type: 'u32', count: 1 },
    /** 0 */
    flags: { offset: 4, type: 'u32', count: 1 },
    first: { offset: 8, type: 'u32', count: 1 },
    pages: { offset: 12, type: 'u32', count: 1 },
    /** event_seq of MAP */
    since: { offset: 16, type: 'u64', count: 1 },
    /** out+err: sequence of the newest event */
    eventSeq: { offset: 24, type: 'u64', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_unmap`: UNMAP, UNDO. */
export const Unmap = {
  size: 32,
  fields: {
    mirror: { offset: 0, type: 'u32', count: 1 },
    /** UNDO: of MAP; UNMAP: 0 */
    serial: { offset: 4, type: 'u32', count: 1 },
    first: { offset: 8, type: 'u32', count: 1 },
    pages: { offset: 12, type: 'u32', count: 1 },
    /** out: pages unmapped */
    unmapped: { offset: 16, type: 'u32', count: 1 },
    /** 0 */
    pad: { offset: 20, type: 'u32', count: 1 },
    /** out */
    eventSeq: { offset: 24, type: 'u64', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_migrate`: MIGRATE. */
export const Migrate = {
  size: 48,
  fields: {
    mirror: { offset: 0, type: 'u32', count: 1 },
    /** TO_MEMORY or TO_SYSTEM, | TO_SINGLE */
    target: { offset: 4, type: 'u32', count: 1 },
    first: { offset: 8, type: 'u32', count: 1 },
    /** 1..max_migrate_pages */
    pages: { offset: 12, type: 'u32', count: 1 },
    /** pointer to a bitmap of (pages + 7) / 8 bytes, bit i & 7 of byte i >> 3; 0 for none */
    declined: { offset: 16, type: 'u64', count: 1 },
    /** pointer to u8[pages], written */
    outcomes: { offset: 24, type: 'u64', count: 1 },
    /** in/out: pages migrated or populated are added to it: 0 at first */
    moved: { offset: 32, type: 'u32', count: 1 },
    /**
     * in/out: pages of the range that were dealt with, their outcomes written: 0 at first; a call
     * that ended with EINTR goes on from there
     */
    done: { offset: 36, type: 'u32', count: 1 },
    /** out+err */
    eventSeq: { offset: 40, type: 'u64', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_evict`: EVICT. */
export const Evict = {
  size: 16,
  fields: {
    /** 0 */
    flags: { offset: 0, type: 'u32', count: 1 },
    /** in/out: pages brought back are added to it: 0 at first */
    moved: { offset: 4, type: 'u32', count: 1 },
    /** out+err: pages still in device memory */
    left: { offset: 8, type: 'u32', count: 1 },
    /** 0 */
    pad: { offset: 12, type: 'u32', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_cpu_fault_pages`: SET_CPU_FAULT_PAGES. */
export const CpuFaultPages = {
  size: 8,
  fields: {
    /** a power of 2, 1..512 */
    pages: { offset: 0, type: 'u32', count: 1 },
    /** 0 */
    flags: { offset: 4, type: 'u32', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_engine_copy`: ENGINE_READ, ENGINE_WRITE. */
export const EngineCopy = {
  size: 40,
  fields: {
    dmaPage: { offset: 0, type: 'u64', count: 1 },
    /** bytes from its start */
    offset: { offset: 8, type: 'u64', count: 1 },
    /** 1..max_engine_bytes */
    length: { offset: 16, type: 'u32', count: 1 },
    /** 0 */
    flags: { offset: 20, type: 'u32', count: 1 },
    /** pointer */
    data: { offset: 24, type: 'u64', count: 1 },
    /** out+err: bytes moved */
    done: { offset: 32, type: 'u32', count: 1 },
    /** out+err: SOURCE_* of the fault */
    source: { offset: 36, type: 'u32', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_engine_add`: ENGINE_FETCH_ADD. */
export const EngineAdd = {
  size: 32,
  fields: {
    dmaPage: { offset: 0, type: 'u64', count: 1 },
    /** aligned to 4 */
    offset: { offset: 8, type: 'u64', count: 1 },
    delta: { offset: 16, type: 's32', count: 1 },
    /** out: the value before */
    old: { offset: 20, type: 's32', count: 1 },
    /** 0 */
    flags: { offset: 24, type: 'u32', count: 1 },
    /** out+err: SOURCE_* of the fault */
    source: { offset: 28, type: 'u32', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_revocations`: REVOCATIONS. */
export const Revocations = {
  size: 24,
  fields: {
    dmaPage: { offset: 0, type: 'u64', count: 1 },
    /** 1..max_map_pages */
    pages: { offset: 8, type: 'u32', count: 1 },
    /** out: 1 if every page of the run is mapped now */
    mapped: { offset: 12, type: 'u32', count: 1 },
    /** out: revocations of these pages so far; only differences mean anything */
    count: { offset: 16, type: 'u64', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_counters`: COUNTERS. */
export const Counters = {
  size: 64,
  fields: {
    /** out */
    deviceFaults: { offset: 0, type: 'u64', count: 1 },
    /** out: pages of mirrors newly linked */
    pagesMapped: { offset: 8, type: 'u64', count: 1 },
    /** out: pages of mirrors unlinked, for whatever cause */
    pagesUnmapped: { offset: 16, type: 'u64', count: 1 },
    /** out: that reached mirrors */
    invalidations: { offset: 24, type: 'u64', count: 1 },
    /** out */
    migratedToDevice: { offset: 32, type: 'u64', count: 1 },
    /** out */
    migratedToSystem: { offset: 40, type: 'u64', count: 1 },
    /** out */
    eventsCoalesced: { offset: 48, type: 'u64', count: 1 },
    /** out: device-fault events that found no room */
    eventsDropped: { offset: 56, type: 'u64', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_event`: one event of READ_EVENTS. */
export const Event = {
  size: 64,
  fields: {
    /** out: grows from event to event of a device; 0 for interrupts and CPU faults */
    sequence: { offset: 0, type: 'u64', count: 1 },
    /** out: EVENT_* */
    type: { offset: 8, type: 'u32', count: 1 },
    /** out: id, or 0 */
    mirror: { offset: 12, type: 'u32', count: 1 },
    /** out */
    kind: { offset: 16, type: 'u32', count: 1 },
    /** out */
    flags: { offset: 20, type: 'u32', count: 1 },
    /** out: page index in the mirror */
    first: { offset: 24, type: 'u64', count: 1 },
    /** out */
    pages: { offset: 32, type: 'u64', count: 1 },
    /** out */
    address: { offset: 40, type: 'u64', count: 1 },
    /** out */
    count: { offset: 48, type: 'u64', count: 1 },
    /** out: CLOCK_MONOTONIC nanoseconds when it happened */
    time: { offset: 56, type: 'u64', count: 1 },
  },
} as const satisfies UapiStruct

/** `struct hmm_sdk_read_events`: READ_EVENTS. */
export const ReadEvents = {
  size: 40,
  fields: {
    /** pointer to event[max] */
    events: { offset: 0, type: 'u64', count: 1 },
    /** 1..max_events */
    max: { offset: 8, type: 'u32', count: 1 },
    /** out */
    count: { offset: 12, type: 'u32', count: 1 },
    /** sequence of the last event that was dispatched; older ones are forgotten */
    seen: { offset: 16, type: 'u64', count: 1 },
    /** out: sequence of the newest event queued */
    eventSeq: { offset: 24, type: 'u64', count: 1 },
    /** out: 1 if more can be read at once */
    more: { offset: 32, type: 'u32', count: 1 },
    /** 0 */
    pad: { offset: 36, type: 'u32', count: 1 },
  },
} as const satisfies UapiStruct

/**
 * On a context, with {@link Info}. The handshake. Must be the first call: all others on the context
 * fail with EPROTO until abi matched once. Succeeds (and returns the abi of the module) also when
 * it differs. Never blocks.
 */
export const IOC_GET_INFO = 0xc0b8e800
/**
 * On a context, with {@link SpaceBind}. Issued by the process to be mirrored, on the descriptor it
 * inherited: its consent. Binds the caller's address space; keeps only the mm_struct, not the
 * memory. EEXIST: bound already. ENOSPC: max_spaces. EINTR. After exec the process binds again, and
 * gets a new id.
 */
export const IOC_SPACE_BIND = 0xc008e801
/** On a context, with {@link SpaceClose}. Forgets a space. Mirrors of it live on until they are closed. */
export const IOC_SPACE_CLOSE = 0xc008e802
/**
 * On a context, with {@link SpaceEvents}. Which spaces were released (last user of the address
 * space gone) since the last call; each once. The context polls readable while there are any. Never
 * blocks: count is 0 if there are none.
 */
export const IOC_SPACE_EVENTS = 0xc010e803
/**
 * On a context, with {@link DeviceOpen}. Opens a device; blocks shortly. ENODEV: there is none.
 * EBUSY + IN_USE: a PCI device opens once at a time. EPERM + PERMISSION or LOCKDOWN. EOPNOTSUPP +
 * MSI or GROUP. EOPNOTSUPP: memory_pages without CAP_MEMORY. EOPNOTSUPP + NOT_RESERVED:
 * OPEN_COHERENT without CAP_COHERENT. ENOSPC: max_devices, or no region for device memory. Bus
 * mastering is on only while the device is open.
 */
export const IOC_DEVICE_OPEN = 0xc020e808
/** On a device, with {@link DeviceInfo}. Never blocks. */
export const IOC_DEVICE_INFO = 0xc070e810
/**
 * On a device, with {@link SetMask}. dma_set_mask_and_coherent. EIO: the platform cannot serve so
 * few bits. EBUSY: something is mapped.
 */
export const IOC_SET_MASK = 0xc008e811
/**
 * On a device, with {@link BufferAlloc}. A zeroed, page-aligned buffer. Counts against
 * RLIMIT_MEMLOCK of the user: ENOMEM + MEMLOCK. ENOSPC: max_buffers.
 */
export const IOC_BUFFER_ALLOC = 0xc020e812
/**
 * On a device, with {@link BufferAlloc}. dma_alloc_coherent: a buffer that is mapped as long as it
 * lives. May block for memory.
 */
export const IOC_COHERENT_ALLOC = 0xc020e813
/** On a device, with {@link BufferFree}. EBUSY: still mapped or linked. */
export const IOC_BUFFER_FREE = 0xc008e814
/** On a device, with {@link BufferCopy}. CPU side. EINVAL beyond the end. */
export const IOC_BUFFER_READ = 0xc020e815
/** On a device, with {@link BufferCopy}. CPU side. EINVAL beyond the end. */
export const IOC_BUFFER_WRITE = 0xc020e816
/**
 * On a device, with {@link DmaMap}. dma_map_phys of part of a buffer, contiguous in DMA space. EIO
 * + MASK: not reachable. ENOMEM + NO_IOVA_SPACE or BOUNCE_FULL. ENOSPC: max_buffers. A coherent
 * buffer, or memory of a peer: EINVAL.
 */
export const IOC_DMA_MAP = 0xc038e817
/** On a device, with {@link DmaUnmap}. */
export const IOC_DMA_UNMAP = 0xc008e818
/**
 * On a device, with {@link DmaSync}. dma_sync_single_for_cpu or _for_device. EINVAL outside the
 * mapping, or against its direction.
 */
export const IOC_DMA_SYNC = 0xc018e819
/**
 * On a device, with {@link WindowOpen}. dma_iova_try_alloc. ENOMEM + NO_IOVA_SPACE; ENOSPC + LIMIT:
 * max_windows; EOPNOTSUPP + NOT_TRANSLATING or NO_IOVA_API.
 */
export const IOC_WINDOW_OPEN = 0xc018e81a
/**
 * On a device, with {@link WindowLink}. dma_iova_link; all pages or none. EADDRINUSE: a page of the
 * window is linked already. ENOMEM. A coherent buffer, or memory of a peer: EINVAL.
 */
export const IOC_WINDOW_LINK = 0xc020e81b
/** On a device, with {@link WindowRange}. dma_iova_sync. EINVAL: no page of the range is linked. */
export const IOC_WINDOW_SYNC = 0xc010e81c
/**
 * On a device, with {@link WindowRange}. dma_iova_unlink; the device cannot reach the pages when it
 * returns. EINVAL: a page of the range is not linked.
 */
export const IOC_WINDOW_UNLINK = 0xc010e81d
/** On a device, with {@link WindowClose}. Unlinks what is left, and frees the addresses. */
export const IOC_WINDOW_CLOSE = 0xc008e81e
/**
 * On a device, with {@link DmaListMap}. dma_map_sgtable of parts of buffers: all or none. No
 * segment is longer than the limit or crosses a boundary; an IOMMU joins neighbours that fill their
 * pages. EIO + MASK: not reachable. ENOMEM, + NO_IOVA_SPACE or BOUNCE_FULL. ENOSPC + LIMIT: more
 * segments than max_segments, or max_buffers. A coherent buffer: EINVAL.
 */
export const IOC_DMA_LIST_MAP = 0xc030e81f
/**
 * On a device, with {@link DmaListSync}. dma_sync_sgtable_for_cpu or _for_device. EINVAL against
 * its direction.
 */
export const IOC_DMA_LIST_SYNC = 0xc008e824
/** On a device, with {@link DmaListUnmap}. */
export const IOC_DMA_LIST_UNMAP = 0xc008e825
/**
 * On a device, with {@link PeerOpen}. The memory of a PCI device that peers may map
 * (pci_p2pdma_add_resource), as a buffer of this device: for DMA_LIST_MAP, and for BUFFER_READ and
 * BUFFER_WRITE where it is the device's own. The peer may be closed before the buffer is freed, but
 * is not opened again before. ENODEV: it has none. EREMOTEIO + PEER_ROUTE, EIO + MASK or EOPNOTSUPP
 * + BOUNCE: this device does not reach it. EOPNOTSUPP: no PCI device. EBADF: fd. ENOSPC + LIMIT:
 * max_buffers.
 */
export const IOC_PEER_OPEN = 0xc020e827
/**
 * On a device, with {@link SegmentLimits}. dma_set_max_seg_size, dma_set_seg_boundary,
 * dma_set_min_align_mask; 65536, 0xffffffff and 0 at open. EBUSY: something is mapped.
 */
export const IOC_SEGMENT_LIMITS = 0xc018e826
/** On a device, with {@link Register}. EINVAL: width, alignment, bounds. EOPNOTSUPP: no registers. */
export const IOC_REG_READ = 0xc018e820
/**
 * On a device, with {@link Register}. As REG_READ. EINVAL: a 4-byte value above 2^32; a doorbell
 * that would end the machine (edu: a transfer that leaves its buffer of 4096 bytes at 0x40000, or
 * that reaches its last byte).
 */
export const IOC_REG_WRITE = 0xc018e821
/** On a device, with {@link Irq}. Whether interrupts become events; off at open. */
export const IOC_IRQ_LISTEN = 0xc008e822
/**
 * On a device, with {@link Irq}. After each interrupt of a device with DEV_INTX, when its cause was
 * cleared; no effect on others.
 */
export const IOC_IRQ_UNMASK = 0xc008e823
/**
 * On a device, with {@link MirrorCreate}. mmu_interval_notifier_insert, and a DMA window of the
 * same size. ESRCH: the process is gone. ENOSPC: max_mirrors, or + NO_IOVA_SPACE. Without
 * DEV_MIRROR it works too, for FAULT only.
 */
export const IOC_MIRROR_CREATE = 0xc040e828
/**
 * On a device, with {@link MirrorClose}. Revokes every mapping of the mirror, stops watching, waits
 * until calls on it have ended (they fail with EBADF). Its events that were not read are dropped.
 */
export const IOC_MIRROR_CLOSE = 0xc010e829
/**
 * On a device, with {@link ReadBegin}. mmu_interval_read_begin: waits while an invalidation of the
 * mirror runs (not interruptible, as in the kernel). NOWAIT: EAGAIN if it might have to.
 */
export const IOC_READ_BEGIN = 0xc018e82a
/**
 * On a device, with {@link ReadRetry}. Whether the sequence moved. Never blocks for long. The same
 * as comparing with the mirror's slot of the shared page. Invalidations that the device's own call
 * caused do not move it.
 */
export const IOC_READ_RETRY = 0xc018e82b
/**
 * On a device, with {@link Fault}. hmm_range_fault. Returns entries that hold under `sequence`.
 * Repeats inside while invalidations come in between, until the deadline: EBUSY + INVALIDATED.
 * ESTALE: an event newer than `seen` overlaps the range (the fault itself may have raised it: a
 * copy-on-write, a zero page replaced); read and dispatch events, then call again. ESRCH: the
 * process is gone. EFAULT + HOLE or FAULT; EPERM + READ_ONLY; ENOMEM. With default_flags and mask 0
 * it is a snapshot.
 */
export const IOC_FAULT = 0xc048e82c
/**
 * On a device, with {@link Map}. Fault and link for DMA: every page, or none. A page is writable
 * for the device only with MAP_WRITE. Pages mapped already with enough rights keep their link; an
 * upgrade to write keeps the DMA page. Errors of FAULT, and EOPNOTSUPP + a reason: a page whose
 * mapping could not be revoked; ENOMEM or EIO + LINK. What the call linked before a failing page is
 * undone.
 */
export const IOC_MAP = 0xc050e82d
/**
 * On a device, with {@link CommitCheck}. ESTALE if an invalidation of the range is newer than
 * `since`, self or not. Never blocks for long.
 */
export const IOC_COMMIT_CHECK = 0xc020e82e
/**
 * On a device, with {@link Unmap}. Takes back what MAP or EXCLUSIVE with that serial changed and no
 * later call changed or was given too: new pages are unmapped, upgraded ones go back to read-only.
 * Pages that a later MAP shares stay as they are. EINVAL: serial 0.
 */
export const IOC_UNDO = 0xc020e82f
/**
 * On a device, with {@link Unmap}. Unmaps what is mapped in the range; pages the device could write
 * become dirty. Never blocks for long.
 */
export const IOC_UNMAP = 0xc020e830
/**
 * On a device, with {@link Map}. make_device_exclusive and link with write access: every page or
 * none. EBUSY + CONTENDED. EOPNOTSUPP + NOT_ANONYMOUS. Errors of MAP.
 */
export const IOC_EXCLUSIVE = 0xc050e831
/**
 * On a device, with {@link Migrate}. Migrates in steps of 512 aligned pages, each inside one
 * mapping, best effort per page. A huge page none of which is declined moves whole if there is a
 * block for it, else page by page; `outcomes` says what became of each. EINVAL + `done`: a hole, or
 * a mapping that cannot migrate. EINTR + `done`. ESRCH.
 */
export const IOC_MIGRATE = 0xc030e838
/**
 * On a device, with {@link Evict}. Brings all of the device memory back to the system. EBUSY: pages
 * are left (pinned or in motion); call again. EINTR.
 */
export const IOC_EVICT = 0xc010e839
/** On a device, with {@link CpuFaultPages}. How many pages, aligned, a CPU fault brings back. 1 at open. */
export const IOC_SET_CPU_FAULT_PAGES = 0xc008e83a
/**
 * On a device, with {@link EngineCopy}. The device reads memory by DMA address. EFAULT with
 * `source`, and a device-fault event: not mapped, or revoked. EFAULT with `done` and source
 * 0xffffffff: bad `data` pointer. Does not fault pages in; never blocks for long.
 */
export const IOC_ENGINE_READ = 0xc028e840
/**
 * On a device, with {@link EngineCopy}. The device writes memory by DMA address. As ENGINE_READ;
 * pages before the faulting one may have been written.
 */
export const IOC_ENGINE_WRITE = 0xc028e841
/**
 * On a device, with {@link EngineAdd}. Atomic add. EPERM: the page is not held exclusively. EFAULT
 * as ENGINE_READ.
 */
export const IOC_ENGINE_FETCH_ADD = 0xc020e842
/**
 * On a device, with {@link Revocations}. Compare before and after a transfer of a device that
 * cannot report faults. Never blocks for long.
 */
export const IOC_REVOCATIONS = 0xc018e843
/** On a device, with {@link Counters}. Since the device was opened. */
export const IOC_COUNTERS = 0xc040e844
/**
 * On a device, with {@link ReadEvents}. Takes events in order; never blocks (count is 0 if there
 * are none). The device polls readable while there are any. `seen` frees slots of the queue:
 * without room, invalidations of a mirror coalesce into one event.
 */
export const IOC_READ_EVENTS = 0xc028e845
