import type { AddressSpace, Device, FaultedPages, PageFrame, VirtualRange } from '@hmm-sdk/hmm-api'

/** What a snapshot says about a page; the values are those of the kernel's `test_hmm`. */
export const PROT = {
  none: 0x00,
  read: 0x01,
  write: 0x02,
  /** The CPU maps a whole page-table page (2 MiB of 4 KiB pages) as one. */
  pmd: 0x04,
  /** The same one level higher (1 GiB of 4 KiB pages). */
  pud: 0x08,
  zero: 0x10,
  devicePrivateLocal: 0x20,
  deviceCoherentLocal: 0x40,
  error: 0xff,
} as const

/** Pages that are looked at together. */
const SNAPSHOT_PAGES = 512

/**
 * The byte of each page of `range`, without faulting any in. Each part has a notifier of its own
 * while it is looked at: changes elsewhere do not disturb it.
 */
export async function snapshot(
  device: Device,
  space: AddressSpace,
  range: VirtualRange,
  zeroPage: PageFrame | undefined,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(range.pages)
  const own = device.memory.kind === 'coherent' ? PROT.deviceCoherentLocal : PROT.devicePrivateLocal
  for (const part of range.chunks(SNAPSHOT_PAGES)) {
    const notifier = await device.notifier(space, part, {
      name: 'snapshot',
      // All there is to it: the sequence moved, and the commit is refused.
      invalidate: () => undefined,
    })
    try {
      await notifier.faultAndCommit(part, { request: 'none' }, (pages) => {
        const to = range.indexOf(part)
        for (let i = 0; i < part.pages; i++) bytes[to + i] = byteOf(pages, i, own, zeroPage)
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

function byteOf(
  pages: FaultedPages,
  index: number,
  own: number,
  zeroPage: PageFrame | undefined,
): number {
  if (pages.error(index)) return PROT.error
  if (!pages.valid(index)) return PROT.none
  let byte: number = pages.writable(index) ? PROT.write : PROT.read
  if (pages.isDevice(index)) byte |= own
  else if (pages.frame(index) === zeroPage) byte |= PROT.zero
  // As the CPU maps it, also beyond what was looked at.
  const order = pages.order(index, { clip: false })
  const huge = hugeOrder(2 ** pages.range.pageShift)
  if (order >= 2 * huge) byte |= PROT.pud
  else if (order >= huge) byte |= PROT.pmd
  return byte
}
