import { defineBug } from '../parts/bug.js'
import { copyPages } from '../parts/device-table.js'
import { withScene } from '../parts/scene.js'
import { Table, type TableVariant } from '../parts/table-driver.js'

const faulty: TableVariant = ({ notifier, table, lock }) => {
  let valid = false
  return {
    invalidate: ({ range }) => {
      valid = false
      table.clear(range)
    },
    async fault(page, request) {
      valid = true
      const pages = await notifier.faultAndCommit(page, { request }, copyPages)
      await lock.run(() => {
        if (valid) table.install(page, pages)
      })
    },
  }
}

const fixed: TableVariant = ({ notifier, table, lock }) => {
  return {
    invalidate: ({ range }) => {
      table.clear(range)
    },
    async fault(page, request) {
      const sequence = await notifier.readBegin()
      const pages = await notifier.faultAndCommit(page, { request }, copyPages)
      await lock.run(() => {
        if (!notifier.readRetry(sequence)) table.install(page, pages)
      })
    },
  }
}

export default defineBug<TableVariant>({
  id: 'lost-collision',
  about:
    'A flag says whether what was read is still valid. A second reader sets it to true again ' +
    'after an invalidation had cleared it, and the first one then installs pages that are gone.',
  upstream: {
    subject: 'mm/hmm: allow hmm_range to be used with a mmu_interval_notifier or hmm_mirror',
    commit: '04ec32fbc2b2',
    release: '5.5',
  },
  adapted:
    'The lock of the driver is a mutex that is waited for: between two waits nothing else runs ' +
    'in a driver of this API.',
  level: 'notifier',
  mirror: {
    answer: 'impossible by construction',
    because: 'the commit runs under the sequence of its own read; there is no flag to share',
    evidence: [
      'case:mirror/revoke/racing-with-map',
      'test:a driver on Mirror reaches nothing that is gone: %s',
    ],
  },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withScene(world, async (scene) => {
      const { space, buffer } = scene
      const table = await Table.open(scene, variant)
      await world.race({
        first: () => table.use(buffer, 'read'),
        second: () => table.use(buffer, 'read'),
        cpu: () => space.munmap(buffer),
      })
      await table.close()
    }),
})
