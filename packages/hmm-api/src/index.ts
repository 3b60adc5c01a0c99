/// <reference lib="esnext.disposable" preserve="true" />
export * from './address/address.js'
export { VirtualRange } from './address/virtual-range.js'
export {
  CAPABILITIES,
  Capabilities,
  supported,
  unsupported,
  type Capability,
  type CapabilityName,
  type CapabilityTable,
} from './capability.js'
export type { DeviceConfig, HmmConfig } from './config-types.js'
export * from './entry.js'
export { ERRNO, errnoName, type Errno } from './error/errno.js'
export { HmmError, type HmmErrorDetails } from './error/hmm-error.js'
export type { Counters, Flow, InvalidateKind, Leak, MisuseSites, TraceEvent } from './event.js'
export {
  defineDevice,
  type Access,
  type Bus,
  type DeviceModel,
  type DevicePorts,
  type FaultOutcome,
} from './model/device-model.js'
export { AddressSpace, type MmapOptions, type MremapOptions } from './objects/address-space.js'
export { Backend, type LeakReport } from './objects/backend.js'
export type { Caused, Misuse, Wait } from './objects/context.js'
export { Device, type MirrorOptions } from './objects/device.js'
export { DeviceFault } from './objects/device-faults.js'
export { DeviceMemory, MigrateResult, type MigrateOptions } from './objects/device-memory.js'
export { Dma, type BufferMapOptions, type ListMapOptions } from './objects/dma.js'
export type { AllocAttribute, MapAttribute } from './objects/dma-attributes.js'
export { DmaEngine } from './objects/dma-engine.js'
export { DmaList, type DmaSegment } from './objects/dma-list.js'
export { DmaMapping } from './objects/dma-mapping.js'
export type { DmaPart } from './objects/dma-part.js'
export { DmaPool, DmaPoolBlock, type DmaPoolOptions } from './objects/dma-pool.js'
export { FaultedPages } from './objects/faulted-pages.js'
export { CoherentBuffer, HostBuffer } from './objects/host-buffer.js'
export { Interrupts } from './objects/interrupts.js'
export {
  IntervalNotifier,
  type FaultOptions,
  type PageRequest,
  type Sequence,
  type Synchronous,
} from './objects/interval-notifier.js'
export type { InvalidateCallback, InvalidateEvent } from './objects/invalidate-event.js'
export { IovaWindow, type LinkOptions } from './objects/iova-window.js'
export type { HugePageSize } from './objects/huge-page-size.js'
export { MemoryFile } from './objects/memory-file.js'
export { Mirror, type MirroredRange, type MirrorMapOptions } from './objects/mirror.js'
export { MirrorMapping, type MappedRun } from './objects/mirror-mapping.js'
export { openBackend, withBackend, type OpenBackendOptions } from './objects/open-backend.js'
export type { Owned } from './objects/owned.js'
export { PeerMemory } from './objects/peer-memory.js'
export type { Protection } from './objects/protection.js'
export { Registers } from './objects/registers.js'
export { Uprobe } from './objects/uprobe.js'
export { PinnedPages } from './objects/pinned-pages.js'
export { Userfaultfd, type Userfault, type UserfaultfdOptions } from './objects/userfaultfd.js'
export type { Advice } from './raw/raw-address-space.js'
export type { CreateBackend, RawBackend } from './raw/raw-backend.js'
export type { DeviceMemoryKind, MigrateOutcome } from './raw/raw-device-memory.js'
export type { DmaDirection, PeerRoute, RawDmaLimits, SegmentLimits } from './raw/raw-dma.js'
export { Clock } from './sync/clock.js'
export { Completion } from './sync/completion.js'
export { Mutex } from './sync/mutex.js'
export { Sync } from './sync/sync.js'
export { WorkQueue } from './sync/work-queue.js'
export { API_VERSION } from './version.js'
