import { HmmError, type IntervalNotifier, type VirtualRange } from '@hmm-sdk/hmm-api'
import { defineBug } from '../parts/bug.js'
import { DeviceTable } from '../parts/device-table.js'
import { withScene } from '../parts/scene.js'

interface Region {
  /** Watches the memory of several regions. */
  readonly notifier: IntervalNotifier
  readonly table: DeviceTable
  /** What was registered. */
  readonly umem: VirtualRange
}
/** A fault of `pages` pages from page `first` of the region on. */
type Variant = (region: Region, first: number, pages: number) => Promise<void>

const faulty: Variant = async ({ notifier, table, umem }, first, pages) => {
  const start = notifier.range.indexOf(umem.page(first))
  const range = notifier.range.slice(start, Math.min(pages, notifier.range.pages - start))
  await notifier.faultAndCommit(range, { request: 'read' }, (read) => table.install(range, read))
}

const fixed: Variant = async ({ notifier, table, umem }, first, pages) => {
  const range = umem.slice(first, Math.min(pages, umem.pages - first))
  await notifier.faultAndCommit(range, { request: 'read' }, (read) => table.install(range, read))
}

export default defineBug<Variant>({
  id: 'fault-beyond-umem',
  about:
    'The adapter asks for more pages than the region has, and the driver maps them: what ' +
    'lies behind ' +
    'the registered memory can be reached by the peer.',
  upstream: {
    subject: 'RDMA/mlx5: Enforce umem boundaries for explicit ODP page faults',
    release: '6.11.4',
  },
  level: 'range fault',
  mirror: {
    answer: 'caught by a checker',
    because: 'a map outside the mirror of the region is a RangeError before anything is faulted',
    evidence: ['case:input/range/outside-the-mirror'],
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
        const umem = buffer.slice(0, 2)
        await world.race({
          driver: async () => {
            await variant({ notifier, table, umem }, 1, 2).catch((error: unknown) => {
              if (!HmmError.is(error) || error.code !== 'EFAULT') throw error
            })
            if (table.has(buffer.page(2))) {
              throw new Error('the device reaches a page that was not registered')
            }
          },
          cpu: () => space.munmap(buffer.page(2)),
        })
        await notifier.close()
      },
      { pages: 3 },
    ),
})
