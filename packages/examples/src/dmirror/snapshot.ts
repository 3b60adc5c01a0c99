import {
  VirtualRange,
  type AddressSpace,
  type Device,
  type FaultedPages,
  type PageFrame,
} from '@hmm-sdk/hmm-api'

/** What a snapshot says about a page; the values are those of the kernel's `test_hmm`. */
export const PROT = {
  none: 0x00,
  read: 0x01,
  write: 0x02,
  /** The CPU maps a whole page-table page (2 MiB of 4 KiB pages) as one. */
  pmd: 0x04,
  zero: 0x10,
  devicePrivateLocal: 0x20,
  error: 0xff,
} as const

/**
 * The byte of each page of `range`, without faulting any in. Each block has a notifier of its own
 * while it is looked at: changes elsewhere do not disturb it.
 */
export async function snapshot(
  device: Device,
  space: AddressSpace,
  range: VirtualRange,
  zeroPage: PageFrame | undefined,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(range.pages)
  for (const block of hugeBlocks(range)) {
    const wanted = range.intersect(block) as VirtualRange
    const notifier = await device.notifier(space, block, {
      name: 'snapshot',
      // All there is to it: the sequence moved, and the commit is refused.
      invalidate: () => undefined,
    })
    try {
      await notifier.faultAndCommit(block, { request: 'none' }, (pages) => {
        const first = block.indexOf(wanted)
        const to = range.indexOf(wanted)
        for (let i = 0; i < wanted.pages; i++) bytes[to + i] = byteOf(pages, first + i, zeroPage)
      })
    } finally {
      await notifier.close()
    }
  }
  return bytes
}

/** log2 of the pages that the CPU can map as one in the lowest level of page tables but one. */
export function hugeOrder(pageSize: number): number {
  return Math.log2(pageSize / 8)
}

/** The aligned blocks around `range`. Whole ones: an order is known only as far as one looks. */
function hugeBlocks(range: VirtualRange): VirtualRange[] {
  const pages = 2 ** hugeOrder(2 ** range.pageShift)
  const first = Math.floor(range.startPage / pages)
  const count = Math.ceil(range.endPage / pages) - first
  return VirtualRange.fromPages(first * pages, count * pages, range.pageShift).chunks(pages)
}

function byteOf(pages: FaultedPages, index: number, zeroPage: PageFrame | undefined): number {
  if (pages.error(index)) return PROT.error
  if (!pages.valid(index)) return PROT.none
  let byte: number = pages.writable(index) ? PROT.write : PROT.read
  if (pages.isDevice(index)) byte |= PROT.devicePrivateLocal
  else if (pages.frame(index) === zeroPage) byte |= PROT.zero
  if (pages.order(index) >= hugeOrder(2 ** pages.range.pageShift)) byte |= PROT.pmd
  return byte
}
