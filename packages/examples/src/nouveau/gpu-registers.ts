/** The GPU's registers: what a data sheet would say. Driver and model share nothing else. */

/** PCI id of the GPU. */
export const GPU_ID = '1d55:06b0'

/** BAR 0, memory management: 64-bit operands, then a command that works on them. */
export const MMU = {
  /** log2 of the page size of translations; written once, before the first address space. */
  pageShift: 0x00,
  /** Number of an address space of the GPU. */
  vmm: 0x08,
  /** Number of the first virtual page. */
  page: 0x10,
  dmaPage: 0x18,
  /** Number of pages. */
  count: 0x20,
  /** A union of RIGHT. */
  rights: 0x28,
  command: 0x30,
  /** Whether the last command was done: 1, or 0 if it was refused. */
  done: 0x38,
} as const

export const RIGHT = { write: 1, atomic: 2 } as const

export const COMMAND = {
  createVmm: 1,
  /** Writes page table entries for `count` pages. */
  map: 2,
  /** Clears page table entries for `count` pages. */
  zap: 3,
  destroyVmm: 4,
} as const

/** BAR 1: one block of registers for each channel. */
export const CHANNEL = {
  channels: 16,
  channelBytes: 128,
  /** The address space its pointers are in. */
  vmm: 0x00,
  program: 0x08,
  /** Arguments: plain pointers of the process, and numbers. */
  a: 0x10,
  b: 0x18,
  c: 0x20,
  count: 0x28,
  /** 1 starts `program`, 2 cancels it. */
  doorbell: 0x30,
  /** Index into CHANNEL_STATE; writing it makes the channel idle, if it does not run. */
  state: 0x38,
  /** The access that the channel was cancelled for. */
  faultAddress: 0x40,
  /** 1 if it was cancelled because the bus failed. */
  busError: 0x48,
} as const

export const DOORBELL = { start: 1, cancel: 2 } as const

export const PROGRAM = {
  /** c[i] = a[i] + b[i] for `count` 32-bit words. */
  vectorAdd: 1,
  /** Adds `b` to the word at `a`, `count` times, atomically. */
  atomicAdd: 2,
} as const

export const CHANNEL_STATE = ['idle', 'running', 'done', 'cancelled'] as const
export type ChannelState = (typeof CHANNEL_STATE)[number]

export const BARS = [64, CHANNEL.channels * CHANNEL.channelBytes] as const
