/**
 * The 64-bit entry that describes one page, in range faults, mapped ranges and the ioctl ABI.
 *
 * Layout of our own, fixed by the API (the kernel's moved between 6.12 and 7.x). An array of `n`
 * entries is a `Uint32Array` of `2 n` words: word `2 i` is the low half of entry `i`, word
 * `2 i + 1` the high half; in memory that is a little-endian array of 64-bit values.
 *
 * | bits  | name       | meaning |
 * |-------|------------|---------|
 * | 63    | VALID      | out: the page may be accessed; in: fault it (REQ_FAULT) |
 * | 62    | WRITE      | out: it may be written; in: fault it for writing (REQ_WRITE, with REQ_FAULT only) |
 * | 61    | ERROR      | out: it can never be accessed |
 * | 60    | DMA_MAPPED | the page field is a DMA page, and the mapping is live |
 * | 59    | PEER       | peer-to-peer through the host bridge |
 * | 58    | PEER_BUS   | peer-to-peer by bus address |
 * | 57    | DEVICE     | the page is in the device's own memory |
 * | 56    | EXCLUSIVE  | the device has exclusive access (atomics) |
 * | 55..51| order      | log2 of the number of pages of the CPU's mapping; may reach beyond the range: clip |
 * | 50..0 | page       | page frame, DMA page, or an opaque identity without CAP_SYS_ADMIN |
 *
 * Test VALID, never "not zero" (kernel: `enum hmm_pfn_flags`).
 */
export const ENTRY_VALID = 0x8000_0000
export const ENTRY_WRITE = 0x4000_0000
export const ENTRY_ERROR = 0x2000_0000
export const ENTRY_DMA_MAPPED = 0x1000_0000
export const ENTRY_PEER = 0x0800_0000
export const ENTRY_PEER_BUS = 0x0400_0000
export const ENTRY_DEVICE = 0x0200_0000
export const ENTRY_EXCLUSIVE = 0x0100_0000
/** Request flags, in the same high word. */
export const ENTRY_REQ_FAULT = ENTRY_VALID
export const ENTRY_REQ_WRITE = ENTRY_WRITE
export const ENTRY_ORDER_SHIFT = 19
export const ENTRY_ORDER_MASK = 0x1f
export const ENTRY_PAGE_HIGH_MASK = 0x7_ffff

const TWO_32 = 2 ** 32

/** Page field of entry `index`: a number below 2^51. */
export function entryPage(entries: Uint32Array, index: number): number {
  return (
    ((entries[2 * index + 1] as number) & ENTRY_PAGE_HIGH_MASK) * TWO_32 +
    (entries[2 * index] as number)
  )
}

/** Order field of entry `index`. */
export function entryOrder(entries: Uint32Array, index: number): number {
  return ((entries[2 * index + 1] as number) >>> ENTRY_ORDER_SHIFT) & ENTRY_ORDER_MASK
}

/** Whether entry `index` has any of the flags (an `ENTRY_*` value). */
export function entryHas(entries: Uint32Array, index: number, flags: number): boolean {
  return ((entries[2 * index + 1] as number) & flags) !== 0
}

/** Writes entry `index`. `page` below 2^51, `flags` a union of `ENTRY_*` values. */
export function setEntry(
  entries: Uint32Array,
  index: number,
  page: number,
  flags: number,
  order = 0,
): void {
  entries[2 * index] = page >>> 0
  entries[2 * index + 1] = (flags | (order << ENTRY_ORDER_SHIFT) | Math.floor(page / TWO_32)) >>> 0
}
