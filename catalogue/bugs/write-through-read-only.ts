import { defineBug } from '../parts/bug.js'
import type { PageRead } from '../parts/device-table.js'
import { withScene } from '../parts/scene.js'
import { Table, type TableVariant } from '../parts/table-driver.js'

/** Whether an access needs no fault. */
type Variant = (entry: PageRead, access: 'read' | 'write') => boolean

const faulty: Variant = () => true

const fixed: Variant = (entry, access) => access === 'read' || entry.writable

const driver: TableVariant = ({ notifier, table }) => ({
  invalidate: ({ range }) => table.clear(range),
  async fault(page, request) {
    await notifier.faultAndCommit(page, { request }, (pages) => table.install(page, pages))
  },
})

export default defineBug<Variant>({
  id: 'write-through-read-only',
  about:
    'A write path only asks whether the page is valid, not whether it may be written: after' +
    ' a fork ' +
    'the device writes into the page that the child has as well.',
  upstream: {
    subject: 'RDMA/rxe: Restore HMM_PFN_WRITE check in ODP write paths',
    commit: '769001ce838d',
    release: '7.2.8',
  },
  level: 'range fault',
  mirror: {
    answer: 'impossible by construction',
    because: 'the rights are in the DMA mapping: a write through one for reading is a device fault',
    evidence: [
      'case:mirror/map/read-stays-read-only',
      'case:mirror/revoke/fork',
      'test:a driver on Mirror reaches nothing that is gone: %s',
    ],
  },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withScene(world, async (scene) => {
      const { space, buffer } = scene
      const table = await Table.open(scene, driver)
      table.table.usable = variant
      await world.race({
        reader: () => table.use(buffer, 'read'),
        writer: () => table.use(buffer, 'write'),
        cpu: async () => (await space.fork()).close(),
      })
      await table.close()
    }),
})
