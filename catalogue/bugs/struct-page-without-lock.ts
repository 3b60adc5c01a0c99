import { defineBug } from '../parts/bug.js'
import { checkFrame, copyPages } from '../parts/device-table.js'
import { withScene } from '../parts/scene.js'
import { Table, type TableVariant } from '../parts/table-driver.js'

const faulty: TableVariant = ({ notifier, table, lock, scene }) => ({
  invalidate: ({ range }) => table.clear(range),
  async fault(page, request) {
    const pages = await notifier.faultAndCommit(page, { request }, copyPages)
    await lock.run(() => {
      if (pages[0] !== undefined) checkFrame(scene, page, pages[0].frame, 'read')
    })
    await notifier.faultAndCommit(page, { request }, (read) => table.install(page, read))
  },
})

const fixed: TableVariant = ({ notifier, table, scene }) => ({
  invalidate: ({ range }) => table.clear(range),
  async fault(page, request) {
    await notifier.faultAndCommit(page, { request }, (read) => {
      const pages = copyPages(read)
      if (pages[0] !== undefined) checkFrame(scene, page, pages[0].frame, 'read')
      table.install(page, read)
    })
  },
})

export default defineBug<TableVariant>({
  id: 'struct-page-without-lock',
  about:
    'Between the range fault and the bind, the driver looks at the pages (is it memory of the ' +
    'device? how large?) without the lock of its notifier: the page may belong to somebody else.',
  upstream: {
    subject: "drm/xe/hmm: Don't dereference struct page pointers without notifier lock",
    commit: '0a98219bcc96',
  },
  level: 'range fault',
  mirror: {
    answer: 'caught by a checker',
    because: 'pages and mappings are lent to the commit; used at any other time they throw ESTALE',
    evidence: [
      'case:mirror/commit/mapping-used-after-it',
      'case:sequence/commit/not-readable-after',
    ],
  },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withScene(world, async (scene) => {
      const { space, buffer } = scene
      const table = await Table.open(scene, variant)
      await world.race({
        driver: () => table.use(buffer, 'read'),
        cpu: () => space.munmap(buffer),
      })
      await table.close()
    }),
})
