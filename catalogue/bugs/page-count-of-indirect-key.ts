import type { IntervalNotifier, VirtualRange } from '@hmm-sdk/hmm-api'
import { defineBug } from '../parts/bug.js'
import { DeviceTable } from '../parts/device-table.js'
import { withScene } from '../parts/scene.js'

interface IndirectKey {
  readonly notifier: IntervalNotifier
  readonly table: DeviceTable
  /** The memory of the keys that it is made of, in order. */
  readonly segments: readonly VirtualRange[]
}
/** Maps `pages` pages from page `first` of the indirect key on; how many were asked for is done. */
type Variant = (key: IndirectKey, first: number, pages: number) => Promise<void>

const faulty: Variant = async ({ notifier, table, segments }, first, pages) => {
  let done = 0
  let offset = first
  for (const segment of segments) {
    if (done >= pages) break
    const range = segment.slice(offset, Math.min(pages - done, segment.pages - offset))
    await notifier.faultAndCommit(range, { request: 'read' }, (read) => table.install(range, read))
    done += segment.pages
    offset = 0
  }
}

const fixed: Variant = async ({ notifier, table, segments }, first, pages) => {
  let done = 0
  let offset = first
  for (const segment of segments) {
    if (done >= pages) break
    const range = segment.slice(offset, Math.min(pages - done, segment.pages - offset))
    await notifier.faultAndCommit(range, { request: 'read' }, (read) => table.install(range, read))
    done += range.pages
    offset = 0
  }
}

export default defineBug<Variant>({
  id: 'page-count-of-indirect-key',
  about:
    'A fault on a key that is made of others counts the pages of a whole segment instead of' +
    ' those ' +
    'that it mapped, and says that all is done before it is: the device faults again for ever.',
  upstream: { subject: 'RDMA/mlx5: Fix indirect mkey ODP page count', release: '6.12.13' },
  level: 'range fault',
  mirror: {
    answer: 'found by exploration',
    because:
      'a map is all or nothing, but which maps make up a request is the business of a driver',
    evidence: ['run', 'case:mirror/all-or-nothing/hole-in-the-middle'],
  },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withScene(
      world,
      async (scene) => {
        const { device, space, buffer } = scene
        const table = new DeviceTable(scene)
        const notifier = await device.notifier(space, buffer, {
          invalidate: ({ range }) => table.clear(range),
        })
        const segments = buffer.chunks(2)
        await world.race({
          device: async () => {
            // At most one invalidation comes, so the second fault must be enough.
            for (let tries = 0; tries < 3; tries++) {
              if (await table.access(buffer.page(2), 'read')) return
              await variant({ notifier, table, segments }, 1, 2)
            }
            throw new Error('no progress: the device faults on a page that is said to be mapped')
          },
          cpu: () => space.madvise(buffer, 'dontneed'),
        })
        await notifier.close()
      },
      { pages: 4 },
    ),
})
