import type { Backend, Device, PageFrame } from '@hmm-sdk/hmm-api'

/**
 * The page that untouched memory shows to those who only read it, learned by looking: two pages of
 * a process of its own that were read and never written are the same one. Undefined if they are not.
 */
export async function findZeroPage(
  backend: Backend,
  device: Device,
): Promise<PageFrame | undefined> {
  const space = await backend.createAddressSpace({ name: 'zero page' })
  try {
    const range = await space.mmap({ pages: 2, protection: 'r' })
    await space.read(range.start, 2 * space.pageSize)
    const notifier = await device.notifier(space, range, { invalidate: () => undefined })
    try {
      return await notifier.faultAndCommit(range, { request: 'none' }, (pages) =>
        pages.valid(0) && pages.valid(1) && pages.frame(0) === pages.frame(1)
          ? pages.frame(0)
          : undefined,
      )
    } finally {
      await notifier.close()
    }
  } finally {
    await space.close()
  }
}
