/**
 * The adapter's registers: what a data sheet would say. Driver, peer and model share nothing else.
 */

/** PCI id of the adapter. */
export const ADAPTER_ID = '1d55:0d90'

/** BAR 0, the driver's side: 64-bit operands, then a command that works on them. */
export const CONTROL = {
  /** log2 of the page size of translations; written once, before the first key. */
  pageShift: 0x00,
  key: 0x08,
  /** Page index in the region. */
  page: 0x10,
  dmaPage: 0x18,
  /** Number of pages. */
  count: 0x20,
  /** 1 if the peer, or the device, may write. */
  writable: 0x28,
  command: 0x30,
  /** Whether the last command was done: 1, or 0 if it was refused. */
  done: 0x38,
  /** Requests that use `key` now. */
  users: 0x40,
  /** DMA accesses done since power on, for statistics. */
  accesses: 0x48,
} as const

export const COMMAND = {
  /** Makes `key` over `count` pages, with nothing translated. */
  createKey: 1,
  /** Translates `count` pages from `page` on to DMA pages from `dmaPage` on. */
  install: 2,
  /** Forgets the translations of `count` pages from `page` on. */
  drop: 3,
  /** Ends `key`: it forgets everything and takes no more requests. Raises KEY_IDLE at the last. */
  destroyKey: 4,
} as const

/** Interrupt vectors: a destroyed key has no users left; a request of the peer is complete. */
export const VECTOR = { keyIdle: 0, wire: 1 } as const

/** BAR 1, the wire: one block of registers for each request that can be in flight. */
export const WIRE = {
  slots: 16,
  slotBytes: 64,
  key: 0x00,
  /** Byte offset in the region. */
  offset: 0x08,
  length: 0x10,
  /** Write an OPCODE to start. */
  doorbell: 0x18,
  /** Index into STATUS. */
  status: 0x20,
} as const

export const OPCODE = { read: 1, write: 2 } as const

/** BAR 2, the payload of each slot. */
export const PAYLOAD_BYTES = 65536

export const BARS = [256, WIRE.slots * WIRE.slotBytes, WIRE.slots * PAYLOAD_BYTES] as const

/** What became of a request; the index is the register's value. */
export const STATUS = [
  'free',
  'busy',
  'ok',
  'unknown-key',
  'out-of-range',
  'not-permitted',
  'page-fault-failed',
  'too-many-faults',
  'key-destroyed',
  'transfer-failed',
] as const

export type WireStatus = (typeof STATUS)[number]
