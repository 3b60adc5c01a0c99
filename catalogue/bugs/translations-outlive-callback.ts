import { defineBug } from '../parts/bug.js'
import { withScene } from '../parts/scene.js'
import { Table, type TableVariant } from '../parts/table-driver.js'

const faulty: TableVariant = ({ notifier, table }) => {
  let isStale = false
  return {
    invalidate: () => {
      isStale = true
    },
    async fault(page, request) {
      await notifier.faultAndCommit(page, { request }, (pages) => table.install(page, pages))
      if (isStale) table.clear(page)
      isStale = false
    },
  }
}

const fixed: TableVariant = ({ notifier, table }) => {
  let isStale = false
  return {
    invalidate: ({ range }) => {
      isStale = true
      table.clear(range)
    },
    async fault(page, request) {
      await notifier.faultAndCommit(page, { request }, (pages) => table.install(page, pages))
      if (isStale) table.clear(page)
      isStale = false
    },
  }
}

export default defineBug<TableVariant>({
  id: 'translations-outlive-callback',
  about:
    'The callback only notes that the pages are to be bound again; until then the mappings ' +
    'of the ' +
    'device stay alive and reach pages that were given to somebody else.',
  upstream: {
    subject: 'drm/xe/userptr: Unmap userptrs in the mmu notifier',
    commit: '333b89063361',
  },
  level: 'notifier',
  mirror: {
    answer: 'impossible by construction',
    because: 'the backend revokes the DMA mappings before it calls the driver',
    evidence: [
      'case:mirror/revoke/munmap',
      'case:mirror/revoke/munmap-and-mmap',
      'test:a driver on Mirror reaches nothing that is gone: %s',
    ],
  },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withScene(world, async (scene) => {
      const { space, buffer } = scene
      const table = await Table.open(scene, variant)
      await table.use(buffer, 'read')
      await world.race({
        device: () => table.use(buffer, 'read'),
        cpu: () => space.munmap(buffer),
      })
      await table.close()
    }),
})
